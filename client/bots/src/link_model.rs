//! A line that is not perfect, as arithmetic: when does what was sent at one time arrive?
//!
//! The model is of one direction of a TCP connection as the application sees it: in order and
//! complete, but late. Loss does not lose anything here, it stalls: the lost segment comes after
//! its retransmission, and everything behind it waits. No clock and no socket: times go in and
//! times come out, so that the proxy for real sockets and a laboratory with virtual time are the
//! same line.

use std::time::Duration;
use tickwire_shared::LocalTime;

/// One direction of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkSpec {
    /// The least that anything takes from one end to the other.
    pub latency: Duration,
    /// The most that is added at random. Squared uniform: mostly little, a third on average.
    pub jitter: Duration,
    /// Loss and its repair.
    pub stall: Stall,
    /// Bits per second; `None` is no limit.
    pub bandwidth: Option<u64>,
}

/// A segment is lost at these odds and arrives this much later.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stall {
    /// Time from the first arrival that failed to the repair.
    pub length: Duration,
    /// Odds per segment, 0 to 1.
    pub odds: f64,
}

/// How a whole connection ends without either side wanting it: at random, so often per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutageSpec {
    /// Both ends see the connection break.
    pub cuts_per_second: f64,
    /// Nothing passes any more, and neither end is told.
    pub half_opens_per_second: f64,
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Both ends see it.
    Cut,
    /// Neither end sees it.
    HalfOpen,
}

/// Payload of a full TCP segment on an Ethernet path, in bytes.
pub const SEGMENT_BYTES: usize = 1_448;

/// One direction of one connection.
#[derive(Clone, Debug)]
pub struct LinkModel {
    spec: LinkSpec,
    dice: Dice,
    /// When the last byte put on the line has left it.
    line_free_at: LocalTime,
    /// When the last byte arrives; nothing overtakes it.
    last_arrival: LocalTime,
    stalls: u64,
}

impl LinkModel {
    /// A line at rest. The same seed gives the same line.
    pub fn new(spec: LinkSpec, seed: u64) -> LinkModel {
        LinkModel {
            spec,
            dice: Dice(seed),
            line_free_at: LocalTime(0),
            last_arrival: LocalTime(0),
            stalls: 0,
        }
    }

    /// When `bytes` that are sent at `now` have arrived. Calls are in order of time.
    pub fn carry(&mut self, now: LocalTime, bytes: usize) -> LocalTime {
        let start = now.max(self.line_free_at);
        let left = start + self.time_on_line(bytes);
        self.line_free_at = left;
        let dice = self.dice.unit();
        let mut arrival = left + self.spec.latency + self.spec.jitter.mul_f64(dice * dice);
        for _ in 0..bytes.div_ceil(SEGMENT_BYTES).max(1) {
            if self.spec.stall.odds > 0.0 && self.dice.unit() < self.spec.stall.odds {
                arrival = arrival + self.spec.stall.length;
                self.stalls += 1;
            }
        }
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }

    /// Segments that had to be sent twice.
    pub fn stalls(&self) -> u64 {
        self.stalls
    }

    fn time_on_line(&self, bytes: usize) -> Duration {
        match self.spec.bandwidth {
            Some(bits) => Duration::from_secs_f64(bytes as f64 * 8.0 / bits.max(1) as f64),
            None => Duration::ZERO,
        }
    }
}

impl OutageSpec {
    /// How long after its beginning the connection with this seed ends, and how; `None` if never.
    pub fn draw(&self, seed: u64) -> Option<(Duration, Outage)> {
        let mut dice = Dice(seed);
        let mut after = |rate: f64, outage| {
            let wait = -(1.0 - dice.unit()).ln() / rate;
            // A rate of zero waits for ever; a day is as good.
            (rate > 0.0).then(|| (Duration::from_secs_f64(wait.min(86_400.0)), outage))
        };
        let cut = after(self.cuts_per_second, Outage::Cut);
        let half_open = after(self.half_opens_per_second, Outage::HalfOpen);
        [cut, half_open]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): a few lines, the same on every platform.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn spec() -> LinkSpec {
        LinkSpec {
            latency: 40 * MS,
            jitter: 30 * MS,
            stall: Stall {
                length: 200 * MS,
                odds: 0.01,
            },
            bandwidth: None,
        }
    }

    /// Arrivals of a message every 33 ms.
    fn arrivals(spec: LinkSpec, seed: u64, count: u64) -> Vec<(LocalTime, LocalTime)> {
        let mut link = LinkModel::new(spec, seed);
        (0..count)
            .map(|i| {
                let sent = LocalTime(i * 33_333);
                (sent, link.carry(sent, 300))
            })
            .collect()
    }

    #[test]
    fn nothing_overtakes_and_nothing_is_faster_than_the_latency() {
        let arrivals = arrivals(spec(), 1, 10_000);
        assert!(arrivals.is_sorted_by_key(|(_, arrival)| *arrival));
        for (sent, arrival) in arrivals {
            assert!(arrival.since(sent) >= 40 * MS);
        }
    }

    #[test]
    fn stalls_come_at_their_odds_and_hold_up_what_follows() {
        let mut link = LinkModel::new(spec(), 2);
        let mut late = 0;
        for i in 0..10_000 {
            let sent = LocalTime(i * 33_333);
            late += u32::from(link.carry(sent, 300).since(sent) > 71 * MS);
        }
        assert!((60..150).contains(&link.stalls()), "{}", link.stalls());
        // A stall of 200 ms holds up six messages or so.
        assert!((300..900).contains(&late), "{late}");
    }

    #[test]
    fn jitter_is_mostly_little_and_never_more_than_it_says() {
        let mut spec = spec();
        spec.stall.odds = 0.0;
        let waits: Vec<Duration> = arrivals(spec, 3, 10_000)
            .into_iter()
            .map(|(sent, arrival)| arrival.since(sent))
            .collect();
        assert!(waits.iter().all(|wait| *wait <= 70 * MS));
        let mean = waits.iter().sum::<Duration>() / 10_000;
        assert!((48 * MS..55 * MS).contains(&mean), "{mean:?}");
    }

    #[test]
    fn a_narrow_line_carries_its_bits_per_second() {
        let spec = LinkSpec {
            bandwidth: Some(8_000),
            ..LinkSpec::default()
        };
        let mut link = LinkModel::new(spec, 4);
        let last = (0..10).map(|_| link.carry(LocalTime(0), 1_000)).last();
        assert_eq!(last, Some(LocalTime(10_000_000)));
    }

    #[test]
    fn the_same_seed_is_the_same_line() {
        assert_eq!(arrivals(spec(), 5, 100), arrivals(spec(), 5, 100));
        assert_ne!(arrivals(spec(), 5, 100), arrivals(spec(), 6, 100));
    }

    #[test]
    fn outages_come_at_their_rate() {
        let outages = OutageSpec {
            cuts_per_second: 1.0 / 60.0,
            half_opens_per_second: 1.0 / 120.0,
        };
        let drawn: Vec<_> = (0..2_000).filter_map(|seed| outages.draw(seed)).collect();
        let mean = drawn.iter().map(|(at, _)| at.as_secs_f64()).sum::<f64>() / 2_000.0;
        assert!((36.0..44.0).contains(&mean), "{mean}");
        let cuts = drawn.iter().filter(|(_, how)| *how == Outage::Cut).count();
        assert!((1_200..1_470).contains(&cuts), "{cuts}");
        assert_eq!(OutageSpec::default().draw(1), None);
    }
}
