//! One direction of one connection: reads, waits as the model says, writes.

use super::Pause;
use super::stats::DirectionCounters;
use crate::link_model::{LinkModel, SEGMENT_BYTES};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickwire_shared::LocalTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

pub(super) struct Pipe<'a> {
    pub(super) model: LinkModel,
    /// Bytes that may be under way. When they are, nothing is read, and the sender notices.
    pub(super) buffer: usize,
    pub(super) pause: Option<Pause>,
    pub(super) counters: &'a DirectionCounters,
}

/// Segments under way, in order of arrival.
#[derive(Default)]
struct UnderWay {
    segments: VecDeque<(LocalTime, Vec<u8>)>,
    bytes: usize,
}

impl Pipe<'_> {
    /// Until the sender ends and all has arrived, or one side fails: then this side is closed.
    pub(super) async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        // A failure of one side is what the other side sees as the end.
        let _ = self.carry(&mut from, &mut to).await;
        let _ = to.shutdown().await;
    }

    async fn carry(&mut self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) -> io::Result<()> {
        let origin = Instant::now();
        let now = || LocalTime(origin.elapsed().as_micros() as u64);
        let mut under_way = UnderWay::default();
        let mut segment = [0; SEGMENT_BYTES];
        let mut is_ended = false;
        while !(is_ended && under_way.segments.is_empty()) {
            let due = under_way.segments.front().map(|(at, _)| *at);
            let wait_until = origin + Duration::from_micros(due.map_or(0, |at| at.0));
            let rest = self
                .pause
                .and_then(|pause| pause.rest_left(origin.elapsed()));
            let may_read = !is_ended && rest.is_none() && under_way.bytes < self.buffer;
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(wait_until), if due.is_some() => {
                    let now = now();
                    let late = due.map_or(0, |due| now.since(due).as_micros() as u64);
                    self.counters.late_max_us.fetch_max(late, Relaxed);
                    let arrived = under_way.arrived(now);
                    to.write_all(&arrived).await?;
                }
                () = tokio::time::sleep(rest.unwrap_or_default()), if rest.is_some() => {}
                read = from.read(&mut segment), if may_read => {
                    let len = read?;
                    is_ended = len == 0;
                    if len > 0 {
                        let sent = now();
                        let stalls = self.model.stalls();
                        let arrival = self.model.carry(sent, len);
                        under_way.push(arrival, &segment[..len]);
                        self.counters.stalls.fetch_add(self.model.stalls() - stalls, Relaxed);
                        self.count(len, arrival.since(sent), under_way.bytes);
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&self, len: usize, delay: Duration, under_way: usize) {
        let counters = self.counters;
        let delay = delay.as_micros() as u64;
        counters.bytes.fetch_add(len as u64, Relaxed);
        counters.segments.fetch_add(1, Relaxed);
        counters.delay_us.fetch_add(delay, Relaxed);
        counters.delay_max_us.fetch_max(delay, Relaxed);
        counters.under_way_max.fetch_max(under_way as u64, Relaxed);
    }
}

impl Pause {
    /// How much of a rest is left, `elapsed` after the beginning; `None` while it reads.
    fn rest_left(self, elapsed: Duration) -> Option<Duration> {
        let period = (self.reads_for + self.rests_for).as_micros().max(1);
        let into = Duration::from_micros((elapsed.as_micros() % period) as u64);
        (into >= self.reads_for).then(|| (self.reads_for + self.rests_for).saturating_sub(into))
    }
}

impl UnderWay {
    fn push(&mut self, arrival: LocalTime, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.segments.push_back((arrival, bytes.to_vec()));
    }

    /// Everything that has arrived by `now`, in one piece.
    fn arrived(&mut self, now: LocalTime) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some((_, bytes)) = self.segments.pop_front_if(|(at, _)| *at <= now) {
            self.bytes -= bytes.len();
            if out.is_empty() {
                out = bytes;
            } else {
                out.extend_from_slice(&bytes);
            }
        }
        out
    }
}
