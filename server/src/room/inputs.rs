//! The jitter buffer of one player: inputs that came before their tick, in the order of ticks.
//!
//! A client labels an input with the tick it is for and runs ahead of the server, so that inputs
//! usually wait here for a tick or two. The buffer is the only place where the network's jitter
//! touches the game, and it is small: its length is bounded by the lead that a label may have.

use std::collections::VecDeque;
use tickwire_shared::game::Input;
use tickwire_shared::limits::INPUT_LEAD_TICKS_MAX;
use tickwire_shared::wire::tick_message::{InputMargin, MARGIN_STEPS_PER_TICK};
use tickwire_shared::{LocalTime, Tick, TickRate};

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits for its tick.
    InTime,
    /// Its tick has run. It counts from the next tick on.
    Late,
    /// Its tick is too far ahead; it is gone.
    TooEarly,
}

/// Inputs of one player that have not been applied yet.
#[derive(Clone, Debug, Default)]
pub(super) struct InputBuffer {
    /// In ascending order of tick.
    waiting: VecDeque<(Tick, Input)>,
    /// The intent that holds until the next one.
    holding: Input,
    /// Label and arrival of the newest input, until its margin is computed.
    newest: Option<(Tick, LocalTime)>,
    margin: InputMargin,
}

impl InputBuffer {
    /// Takes an input for `tick`. `next` is the tick that the room runs next.
    pub(super) fn push(
        &mut self,
        tick: Tick,
        input: Input,
        next: Tick,
        arrived: LocalTime,
    ) -> Pushed {
        if tick.since(next) > i64::from(INPUT_LEAD_TICKS_MAX) {
            return Pushed::TooEarly;
        }
        // The connection keeps the order of messages, so a later label that came earlier belongs
        // to a timeline which the client has given up (its clock was reset).
        while self.waiting.back().is_some_and(|(label, _)| *label >= tick) {
            self.waiting.pop_back();
        }
        self.waiting.push_back((tick, input));
        self.newest = Some((tick, arrived));
        if tick < next {
            Pushed::Late
        } else {
            Pushed::InTime
        }
    }

    /// The intent for `tick`, which starts at `now`: the newest that is not for later.
    ///
    /// `measured` is told the margin of an input that came since the last call.
    pub(super) fn take(
        &mut self,
        tick: Tick,
        now: LocalTime,
        rate: TickRate,
        measured: impl FnOnce(InputMargin),
    ) -> Input {
        if let Some((label, arrived)) = self.newest.take() {
            self.margin = margin(label, arrived, tick, now, rate);
            measured(self.margin);
        }
        while let Some((label, input)) = self.waiting.front() {
            if *label > tick {
                break;
            }
            self.holding = *input;
            self.waiting.pop_front();
        }
        self.holding
    }

    /// Forgets everything: the player who comes back starts with a clock of its own.
    pub(super) fn clear(&mut self) {
        *self = InputBuffer::default();
    }

    /// How early the last input came.
    pub(super) fn margin(&self) -> InputMargin {
        self.margin
    }
}

/// The time from the arrival to the start of the labelled tick, given that `tick` starts at `now`.
fn margin(
    label: Tick,
    arrived: LocalTime,
    tick: Tick,
    now: LocalTime,
    rate: TickRate,
) -> InputMargin {
    let hz = i64::from(rate.hz());
    let waited = now.micros_since(arrived).clamp(-10_000_000, 10_000_000);
    let steps = label.since(tick).saturating_mul(MARGIN_STEPS_PER_TICK)
        + (waited * hz * MARGIN_STEPS_PER_TICK).div_euclid(1_000_000);
    steps.clamp(-127, 127) as InputMargin
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::game::Angle;

    fn heading(angle: u8) -> Input {
        Input::new(
            Angle(angle),
            tickwire_shared::game::Throttle::FULL,
            None,
            false,
        )
    }

    fn take(buffer: &mut InputBuffer, tick: u32) -> Input {
        buffer.take(Tick(tick), LocalTime(0), TickRate::DEFAULT, |_| ())
    }

    fn push(buffer: &mut InputBuffer, tick: u32, next: u32, angle: u8) -> Pushed {
        buffer.push(Tick(tick), heading(angle), Tick(next), LocalTime(0))
    }

    #[test]
    fn an_input_waits_for_its_tick_and_holds_until_the_next() {
        let mut buffer = InputBuffer::default();
        assert_eq!(push(&mut buffer, 5, 3, 1), Pushed::InTime);
        assert_eq!(push(&mut buffer, 7, 3, 2), Pushed::InTime);
        let applied: Vec<_> = (3..9).map(|tick| take(&mut buffer, tick)).collect();
        let (idle, one, two) = (Input::IDLE, heading(1), heading(2));
        assert_eq!(applied, [idle, idle, one, one, two, two]);
    }

    #[test]
    fn a_late_input_is_applied_at_the_next_tick() {
        let mut buffer = InputBuffer::default();
        assert_eq!(push(&mut buffer, 2, 5, 1), Pushed::Late);
        assert_eq!(push(&mut buffer, 3, 5, 2), Pushed::Late);
        assert_eq!(take(&mut buffer, 5), heading(2));
    }

    #[test]
    fn an_input_too_far_ahead_is_dropped_and_the_buffer_stays_bounded() {
        let mut buffer = InputBuffer::default();
        assert_eq!(
            push(&mut buffer, 4 + INPUT_LEAD_TICKS_MAX, 3, 1),
            Pushed::TooEarly
        );
        for label in 3..=3 + INPUT_LEAD_TICKS_MAX {
            assert_eq!(push(&mut buffer, label, 3, 1), Pushed::InTime);
        }
        for _ in 0..1_000 {
            push(&mut buffer, 2, 3, 1);
        }
        assert_eq!(buffer.waiting.len(), 1);
    }

    #[test]
    fn a_clock_that_was_set_back_replaces_what_it_said_before() {
        let mut buffer = InputBuffer::default();
        push(&mut buffer, 9, 3, 1);
        push(&mut buffer, 5, 3, 2);
        assert_eq!(take(&mut buffer, 9), heading(2));
    }

    #[test]
    fn the_margin_is_signed_and_counts_sixteenths_of_a_tick() {
        let rate = TickRate::new(50).unwrap();
        let at = |label, arrived| {
            margin(
                Tick(label),
                LocalTime(arrived),
                Tick(10),
                LocalTime(1_000_000),
                rate,
            )
        };
        assert_eq!(at(10, 990_000), 8);
        assert_eq!(at(12, 1_000_000), 32);
        assert_eq!(at(9, 1_000_000), -16);
        assert_eq!(at(10, 1_000_001), -1);
        assert_eq!(at(60, 0), 127);
        assert_eq!(at(0, 1_000_000), -127);
    }
}
