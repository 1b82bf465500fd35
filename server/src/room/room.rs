//! The tick of a room on one page: [`Room::tick`].

use super::broadcast::{Broadcast, PlayerRow};
use super::chat::{ChatRules, Taken};
use super::inputs::Pushed;
use super::interest::Changes;
use super::players::{Player, Players};
use super::pool::Pool;
use super::request::{Admitted, Notice, RoomConfig, RoomInfo, RoomRequest, SessionKey};
use super::resume::Absent;
use super::roster::Roster;
use super::rules::{Bumping, Sparks};
use super::text::{clean, normalise_name};
use super::trace::{TRACE_START, trace};
use bytes::Bytes;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tickwire_shared::game::{Body, Input};
use tickwire_shared::limits::CHAT_BYTES_MAX;
use tickwire_shared::wire::tick_message::{InputMargin, MARGIN_STEPS_PER_TICK};
use tickwire_shared::wire::{Cell, CloseReason, FrameStamp, RosterEntry, ServerMessage, packet};
use tickwire_shared::{CellId, LocalTime, PlayerId, Tick};

/// One room of the game.
#[derive(Debug)]
pub struct Room {
    pub(super) info: Arc<RoomInfo>,
    pub(super) players_max: usize,
    /// The tick that runs next.
    pub(super) next: Tick,
    random: Pcg32,
    pub(super) players: Players,
    /// Who is here: sessions with their player, spectators without.
    pub(super) members: BTreeMap<SessionKey, Option<PlayerId>>,
    pub(super) absent: Absent,
    pub(super) resume_grace: Duration,
    chat_rules: ChatRules,
    sparks: Sparks,
    bumping: Bumping,
    cells: Vec<Cell>,
    changes: Changes,
    pub(super) news: News,
    pub(super) roster: Arc<Roster>,
    leaders: Vec<(PlayerId, u32)>,
    scores: Bytes,
    pool: Pool,
    trace: u64,
}

/// What happened since the last broadcast that everybody or somebody must be told.
#[derive(Debug, Default)]
pub(super) struct News {
    joined: Vec<RosterEntry>,
    left: Vec<PlayerId>,
    chats: Vec<ServerMessage>,
    pub(super) notices: Vec<(SessionKey, Notice)>,
}

impl Room {
    /// An empty room before its first tick.
    pub fn new(config: RoomConfig) -> Room {
        let RoomConfig {
            name,
            world,
            players_max,
            resume_grace,
            chat,
            seed,
            metrics,
        } = config;
        metrics.rooms.increment();
        Room {
            players_max,
            next: Tick(0),
            random: Pcg32::seed_from_u64(seed),
            players: Players::default(),
            members: BTreeMap::new(),
            absent: Absent::new(),
            resume_grace,
            chat_rules: chat,
            sparks: Sparks::new(&world),
            bumping: Bumping::new(&world),
            cells: vec![Cell::default(); world.grid.len()],
            changes: Changes::default(),
            news: News::default(),
            roster: Arc::default(),
            leaders: Vec::new(),
            scores: Bytes::new(),
            pool: Pool::default(),
            trace: TRACE_START,
            info: Arc::new(RoomInfo {
                name,
                seed,
                world,
                metrics,
            }),
        }
    }

    /// Name, world, counters.
    pub fn info(&self) -> &Arc<RoomInfo> {
        &self.info
    }

    /// The tick that runs next.
    pub fn next_tick(&self) -> Tick {
        self.next
    }

    /// Players and spectators.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Players.
    pub fn player_count(&self) -> usize {
        self.players.len()
    }

    /// The session that has a player.
    pub fn session_of(&self, player: PlayerId) -> Option<SessionKey> {
        Some(self.players.get(player)?.session)
    }

    /// A running hash of all that the simulation did: the same for the same seed and requests, on
    /// every platform.
    pub fn trace_hash(&self) -> u64 {
        self.trace
    }

    /// Takes a request that arrived before the next tick. Requests about nobody are ignored: the
    /// player may have left while the request was under way.
    pub fn push(&mut self, request: RoomRequest) {
        match request {
            RoomRequest::Join {
                session,
                name,
                spectator,
            } => self.join(session, &name, spectator),
            RoomRequest::Resume { session, previous } => self.resume(session, previous),
            RoomRequest::Detach { session } => self.detach(session),
            RoomRequest::Leave { session } => self.leave(session),
            RoomRequest::Input {
                session,
                player,
                tick,
                input,
                arrived,
            } => self.input((session, player), tick, input, arrived),
            RoomRequest::Chat {
                session,
                player,
                text,
            } => self.chat((session, player), &text),
            RoomRequest::Announce { text } => {
                let from = None;
                self.news.chats.push(ServerMessage::Chat { from, text });
            }
            RoomRequest::Kick { session, reason } => self.kick(session, reason),
            RoomRequest::KickPlayer { player, reason } => {
                if let Some(session) = self.players.get(player).map(|player| player.session) {
                    self.kick(session, reason);
                }
            }
        }
    }

    /// Runs one tick. `now` is the time at which it was to start, whenever it really does.
    pub fn tick(&mut self, now: LocalTime) -> Arc<Broadcast> {
        let tick = self.next;
        #[cfg(test)]
        assert!(
            &*self.info.name != "faulty" || tick < Tick(3),
            "made for a test"
        );
        self.expire_absent(tick);
        self.step(tick, now);
        self.apply_rules(tick);
        self.changes
            .regroup(&self.info.world.grid, &mut self.players);
        let mut broadcast = self.pool.take(&self.info);
        broadcast.tick = tick;
        self.encode(tick, &mut broadcast);
        self.tell_players(&mut broadcast);
        self.tell_everybody(tick, &mut broadcast);
        self.trace = trace(self.trace, tick, &self.players, &self.sparks);
        self.next = tick.next();
        self.info.metrics.ticks.increment();
        self.pool.share(broadcast)
    }

    /// One input per player, one step per body.
    fn step(&mut self, tick: Tick, now: LocalTime) {
        let world = &self.info.world;
        let margins = &self.info.metrics.input_margin_seconds;
        let period = world.tick_rate.period();
        let record = |margin: InputMargin| {
            let steps = u32::try_from(margin).unwrap_or(0);
            margins.record(period * steps / MARGIN_STEPS_PER_TICK as u32);
        };
        for (_, player) in self.players.iter_mut() {
            player.input = player.inputs.take(tick, now, world.tick_rate, record);
            player.body = world.step(&player.body, &player.input);
        }
    }

    fn apply_rules(&mut self, tick: Tick) {
        let world = &self.info.world;
        let bumps = self.bumping.run(world, tick, &mut self.players);
        let picked = self
            .sparks
            .pick_up(world, tick, &mut self.players, &mut self.changes);
        self.sparks
            .respawn(world, tick, &mut self.random, &mut self.changes);
        self.info.metrics.bumps.add(bumps);
        self.info.metrics.pickups.add(picked);
    }

    /// Every cell once, whoever follows it.
    fn encode(&mut self, tick: Tick, out: &mut Broadcast) {
        let world = &self.info.world;
        let players = &self.players;
        self.changes.sort();
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let id = CellId(index as u16);
            let truth = |player: PlayerId| match players.get(player) {
                Some(player) => (player.input, player.body),
                None => (Input::IDLE, Body::default()),
            };
            let stamp = FrameStamp { cell: id, tick };
            let change = self.changes.of(id);
            out.deltas
                .push(|frame| cell.encode_delta(world, stamp, change, truth, frame));
        }
        self.changes.clear();
        out.cells.clone_from(&self.cells);
    }

    fn tell_players(&self, out: &mut Broadcast) {
        out.players
            .resize(self.players.id_bound().into(), PlayerRow::default());
        for (id, player) in self.players.iter() {
            out.players[id.index()] = PlayerRow {
                owner: Some(player.session),
                cell: player.cell.unwrap_or_default(),
                margin: player.inputs.margin(),
                score: player.score,
            };
        }
    }

    fn tell_everybody(&mut self, tick: Tick, out: &mut Broadcast) {
        let News {
            joined,
            left,
            chats,
            notices,
        } = &mut self.news;
        if !joined.is_empty() || !left.is_empty() {
            let message = ServerMessage::Roster {
                joined: std::mem::take(joined),
                left: std::mem::take(left),
            };
            packet::put_control(&message, &mut out.control);
            self.roster = Arc::new(self.players.roster());
        }
        if tick.0.is_multiple_of(self.info.world.tick_rate.hz().into()) {
            let leaders = self.players.leaders();
            if leaders != self.leaders {
                let mut block = Vec::new();
                let message = ServerMessage::Scores {
                    leaders: leaders.clone(),
                };
                packet::put_control(&message, &mut block);
                out.control.extend_from_slice(&block);
                self.leaders = leaders;
                self.scores = block.into();
            }
        }
        for chat in chats.drain(..) {
            packet::put_control(&chat, &mut out.control);
        }
        // Stable, so that what concerns one session stays in order.
        notices.sort_by_key(|(key, _)| *key);
        out.notices.append(notices);
        out.roster = self.roster.clone();
        out.scores = self.scores.clone();
        out.leader_cell = self.leader_cell();
    }

    fn join(&mut self, session: SessionKey, raw_name: &str, spectator: bool) {
        let admitted = if spectator {
            self.info.metrics.spectators.increment();
            Admitted {
                player: None,
                name: normalise_name(raw_name).into(),
                resumed: false,
            }
        } else if self.players.len() >= self.players_max {
            let notice = Notice::Ended(CloseReason::RoomFull);
            self.news.notices.push((session, notice));
            return;
        } else {
            let position = self.info.world.arena.free_position(self.random.next_u32());
            let body = Body::at(position);
            let (id, name) = self.players.add(session, raw_name, body, self.next);
            self.info.metrics.players.increment();
            self.news.joined.push(RosterEntry {
                id,
                name: name.to_string(),
            });
            Admitted {
                player: Some(id),
                name,
                resumed: false,
            }
        };
        self.members.insert(session, admitted.player);
        self.news
            .notices
            .push((session, Notice::Admitted(admitted)));
    }

    fn kick(&mut self, session: SessionKey, reason: CloseReason) {
        if self.members.contains_key(&session) {
            self.leave(session);
            self.news.notices.push((session, Notice::Ended(reason)));
        }
    }

    pub(super) fn leave(&mut self, session: SessionKey) {
        self.absent.remove(&session);
        match self.members.remove(&session) {
            None => {}
            Some(None) => self.info.metrics.spectators.decrement(),
            Some(Some(id)) => {
                if let Some(player) = self.players.remove(id) {
                    debug_assert_eq!(player.session, session);
                    if let Some(cell) = player.cell {
                        self.changes.avatars_left.push(cell, id);
                    }
                    self.news.joined.retain(|entry| entry.id != id);
                    self.news.left.push(id);
                    self.info.metrics.players.decrement();
                }
            }
        }
        self.news.notices.retain(|(key, _)| *key != session);
    }

    /// The player, if the session still has it: it may have been taken over, or have left and its
    /// id be another's by now.
    fn player_of(&mut self, (session, id): (SessionKey, PlayerId)) -> Option<&mut Player> {
        let player = self.players.get_mut(id)?;
        (player.session == session).then_some(player)
    }

    fn input(
        &mut self,
        sender: (SessionKey, PlayerId),
        tick: Tick,
        input: Input,
        arrived: LocalTime,
    ) {
        let next = self.next;
        let Some(player) = self.player_of(sender) else {
            return;
        };
        let pushed = player.inputs.push(tick, input, next, arrived);
        let metrics = &self.info.metrics;
        metrics.inputs.increment();
        match pushed {
            Pushed::InTime => {}
            Pushed::Late => metrics.inputs_late.increment(),
            Pushed::TooEarly => metrics.inputs_too_early.increment(),
        }
    }

    fn chat(&mut self, sender: (SessionKey, PlayerId), text: &str) {
        let (now, rate, rules) = (self.next, self.info.world.tick_rate, self.chat_rules);
        let (session, id) = sender;
        let Some(player) = self.player_of(sender) else {
            return;
        };
        let text = clean(text, CHAT_BYTES_MAX);
        if text.is_empty() {
            return;
        }
        let taken = player.chat.take(now, rate, rules);
        if taken == Taken::Line {
            self.info.metrics.chats.increment();
            self.news.chats.push(ServerMessage::Chat {
                from: Some(id),
                text,
            });
            return;
        }
        self.info.metrics.chats_dropped.increment();
        if taken == Taken::Dry {
            let notice = (session, Notice::ChatDropped);
            self.news.notices.push(notice);
        }
    }

    fn leader_cell(&self) -> CellId {
        let leader = self
            .leaders
            .first()
            .and_then(|(id, _)| self.players.get(*id))
            .or_else(|| self.players.iter().next().map(|(_, player)| player));
        let world = &self.info.world;
        leader
            .and_then(|player| player.cell)
            .unwrap_or_else(|| world.grid.cell_at(world.arena.size() / 2))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let metrics = &self.info.metrics;
        metrics.rooms.decrement();
        let players = self.players.len() as u64;
        metrics.players.subtract(players);
        metrics
            .spectators
            .subtract((self.members.len() as u64).saturating_sub(players));
    }
}
