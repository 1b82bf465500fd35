//! What a tick of a room costs, and what composing a session's packet costs.

#[path = "support/crowd.rs"]
mod crowd;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crowd::{Crowd, world};
use std::hint::black_box;

/// 512 by 512 units.
const SPARSE: &str = "plain";
/// 128 by 128 units: sixteen times as dense, and walls.
const DENSE: &str = "garden";

fn ticks(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick");
    let crowds = [100, 1_000, 10_000];
    let sparse = crowds.map(|players| (players, SPARSE));
    let dense = crowds.map(|players| (players, DENSE));
    for (players, arena) in sparse.into_iter().chain(dense) {
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

/// How the cost of a player grows with the room: within 1.5 where there is room for all. Ten times
/// the players on the dense arena are ten times as crowded (three on every five square units), and
/// each dash meets ten times as many: that row shows what a crush costs.
fn growth(_: &mut Criterion) {
    for arena in [SPARSE, DENSE] {
        let [few, many] = [1_000, 10_000].map(|players| {
            let mut crowd = Crowd::warm(players, world(arena));
            let mut times: Vec<f64> = (0..100)
                .map(|_| {
                    let start = clock();
                    black_box(crowd.tick());
                    start.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        let (few, each) = (few / 1_000.0, many / 10_000.0);
        println!(
            "growth/{arena}: a tick of 10000 takes {:.2} ms; per player {:.0} ns of 1000, {:.0} ns \
             of 10000: ratio {:.2}",
            many * 1e3,
            few * 1e9,
            each * 1e9,
            each / few
        );
    }
}

criterion_group!(benches, ticks, compose, growth);
criterion_main!(benches);
