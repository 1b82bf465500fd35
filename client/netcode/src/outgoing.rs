//! What leaves a client: requests to its driver, and events for its player.

use crate::event::Event;
use crate::stats::Stats;
use std::collections::VecDeque;
use tickwire_shared::wire::ClientMessage;

/// Events kept for a caller that does not poll; beyond, the oldest are dropped and counted.
const EVENTS_MAX: usize = 1_024;
/// Messages kept for a driver that does not poll. A client sends a few per tick; this many mean
/// that nobody will ever send them, and the oldest are dropped.
const OUTBOX_MAX: usize = 1_024;
/// What the driver shall do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Make a connection; drop an older one, if there is one.
    Connect {
        /// Offered as the sub-protocol `resume.TICKET`.
        resume_ticket: Option<String>,
    },
    /// Send one binary message.
    Send(Vec<u8>),
    /// Send a close frame and drop the connection.
    Close {
        /// Its code.
        code: u16,
        /// Its words.
        reason: String,
    },
}

/// The two queues out of a client.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) dropped: u64,
}

impl Outgoing {
    pub(crate) fn event(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(event);
    }

    pub(crate) fn send(&mut self, message: &ClientMessage, stats: &mut Stats) {
        let bytes = message.encode();
        stats.messages_sent += 1;
        stats.bytes_sent += (bytes.len() + frame_header_bytes(bytes.len()) + 4) as u64;
        self.transmit(Transmit::Send(bytes));
    }

    pub(crate) fn transmit(&mut self, transmit: Transmit) {
        if self.transmits.len() == OUTBOX_MAX {
            self.transmits.pop_front();
        }
        self.transmits.push_back(transmit);
    }
}

/// Bytes of a WebSocket frame's header without the mask.
pub(crate) fn frame_header_bytes(len: usize) -> usize {
    match len {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    }
}
