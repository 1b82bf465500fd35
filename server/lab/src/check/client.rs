//! What one client holds and shows.

use super::{Check, ensure};
use std::sync::Arc;
use tickwire_netcode::{CellStatus, Client, SessionState, View};
use tickwire_server::room::Broadcast;
use tickwire_shared::LocalTime;

const EQUAL: &str = "after frame N a replica equals the server's cell at N, bit for bit";
const BLOCK: &str = "a replica holds the whole block, or awaits it";
const FORWARD: &str = "playout never runs backwards";
const FINITE: &str = "everything drawn is finite";
const CAUSE: &str = "a correction has a cause that the client could not know";
const CONVERGED: &str = "a client converges within two seconds after the line calms";

/// Watches one client through all its sessions.
#[derive(Debug, Default)]
pub struct ClientChecker {
    playout: f64,
    was_playing: bool,
    calm: Option<Baseline>,
}

/// What the counters were when the client had had its time to converge.
#[derive(Clone, Copy, Debug)]
struct Baseline {
    misplaced: u64,
    late_corrections: u64,
    resyncs: u64,
    starved_ms: f64,
    at: LocalTime,
}

/// The share of a calm time that others may be extrapolated.
const STARVED_SHARE_MAX: f64 = 0.01;

impl ClientChecker {
    /// The client has handled a packet; `history` holds the broadcasts, oldest first.
    pub fn handled(&self, client: &Client, history: &[Arc<Broadcast>]) -> Check {
        let replica = client.replica();
        let (Some(tick), Some(world)) = (replica.tick(), client.world()) else {
            return Ok(());
        };
        let found = history.binary_search_by_key(&tick, |broadcast| broadcast.tick());
        let truth = &history[found.map_err(|_| (EQUAL, format!("{tick} was never run")))?];
        for (id, cell) in replica.cells() {
            ensure(cell == truth.cell(id), EQUAL, || format!("{id} at {tick}"))?;
        }
        for cell in world.grid.block(replica.centre()).iter() {
            ensure(replica.status(cell).is_some(), BLOCK, || {
                format!("{cell} is missing at {tick}")
            })?;
        }
        Ok(())
    }

    /// The client has drawn `view`.
    pub fn drawn(&mut self, client: &Client, view: &View) -> Check {
        let playing = *client.session() == SessionState::Playing;
        if playing && self.was_playing {
            ensure(view.playout >= self.playout, FORWARD, || {
                format!("from {} to {}", self.playout, view.playout)
            })?;
        }
        self.playout = if playing { view.playout } else { 0.0 };
        self.was_playing = playing && view.tick.0 > 0;
        let own = view.own.iter().map(|own| own.position);
        let mut positions = own.chain(view.others.iter().map(|other| other.position));
        ensure(positions.all(glam::Vec2::is_finite), FINITE, || {
            format!("{view:?}")
        })
    }

    /// The counters of the client against what really happened to its player.
    pub fn account(&self, client: &Client, misplaced: u64, events: u64) -> Check {
        let corrections = client.stats().corrections;
        ensure(corrections.late_input <= misplaced, CAUSE, || {
            format!("{corrections:?} but {misplaced} inputs were late")
        })?;
        ensure(corrections.server_event <= events, CAUSE, || {
            format!("{corrections:?} but {events} events moved the avatar")
        })
    }

    /// The line is calm and the client has had its time. `behind` is how many ticks its replica is
    /// behind the room, `misplaced` the count of inputs that missed their tick.
    pub fn converged(
        &mut self,
        now: LocalTime,
        client: &Client,
        view: &View,
        behind: i64,
        misplaced: u64,
    ) -> Check {
        let stats = client.stats();
        let base = *self.calm.get_or_insert(Baseline {
            misplaced,
            late_corrections: stats.corrections.late_input,
            resyncs: stats.corrections.resync,
            starved_ms: stats.starved_ms,
            at: now,
        });
        let hz = client.world().map_or(30, |world| world.tick_rate.hz());
        ensure(behind <= 2 + i64::from(hz) / 10, CONVERGED, || {
            format!("the replica is {behind} ticks behind")
        })?;
        ensure(!view.lagging, CONVERGED, || "the view is lagging".into())?;
        ensure(misplaced == base.misplaced, CONVERGED, || {
            format!("{} inputs missed their tick", misplaced - base.misplaced)
        })?;
        let replica = client.replica();
        let mut statuses = replica.cells().map(|(id, _)| replica.status(id));
        let following = statuses.all(|status| status == Some(CellStatus::Following));
        ensure(following, CONVERGED, || "a cell awaits its keyframe".into())?;
        let late = stats.corrections.late_input - base.late_corrections;
        let resyncs = stats.corrections.resync - base.resyncs;
        ensure(late + resyncs == 0, CONVERGED, || {
            format!("{late} late and {resyncs} resync corrections")
        })?;
        let starved = stats.starved_ms - base.starved_ms;
        let allowed = 20.0 + now.since(base.at).as_secs_f64() * 1e3 * STARVED_SHARE_MAX;
        ensure(starved <= allowed, CONVERGED, || {
            format!("starved for {starved} ms")
        })
    }

    /// The line is not calm (any more).
    pub fn disturbed(&mut self) {
        self.calm = None;
    }
}
