//! Named lines, and where their figures come from: one list for the proxy's real sockets and the
//! laboratory's virtual ones.
//!
//! Latency and bandwidth of the wired profiles are the presets of `WebPageTest`
//! (`connectivity.ini.sample`: FIOS 20/5 Mbit/s and 4 ms round trip, Cable 5/1 Mbit/s and 28 ms).
//! `mobile` is its LTE figure (70 ms round trip) with the bandwidth cut to what a crowded cell
//! leaves. Jitter on wired lines is what one full-size packet of cross traffic costs on the
//! slower side; on Wi-Fi it is the aggregation and back-off of 802.11, whose delays under
//! contention are in the tens of milliseconds. A stall is a lost segment: TCP repairs a thin
//! stream by its retransmission timer, never below 200 ms on Linux (`TCP_RTO_MIN`), or within
//! about a round trip if later segments provoke duplicate acknowledgements. `awful` is the example
//! of the proxy's manual: 80 ms, 30 ms of jitter, 200 ms stalls at 1 %, 256 kbit/s.

use crate::link_model::{LinkSpec, Stall};
use std::str::FromStr;
use std::time::Duration;

/// Both directions of a line under a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// How it is asked for.
    pub name: &'static str,
    /// From client to server.
    pub up: LinkSpec,
    /// From server to client.
    pub down: LinkSpec,
}

/// Every profile, best first.
pub const PROFILES: [Profile; 5] = [
    even("lan", line(0.3, 0.4, (0, 0.0), 100_000_000)),
    Profile {
        name: "cable",
        up: line(14.0, 6.0, (0, 0.0), 1_000_000),
        down: line(14.0, 3.0, (0, 0.0), 5_000_000),
    },
    even("wifi", line(8.0, 25.0, (40, 0.002), 20_000_000)),
    Profile {
        name: "mobile",
        up: line(35.0, 40.0, (200, 0.002), 1_000_000),
        down: line(35.0, 40.0, (200, 0.002), 4_000_000),
    },
    even("awful", line(80.0, 30.0, (200, 0.01), 256_000)),
];

/// A line that is the same in both directions.
const fn even(name: &'static str, both: LinkSpec) -> Profile {
    Profile {
        name,
        up: both,
        down: both,
    }
}

/// The profile of this name.
pub fn named(name: &str) -> Option<Profile> {
    PROFILES.into_iter().find(|profile| profile.name == name)
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Profile, String> {
        named(name).ok_or_else(|| {
            let names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// Milliseconds of least latency and most jitter, length in milliseconds and odds of a stall,
/// bits per second.
const fn line(latency: f64, jitter: f64, stall: (u64, f64), bandwidth: u64) -> LinkSpec {
    LinkSpec {
        latency: Duration::from_micros((latency * 1e3) as u64),
        jitter: Duration::from_micros((jitter * 1e3) as u64),
        stall: Stall {
            length: Duration::from_millis(stall.0),
            odds: stall.1,
        },
        bandwidth: Some(bandwidth),
    }
}
