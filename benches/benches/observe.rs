//! What it costs to write down a request: its name, its counts, its span, the times of the store. A refresh takes two operations of
//! the store and one of everything else.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a bench fails by panicking; criterion's macros make undocumented items"
)]

use std::hint::black_box;
use std::io;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use criterion::{Criterion, criterion_group, criterion_main};
use session_core::time::Timestamp;
use session_http::metrics::{Metrics, Operation, Outcome};
use session_http::request_id::RequestId;
use session_http::traces::Traces;
use session_http::wall_clock::WallClock;
use tracing_subscriber::EnvFilter;

fn observe(c: &mut Criterion) {
    let mut group = c.benchmark_group("observe");
    let metrics = Metrics::new();
    let times = metrics.store_times();
    let headers = HeaderMap::new();
    let took = Duration::from_micros(300);
    group.bench_function("request id", |b| b.iter(|| RequestId::of(black_box(&headers), false)));
    group.bench_function("request counted", |b| {
        b.iter(|| {
            let request = metrics.request();
            request.answered(black_box(Some("/auth/refresh")), &Method::POST, 200, took);
        });
    });
    group.bench_function("decision counted", |b| b.iter(|| metrics.decided(black_box("rotated"))));
    group.bench_function("store timed", |b| {
        b.iter(|| times.begin(black_box(Operation::Swap)).end(Outcome::Ok));
    });
    let clock = WallClock::default();
    let now = Timestamp::from_secs(1_764_000_000);
    group.bench_function("wall clock looked at", |b| {
        b.iter(|| clock.look(black_box(now), Duration::from_secs(5)));
    });
    let traces = Traces::none();
    group.bench_function("no span sent", |b| {
        b.iter(|| traces.begin(None, &Method::POST).end(Some("/auth/refresh"), 200, None));
    });
    for level in ["warn", "info"] {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(level))
            .with_writer(io::sink)
            .finish();
        let id = RequestId::of(&headers, false);
        tracing::subscriber::with_default(subscriber, || {
            group.bench_function(format!("log span at {level}"), |b| {
                b.iter(|| {
                    let span = tracing::info_span!("request", %id, method = "POST");
                    tracing::debug!(parent: &span, status = 200, "answered");
                    black_box(span)
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
