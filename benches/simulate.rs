//! What `pixelgate simulate` takes as people run it: the whole command, over a store that holds a day of
//! 100,000 requests. It must come to what happened.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]
#![expect(clippy::indexing_slicing, reason = "what is indexed was just written")]
#![allow(missing_docs, reason = "criterion's macros make public functions without documentation")]

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "../tests/it/day.rs"]
mod day;

const REQUESTS: usize = 100_000;

fn a_day_in_a_store(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(day::record(folder.path(), REQUESTS));
    let said = day::simulated(folder.path());
    assert_eq!(said["total"]["was"], said["total"]["would"], "{:#}", said["total"]);
    assert_eq!(said["total"]["was"]["requests"], REQUESTS, "{:#}", said["total"]);
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(10);
    group.bench_function("the whole command, a day of 100,000 requests", |bench| {
        bench.iter(|| day::simulated(folder.path()));
    });
}

criterion_group!(benches, a_day_in_a_store);
criterion_main!(benches);
