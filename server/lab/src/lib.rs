//! Tickwire's virtual-time laboratory: real rooms, real sessions and real clients in one thread,
//! under one seeded clock, over lines that are as bad as wanted.
//!
//! * [`simulation`]: the world under test. It owns the clock and moves it from event to event.
//! * [`check`]: what must always hold, apart from what happens. See `docs/architecture.md`.
//! * [`scenario`]: what happens, drawn from a seed.
//! * [`campaign`]: many seeds on all cores; `tickwire-lab simulate`.
//! * [`feel`]: what players judge, measured; `tickwire-lab feel`.
//! * [`bots`]: what `tickwire-bots` would see on virtual lines; `tickwire-lab bots`.
//! * [`stream`]: random cell frames for decoders in other languages; `tickwire-lab stream`.
//! * [`play`]: simulated play without a network, for [`train`] (the table of odds) and [`measure`]
//!   (what a visible avatar costs); [`vectors`]: golden bytes. Subcommands in [`codec_cli`].

pub mod bots;
pub mod campaign;
pub mod check;
pub mod codec_cli;
pub mod fault;
pub mod feel;
pub mod feel_cli;
pub mod line;
pub mod measure;
pub mod peer;
pub mod play;
pub mod player;
pub mod scenario;
pub mod simulation;
pub mod stream;
pub mod train;
pub mod vectors;
