//! Control messages as bytes: bincode 2 in its standard configuration, and the varints of the
//! hand-packed messages, which follow the same rule.
//!
//! bincode is no longer maintained upstream. It is used in this file alone, so that a
//! byte-compatible successor is a change of one file.

use super::DecodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Allocation limit while decoding, in bytes; bincode wants it as a constant.
const DECODE_BYTES_MAX: usize = crate::limits::SERVER_PACKET_BYTES_MAX;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<DECODE_BYTES_MAX>()
}

/// Appends `value`. The types of this crate have no unserializable values.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    struct Appender<'a>(&'a mut Vec<u8>);
    impl std::io::Write for Appender<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    bincode::serde::encode_into_std_write(value, &mut Appender(out), config())
        .expect("message types serialize into memory without error");
}

/// `value` as bytes.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(value, &mut out);
    out
}

/// Reads a value that fills `bytes` exactly and has at most `max` bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len(),
            max,
        });
    }
    let (value, used) = decode_prefix(bytes)?;
    if used < bytes.len() {
        return Err(DecodeError::TrailingBytes {
            count: bytes.len() - used,
        });
    }
    Ok(value)
}

/// Reads a value from the start of `bytes` and tells how many bytes it took.
pub fn decode_prefix<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    bincode::serde::decode_from_slice(bytes, config()).map_err(|error| match error {
        bincode::error::DecodeError::UnexpectedEnd { .. } => DecodeError::UnexpectedEnd,
        other => DecodeError::Malformed(other.to_string()),
    })
}

/// Appends an unsigned number in bincode's variable-length form: below 251 one byte; else 251 and
/// two bytes, or 252 and four bytes, little-endian.
pub fn put_varint(value: u32, out: &mut Vec<u8>) {
    if value < 251 {
        out.push(value as u8);
    } else if let Ok(value) = u16::try_from(value) {
        out.push(251);
        out.extend_from_slice(&value.to_le_bytes());
    } else {
        out.push(252);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A cursor over bytes received.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .bytes
            .split_at_checked(len)
            .ok_or(DecodeError::UnexpectedEnd)?;
        self.bytes = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self
            .bytes
            .split_first_chunk()
            .ok_or(DecodeError::UnexpectedEnd)?;
        self.bytes = tail;
        Ok(*head)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A number written by [`put_varint`]. A longer form than needed is refused: every value has
    /// one encoding.
    pub fn varint(&mut self) -> Result<u32, DecodeError> {
        let first = self.byte()?;
        let (value, min) = match first {
            0..=250 => return Ok(u32::from(first)),
            251 => (u32::from(u16::from_le_bytes(self.array()?)), 251),
            252 => (u32::from_le_bytes(self.array()?), 1 << 16),
            _ => return Err(DecodeError::OutOfRange { field: "varint" }),
        };
        if value < min {
            return Err(DecodeError::OutOfRange { field: "varint" });
        }
        Ok(value)
    }

    /// A varint that must fit 16 bits.
    pub fn varint_u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        u16::try_from(self.varint()?).map_err(|_| DecodeError::OutOfRange { field })
    }

    /// Everything must have been read.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_is_what_bincode_writes_and_reads_back(value in any::<u32>(), shift in 0u32..32) {
            let value = value >> shift;
            let mut out = Vec::new();
            put_varint(value, &mut out);
            prop_assert_eq!(&out, &encode(&value));
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        assert_eq!(
            decode::<u8>(&[1, 2], 9),
            Err(DecodeError::TrailingBytes { count: 1 })
        );
        assert_eq!(decode::<u8>(&[], 9), Err(DecodeError::UnexpectedEnd));
        assert_eq!(
            decode::<u8>(&[1, 2], 1),
            Err(DecodeError::TooLong { len: 2, max: 1 })
        );
    }

    #[test]
    fn a_claimed_length_beyond_the_message_does_not_allocate() {
        let hostile = [253, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(decode::<Vec<u8>>(&hostile, 64).is_err());
        assert!(decode::<String>(&hostile, 64).is_err());
    }
}
