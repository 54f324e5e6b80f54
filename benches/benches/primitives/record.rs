//! The stored forms of a record, written and read.

use std::hint::black_box;

use criterion::Criterion;
use session_store::record::{decode, decode_compact, encode, encode_compact};

use super::rotation::Rotation;

pub(crate) fn bench(c: &mut Criterion) {
    let record = Rotation::new().expect("a session").record;
    let (stored, compact) = (encode(&record), encode_compact(&record));
    let mut group = c.benchmark_group("record");
    group.bench_function("encode", |b| b.iter(|| encode(black_box(&record))));
    group.bench_function("decode", |b| b.iter(|| decode(black_box(&stored))));
    group.bench_function("encode compact", |b| b.iter(|| encode_compact(black_box(&record))));
    group.bench_function("decode compact", |b| {
        b.iter(|| decode_compact(record.id, black_box(&compact)));
    });
    group.finish();
}
