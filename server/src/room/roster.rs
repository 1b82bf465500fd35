//! Who is in the room, as an immutable list that is rebuilt only when somebody comes or goes and
//! encoded only when somebody needs it.

use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use tickwire_shared::PlayerId;
use tickwire_shared::wire::{RosterEntry, ServerMessage, packet};

/// Everybody's id and name.
#[derive(Debug, Default)]
pub struct Roster {
    entries: Vec<(PlayerId, Arc<str>)>,
    id_bound: u16,
    listing: OnceLock<Bytes>,
    replacement: OnceLock<Bytes>,
}

impl Roster {
    pub(super) fn new(entries: Vec<(PlayerId, Arc<str>)>, id_bound: u16) -> Roster {
        Roster {
            entries,
            id_bound,
            ..Roster::default()
        }
    }

    /// Ids and names in ascending order of id.
    pub fn entries(&self) -> &[(PlayerId, Arc<str>)] {
        &self.entries
    }

    /// The control block that lists everybody, for a session that knows nobody yet.
    pub fn listing(&self) -> &[u8] {
        self.listing.get_or_init(|| self.encode(Vec::new()))
    }

    /// The control block for a session that missed changes: everybody who is present, and every
    /// other id as gone.
    pub fn replacement(&self) -> &[u8] {
        self.replacement.get_or_init(|| {
            let mut present = self.entries.iter().map(|(id, _)| *id).peekable();
            let gone = (0..self.id_bound)
                .map(PlayerId)
                .filter(|id| present.next_if_eq(id).is_none());
            self.encode(gone.collect())
        })
    }

    fn encode(&self, left: Vec<PlayerId>) -> Bytes {
        let joined = self.entries.iter().map(|(id, name)| RosterEntry {
            id: *id,
            name: name.to_string(),
        });
        let message = ServerMessage::Roster {
            joined: joined.collect(),
            left,
        };
        let mut out = Vec::new();
        packet::put_control(&message, &mut out);
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::wire::{Block, PacketReader};

    #[test]
    fn a_replacement_names_every_free_id_as_gone() {
        let entries = vec![(PlayerId(1), "ann".into()), (PlayerId(3), "bo".into())];
        let roster = Roster::new(entries, 5);
        let mut packet = PacketReader::new(roster.replacement()).unwrap();
        let Ok(Some(Block::Control(ServerMessage::Roster { joined, left }))) =
            packet.next_block(None)
        else {
            panic!("not a roster");
        };
        assert_eq!(joined.len(), 2);
        assert_eq!(left, [PlayerId(0), PlayerId(2), PlayerId(4)]);
    }
}
