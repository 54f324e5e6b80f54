//! Minting, beside ring's signature over the same bytes.

use criterion::Criterion;

use super::ALGORITHMS;
use super::issuer::Issuer;
use super::raw::Raw;

pub(crate) fn bench(c: &mut Criterion) {
    for algorithm in ALGORITHMS {
        let issuer = Issuer::new(algorithm).expect("an issuer");
        let raw = Raw::of(&issuer).expect("the same key");
        let mut group = c.benchmark_group(format!("mint {algorithm}"));
        group.bench_function("raw", |b| b.iter(|| raw.sign()));
        group.bench_function("mint", |b| b.iter(|| issuer.mint()));
        group.finish();
    }
}
