//! One direction of one connection in virtual time: whole messages, in order, late.

use std::collections::VecDeque;
use std::time::Duration;
use tickwire_bots::link_model::{LinkModel, LinkSpec};
use tickwire_shared::LocalTime;

/// The line model of the proxy, with the messages that are under way.
#[derive(Debug)]
pub struct Line {
    model: LinkModel,
    under_way: VecDeque<(LocalTime, Vec<u8>)>,
    last_arrival: LocalTime,
    bytes: usize,
    is_dead: bool,
    lost: u64,
}

impl Line {
    /// A line at rest.
    pub fn new(spec: LinkSpec, seed: u64) -> Line {
        Line {
            model: LinkModel::new(spec, seed),
            under_way: VecDeque::new(),
            last_arrival: LocalTime(0),
            bytes: 0,
            is_dead: false,
            lost: 0,
        }
    }

    /// The line becomes another one; what is under way still comes as it would have.
    pub fn become_like(&mut self, spec: LinkSpec, seed: u64) {
        self.model = LinkModel::new(spec, seed);
    }

    /// Nothing arrives any more, and nobody is told.
    pub fn die(&mut self) {
        self.is_dead = true;
    }

    /// Messages under way, or lost on a line that died.
    pub fn messages(&self) -> u64 {
        self.under_way.len() as u64 + self.lost
    }

    /// Sends a message; bytes of framing count for the bandwidth.
    pub fn send(&mut self, now: LocalTime, message: Vec<u8>) {
        if self.is_dead {
            self.lost += 1;
            return;
        }
        let arrival = self.model.carry(now, message.len() + 6);
        self.last_arrival = self.last_arrival.max(arrival);
        self.bytes += message.len();
        self.under_way.push_back((self.last_arrival, message));
    }

    /// When the next message arrives.
    pub fn next_at(&self) -> Option<LocalTime> {
        let next = self.under_way.front().filter(|_| !self.is_dead);
        next.map(|(at, _)| *at)
    }

    /// The next message that has arrived at `now`.
    pub fn take(&mut self, now: LocalTime) -> Option<Vec<u8>> {
        if self.is_dead {
            return None;
        }
        let (_, message) = self.under_way.pop_front_if(|(at, _)| *at <= now)?;
        self.bytes -= message.len();
        Some(message)
    }

    /// When everything sent so far has arrived.
    pub fn settles_at(&self) -> LocalTime {
        self.last_arrival
    }

    /// For how long the newest message will still be under way: how full the socket is.
    pub fn backlog(&self, now: LocalTime) -> Duration {
        if self.under_way.is_empty() {
            Duration::ZERO
        } else {
            self.last_arrival.since(now)
        }
    }

    /// Bytes under way.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
