//! The write of a refresh in each store. The one on disk waits for the disk, the one in Redis for a round trip.

use criterion::Criterion;

use super::rotation::Rotation;
use super::swapping::Swapping;

pub(crate) fn bench(c: &mut Criterion) {
    let record = Rotation::new().expect("a session").record;
    let mut group = c.benchmark_group("swap");
    for mut store in Swapping::in_each_store(&record).expect("the stores") {
        group.bench_function(store.name, |b| b.iter(|| store.swap().expect("swapped")));
    }
    group.finish();
}
