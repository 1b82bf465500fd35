//! Times of the codec per avatar and tick; compare within one run.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use support::{Scene, TICKS, stamp};
use tickwire_shared::wire::Cell;

fn cell_frame(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cell_frame");
    group.sample_size(20);
    for count in [62u16, 1_000] {
        let scene = Scene::new(count);
        let mut out = Vec::new();
        group.throughput(Throughput::Elements(u64::from(count) * TICKS as u64));
        group.bench_function(BenchmarkId::new("encode", count), |bench| {
            bench.iter(|| black_box(scene.encode(&mut scene.cell.clone(), &mut out)));
        });
        group.bench_function(BenchmarkId::new("decode", count), |bench| {
            bench.iter(|| scene.decode(black_box(&mut scene.cell.clone())));
        });
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(BenchmarkId::new("encode keyframe", count), |bench| {
            bench.iter(|| black_box(scene.keyframe(&scene.cell, &mut out)));
        });
        scene.keyframe(&scene.cell, &mut out);
        let mut replica = Cell::default();
        group.bench_function(BenchmarkId::new("decode keyframe", count), |bench| {
            bench.iter(|| replica.apply_keyframe(&scene.world, stamp(0), black_box(&out)));
        });
    }
    group.finish();
}

criterion_group!(benches, cell_frame);
criterion_main!(benches);
