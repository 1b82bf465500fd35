//! What a tick of a room costs, and what composing a session's packet costs.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use tickwire_server::room::{Broadcast, Room, RoomConfig, RoomRequest, SessionKey};
use tickwire_server::session::Session;
use tickwire_shared::game::{Angle, Arena, Input, Throttle, World};
use tickwire_shared::{LocalTime, PlayerId, TickRate};

/// Ticks before measuring: memory has grown, players have spread and move.
const WARM_UP_TICKS: u32 = 200;

struct Crowd {
    room: Room,
    players: u16,
}

impl Crowd {
    fn new(players: u16, arena: &str) -> Crowd {
        let world = World::new(Arena::named(arena).unwrap(), TickRate::DEFAULT);
        let mut room = Room::new(RoomConfig::new("bench", Arc::new(world)));
        for key in 0..players {
            room.push(RoomRequest::Join {
                session: SessionKey(key.into()),
                name: String::new(),
                spectator: false,
            });
        }
        let mut crowd = Crowd { room, players };
        for _ in 0..WARM_UP_TICKS {
            crowd.tick();
        }
        crowd
    }

    /// One tick in which a part of the players changes its mind, as in real play.
    fn tick(&mut self) -> Arc<Broadcast> {
        let tick = self.room.next_tick();
        for player in 0..self.players {
            let phase = tick.0 + u32::from(player) * 7;
            if phase.is_multiple_of(10) {
                let heading = Angle((phase.wrapping_mul(2_654_435_761) >> 24) as u8);
                let throttle = Throttle::new((player % 10).min(3) as u8).unwrap_or_default();
                self.room.push(RoomRequest::Input {
                    player: PlayerId(player),
                    tick,
                    input: Input::new(heading, throttle, None, phase.is_multiple_of(40)),
                    arrived: LocalTime(0),
                });
            }
        }
        let now = LocalTime(0) + TickRate::DEFAULT.offset(tick);
        self.room.tick(now)
    }
}

fn ticks(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick");
    for (players, arena) in [
        (100, "plain"),
        (1_000, "plain"),
        (10_000, "plain"),
        (100, "tiny"),
    ] {
        let mut crowd = Crowd::new(players, arena);
        group.throughput(Throughput::Elements(players.into()));
        group.bench_function(BenchmarkId::new(arena, players), |b| {
            b.iter(|| crowd.tick());
        });
    }
    group.finish();
}

fn compose(c: &mut Criterion) {
    let mut group = c.benchmark_group("compose");
    let mut crowd = Crowd::new(1_000, "plain");
    let mut sessions: Vec<Session> = (1_000..1_100)
        .map(|key| {
            crowd.room.push(RoomRequest::Join {
                session: SessionKey(key),
                name: String::new(),
                spectator: false,
            });
            Session::new(SessionKey(key), crowd.room.info().clone())
        })
        .collect();
    let mut out = Vec::new();
    let mut recent = vec![crowd.tick()];
    for session in &mut sessions {
        out.clear();
        session.compose(&recent, &mut out);
    }
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
