//! Why bytes were refused: the rule they broke.

/// A rule of the wire format that a message broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends inside a field.
    #[error("the message ends early")]
    UnexpectedEnd,
    /// Bytes are left after the last field.
    #[error("{count} bytes follow the end of the message")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The message is larger than its kind may be.
    #[error("the message has {len} bytes, at most {max} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A field holds a value outside its range.
    #[error("`{field}` is out of range")]
    OutOfRange {
        /// The field.
        field: &'static str,
    },
    /// The first byte of a block names no kind of block.
    #[error("unknown block tag {0}")]
    UnknownTag(u8),
    /// bincode could not read a control message.
    #[error("malformed control message: {0}")]
    Malformed(String),
    /// The server's table of odds is not this program's: no cell frame would mean the same.
    #[error(
        "this client's table of odds ({ours:08x}) is not that of the server \
         ({theirs:08x}, version {server_version})"
    )]
    OtherModel {
        /// This program's fingerprint.
        ours: u32,
        /// The server's.
        theirs: u32,
        /// The version of the server program.
        server_version: String,
    },
    /// A cell frame arrived for a cell of which the replica has no state.
    #[error("a delta arrived for a cell that awaits a keyframe")]
    DeltaWithoutState,
    /// Identifiers in a frame are not in ascending order, or one is repeated or missing.
    #[error("`{field}` is not in ascending order or names somebody who is not there")]
    RosterOrder {
        /// The list.
        field: &'static str,
    },
    /// The state after the frame is not the server's: a desync.
    #[error("checksum {actual:08x} differs from the server's {expected:08x}")]
    Checksum {
        /// What the server computed.
        expected: u32,
        /// What this replica computed.
        actual: u32,
    },
}
