//! What a server sends to one session.

use super::{Check, ensure};
use std::collections::BTreeSet;
use tickwire_shared::game::Grid;
use tickwire_shared::limits::SERVER_PACKET_BYTES_MAX;
use tickwire_shared::wire::{
    Block, CellPart, ClientMessage, PacketReader, ServerMessage, TickReader, TickView,
};
use tickwire_shared::{CellId, Tick};

const DELTA: &str = "a delta is never sent to a subscription that awaits a keyframe";
const ORDER: &str = "ticks ascend, one message each";
const SHAPE: &str = "what the server sends can be read, and begins with Welcome";

/// Follows one session's subscriptions by the rule alone.
#[derive(Debug)]
pub struct WireChecker {
    grid: Grid,
    reader: TickReader,
    welcomed: bool,
    tick: Option<Tick>,
    following: BTreeSet<CellId>,
}

impl WireChecker {
    /// For a session that has been sent nothing.
    pub fn new(grid: Grid) -> WireChecker {
        WireChecker {
            grid,
            reader: TickReader::new(grid),
            welcomed: false,
            tick: None,
            following: BTreeSet::new(),
        }
    }

    /// The server has taken this message of the client.
    pub fn received(&mut self, message: &ClientMessage) {
        match message {
            ClientMessage::Resync { cell } => {
                self.following.remove(cell);
            }
            ClientMessage::Pause => self.following.clear(),
            _ => {}
        }
    }

    /// The server sends this packet.
    pub fn sent(&mut self, packet: &[u8]) -> Check {
        ensure(packet.len() <= SERVER_PACKET_BYTES_MAX, SHAPE, || {
            format!("a packet of {} bytes", packet.len())
        })?;
        let broken = |error| (SHAPE, format!("{error}"));
        let mut blocks = PacketReader::new(packet).map_err(broken)?;
        loop {
            match blocks.next_block(Some(&mut self.reader)).map_err(broken)? {
                None => return Ok(()),
                Some(Block::Control(ServerMessage::Welcome(_))) => {
                    ensure(!self.welcomed, SHAPE, || "a second Welcome".into())?;
                    self.welcomed = true;
                }
                Some(Block::Control(_)) => {}
                Some(Block::Tick(view)) => {
                    ensure(self.welcomed, SHAPE, || "a tick before Welcome".into())?;
                    // The borrow of the reader ends with the view's head and parts.
                    let parts: Vec<_> = view.cells().collect();
                    self.tick(&view, &parts)?;
                }
            }
        }
    }

    fn tick(&mut self, view: &TickView<'_>, parts: &[(CellId, CellPart<'_>)]) -> Check {
        let tick = view.head.tick;
        ensure(self.tick.is_none_or(|last| tick > last), ORDER, || {
            format!("{tick} after {:?}", self.tick)
        })?;
        let is_next = self.tick.is_some_and(|last| last.next() == tick);
        for (cell, part) in parts {
            if let CellPart::Delta(_) = part {
                ensure(is_next && self.following.contains(cell), DELTA, || {
                    format!("{cell} at {tick}, last sent {:?}", self.tick)
                })?;
            }
        }
        self.tick = Some(tick);
        self.following = self.grid.block(view.head.centre).iter().collect();
        Ok(())
    }
}
