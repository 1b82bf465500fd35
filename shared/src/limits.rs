//! Every limit that both ends of the wire rely on, with its unit and its reason.
//!
//! Limits that only the server sets (rates, queues, deadlines) live in its configuration.

use std::time::Duration;

/// Bytes of a client's message. The largest is a chat line; larger means a wrong or hostile peer.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1_024;

/// Bytes of one WebSocket message from the server. A join to a room of 10,000 names and a block
/// of keyframes stays below; larger would let a broken server exhaust a client.
pub const SERVER_PACKET_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Bytes of a player's name in UTF-8, after normalisation.
pub const NAME_BYTES_MAX: usize = 24;

/// Bytes of a room's name. It appears in URLs, logs and metrics labels.
pub const ROOM_NAME_BYTES_MAX: usize = 32;

/// Bytes of one chat line in UTF-8.
pub const CHAT_BYTES_MAX: usize = 240;

/// Ticks between two inputs of a client whose input does not change. An input holds until the
/// next one, so this only bounds how long the server's idea of the margin may be stale.
pub const INPUT_INTERVAL_TICKS_MAX: u32 = 8;

/// Ticks an input may lie ahead of the server. Further ahead, the client's clock is wrong and the
/// input is dropped and counted.
pub const INPUT_LEAD_TICKS_MAX: u32 = 64;

/// Players in one room. A player's id has 16 bits, and ids are not reused at once.
pub const ROOM_PLAYERS_MAX: usize = 20_000;

/// Sparks in one room; ids have 16 bits.
pub const SPARKS_MAX: usize = 20_000;

/// Cells in one arena. The block of a session is found by cell id, and ids have 16 bits.
pub const CELLS_MAX: usize = 4_096;

/// Cells that one session may follow. More means that the arena's cells are too small for its
/// view distance: the per-cell header would outweigh the frames.
pub const FOLLOWED_CELLS_MAX: usize = 81;

/// Rows of the leaderboard.
pub const LEADERS_MAX: usize = 10;

/// Time between a client's two pings, by which it measures the round trip.
pub const PING_INTERVAL: Duration = Duration::from_secs(2);

const _: () = assert!(CHAT_BYTES_MAX + 64 < CLIENT_MESSAGE_BYTES_MAX);
const _: () = assert!(ROOM_PLAYERS_MAX * 3 < u16::MAX as usize);
const _: () = assert!(SPARKS_MAX < u16::MAX as usize);
