//! Defects on purpose: what the checkers are worth is shown by what they catch.
//!
//! Nothing here is compiled into server or client. Each fault stands between the real parts and
//! does what a defect inside them would.

use std::sync::Arc;
use tickwire_server::room::Broadcast;
use tickwire_shared::game::Grid;
use tickwire_shared::wire::packet::put_control;
use tickwire_shared::wire::{Block, CellPart, PacketReader, TickComposer, TickReader};

/// A defect to put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The room takes a late input a second time, one tick later.
    LateInputTwice,
    /// A session sends deltas to subscriptions that await a keyframe.
    DeltaToAwaiting,
    /// The client's clock slews but never jumps.
    ClockWithoutReset,
}

impl Fault {
    /// Every fault, with its name on the command line.
    pub const ALL: [(&'static str, Fault); 3] = [
        ("late-input-twice", Fault::LateInputTwice),
        ("delta-to-awaiting", Fault::DeltaToAwaiting),
        ("clock-without-reset", Fault::ClockWithoutReset),
    ];

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Fault> {
        let found = Fault::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, fault)| fault)
    }
}

/// Rewrites the packets of one session: every keyframe after the first tick becomes a delta.
#[derive(Debug)]
pub struct Forger {
    grid: Grid,
    reader: TickReader,
    composer: TickComposer,
    began: bool,
}

impl Forger {
    /// For a session of a room with this grid.
    pub fn new(grid: Grid) -> Forger {
        Forger {
            grid,
            reader: TickReader::new(grid),
            composer: TickComposer::default(),
            began: false,
        }
    }

    /// The packet as a defective session would have composed it.
    pub fn forge(&mut self, packet: &[u8], history: &[Arc<Broadcast>]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut blocks = PacketReader::new(packet).expect("composed by a session");
        while let Some(block) = blocks
            .next_block(Some(&mut self.reader))
            .expect("composed by a session")
        {
            match block {
                Block::Control(message) => put_control(&message, &mut out),
                Block::Tick(view) => {
                    let parts: Vec<_> = view.cells().collect();
                    let truth = history.iter().find(|b| b.tick() == view.head.tick);
                    let forged = |cell| {
                        let found = parts.iter().find(|(id, _)| *id == cell);
                        let part = found.map_or(CellPart::Delta(&[]), |(_, part)| *part);
                        match (part, truth) {
                            (CellPart::Keyframe(_), Some(truth)) if self.began => {
                                CellPart::Delta(truth.delta(cell))
                            }
                            (part, _) => part,
                        }
                    };
                    self.composer
                        .compose(&self.grid, view.head, forged, &mut out);
                    self.began = true;
                }
            }
        }
        out
    }
}
