//! Deciding about a refresh token, and reading one.

use std::hint::black_box;

use criterion::Criterion;
use session_core::refresh_token::RefreshToken;
use session_core::rotation::Decision;

use super::rotation::Rotation;

pub(crate) fn bench(c: &mut Criterion) {
    let rotation = Rotation::new().expect("a session");
    c.bench_function("rotate", |b| b.iter(|| rotation.rotate()));
    let Ok(Decision::Rotate(rotated)) = rotation.rotate() else {
        panic!("the session does not rotate");
    };
    let text = rotated.successor.to_text();
    c.bench_function("parse a refresh token", |b| {
        b.iter(|| black_box(&text).parse::<RefreshToken>());
    });
}
