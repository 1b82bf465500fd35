//! The bytes: control messages, tick messages, cell frames. `docs/protocol.md` is the normative
//! text; this module follows it.
//!
//! Reading checks everything and never panics; writing asserts.

pub mod cell_frame;
pub mod close;
pub mod codec;
pub mod delta_parts;
pub mod error;
pub mod message;
pub mod model;
pub mod packet;
pub mod plain;
pub mod range_coder;
pub mod tick_message;

pub use cell_frame::{Avatar, Cell, CellChange, FrameStamp, Predictor};
pub use close::CloseReason;
pub use delta_parts::DeltaParts;
pub use error::DecodeError;
pub use message::{ClientMessage, RosterEntry, ServerMessage, Welcome};
pub use packet::{Block, PacketReader};
pub use plain::PLAIN_SUBPROTOCOL;
pub use tick_message::{CellPart, InputMargin, TickComposer, TickHead, TickReader, TickView};

/// The WebSocket sub-protocol that this crate speaks.
pub const SUBPROTOCOL: &str = "tickwire.v1";
