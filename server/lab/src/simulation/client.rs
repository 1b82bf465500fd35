//! The clients' end: what they receive, draw and send.

use super::{Probe, Simulation};
use crate::check::{Check, WireChecker, ensure};
use crate::fault::{Fault, Forger};
use crate::line::Line;
use crate::peer::Connection;
use std::time::Duration;
use tickwire_netcode::{Disconnect, Event, SessionState, Transmit};
use tickwire_server::room::{RoomRequest, SessionKey};
use tickwire_server::session::Session;
use tickwire_shared::PlayerId;

/// What a client's queue of messages may hold, in bytes.
const UP_BYTES_MAX: usize = 64 * 1_024;
/// From the calm on, and from `Welcome` on, a client has this time.
const CONVERGENCE: Duration = Duration::from_secs(2);

impl Simulation {
    /// The client's end: what came, the end of its connection, and its frame.
    pub(super) fn serve_client(&mut self, index: usize, probe: &mut dyn Probe) -> Check {
        let now = self.now;
        let peer = &mut self.peers[index];
        if let Some(until) = peer.suspended_until {
            if now < until {
                return Ok(());
            }
            let began = peer.frame_at.min(until);
            peer.slept += until.since(began);
            peer.suspended_until = None;
            peer.calm_since = peer.calm_since.max(now);
        }
        if peer.dialling.is_some_and(|at| at <= now) {
            peer.dialling = None;
            self.open(index);
        }
        self.deliver(index)?;
        if self.peers[index].frame_at <= now {
            self.frame(index, probe)?;
        }
        self.transmit(index)
    }

    fn open(&mut self, index: usize) {
        let grid = self.world.grid;
        let key = SessionKey(self.sessions);
        self.sessions += 1;
        let local = self.peers[index].local(self.now);
        let newest = self.recent.last();
        let is_present = |id: &PlayerId| {
            newest.is_some_and(|b| b.cell(b.player(*id).cell).avatar(*id).is_some())
        };
        let peer = &mut self.peers[index];
        peer.must_resume = peer
            .last_id
            .filter(|id| peer.resumes.is_some() && is_present(id));
        peer.connections += 1;
        let seed = peer.spec.seed ^ peer.connections << 32;
        let forges = self.fault == Some(Fault::DeltaToAwaiting);
        peer.connection = Some(Connection {
            session: Session::new(key, self.room.info().clone()).with_ticket(key.0.to_string()),
            up: Line::new(peer.profile.up, seed),
            down: Line::new(peer.profile.down, seed ^ 1),
            wire: WireChecker::new(grid),
            forger: forges.then(|| Forger::new(grid)),
            server_loss_at: None,
            closing: None,
            server_gone: false,
        });
        peer.client.handle_connected(local);
        self.room.push(match peer.resumes.take() {
            Some(previous) => RoomRequest::Resume {
                session: key,
                previous,
            },
            None => RoomRequest::Join {
                session: key,
                name: format!("peer {index}"),
                spectator: peer.spec.client.spectator,
            },
        });
    }

    fn deliver(&mut self, index: usize) -> Check {
        let now = self.now;
        let peer = &mut self.peers[index];
        let local = peer.local(now);
        while let Some(bytes) = peer.connection.as_mut().and_then(|c| c.down.take(now)) {
            for byte in &bytes {
                self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
            self.trace ^= index as u64;
            let result = peer.client.handle_message(local, &bytes);
            let rule = "a server of ours never breaks the protocol";
            result.map_err(|error| (rule, format!("to peer {index}: {error}")))?;
            peer.checker
                .handled(&peer.client, self.history.as_slices().0)?;
        }
        if let Some(pilot) = &mut peer.pilot {
            pilot.look(&mut peer.client, local, &mut self.finder);
        }
        let lost = peer
            .loss_at
            .take_if(|at| *at <= now)
            .map(|_| Disconnect::Lost {
                message: "the line was cut".into(),
            });
        let closed = peer.connection.as_mut().and_then(|connection| {
            let is_drained = connection.down.next_at().is_none();
            let (code, reason) = connection.closing.take_if(|_| is_drained)?;
            Some(Disconnect::Closed { code, reason })
        });
        if let Some(disconnect) = lost.or(closed) {
            peer.client.handle_disconnected(local, &disconnect);
            self.abandon(index);
        }
        Ok(())
    }

    /// The client has given its connection up; the server will notice.
    fn abandon(&mut self, index: usize) {
        if let Some(mut connection) = self.peers[index].connection.take()
            && !connection.server_gone
        {
            self.settle_accounts(index);
            self.peers[index].misplaced_before += connection.up.messages();
            let soon = self.now + self.peers[index].profile.up.latency;
            connection.server_loss_at.get_or_insert(soon);
            self.ghosts.push(connection);
        }
        self.peers[index].id = None;
    }

    fn frame(&mut self, index: usize, probe: &mut dyn Probe) -> Check {
        let now = self.now;
        let newest = self.room.next_tick();
        let peer = &mut self.peers[index];
        let local = peer.local(now);
        peer.frame_at = now.max(peer.frame_at) + peer.frame_period();
        let input = peer.player.input(now);
        if !peer.left && peer.pilot.is_none() {
            peer.client.set_input(input);
        }
        peer.client.advance(local);
        let view = peer.client.view(local).clone();
        peer.checker.drawn(&peer.client, &view)?;
        while let Some(event) = peer.client.poll_event() {
            probe.heard(index, &event);
            match event {
                Event::Welcomed {
                    player, resumed, ..
                } => {
                    peer.calm_since = peer.calm_since.max(now);
                    if let Some(pilot) = &mut peer.pilot {
                        pilot.restart();
                    }
                    let rule = "resume within the grace period keeps the player";
                    let expected = peer.must_resume.take();
                    let kept = expected.is_none() || (resumed && player == expected);
                    ensure(kept, rule, || format!("{player:?} instead of {expected:?}"))?;
                }
                Event::Desync { cell } => {
                    let rule = "a replica never differs from the server's cell";
                    return ensure(false, rule, || format!("{cell} of peer {index}"));
                }
                _ => {}
            }
        }
        let checker = peer.id.and_then(|id| self.inputs.get(&id));
        // What is still under way may be late already: the client may know before the server.
        let under_way = peer.connection.as_ref().map_or(0, |c| c.up.messages());
        let misplaced = peer.misplaced_before + checker.map_or(0, |c| c.misplaced);
        let events = peer.events_before + checker.map_or(0, |c| c.events);
        let explained = misplaced + under_way;
        peer.checker.account(&peer.client, explained, events)?;
        let is_settled = self.is_calm
            && *peer.client.session() == SessionState::Playing
            && now.since(peer.calm_since) >= CONVERGENCE
            && peer
                .connection
                .as_ref()
                .is_some_and(|c| c.server_loss_at.is_none() && !c.server_gone);
        if is_settled {
            let tick = peer.client.replica().tick().unwrap_or_default();
            let behind = newest.since(tick) - 1;
            peer.checker
                .converged(local, &peer.client, &view, behind, misplaced)
                .map_err(|(rule, detail)| (rule, format!("peer {index}: {detail}")))?;
        } else {
            peer.checker.disturbed();
        }
        probe.framed(now, index, peer, &view);
        Ok(())
    }

    fn transmit(&mut self, index: usize) -> Check {
        let now = self.now;
        while let Some(transmit) = self.peers[index].client.poll_transmit() {
            let peer = &mut self.peers[index];
            match transmit {
                Transmit::Connect { resume_ticket } => {
                    let ticket = resume_ticket.and_then(|ticket| ticket.parse().ok());
                    peer.resumes = ticket.map(SessionKey);
                    // TCP's handshake and the upgrade: two round trips.
                    let round_trip = peer.profile.up.latency + peer.profile.down.latency;
                    peer.dialling = Some(now + 2 * round_trip);
                    self.abandon(index);
                }
                Transmit::Send(bytes) => {
                    if let Some(connection) = &mut peer.connection {
                        connection.up.send(now, bytes);
                        let bytes = connection.up.bytes();
                        let rule = "every queue is bounded";
                        ensure(bytes <= UP_BYTES_MAX, rule, || {
                            format!("{bytes} bytes from peer {index}")
                        })?;
                    }
                }
                Transmit::Close { .. } => {
                    peer.dialling = None;
                    peer.loss_at = None;
                    self.abandon(index);
                }
            }
        }
        Ok(())
    }
}
