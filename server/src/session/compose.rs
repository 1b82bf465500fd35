//! What one session is due of the ticks since the last one it was sent: one packet.

use super::session::{Format, Playing, Session, Stage};
use crate::room::{Admitted, Broadcast, Notice};
use std::sync::Arc;
use tickwire_shared::CellId;
use tickwire_shared::wire::{
    CellPart, CloseReason, ServerMessage, TickHead, Welcome, packet, plain,
};

/// Whether there is something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Composed {
    /// Nothing is due: the room has not answered yet, or the client is hidden.
    Nothing,
    /// A packet was appended.
    Packet,
    /// A packet that ends with `Goodbye` was appended; close with this reason after it.
    End(CloseReason),
}

impl Session {
    /// Appends the packet that this session is due. `recent` holds the room's latest broadcasts
    /// without a gap, the newest last; it may hold ones that the session was sent already.
    ///
    /// A session that is behind gets either every tick it missed or, when those are more bytes or
    /// not all at hand, the newest one with keyframes.
    pub fn compose(&mut self, recent: &[Arc<Broadcast>], out: &mut Vec<u8>) -> Composed {
        let start = out.len();
        let mut ended = None;
        let mut at = 0;
        if matches!(self.stage, Stage::Joining) {
            match self.find_answer(recent) {
                Some((index, Notice::Admitted(admitted))) => {
                    self.welcome(&recent[index], &admitted, out);
                    at = index;
                }
                Some((_, Notice::Ended(reason))) => ended = Some(reason),
                Some((_, Notice::ChatDropped)) | None => return Composed::Nothing,
            }
        }
        if let Stage::Playing(mut playing) = self.stage {
            ended = self.find_end(&recent[at..]);
            self.warn(&playing, recent, out);
            put_control(&mut playing, recent, out);
            if self.paused || ended.is_some() {
                // No tick is due.
            } else if self.format == Format::Plain {
                put_plain_tick(&mut playing, recent, out);
            } else {
                self.put_ticks(&mut playing, recent, out);
            }
            self.stage = Stage::Playing(playing);
        }
        if let Some(reason) = ended {
            self.put_goodbye(reason, None, out);
            return Composed::End(reason);
        }
        if out.len() == start {
            Composed::Nothing
        } else {
            Composed::Packet
        }
    }

    /// Appends `Goodbye` and ends the session: nothing is composed any more.
    pub fn put_goodbye(
        &mut self,
        reason: CloseReason,
        retry_after_ms: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        self.put_explained_goodbye(reason, reason.to_string(), retry_after_ms, out);
    }

    /// The same, in words that say more than the reason alone.
    pub fn put_explained_goodbye(
        &mut self,
        reason: CloseReason,
        message: String,
        retry_after_ms: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        self.stage = Stage::Ended;
        let goodbye = ServerMessage::Goodbye {
            reason,
            message,
            retry_after_ms,
        };
        packet::put_control(&goodbye, out);
    }

    fn find_answer(&self, recent: &[Arc<Broadcast>]) -> Option<(usize, Notice)> {
        recent.iter().enumerate().find_map(|(index, broadcast)| {
            let mut notices = broadcast.notices(self.key);
            let answer = notices.find(|notice| **notice != Notice::ChatDropped)?;
            Some((index, answer.clone()))
        })
    }

    fn find_end(&self, recent: &[Arc<Broadcast>]) -> Option<CloseReason> {
        let mut notices = recent.iter().flat_map(|b| b.notices(self.key));
        notices.find_map(|notice| match notice {
            Notice::Ended(reason) => Some(*reason),
            Notice::Admitted(_) | Notice::ChatDropped => None,
        })
    }

    /// Tells the player, and nobody else, that a line of chat has not been passed on.
    fn warn(&self, playing: &Playing, recent: &[Arc<Broadcast>], out: &mut Vec<u8>) {
        let unseen = recent.iter().filter(|b| b.tick() > playing.control_sent);
        let notices = unseen.flat_map(|b| b.notices(self.key));
        for _ in notices.filter(|notice| **notice == Notice::ChatDropped) {
            let warning = ServerMessage::Chat {
                from: None,
                text: CHAT_DROPPED.to_owned(),
            };
            packet::put_control(&warning, out);
        }
    }

    /// Everything a client must know before the first tick, as it was at `at`.
    fn welcome(&mut self, at: &Broadcast, admitted: &Admitted, out: &mut Vec<u8>) {
        let world = &self.room.world;
        let welcome = Welcome {
            player: admitted.player,
            name: admitted.name.to_string(),
            room: self.room.name.clone(),
            tick: at.tick().next(),
            tick_rate: world.tick_rate,
            arena: world.arena.spec().clone(),
            movement: world.movement,
            ticket: std::mem::take(&mut self.ticket),
            resumed: admitted.resumed,
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        packet::put_control(&ServerMessage::Welcome(Box::new(welcome)), out);
        out.extend_from_slice(at.roster().listing());
        out.extend_from_slice(at.scores());
        self.stage = Stage::Playing(Playing {
            player: admitted.player,
            watching: None,
            control_sent: at.tick(),
            cells_sent: None,
            cells_hold: false,
        });
    }

    fn put_ticks(&mut self, playing: &mut Playing, recent: &[Arc<Broadcast>], out: &mut Vec<u8>) {
        let Some(newest) = recent.last() else {
            return;
        };
        let sent = playing.cells_sent;
        if sent.is_some_and(|sent| sent >= newest.tick()) {
            return;
        }
        let due = match sent {
            Some(sent) => &recent[recent.partition_point(|b| b.tick() <= sent)..],
            None => recent,
        };
        let is_next = |oldest: &Arc<Broadcast>| sent.is_some_and(|s| s.next() == oldest.tick());
        let is_gapless = playing.cells_hold && due.first().is_some_and(is_next);
        let metrics = &self.room.metrics;
        if is_gapless && (due.len() == 1 || self.deltas_are_smaller(playing, due)) {
            metrics.catch_ups.add((due.len() > 1).into());
            for broadcast in due {
                self.put_tick(playing, broadcast, out);
            }
        } else {
            metrics.conflations.add(playing.cells_hold.into());
            self.subscription.await_all();
            self.put_tick(playing, newest, out);
        }
        playing.cells_sent = Some(newest.tick());
        playing.cells_hold = true;
    }

    /// Whether the deltas of all these ticks together are less than the newest one's keyframes.
    fn deltas_are_smaller(&self, playing: &Playing, due: &[Arc<Broadcast>]) -> bool {
        let grid = &self.room.world.grid;
        let block_of = |broadcast: &Broadcast| grid.block(centre(playing, broadcast)).iter();
        let deltas: usize = due
            .iter()
            .map(|b| block_of(b).map(|cell| b.delta(cell).len()).sum::<usize>())
            .sum();
        let Some(newest) = due.last() else {
            return true;
        };
        // A keyframe takes more than this for an avatar, so that most of the time none has to be
        // encoded to find out.
        let avatars: usize = block_of(newest)
            .map(|cell| newest.cell(cell).avatars().len())
            .sum();
        if deltas <= avatars * KEYFRAME_BYTES_PER_AVATAR_MIN {
            return true;
        }
        let keyframes: usize = block_of(newest)
            .map(|cell| newest.keyframe(cell).len())
            .sum();
        deltas <= keyframes
    }

    fn put_tick(&mut self, playing: &mut Playing, broadcast: &Broadcast, out: &mut Vec<u8>) {
        let grid = &self.room.world.grid;
        let centre = centre(playing, broadcast);
        if playing.player.is_none() {
            playing.watching = Some(centre);
        }
        self.subscription.move_to(grid, centre);
        let row = playing.player.map(|id| broadcast.player(id));
        let head = TickHead {
            tick: broadcast.tick(),
            centre,
            margin: row.map_or(0, |row| row.margin),
            score: row.map_or(0, |row| row.score),
        };
        let following = self.subscription.following();
        let len = grid.block(centre).len();
        if following.count_zeros() > 0 {
            let awaiting = len - (following & mask(len)).count_ones() as usize;
            self.room.metrics.keyframes_sent.add(awaiting as u64);
        }
        // The composer asks for the cells of the block in order, and does so twice.
        let mut index = 0;
        let part = |cell: CellId| {
            let bit = index % len;
            index += 1;
            if following >> bit & 1 == 1 {
                CellPart::Delta(broadcast.delta(cell))
            } else {
                CellPart::Keyframe(broadcast.keyframe(cell))
            }
        };
        self.composer.compose(grid, head, part, out);
        self.subscription.follow_all();
    }
}

/// What a player reads whose chat was dropped.
const CHAT_DROPPED: &str = "You write faster than the others can read; your line was not sent.";

/// Bytes that a keyframe takes at least for an avatar: id, position and velocity.
const KEYFRAME_BYTES_PER_AVATAR_MIN: usize = 4;

/// Control blocks of every tick since the last, or what replaces them.
fn put_control(playing: &mut Playing, recent: &[Arc<Broadcast>], out: &mut Vec<u8>) {
    let (Some(oldest), Some(newest)) = (recent.first(), recent.last()) else {
        return;
    };
    if oldest.tick() > playing.control_sent.next() {
        // Chat lines that are not kept any more are lost to this session.
        out.extend_from_slice(newest.roster().replacement());
        out.extend_from_slice(newest.scores());
    } else {
        for broadcast in recent {
            if broadcast.tick() > playing.control_sent {
                out.extend_from_slice(broadcast.control());
            }
        }
    }
    playing.control_sent = newest.tick();
}

/// The newest tick in plain numbers. Each stands for itself, so that nothing has to be caught up.
fn put_plain_tick(playing: &mut Playing, recent: &[Arc<Broadcast>], out: &mut Vec<u8>) {
    let Some(newest) = recent.last() else {
        return;
    };
    if playing.cells_sent.is_some_and(|sent| sent >= newest.tick()) {
        return;
    }
    let centre = centre(playing, newest);
    if playing.player.is_none() {
        playing.watching = Some(centre);
    }
    let row = playing.player.map(|id| newest.player(id));
    let block = newest.room().world.grid.block(centre);
    let cells: Vec<&[u8]> = block.iter().map(|cell| newest.plain(cell)).collect();
    let head = (
        newest.tick(),
        row.map_or(0, |row| row.margin),
        row.map_or(0, |row| row.score),
    );
    plain::put_tick(head, cells.into_iter(), out);
    playing.cells_sent = Some(newest.tick());
}

/// Where the session looks at this tick.
fn centre(playing: &Playing, broadcast: &Broadcast) -> CellId {
    match playing.player {
        Some(player) => broadcast.player(player).cell,
        None => playing.watching.unwrap_or_else(|| broadcast.leader_cell()),
    }
}

fn mask(bits: usize) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    }
}
