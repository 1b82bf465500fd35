//! What a caller may choose about a client.

use crate::cell_cache::CellCache;
use crate::clock::ClockConfig;
use std::time::Duration;

/// Choices of a [`Client`](crate::Client). The default is a player with everything on.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Watches without an avatar: no inputs are sent. The driver's address must say so too.
    pub spectator: bool,
    /// Whether the own avatar is predicted. Off, the view shows it as the stream does.
    pub prediction: bool,
    /// How the others are drawn; `None` draws them as the newest tick has them, which is all that
    /// a bot needs and costs nothing per avatar and tick.
    pub interpolation: Option<InterpolationConfig>,
    /// The controller of the lead.
    pub clock: ClockConfig,
    /// Decorrelates the backoff of many clients; no other use of chance.
    pub seed: u64,
    /// Whether a lost session is taken up again by itself.
    pub reconnect: bool,
    /// Clients of one process with the same cache decode the frames of a room once for all of
    /// them: hundreds of bots cost little more than their sockets. `None` decodes alone.
    pub cache: Option<CellCache>,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            spectator: false,
            prediction: true,
            interpolation: Some(InterpolationConfig::default()),
            clock: ClockConfig::default(),
            seed: 0,
            reconnect: true,
            cache: None,
        }
    }
}

/// Whether others are drawn in the past, where their path is known, or now, where it is guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterpolationMode {
    /// At the playout time: late by the measured jitter, smooth.
    #[default]
    Delayed,
    /// Extrapolated to the server's present by the movement step: immediate, and wrong for as long
    /// as the line takes whenever somebody turns. The difference glides, as after a stall.
    Present,
}

/// Bounds of the playout delay and of extrapolation.
#[derive(Clone, Copy, Debug)]
pub struct InterpolationConfig {
    /// Past or present.
    pub mode: InterpolationMode,
    /// The share of tick messages that shall be here in time. Higher means smoother and later.
    pub percentile: f64,
    /// Largest playout delay beyond the fastest message. A line worse than this stutters rather
    /// than showing a past that no one can play with.
    pub delay_max: Duration,
    /// For how long a starved avatar goes on by the movement step. Beyond, it stands still and
    /// the view says that it is lagging.
    pub extrapolation_max: Duration,
}

impl Default for InterpolationConfig {
    fn default() -> InterpolationConfig {
        InterpolationConfig {
            mode: InterpolationMode::Delayed,
            percentile: 0.98,
            delay_max: Duration::from_millis(500),
            extrapolation_max: Duration::from_millis(250),
        }
    }
}
