//! What one session is due of the ticks since the last one it was sent: one packet.

use super::session::{Format, Playing, Session, Stage};
use crate::room::{Admitted, Broadcast, Notice, PlayerRow};
use std::sync::Arc;
use tickwire_shared::wire::{
    CellPart, CloseReason, ServerMessage, TickHead, Welcome, model, packet, plain,
};
use tickwire_shared::{CellId, Tick};

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
        let mut admitted_at = None;
        if matches!(self.stage, Stage::Joining) {
            match self.find_answer(recent) {
                Some((index, Notice::Admitted(admitted))) => {
                    self.welcome(&recent[index], &admitted, out);
                    admitted_at = Some(index);
                }
                Some((_, Notice::Ended(reason))) => ended = Some(reason),
                Some((_, Notice::ChatDropped)) | None => return Composed::Nothing,
            }
        }
        if let Stage::Playing(mut playing) = self.stage {
            let unseen = unseen(recent, playing.control_sent);
            // The tick that admitted a session may have ended it too.
            let notices_of = admitted_at.map_or(unseen, |index| &recent[index..]);
            ended = self
                .hear(notices_of, out)
                .or_else(|| self.missed_end(&playing, recent));
            put_control(&mut playing, unseen, out);
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

    /// Whether the room has ended the session. A warning about dropped chat is passed on, to this
    /// player and nobody else.
    fn hear(&self, news: &[Arc<Broadcast>], out: &mut Vec<u8>) -> Option<CloseReason> {
        for broadcast in news {
            for notice in broadcast.notices(self.key) {
                match notice {
                    Notice::Admitted(_) => {}
                    Notice::Ended(reason) => return Some(*reason),
                    Notice::ChatDropped => {
                        let warning = ServerMessage::Chat {
                            from: None,
                            text: CHAT_DROPPED.to_owned(),
                        };
                        packet::put_control(&warning, out);
                    }
                }
            }
        }
        None
    }

    /// Why the session is over although it has not heard so: it took no ticks for longer than they
    /// are kept, and meanwhile its player was taken over or removed.
    fn missed_end(&self, playing: &Playing, recent: &[Arc<Broadcast>]) -> Option<CloseReason> {
        let (id, newest) = (playing.player?, recent.last()?);
        match newest.player(id).owner {
            Some(owner) if owner == self.key => None,
            Some(_) => Some(CloseReason::Replaced),
            None => Some(CloseReason::Kicked),
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
            model: model::fingerprint(),
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
        let due = sent.map_or(recent, |sent| unseen(recent, sent));
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
        let block_of = |broadcast: &Broadcast| grid.block(row(playing, broadcast).cell).iter();
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
        let row = row(playing, broadcast);
        let centre = row.cell;
        if playing.player.is_none() {
            playing.watching = Some(centre);
        }
        self.subscription.move_to(grid, centre);
        let head = TickHead {
            tick: broadcast.tick(),
            centre,
            margin: row.margin,
            score: row.score,
        };
        if self.subscription.follows_all() {
            let deltas = broadcast.deltas();
            self.composer.compose_deltas(grid, head, deltas, out);
            return;
        }
        let following = self.subscription.following();
        let len = grid.block(centre).len();
        let awaiting = len - (following & mask(len)).count_ones() as usize;
        self.room.metrics.keyframes_sent.add(awaiting as u64);
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

/// Those of `recent` that are newer than `seen`.
fn unseen(recent: &[Arc<Broadcast>], seen: Tick) -> &[Arc<Broadcast>] {
    // Without a gap, the newest one's tick tells how many.
    let newest = recent.last().map_or(seen, |newest| newest.tick());
    let count = newest.0.saturating_sub(seen.0) as usize;
    &recent[recent.len().saturating_sub(count)..]
}

/// Control blocks of every tick since the last, or what replaces them.
fn put_control(playing: &mut Playing, unseen: &[Arc<Broadcast>], out: &mut Vec<u8>) {
    let (Some(oldest), Some(newest)) = (unseen.first(), unseen.last()) else {
        return;
    };
    if oldest.tick() > playing.control_sent.next() {
        // Chat lines that are not kept any more are lost to this session.
        out.extend_from_slice(newest.roster().replacement());
        out.extend_from_slice(newest.scores());
    } else {
        for broadcast in unseen {
            out.extend_from_slice(broadcast.control());
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
    let row = row(playing, newest);
    if playing.player.is_none() {
        playing.watching = Some(row.cell);
    }
    let block = newest.room().world.grid.block(row.cell);
    let cells: Vec<&[u8]> = block.iter().map(|cell| newest.plain(cell)).collect();
    let head = (newest.tick(), row.margin, row.score);
    plain::put_tick(head, cells.into_iter(), out);
    playing.cells_sent = Some(newest.tick());
}

/// What a tick tells the session: of its player, or of where a spectator looks.
#[inline]
fn row(playing: &Playing, broadcast: &Broadcast) -> PlayerRow {
    match playing.player {
        Some(player) => broadcast.player(player),
        None => PlayerRow {
            cell: playing.watching.unwrap_or_else(|| broadcast.leader_cell()),
            ..PlayerRow::default()
        },
    }
}

fn mask(bits: usize) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    }
}
