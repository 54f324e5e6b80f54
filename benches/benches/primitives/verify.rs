//! Verifying, beside ring alone over the same bytes and beside `jsonwebtoken`.

use std::hint::black_box;

use criterion::Criterion;

use super::ALGORITHMS;
use super::issuer::{Issuer, NOW};
use super::jwt_crate::JwtCrate;
use super::raw::Raw;

pub(crate) fn bench(c: &mut Criterion) {
    for algorithm in ALGORITHMS {
        let issuer = Issuer::new(algorithm).expect("an issuer");
        let raw = Raw::of(&issuer).expect("the same key");
        let jwt_crate = JwtCrate::of(&issuer).expect("the same key");
        let mut group = c.benchmark_group(format!("verify {algorithm}"));
        group.bench_function("raw", |b| b.iter(|| raw.verify()));
        group.bench_function("verify", |b| {
            b.iter(|| issuer.verifier.verify(black_box(&issuer.token), NOW));
        });
        group.bench_function("jsonwebtoken", |b| {
            b.iter(|| jwt_crate.verify(black_box(&issuer.token)));
        });
        group.finish();
    }
}
