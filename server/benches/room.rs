//! What a tick of a room costs, and what composing a session's packet costs.

#[path = "support/crowd.rs"]
mod crowd;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crowd::{Crowd, world};
use std::hint::black_box;

fn ticks(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick");
    for (players, arena) in [
        (100, "plain"),
        (1_000, "plain"),
        (10_000, "plain"),
        (100, "tiny"),
    ] {
        let mut crowd = Crowd::warm(players, world(arena));
        group.throughput(Throughput::Elements(players.into()));
        group.bench_function(BenchmarkId::new(arena, players), |b| {
            b.iter(|| crowd.tick());
        });
    }
    group.finish();
}

fn compose(c: &mut Criterion) {
    let mut group = c.benchmark_group("compose");
    let mut crowd = Crowd::new(1_000, world("plain"));
    let mut recent = vec![crowd.tick()];
    let mut sessions = crowd.sessions();
    sessions.truncate(100);
    let mut out = Vec::new();
    for session in &mut sessions {
        out.clear();
        session.compose(&recent, &mut out);
    }
    crowd.warm_up();
    group.throughput(Throughput::Elements(sessions.len() as u64));
    group.bench_function("100 sessions of 1000", |b| {
        b.iter_custom(|rounds| {
            let mut total = std::time::Duration::ZERO;
            for _ in 0..rounds {
                recent[0] = crowd.tick();
                let start = clock();
                for session in &mut sessions {
                    out.clear();
                    black_box(session.compose(&recent, &mut out));
                }
                total += start.elapsed();
            }
            total
        });
    });
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads a clock")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

criterion_group!(benches, ticks, compose);
criterion_main!(benches);
