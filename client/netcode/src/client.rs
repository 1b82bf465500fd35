//! The client: one object, driven by bytes and time.

use crate::clock::ClockState;
use crate::config::ClientConfig;
use crate::event::Event;
use crate::game::{Game, Scope};
use crate::outgoing::{Outgoing, Transmit, frame_header_bytes};
use crate::replica::Replica;
use crate::session::{AfterLoss, Disconnect, Session, SessionState};
use crate::stats::Stats;
use crate::view::View;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tickwire_shared::game::{Input, World};
use tickwire_shared::limits::{CHAT_BYTES_MAX, PING_INTERVAL};
use tickwire_shared::wire::{
    Block, ClientMessage, CloseReason, DecodeError, PacketReader, ServerMessage, Welcome,
};
use tickwire_shared::{CellId, LocalTime, PlayerId};

/// The round trip assumed until something measures it.
const ROUND_TRIP_INITIAL: Duration = Duration::from_millis(60);

/// A client of one room. See the crate's documentation for the way of data.
///
/// Every `now` is a point of the caller's monotonic clock. Messages may be handed in a little
/// after they came, with the time at which they came.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    session: Session,
    out: Outgoing,
    stats: Stats,
    now: LocalTime,
    heard: LocalTime,
    /// When the driver was told to connect, for a first guess at the round trip.
    dialled: LocalTime,
    round_trip: Duration,
    ping_sent: Option<(u32, LocalTime)>,
    ping_due: LocalTime,
    ping_nonce: u32,
    game: Option<Game>,
    view: View,
    live: Input,
    visible: bool,
    watch: Option<CellId>,
    roster: BTreeMap<PlayerId, String>,
    leaders: Vec<(PlayerId, u32)>,
    no_replica: Replica,
}

impl Client {
    /// A client that wants to connect: poll it.
    pub fn new(config: ClientConfig, now: LocalTime) -> Client {
        let mut client = Client {
            session: Session::new(config.seed, config.reconnect, now),
            config,
            out: Outgoing::default(),
            stats: Stats::default(),
            now,
            heard: now,
            dialled: now,
            round_trip: ROUND_TRIP_INITIAL,
            ping_sent: None,
            ping_due: now,
            ping_nonce: 0,
            game: None,
            view: View::default(),
            live: Input::IDLE,
            visible: true,
            watch: None,
            roster: BTreeMap::new(),
            leaders: Vec::new(),
            no_replica: Replica::default(),
        };
        client.connect();
        client
    }

    /// The connection that was asked for is open.
    pub fn handle_connected(&mut self, now: LocalTime) {
        self.observe(now);
        // TCP's handshake and the upgrade are a round trip each.
        let elapsed = now.since(self.dialled) / 2;
        self.round_trip = elapsed.clamp(Duration::from_millis(1), Duration::from_secs(1));
        self.heard = now;
        self.session.connected(now);
    }

    /// A binary message came at `now`. An error means that the server broke the protocol, or that
    /// its table of odds is not ours; the client has then asked for a close and moved on.
    pub fn handle_message(&mut self, now: LocalTime, bytes: &[u8]) -> Result<(), DecodeError> {
        if !matches!(self.state(), SessionState::Joining | SessionState::Playing) {
            return Ok(());
        }
        self.observe(now);
        self.heard = self.heard.max(now);
        self.stats.messages_received += 1;
        self.stats.bytes_received += (bytes.len() + frame_header_bytes(bytes.len())) as u64;
        let result = self.read_packet(now, bytes);
        if let Err(error) = &result {
            let reason = match error {
                DecodeError::OtherModel { .. } => CloseReason::UnsupportedVersion,
                _ => CloseReason::ProtocolViolation,
            };
            self.out.transmit(Transmit::Close {
                code: reason.code(),
                reason: error.to_string(),
            });
            self.fall_back(&if reason == CloseReason::UnsupportedVersion {
                // It would not fit the next time either.
                Disconnect::Closed {
                    code: reason.code(),
                    reason: error.to_string(),
                }
            } else {
                Disconnect::Lost {
                    message: format!("the server broke the protocol: {error}"),
                }
            });
        }
        result
    }

    /// The connection ended, or could not be made.
    pub fn handle_disconnected(&mut self, now: LocalTime, disconnect: &Disconnect) {
        self.observe(now);
        if self.session.is_live() {
            self.fall_back(disconnect);
        }
    }

    /// The intent from `now` on, until the next call. `advance` sends it.
    pub fn set_input(&mut self, input: Input) {
        self.live = input;
        if let Some(game) = self.game.as_mut().filter(|_| self.visible) {
            game.set_input(self.now, input);
        }
    }

    /// Says a line; cut at the limit, at a character.
    pub fn chat(&mut self, text: &str) {
        let mut end = text.len().min(CHAT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if end > 0 && self.session.is_playing() {
            let text = text[..end].to_owned();
            self.out
                .send(&ClientMessage::Chat { text }, &mut self.stats);
        }
    }

    /// Whether anybody looks. A hidden client gets no ticks and steers nothing.
    pub fn set_visible(&mut self, now: LocalTime, visible: bool) {
        self.observe(now);
        if std::mem::replace(&mut self.visible, visible) != visible {
            self.tell_visibility();
        }
    }

    /// Spectators: look at this cell.
    pub fn watch(&mut self, cell: CellId) {
        self.watch = Some(cell);
        if self.session.is_playing() {
            self.out
                .send(&ClientMessage::Watch { cell }, &mut self.stats);
        }
    }

    /// Leaves for good.
    pub fn leave(&mut self) {
        if self.session.is_over() {
            return;
        }
        let reason = CloseReason::Left;
        if self.session.is_playing() {
            self.out.send(&ClientMessage::Leave, &mut self.stats);
        }
        self.out.transmit(Transmit::Close {
            code: reason.code(),
            reason: String::new(),
        });
        self.finish(Some(reason), reason.to_string());
    }

    /// Lets time pass. Call it once per frame, or when [`Client::next_wakeup`] says so.
    pub fn advance(&mut self, now: LocalTime) {
        self.observe(now);
        let now = self.now;
        if self.session.retry_is_due(now) {
            self.connect();
        }
        if self.session.is_live()
            && self
                .session
                .deadline(self.heard)
                .is_some_and(|at| now >= at)
        {
            let message = match self.state() {
                SessionState::Connecting => "the server did not answer in time",
                SessionState::Joining => "the server did not admit us in time",
                _ => "nothing came from the server for too long",
            };
            self.out.transmit(Transmit::Close {
                code: CloseReason::HeartbeatTimeout.code(),
                reason: message.into(),
            });
            let message = message.into();
            self.fall_back(&Disconnect::Lost { message });
        }
        if !self.session.is_playing() {
            return;
        }
        if now >= self.ping_due {
            self.ping();
        }
        let (game, mut scope) = self.split();
        if let Some(game) = game {
            game.advance(&mut scope);
        }
    }

    /// What the driver shall do next; `None` when it has done everything.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.transmits.pop_front()
    }

    /// What happened; `None` when everything was told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// Where the session stands.
    pub fn session(&self) -> &SessionState {
        self.state()
    }

    /// When `advance` has something to do next, if nothing comes before.
    pub fn next_wakeup(&self) -> Option<LocalTime> {
        let deadline = self.session.deadline(self.heard);
        if !self.session.is_playing() {
            return deadline;
        }
        let input = self.game.as_ref().and_then(Game::next_wakeup);
        let candidates = [deadline, Some(self.ping_due), input];
        candidates.into_iter().flatten().min()
    }

    /// What to draw at `now`. After a loss it stays what it was, and is `lagging`.
    pub fn view(&mut self, now: LocalTime) -> &View {
        self.observe(now);
        let playing = self.session.is_playing();
        match &mut self.game {
            Some(game) if playing => game.draw(self.now, &mut self.stats, &mut self.view),
            _ => self.view.lagging = true,
        }
        &self.view
    }

    /// The room's constants, from `Welcome` on.
    pub fn world(&self) -> Option<&Arc<World>> {
        self.game.as_ref().map(|game| &game.world)
    }

    /// The own id, from `Welcome` on; `None` for a spectator.
    pub fn player(&self) -> Option<PlayerId> {
        self.game.as_ref().and_then(|game| game.player)
    }

    /// The own score as the server counts it.
    pub fn score(&self) -> u32 {
        self.game.as_ref().map_or(0, Game::score)
    }

    /// Everybody in the room.
    pub fn roster(&self) -> &BTreeMap<PlayerId, String> {
        &self.roster
    }

    /// The leaderboard, best first.
    pub fn leaders(&self) -> &[(PlayerId, u32)] {
        &self.leaders
    }

    /// The exact cells; empty before the first tick.
    pub fn replica(&self) -> &Replica {
        self.game
            .as_ref()
            .map_or(&self.no_replica, |game| &game.replica)
    }

    /// The clock's tick at `now`, with its fraction: the tick for which inputs are sampled.
    pub fn clock_ticks(&self, now: LocalTime) -> Option<f64> {
        self.game.as_ref().map(|game| game.clock.ticks(now))
    }

    /// Where the clock's controller stands.
    pub fn clock_state(&self) -> ClockState {
        self.game
            .as_ref()
            .map_or(ClockState::Unsynced, |game| game.clock.state())
    }

    /// Counters and measurements.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn state(&self) -> &SessionState {
        self.session.state()
    }

    fn observe(&mut self, now: LocalTime) {
        self.now = self.now.max(now);
        self.stats.events_dropped = self.out.dropped;
    }

    fn connect(&mut self) {
        self.dialled = self.now;
        self.out.event(Event::Connecting {
            attempt: self.session.attempt(),
        });
        let resume_ticket = self.session.ticket();
        self.out.transmit(Transmit::Connect { resume_ticket });
    }

    fn split(&mut self) -> (Option<&mut Game>, Scope<'_>) {
        let scope = Scope {
            now: self.now,
            round_trip: self.round_trip,
            stats: &mut self.stats,
            out: &mut self.out,
        };
        (self.game.as_mut(), scope)
    }

    fn ping(&mut self) {
        self.ping_nonce = self.ping_nonce.wrapping_add(1);
        let nonce = self.ping_nonce;
        self.ping_sent = Some((nonce, self.now));
        self.ping_due = self.now + PING_INTERVAL;
        self.out
            .send(&ClientMessage::Ping { nonce }, &mut self.stats);
    }

    fn tell_visibility(&mut self) {
        if !self.session.is_playing() {
            return;
        }
        let visible = self.visible;
        let live = self.live;
        let (game, mut scope) = self.split();
        if let Some(game) = game {
            game.set_paused(!visible, &mut scope);
            if visible {
                let now = scope.now;
                game.set_input(now, live);
            }
        }
        let message = if visible {
            ClientMessage::Resume
        } else {
            ClientMessage::Pause
        };
        self.out.send(&message, &mut self.stats);
    }

    fn read_packet(&mut self, now: LocalTime, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut packet = PacketReader::new(bytes)?;
        loop {
            let reader = self.game.as_mut().map(|game| &mut game.reader);
            match packet.next_block(reader)? {
                None => return Ok(()),
                Some(Block::Control(message)) => self.handle_control(now, message)?,
                Some(Block::Tick(view)) => {
                    let (game, mut scope) = self.split();
                    // Arrival, not handling, is what jitter is measured by.
                    scope.now = now;
                    if let Some(game) = game {
                        game.tick(&mut scope, &view)?;
                    }
                }
            }
        }
    }

    fn handle_control(
        &mut self,
        now: LocalTime,
        message: ServerMessage,
    ) -> Result<(), DecodeError> {
        match message {
            ServerMessage::Welcome(welcome) => self.welcome(*welcome)?,
            ServerMessage::Roster { joined, left } => {
                for id in left {
                    self.roster.remove(&id);
                }
                for entry in joined {
                    self.roster.insert(entry.id, entry.name);
                }
                self.out.event(Event::RosterChanged);
            }
            ServerMessage::Scores { leaders } => {
                self.leaders = leaders;
                self.out.event(Event::ScoresChanged);
            }
            ServerMessage::Chat { from, text } => {
                let name = from.and_then(|id| self.roster.get(&id)).cloned();
                let name = name.unwrap_or_default();
                self.out.event(Event::Chat { from, name, text });
            }
            ServerMessage::Pong { nonce } => {
                if let Some((_, sent)) = self.ping_sent.take_if(|(expected, _)| *expected == nonce)
                {
                    self.round_trip = now.since(sent);
                    self.stats.rtt_ms = self.round_trip.as_secs_f64() * 1e3;
                }
            }
            ServerMessage::Goodbye {
                reason,
                message,
                retry_after_ms,
            } => {
                let retry = retry_after_ms.map(|ms| Duration::from_millis(ms.into()));
                self.session.goodbye(reason, message, retry);
            }
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: Welcome) -> Result<(), DecodeError> {
        welcome.check_model()?;
        let now = self.now;
        let mut game = Game::new(&self.config, &welcome, now, self.round_trip)?;
        game.set_input(now, self.live);
        self.game = Some(game);
        self.session.welcomed(welcome.ticket, now);
        self.roster.clear();
        self.leaders.clear();
        self.out.event(Event::Welcomed {
            player: welcome.player,
            room: welcome.room,
            name: welcome.name,
            resumed: welcome.resumed,
        });
        self.ping();
        if let Some(cell) = self.watch {
            self.out
                .send(&ClientMessage::Watch { cell }, &mut self.stats);
        }
        if !self.visible {
            self.tell_visibility();
        }
        Ok(())
    }

    /// The connection is gone: back off or end.
    fn fall_back(&mut self, disconnect: &Disconnect) {
        self.out
            .transmits
            .retain(|transmit| !matches!(transmit, Transmit::Send(_)));
        self.ping_sent = None;
        self.stats.disconnects += u64::from(self.session.is_playing());
        let disconnect = self.session.explain(disconnect);
        let message = disconnect.to_string();
        if let (Some(reason), false) = (disconnect.reason(), self.session.is_playing()) {
            let reason = Some(reason);
            let message = message.clone();
            self.out.event(Event::Refused { reason, message });
        } else if let Disconnect::Refused { .. } = disconnect {
            let (reason, message) = (None, message.clone());
            self.out.event(Event::Refused { reason, message });
        }
        match self.session.lost(&disconnect, self.now) {
            AfterLoss::Retry { retry_in } => self.out.event(Event::Lost { message, retry_in }),
            AfterLoss::End => {
                let reason = disconnect.reason();
                self.out.event(Event::Ended { reason, message });
            }
        }
    }

    fn finish(&mut self, reason: Option<CloseReason>, message: String) {
        let now = self.now;
        self.session.end(reason, message.clone(), now);
        self.out.event(Event::Ended { reason, message });
    }
}
