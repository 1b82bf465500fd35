//! What Tickwire's server and every client agree on: vocabulary, game rules and bytes.
//!
//! This crate does no input or output, reads no clock, starts no thread and holds no `unsafe`.
//! Time, where it matters, is an argument.
//!
//! * [`tick`], [`id`], [`limits`]: the vocabulary.
//! * [`game`]: the rules of "Sparks". A game developer replaces this folder and the drawing.
//! * [`wire`]: messages, cell frames and the codec that turns them into bytes.

pub mod game;
pub mod id;
pub mod limits;
pub mod tick;
pub mod wire;

pub use id::{CellId, PlayerId, SparkId};
pub use tick::{LocalTime, Tick, TickRate};
