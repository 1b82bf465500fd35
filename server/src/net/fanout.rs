//! Sends the ticks of one room to all its sessions on one network thread, from one loop.
//!
//! One loop that writes straight to the sockets costs half of what a task and a channel per
//! connection cost, and it needs one wake-up per tick instead of one per session.

use super::connection::Connection;
use super::outbox::FrameBuffer;
use super::shard::Shard;
use crate::link::RoomLink;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tickwire_shared::wire::CloseReason;

/// Sessions served in a row before reads and other rooms get their turn: about a third of a
/// millisecond.
const SENDS_PER_TURN: usize = 48;

/// The sessions of one room on one network thread.
#[derive(Debug, Default)]
pub(super) struct Group {
    members: RefCell<Vec<Rc<Connection>>>,
}

impl Group {
    pub(super) fn add(&self, connection: Rc<Connection>) {
        self.members.borrow_mut().push(connection);
    }

    fn get(&self, index: usize) -> Option<Rc<Connection>> {
        self.members.borrow().get(index).cloned()
    }

    fn remove(&self, index: usize) {
        self.members.borrow_mut().swap_remove(index);
    }
}

/// Runs until the last member is gone or the room is.
pub(super) async fn run(shard: Rc<Shard>, room: Arc<RoomLink>, group: Rc<Group>) {
    let mut updates = room.feed.subscribe();
    let mut recent = Vec::new();
    let mut buffer = FrameBuffer::new();
    loop {
        // A group that begins when all is over would wait for ever.
        let is_closed =
            room.feed.is_closed() || updates.changed().await.is_err() || room.feed.is_closed();
        room.feed.copy_into(&mut recent);
        let (mut index, mut served) = (0, 0);
        let (mut packets, mut bytes) = (0, 0);
        while let Some(connection) = group.get(index) {
            let sent = connection.send_due(&recent, &mut buffer);
            if sent > 0 {
                packets += 1;
                bytes += sent as u64;
            }
            if is_closed {
                connection.end(CloseReason::InternalError, None);
            }
            if connection.is_gone() {
                group.remove(index);
            } else {
                index += 1;
            }
            served += 1;
            if served % SENDS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        // Held no longer than needed, so that the room can take the memory up again.
        recent.clear();
        room.info.metrics.packets_sent.add(packets);
        room.info.metrics.bytes_sent.add(bytes);
        if is_closed || group.is_empty() {
            return shard.remove_group(room.id);
        }
    }
}

impl Group {
    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.members.borrow().is_empty()
    }
}
