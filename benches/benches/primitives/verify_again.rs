//! Verifying a token that was verified before, with the question whether its session was revoked.

use std::hint::black_box;

use criterion::Criterion;
use session_core::key::Algorithm;

use super::issuer::{Issuer, NOW};

pub(crate) fn bench(c: &mut Criterion) {
    let issuer = Issuer::new(Algorithm::EdDsa).expect("an issuer");
    let sessions = issuer.sessions().expect("sessions");
    c.bench_function("verify again", |b| {
        b.iter(|| sessions.verify(black_box(&issuer.token), NOW));
    });
}
