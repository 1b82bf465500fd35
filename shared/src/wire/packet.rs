//! One WebSocket message from the server: a packet of blocks.
//!
//! ```text
//! packet  = block*
//! block   = 0x00 tick-message | 0x01 control-message
//! ```
//!
//! Blocks delimit themselves. A packet holds whatever a session is due at one moment, so that
//! there is one write per session and tick.

use super::codec::{self, Reader};
use super::{DecodeError, ServerMessage, TickReader, TickView};
use crate::limits::SERVER_PACKET_BYTES_MAX;

/// Tag of a tick message.
pub const TAG_TICK: u8 = 0;
/// Tag of a control message.
pub const TAG_CONTROL: u8 = 1;

/// A block of a packet.
#[derive(Debug)]
pub enum Block<'a> {
    /// A control message.
    Control(ServerMessage),
    /// A tick of the cells that the session follows.
    Tick(TickView<'a>),
}

/// Appends a control message as a block.
pub fn put_control(message: &ServerMessage, out: &mut Vec<u8>) {
    out.push(TAG_CONTROL);
    codec::encode_into(message, out);
}

/// Reads the blocks of one packet, in order.
#[derive(Debug)]
pub struct PacketReader<'a> {
    reader: Reader<'a>,
}

impl<'a> PacketReader<'a> {
    /// Starts to read a received message.
    pub fn new(bytes: &'a [u8]) -> Result<PacketReader<'a>, DecodeError> {
        if bytes.len() > SERVER_PACKET_BYTES_MAX {
            return Err(DecodeError::TooLong {
                len: bytes.len(),
                max: SERVER_PACKET_BYTES_MAX,
            });
        }
        Ok(PacketReader {
            reader: Reader::new(bytes),
        })
    }

    /// The next block, or `None` at the end. `ticks` holds what the tick messages of this session
    /// leave out because it follows from the one before; it is `None` before `Welcome`.
    pub fn next_block(
        &mut self,
        ticks: Option<&mut TickReader>,
    ) -> Result<Option<Block<'a>>, DecodeError> {
        if self.reader.rest().is_empty() {
            return Ok(None);
        }
        match self.reader.byte()? {
            TAG_TICK => {
                let ticks = ticks.ok_or(DecodeError::UnknownTag(TAG_TICK))?;
                ticks
                    .read(&mut self.reader)
                    .map(|view| Some(Block::Tick(view)))
            }
            TAG_CONTROL => {
                let (message, used) = codec::decode_prefix(self.reader.rest())?;
                self.reader.take(used)?;
                Ok(Some(Block::Control(message)))
            }
            tag => Err(DecodeError::UnknownTag(tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlayerId;

    #[test]
    fn control_messages_follow_one_another() {
        let chat = ServerMessage::Chat {
            from: Some(PlayerId(3)),
            text: "hello".into(),
        };
        let pong = ServerMessage::Pong { nonce: 7 };
        let mut bytes = Vec::new();
        put_control(&chat, &mut bytes);
        put_control(&pong, &mut bytes);
        let mut reader = PacketReader::new(&bytes).unwrap();
        for expected in [chat, pong] {
            match reader.next_block(None).unwrap() {
                Some(Block::Control(message)) => assert_eq!(message, expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(reader.next_block(None).unwrap().is_none());
    }

    #[test]
    fn an_unknown_tag_and_a_tick_before_welcome_are_errors() {
        let next = |bytes: &[u8]| {
            PacketReader::new(bytes)
                .unwrap()
                .next_block(None)
                .map(|block| block.is_some())
        };
        assert_eq!(next(&[9]), Err(DecodeError::UnknownTag(9)));
        assert_eq!(next(&[TAG_TICK, 0]), Err(DecodeError::UnknownTag(TAG_TICK)));
        assert_eq!(next(&[]), Ok(false));
    }
}
