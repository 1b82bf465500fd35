//! Tickwire's desktop client: Sparks in a window.
//!
//! A thin shell around `tickwire-netcode`: it gathers input, pumps the client and copies its view
//! to a scene. No rule of the game and no state of the session lives here.
//!
//! * [`NetcodePlugin`] is the part for other Bevy apps; `examples/minimal.rs` shows it at work.
//! * The rest is the game: `scene` (arena, avatars, sparks, effects, camera), `hud` (panels),
//!   `title`, `controls`. All of its art is painted or meshed at start-up.
//! * [`run`] opens the window; before it, [`check_display`] and [`install_panic_words`] see to it
//!   that a machine which cannot show the game says so in words.

// A Bevy system is a function whose parameters say what it reads and writes, by value, in types
// with lifetimes that nobody names.
#![allow(
    elided_lifetimes_in_paths,
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    clippy::type_complexity,
    reason = "the signatures of systems are Bevy's to shape"
)]

mod app;
mod art;
mod controls;
mod hud;
mod look;
mod net;
mod options;
mod palette;
mod scene;
mod screenshot;
mod settings;
mod spectate;
mod telemetry;
mod text_field;
mod title;
mod words;

pub use app::run;
pub use net::{LocalInput, NetEvent, NetSession, NetView, NetcodePlugin, NetcodeSystems};
pub use options::{Options, WindowSize};
pub use words::{check_display, install_panic_words};
