//! Whether a bot that lost its connection came back as who it was and where it was.

use hdrhistogram::Histogram;
use tickwire_netcode::Client;
use tickwire_shared::game::UNIT;
use tickwire_shared::{LocalTime, PlayerId};

/// How far an avatar may stand from where its owner last saw it, in lattice points: 16 units. It
/// goes on with its last input until the server notices the loss, which takes milliseconds when
/// the line is cut and up to two seconds on a machine that is much too busy; on foot that is 14.
const PLACE: i32 = 16 * UNIT;

/// What a bot was when its connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    player: PlayerId,
    score: u32,
    /// On the lattice.
    position: [i32; 2],
    lost: LocalTime,
}

/// Bots that came back after a loss.
#[derive(Clone, Debug)]
pub struct Returns {
    /// Sessions that the server took up again.
    pub resumed: u64,
    /// Those with the same id, no lower score, and the avatar where it was.
    pub unchanged: u64,
    /// Bots that had to join anew, as somebody else.
    pub anew: u64,
    /// From the loss to the first tick, in microseconds.
    pub away: Histogram<u64>,
}

impl Before {
    /// The bot as it is known, if it plays.
    pub fn of(client: &Client, lost: LocalTime) -> Option<Before> {
        let player = client.player()?;
        let position = client.replica().avatar(player)?.body.position;
        Some(Before {
            player,
            score: client.score(),
            position: position.to_array(),
            lost,
        })
    }

    /// Whether `after` is the same player in the same place, none the poorer.
    fn is_kept(&self, after: &Before) -> bool {
        let near = |axis: usize| self.position[axis].abs_diff(after.position[axis]) <= PLACE as u32;
        self.player == after.player && after.score >= self.score && near(0) && near(1)
    }
}

impl Returns {
    /// Counts a bot that came back. `after` is as it was at its first tick.
    pub fn count(&mut self, before: &Before, after: &Before, is_resumed: bool) {
        let away = after.lost.since(before.lost).as_micros() as u64;
        self.away.saturating_record(away);
        self.resumed += u64::from(is_resumed);
        self.anew += u64::from(!is_resumed);
        self.unchanged += u64::from(is_resumed && before.is_kept(after));
    }

    /// Whether there was anything to count.
    pub fn is_none(&self) -> bool {
        self.resumed + self.anew == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;

    #[test]
    fn a_return_is_kept_with_the_same_id_no_lower_score_and_a_place_nearby() {
        let before = Before {
            player: PlayerId(3),
            score: 5,
            position: [10 * UNIT, 20 * UNIT],
            lost: LocalTime(1_000_000),
        };
        let after = Before {
            lost: LocalTime(3_000_000),
            ..before
        };
        let mut returns = Tally::default().returns;
        assert!(returns.is_none());
        returns.count(&before, &after, true);
        assert_eq!((returns.resumed, returns.unchanged), (1, 1));
        for changed in [
            Before {
                player: PlayerId(4),
                ..after
            },
            Before { score: 4, ..after },
            Before {
                position: [10 * UNIT, 37 * UNIT],
                ..after
            },
        ] {
            returns.count(&before, &changed, true);
        }
        returns.count(&before, &after, false);
        assert_eq!(
            (returns.resumed, returns.unchanged, returns.anew),
            (4, 1, 1)
        );
        assert_eq!(returns.away.len(), 5);
        assert!(returns.away.max() > 1_900_000);
    }
}
