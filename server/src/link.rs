//! The only types that cross threads between the network and the workers.
//!
//! Towards a worker: one bounded channel of requests per worker, and per room a list of sessions
//! that are over. A full channel costs the request (an input, a chat line, a join), never the
//! caller's time. A leave is not lost, because a room would keep a dead player for ever; the list
//! of leaves is bounded by the number of sessions.
//!
//! Towards the network: per room a [`Feed`], the latest broadcasts and a wake-up. The worker
//! writes and goes on; who reads late finds fewer old ones.

use crate::room::{Broadcast, Room, RoomConfig, RoomInfo, RoomRequest, SessionKey, StoredRoom};
use crossbeam_channel::{Sender, TrySendError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tickwire_shared::Tick;
use tickwire_shared::wire::CloseReason;
use tokio::sync::watch;

/// Requests that may wait for one worker. At 30 Hz it holds a tick of inputs of 10,000 players
/// three times over; more would only be older.
pub const WORKER_INBOX_REQUESTS_MAX: usize = 32_768;

/// The number of a room, unique for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u32);

/// A request with its addressee.
#[derive(Debug)]
pub struct Envelope {
    /// The room it is for.
    pub room: RoomId,
    /// The request.
    pub request: RoomRequest,
}

/// What a worker is told outside of ticks.
#[derive(Debug)]
pub enum WorkerCommand {
    /// Runs this room from now on.
    Host(Box<Room>, Arc<RoomLink>),
    /// Ends the worker and drops its rooms.
    Stop,
}

/// A worker as the network sees it.
#[derive(Clone, Debug)]
pub struct WorkerLink {
    /// Requests to its rooms.
    pub inbox: Sender<Envelope>,
    /// Orders to itself.
    pub commands: Sender<WorkerCommand>,
    /// Rooms it runs.
    pub rooms: Arc<AtomicUsize>,
}

/// The latest broadcasts of one room.
#[derive(Debug)]
pub struct Feed {
    recent: Mutex<VecDeque<Arc<Broadcast>>>,
    kept: usize,
    latest: watch::Sender<Option<Tick>>,
    is_closed: AtomicBool,
}

impl Feed {
    /// A feed that keeps this many broadcasts, at least one.
    pub fn new(kept: usize) -> Feed {
        Feed {
            recent: Mutex::default(),
            kept: kept.max(1),
            latest: watch::Sender::new(None),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Adds the newest and wakes the readers.
    pub fn publish(&self, broadcast: Arc<Broadcast>) {
        let tick = broadcast.tick();
        let mut recent = lock(&self.recent);
        let oldest = if recent.len() < self.kept {
            None
        } else {
            recent.pop_front()
        };
        recent.push_back(broadcast);
        drop(recent);
        // Outside the lock: it may be the last holder, and then freeing takes time.
        drop(oldest);
        self.latest.send_replace(Some(tick));
    }

    /// Ends the feed: nothing is published any more, and the readers are woken to see it.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.latest.send_modify(|_| {});
    }

    /// Whether the feed has ended.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Wakes when something has been published that the receiver has not seen.
    pub fn subscribe(&self) -> watch::Receiver<Option<Tick>> {
        self.latest.subscribe()
    }

    /// Fills `out` with what is kept, the newest last.
    pub fn copy_into(&self, out: &mut Vec<Arc<Broadcast>>) {
        out.clear();
        out.extend(lock(&self.recent).iter().cloned());
    }
}

/// A room as the network sees it.
#[derive(Debug)]
pub struct RoomLink {
    /// Its number.
    pub id: RoomId,
    /// Name, world, counters.
    pub info: Arc<RoomInfo>,
    /// What it tells.
    pub feed: Feed,
    inbox: Sender<Envelope>,
    /// Sessions attached; changed under the directory's lock when they come, so that a room with
    /// none can be closed without a race.
    attached: AtomicUsize,
    departures: Mutex<Vec<(SessionKey, Departure)>>,
}

impl RoomLink {
    /// Passes a request on. `false` if the worker is too far behind to take it.
    pub fn send(&self, request: RoomRequest) -> bool {
        let envelope = Envelope {
            room: self.id,
            request,
        };
        match self.inbox.try_send(envelope) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.info.metrics.messages_dropped.increment();
                false
            }
        }
    }

    /// Takes the sessions that are over. Their earlier requests are in the channel by now, so a
    /// worker calls this first, then empties the channel, then lets these leave.
    pub fn take_departures(&self, out: &mut Vec<(SessionKey, Departure)>) {
        out.append(&mut lock(&self.departures));
    }

    /// Sessions attached at present.
    pub fn attached(&self) -> usize {
        self.attached.load(Ordering::Acquire)
    }
}

/// How a session leaves its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// For good.
    Left,
    /// Without wanting to; its player may be taken up again.
    Lost,
}

/// A session's place in a room; counts as lost when dropped.
#[derive(Debug)]
pub struct Attachment {
    room: Arc<RoomLink>,
    session: SessionKey,
    departure: Departure,
}

impl Attachment {
    /// The room.
    pub fn room(&self) -> &Arc<RoomLink> {
        &self.room
    }

    /// Leaves the room.
    pub fn depart(mut self, departure: Departure) {
        self.departure = departure;
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        lock(&self.room.departures).push((self.session, self.departure));
        self.room.attached.fetch_sub(1, Ordering::AcqRel);
        self.room.info.metrics.sessions.decrement();
    }
}

/// How new rooms are made.
pub type RoomFactory = Box<dyn Fn(&str, RoomId) -> RoomConfig + Send + Sync>;

/// Every room by name.
pub struct Directory {
    rooms: Mutex<BTreeMap<String, Arc<RoomLink>>>,
    workers: Vec<WorkerLink>,
    rooms_max: usize,
    history_ticks: usize,
    next_id: AtomicUsize,
    factory: RoomFactory,
}

impl Directory {
    /// No room yet.
    pub fn new(
        workers: Vec<WorkerLink>,
        rooms_max: usize,
        history_ticks: usize,
        factory: RoomFactory,
    ) -> Directory {
        Directory {
            rooms: Mutex::default(),
            workers,
            rooms_max,
            history_ticks,
            next_id: AtomicUsize::new(0),
            factory,
        }
    }

    /// Attaches a session to the room of this name, which is opened if there is none, and asks to
    /// let it join.
    pub fn attach(
        &self,
        name: &str,
        session: SessionKey,
        join: RoomRequest,
    ) -> Result<Attachment, CloseReason> {
        let room = {
            let mut rooms = lock(&self.rooms);
            let room = match rooms.get(name) {
                Some(room) => room.clone(),
                None if rooms.len() >= self.rooms_max => return Err(CloseReason::ServerFull),
                None => {
                    let room = self.open(name, None)?;
                    rooms.insert(name.to_owned(), room.clone());
                    room
                }
            };
            room.attached.fetch_add(1, Ordering::AcqRel);
            room
        };
        room.info.metrics.sessions.increment();
        let attachment = Attachment {
            room,
            session,
            departure: Departure::Lost,
        };
        if attachment.room.send(join) {
            Ok(attachment)
        } else {
            Err(CloseReason::ServerFull)
        }
    }

    /// Whether a room of this name is open.
    pub fn has_room(&self, name: &str) -> bool {
        lock(&self.rooms).contains_key(name)
    }

    /// Passes a request to a room, if there is one of this name and its worker takes it.
    pub fn send(&self, name: &str, request: RoomRequest) -> bool {
        let room = lock(&self.rooms).get(name).cloned();
        room.is_some_and(|room| room.send(request))
    }

    /// Forgets a room that nobody is attached to. `false` if somebody is.
    pub fn close_if_unused(&self, room: &RoomLink) -> bool {
        let mut rooms = lock(&self.rooms);
        let is_unused = room.attached() == 0;
        if is_unused {
            rooms.remove(&room.info.name);
            // Connections that are on their way out may still wait for its next tick.
            room.feed.close();
        }
        is_unused
    }

    /// Forgets a room that runs no more, whoever is attached. The next who asks for its name opens
    /// a new one.
    pub fn abandon(&self, room: &RoomLink) {
        let mut rooms = lock(&self.rooms);
        if rooms
            .get(&room.info.name)
            .is_some_and(|open| open.id == room.id)
        {
            rooms.remove(&room.info.name);
        }
        drop(rooms);
        room.feed.close();
    }

    /// Requests that wait for each worker.
    pub fn queue_depths(&self) -> Vec<usize> {
        let inboxes = self.workers.iter().map(|worker| worker.inbox.len());
        inboxes.collect()
    }

    /// Takes up a room from an earlier process.
    pub fn adopt(&self, stored: StoredRoom) -> Result<(), CloseReason> {
        let mut rooms = lock(&self.rooms);
        if rooms.len() >= self.rooms_max || rooms.contains_key(&stored.name) {
            return Err(CloseReason::ServerFull);
        }
        let name = stored.name.clone();
        let room = self.open(&name, Some(stored))?;
        rooms.insert(name, room);
        Ok(())
    }

    /// Every room, by name.
    pub fn rooms(&self) -> Vec<Arc<RoomLink>> {
        lock(&self.rooms).values().cloned().collect()
    }

    fn open(&self, name: &str, stored: Option<StoredRoom>) -> Result<Arc<RoomLink>, CloseReason> {
        let id = RoomId(self.next_id.fetch_add(1, Ordering::Relaxed) as u32);
        let worker = self
            .workers
            .iter()
            .min_by_key(|worker| worker.rooms.load(Ordering::Relaxed))
            .ok_or(CloseReason::InternalError)?;
        let config = (self.factory)(name, id);
        let room = match stored {
            Some(stored) => Room::restore(config, stored),
            None => Room::new(config),
        };
        let link = Arc::new(RoomLink {
            id,
            info: room.info().clone(),
            feed: Feed::new(self.history_ticks),
            inbox: worker.inbox.clone(),
            attached: AtomicUsize::new(0),
            departures: Mutex::default(),
        });
        // Never waits: the directory is locked, and the worker may want it before it takes orders.
        let order = WorkerCommand::Host(Box::new(room), link.clone());
        worker
            .commands
            .try_send(order)
            .map_err(|error| match error {
                TrySendError::Full(_) => CloseReason::ServerFull,
                TrySendError::Disconnected(_) => CloseReason::ServerShutdown,
            })?;
        worker.rooms.fetch_add(1, Ordering::Relaxed);
        Ok(link)
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory")
            .field("rooms", &lock(&self.rooms).keys())
            .finish_non_exhaustive()
    }
}

/// A panic elsewhere while a lock was held left whole values behind: each critical section is one
/// step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
