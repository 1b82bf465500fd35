//! The loop of one worker thread.

use super::pacer::{Pacer, Step};
use crate::clock;
use crate::link::{
    Departure, Directory, Envelope, RoomId, RoomLink, WORKER_INBOX_REQUESTS_MAX, WorkerCommand,
    WorkerLink,
};
use crate::room::{Room, RoomRequest, SessionKey, StoredRoom};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tickwire_shared::LocalTime;

/// Orders that may wait for one worker: rooms to be opened, and the end.
const COMMANDS_MAX: usize = 1_024;

/// How long a worker without rooms sleeps; an order wakes it.
const IDLE_NAP: Duration = Duration::from_mins(1);

/// Time between two log lines about overruns of one worker.
const OVERRUN_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The part of a tick by which the next room's phase differs from the last one's: the golden
/// ratio, which spreads any number of rooms evenly.
const PHASE_STEP: f64 = 0.618_033_988_75;

/// What a worker has to know.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// A room that nobody has been attached to for this long is closed.
    pub empty_room_time: Duration,
    /// The directory, set once workers and directory know one another.
    pub directory: Arc<OnceLock<Arc<Directory>>>,
}

/// Starts a worker thread.
pub fn spawn(
    index: usize,
    settings: WorkerSettings,
) -> std::io::Result<(WorkerLink, JoinHandle<Vec<StoredRoom>>)> {
    let (inbox, requests) = crossbeam_channel::bounded(WORKER_INBOX_REQUESTS_MAX);
    let (commands, orders) = crossbeam_channel::bounded(COMMANDS_MAX);
    let rooms = Arc::new(AtomicUsize::new(0));
    let worker = Worker {
        settings,
        requests,
        orders,
        rooms: rooms.clone(),
        hosted: Vec::new(),
        departures: Vec::new(),
        opened: 0,
        overruns: Overruns::default(),
        is_stopped: false,
    };
    let thread = std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || worker.run())?;
    let link = WorkerLink {
        inbox,
        commands,
        rooms,
    };
    Ok((link, thread))
}

struct Worker {
    settings: WorkerSettings,
    requests: Receiver<Envelope>,
    orders: Receiver<WorkerCommand>,
    rooms: Arc<AtomicUsize>,
    hosted: Vec<Hosted>,
    departures: Vec<(SessionKey, Departure)>,
    opened: u32,
    overruns: Overruns,
    is_stopped: bool,
}

struct Hosted {
    room: Box<Room>,
    link: Arc<RoomLink>,
    pacer: Pacer,
    /// Since when nobody has been attached.
    unused_since: Option<LocalTime>,
    /// It panicked, and is in no state to go on.
    is_failed: bool,
}

#[derive(Default)]
struct Overruns {
    unlogged: u64,
    logged: Option<LocalTime>,
}

impl Worker {
    /// Returns its rooms as they are at the end.
    fn run(mut self) -> Vec<StoredRoom> {
        while !self.is_stopped {
            let next = self.hosted.iter().map(|hosted| hosted.pacer.due()).min();
            let wake = next.unwrap_or_else(|| clock::now() + IDLE_NAP);
            // Waiting for orders is the precise sleep: it ends at an absolute time.
            match self.orders.recv_deadline(clock::instant_of(wake)) {
                Ok(WorkerCommand::Host(room, link)) => self.host(room, link),
                Ok(WorkerCommand::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.run_due(),
            }
        }
        // Who left for good in the last moment is not stored.
        for index in 0..self.hosted.len() {
            self.deliver(index);
        }
        self.hosted
            .iter()
            .map(|hosted| hosted.room.store())
            .collect()
    }

    fn host(&mut self, room: Box<Room>, link: Arc<RoomLink>) {
        let rate = room.info().world.tick_rate;
        let phase = (f64::from(self.opened) * PHASE_STEP).fract();
        self.opened += 1;
        let now = clock::now();
        tracing::info!(room = %link.info.name, "room opened");
        self.hosted.push(Hosted {
            room,
            link,
            pacer: Pacer::new(rate, now + rate.period().mul_f64(phase)),
            unused_since: None,
            is_failed: false,
        });
    }

    /// Runs one tick of every room that is due.
    fn run_due(&mut self) {
        for index in 0..self.hosted.len() {
            let Step::Run { start, skipped } = self.hosted[index].pacer.step(clock::now()) else {
                continue;
            };
            self.deliver(index);
            let hosted = &mut self.hosted[index];
            let began = clock::now();
            let Some(broadcast) = hosted.guarded(|room| room.tick(start)) else {
                continue;
            };
            hosted.link.feed.publish(broadcast);
            let took = clock::now().since(began);
            let metrics = &hosted.link.info.metrics;
            metrics.tick_seconds.record(took);
            metrics.tick_lateness_seconds.record(began.since(start));
            hosted.note_use(began);
            self.overruns.account(hosted, took, skipped, began);
        }
        while let Some(failed) = self.hosted.iter().position(|hosted| hosted.is_failed) {
            self.give_up(failed);
        }
        self.close_unused();
    }

    /// Ends a room that panicked. Its players are told and may come back into a new one; the
    /// worker's other rooms go on.
    fn give_up(&mut self, index: usize) {
        let Hosted { room, link, .. } = self.hosted.remove(index);
        tracing::error!(
            room = %link.info.name,
            tick = room.next_tick().0,
            "the room failed and is closed"
        );
        link.info.metrics.rooms_failed.increment();
        self.rooms.fetch_sub(1, Ordering::Relaxed);
        match self.settings.directory.get() {
            Some(directory) => directory.abandon(&link),
            None => link.feed.close(),
        }
    }

    /// Gives every waiting request to its room, whichever room's tick it is.
    fn deliver(&mut self, index: usize) {
        self.departures.clear();
        self.hosted[index]
            .link
            .take_departures(&mut self.departures);
        // No more than were waiting at the start, so that a flood cannot hold the tick up.
        for _ in 0..self.requests.len() {
            let Ok(Envelope { room, request }) = self.requests.try_recv() else {
                break;
            };
            if self.find(room).is_none() {
                // A room is opened by an order that was sent before its first request.
                self.take_orders();
            }
            if let Some(at) = self.find(room) {
                self.hosted[at].push(request);
            }
        }
        for (session, departure) in self.departures.drain(..) {
            self.hosted[index].push(match departure {
                Departure::Left => RoomRequest::Leave { session },
                Departure::Lost => RoomRequest::Detach { session },
            });
        }
    }

    /// Rooms are in ascending order of id: they are only ever appended and removed.
    fn find(&self, room: RoomId) -> Option<usize> {
        self.hosted
            .binary_search_by_key(&room, |hosted| hosted.link.id)
            .ok()
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                WorkerCommand::Host(room, link) => self.host(room, link),
                WorkerCommand::Stop => self.is_stopped = true,
            }
        }
    }

    fn close_unused(&mut self) {
        let (settings, rooms) = (&self.settings, &self.rooms);
        let now = clock::now();
        self.hosted.retain(|hosted| {
            let is_old = hosted
                .unused_since
                .is_some_and(|since| now.since(since) >= settings.empty_room_time);
            let Some(directory) = settings.directory.get().filter(|_| is_old) else {
                return true;
            };
            let is_closed = directory.close_if_unused(&hosted.link);
            if is_closed {
                rooms.fetch_sub(1, Ordering::Relaxed);
                tracing::info!(room = %hosted.link.info.name, "room closed");
            }
            !is_closed
        });
    }
}

impl Hosted {
    fn push(&mut self, request: RoomRequest) {
        self.guarded(|room| room.push(request));
    }

    /// Lets the room do something; `None` if it has panicked, now or before. The panic itself has
    /// been printed.
    fn guarded<T>(&mut self, action: impl FnOnce(&mut Room) -> T) -> Option<T> {
        if self.is_failed {
            return None;
        }
        let done = catch_unwind(AssertUnwindSafe(|| action(&mut self.room)));
        self.is_failed = done.is_err();
        done.ok()
    }

    fn note_use(&mut self, now: LocalTime) {
        self.unused_since = match self.unused_since {
            // Players whose connection was lost keep their room.
            _ if self.link.attached() > 0 || self.room.player_count() > 0 => None,
            Some(since) => Some(since),
            None => Some(now),
        };
    }
}

impl Overruns {
    fn account(&mut self, hosted: &Hosted, took: Duration, skipped: u32, now: LocalTime) {
        let info = &hosted.link.info;
        let is_overrun = took > info.world.tick_rate.period();
        info.metrics.ticks_overrun.add(is_overrun.into());
        info.metrics.ticks_skipped.add(skipped.into());
        if !is_overrun && skipped == 0 {
            return;
        }
        self.unlogged += 1;
        if self
            .logged
            .is_none_or(|logged| now.since(logged) >= OVERRUN_LOG_INTERVAL)
        {
            tracing::warn!(
                room = %info.name,
                took_ms = took.as_secs_f64() * 1e3,
                skipped,
                times = self.unlogged,
                "a tick came late or took longer than its period"
            );
            self.unlogged = 0;
            self.logged = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::room::RoomConfig;
    use tickwire_shared::game::{Arena, World};
    use tickwire_shared::{Tick, TickRate};

    /// Longer than anything takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn wait_until(what: &str, holds: impl Fn() -> bool) {
        let deadline = clock::now() + PATIENCE;
        while !holds() {
            assert!(clock::now() < deadline, "{what} did not happen");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_room_that_panics_takes_no_other_with_it() {
        let settings = WorkerSettings {
            empty_room_time: PATIENCE,
            directory: Arc::default(),
        };
        let (link, thread) = spawn(0, settings.clone()).unwrap();
        let metrics = Arc::new(Metrics::default());
        let world = Arc::new(World::new(
            Arena::named("tiny").unwrap(),
            TickRate::new(128).unwrap(),
        ));
        let counted = metrics.clone();
        let factory = move |name: &str, _| RoomConfig {
            metrics: counted.clone(),
            ..RoomConfig::new(name, world.clone())
        };
        let directory = Arc::new(Directory::new(vec![link.clone()], 2, 4, Box::new(factory)));
        settings.directory.set(directory.clone()).unwrap();
        let join = |room: &str, key| {
            let session = SessionKey(key);
            let name = String::new();
            let request = RoomRequest::Join {
                session,
                name,
                spectator: false,
            };
            directory.attach(room, session, request).unwrap()
        };
        let sound = join("sound", 1);
        let faulty = join("faulty", 2);
        wait_until("the end of the room", || faulty.room().feed.is_closed());
        assert!(!directory.has_room("faulty"));
        wait_until("its count", || metrics.rooms.get() == 1);
        assert_eq!(metrics.rooms_failed.get(), 1);
        assert_eq!(link.rooms.load(Ordering::Relaxed), 1);

        let latest = || *sound.room().feed.subscribe().borrow();
        let before = latest();
        wait_until("ten more ticks", || latest() > before.map(|tick| tick + 10));
        assert!(latest() > Some(Tick(10)));
        link.commands.send(WorkerCommand::Stop).unwrap();
        let stored = thread.join().unwrap();
        assert_eq!(
            stored.iter().map(|room| &*room.name).collect::<Vec<_>>(),
            ["sound"]
        );
    }
}
