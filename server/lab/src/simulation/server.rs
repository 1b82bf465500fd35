//! The server's end: what it receives, its ticks, and what its sessions send.

use super::{Probe, Simulation};
use crate::check::{Check, InputChecker, ensure};
use crate::fault::Fault;
use std::time::Duration;
use tickwire_server::room::RoomRequest;
use tickwire_server::session::{Composed, Received, close_reason};
use tickwire_shared::wire::packet::put_control;
use tickwire_shared::wire::{ClientMessage, CloseReason};

/// Broadcasts that sessions may catch up from, as in the server.
const RECENT_MAX: usize = 8;
/// Seconds of broadcasts kept for comparison; longer than any message is under way.
const HISTORY_SECONDS: usize = 30;
/// A session whose newest message needs longer than this is a slow reader and is left out.
const BACKLOG_MAX: Duration = Duration::from_millis(400);
/// What the server may have under way to one client, in bytes.
const DOWN_BYTES_MAX: usize = 8 * 1_024 * 1_024;

impl Simulation {
    /// The server's end of one connection: what came, and whether it is still there.
    pub(super) fn receive(&mut self, index: usize) -> Check {
        let now = self.now;
        while let Some(connection) = &mut self.peers[index].connection {
            let Some(bytes) = connection.up.take(now) else {
                break;
            };
            if !connection.server_gone {
                self.receive_one(index, &bytes)?;
            }
        }
        let Some(connection) = &mut self.peers[index].connection else {
            return Ok(());
        };
        if connection.server_loss_at.is_some_and(|at| at <= now) && !connection.server_gone {
            connection.server_loss_at = None;
            connection.server_gone = true;
            let session = connection.session.key();
            self.settle_accounts(index);
            self.room.push(RoomRequest::Detach { session });
        }
        Ok(())
    }

    fn receive_one(&mut self, index: usize, bytes: &[u8]) -> Check {
        let now = self.now;
        let next = self.room.next_tick();
        let Some(connection) = &mut self.peers[index].connection else {
            return Ok(());
        };
        if let Ok(message) = ClientMessage::decode(bytes) {
            connection.wire.received(&message);
        }
        match connection.session.receive(bytes, now) {
            Err(error) => {
                let reason = close_reason(&error);
                let mut packet = Vec::new();
                connection.session.put_goodbye(reason, None, &mut packet);
                connection.down.send(now, packet);
                connection.closing = Some((reason.code(), error.to_string()));
                let rule = "a client of ours never breaks the protocol";
                return ensure(false, rule, || error.to_string());
            }
            Ok(Received::Nothing) => {}
            Ok(Received::Reply(message)) => {
                let mut packet = Vec::new();
                put_control(&message, &mut packet);
                connection.down.send(now, packet);
            }
            Ok(Received::Leave) => {
                connection.server_gone = true;
                let reason = CloseReason::Left;
                connection.closing = Some((reason.code(), reason.to_string()));
                let session = connection.session.key();
                self.settle_accounts(index);
                self.room.push(RoomRequest::Leave { session });
            }
            Ok(Received::Forward(request)) => {
                if let RoomRequest::Input {
                    player,
                    tick,
                    input,
                    ..
                } = &request
                {
                    if let Some(checker) = self.inputs.get_mut(player) {
                        checker.received(*tick, *input, next);
                    }
                    if *tick < next && self.fault == Some(Fault::LateInputTwice) {
                        self.again.push(request.clone());
                    }
                }
                self.room.push(request);
            }
        }
        Ok(())
    }

    /// The player of this peer is no longer the peer's: its counts are added up.
    pub(super) fn settle_accounts(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if let Some(checker) = peer.id.take().and_then(|id| self.inputs.remove(&id)) {
            peer.misplaced_before += checker.misplaced;
            peer.events_before += checker.events;
        }
    }

    pub(super) fn bury_ghosts(&mut self) {
        let now = self.now;
        let room = &mut self.room;
        self.ghosts.retain(|ghost| {
            let is_noticed = ghost.server_loss_at.is_none_or(|at| at <= now);
            if is_noticed && !ghost.server_gone {
                let session = ghost.session.key();
                room.push(RoomRequest::Detach { session });
            }
            !is_noticed
        });
    }

    pub(super) fn tick(&mut self, probe: &mut dyn Probe) -> Check {
        let rate = self.world.tick_rate;
        let broadcast = self.room.tick(self.tick_at);
        let tick = broadcast.tick();
        for request in self.again.drain(..) {
            self.room.push(request);
        }
        self.tick_at = self.schedule + rate.offset(self.room.next_tick());
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(broadcast.clone());
        if self.history.len() == HISTORY_SECONDS * usize::from(rate.hz()) {
            self.history.pop_front();
        }
        self.history.push_back(broadcast.clone());
        self.history.make_contiguous();
        for (id, checker) in &mut self.inputs {
            let cell = broadcast.cell(broadcast.player(*id).cell);
            let avatar = cell.avatar(*id);
            let rule = "every player has an avatar in its cell";
            let avatar = avatar.ok_or_else(|| (rule, format!("{id} at {tick}")))?;
            checker.ran(&self.world, tick, *id, avatar)?;
        }
        probe.ticked(self.now, &broadcast);
        for index in 0..self.peers.len() {
            self.compose(index)?;
        }
        let encoded = self.metrics.keyframes_encoded.get();
        let new = encoded - std::mem::replace(&mut self.keyframes_encoded, encoded);
        let rule = "a keyframe is encoded at most once per cell and tick";
        ensure(new <= self.world.grid.len() as u64, rule, || {
            format!("{new} keyframes at {tick}")
        })
    }

    fn compose(&mut self, index: usize) -> Check {
        let now = self.now;
        let peer = &mut self.peers[index];
        let Some(connection) = &mut peer.connection else {
            return Ok(());
        };
        if connection.server_gone
            || connection.closing.is_some()
            || connection.down.backlog(now) > BACKLOG_MAX
        {
            return Ok(());
        }
        let mut packet = Vec::new();
        let composed = connection.session.compose(&self.recent, &mut packet);
        if composed == Composed::Nothing {
            return Ok(());
        }
        if let Some(forger) = &mut connection.forger {
            packet = forger.forge(&packet, self.history.as_slices().0);
        }
        connection.wire.sent(&packet)?;
        connection.down.send(now, packet);
        let bytes = connection.down.bytes();
        let rule = "every queue is bounded";
        ensure(bytes <= DOWN_BYTES_MAX, rule, || {
            format!("{bytes} bytes to peer {index}")
        })?;
        if let Composed::End(reason) = composed {
            connection.closing = Some((reason.code(), reason.to_string()));
            connection.server_gone = true;
        }
        if let Some(id) = connection.session.player()
            && peer.id.is_none()
        {
            peer.id = Some(id);
            peer.last_id = Some(id);
            self.inputs.insert(id, InputChecker::default());
            let newest = self.recent.last().expect("a tick has just been run");
            if let Some(avatar) = newest.cell(newest.player(id).cell).avatar(id)
                && let Some(checker) = self.inputs.get_mut(&id)
            {
                checker.began(newest.tick(), avatar);
            }
        }
        Ok(())
    }
}
