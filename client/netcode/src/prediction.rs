//! The own avatar, at once: inputs are applied here when they are sampled, and the server's body
//! is taken over, bit for bit, when it comes.
//!
//! Every predicted tick is kept until the stream shows it. If the stream's body and input are the
//! predicted ones (they are, unless something happened that this client could not know) there is
//! nothing to do, not even a replay. If not, the kept inputs are replayed on the authoritative
//! body, and the difference in drawing decays. Glenn Fiedler, "Networked Physics", 2004; the
//! equality is exact because both ends run the same integer step.

use std::collections::VecDeque;
use tickwire_shared::Tick;
use tickwire_shared::game::{Body, Input, World};

/// Why the server's own body differed from the predicted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CorrectionCause {
    /// The server ran the tick with another input than the one sent for it.
    LateInput,
    /// Same input, another body: something other than the step moved it.
    ServerEvent,
    /// The stream went on after a gap, or the own avatar came into view again.
    Resync,
}

/// What a tick of the stream says about its prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing had been predicted for it.
    Unknown,
    /// Equal, bit for bit.
    AsPredicted,
    /// Different; the pending inputs have been replayed on what is true.
    Corrected(CorrectionCause),
}

/// Predicted ticks kept at most. The server takes inputs 64 ticks ahead and a stall of the stream
/// may last; beyond this the prediction stands still until the stream comes back.
pub(crate) const PENDING_MAX: usize = 256;

/// Authoritative body and the ticks predicted on top of it.
#[derive(Debug, Default)]
pub(crate) struct Prediction {
    /// The newest own state that the stream showed.
    truth: Option<Known>,
    /// Ascending, without gaps, from `truth.tick + 1`.
    pending: VecDeque<Known>,
    /// What the server was sent, by label, under the server's own rule: an input holds until the
    /// next, and a label that comes down gives up what was said for later.
    sent: VecDeque<(Tick, Input)>,
    /// The stream skipped something: the next difference is a resync.
    gap: bool,
}

/// The own state at the end of a tick and the input it ran with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) tick: Tick,
    pub(crate) input: Input,
    pub(crate) body: Body,
}

impl Prediction {
    /// The newest predicted state, or the authoritative one if nothing is ahead of it.
    pub(crate) fn newest(&self) -> Option<&Known> {
        self.pending.back().or(self.truth.as_ref())
    }

    /// The newest authoritative state.
    pub(crate) fn truth(&self) -> Option<&Known> {
        self.truth.as_ref()
    }

    /// The server is being sent `input` for `label`.
    pub(crate) fn note_sent(&mut self, label: Tick, input: Input) {
        while self.sent.back().is_some_and(|(later, _)| *later >= label) {
            self.sent.pop_back();
        }
        if self.sent.len() == PENDING_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((label, input));
    }

    /// Predicts the tick after the newest. Returns the new state; `None` before the first
    /// authoritative body and when too much is pending.
    pub(crate) fn predict(&mut self, world: &World) -> Option<&Known> {
        if self.pending.len() >= PENDING_MAX {
            return None;
        }
        let last = self.newest()?;
        let tick = last.tick.next();
        let said = self.sent.partition_point(|(label, _)| *label <= tick);
        let input = match said.checked_sub(1) {
            Some(at) => self.sent[at].1,
            None => last.input,
        };
        let next = Known {
            tick,
            input,
            body: world.step(&last.body, &input),
        };
        self.pending.push_back(next);
        self.pending.back()
    }

    /// Gives up what was predicted for ticks after `tick`: the clock was set back.
    pub(crate) fn truncate(&mut self, tick: Tick) {
        while self.pending.back().is_some_and(|known| known.tick > tick) {
            self.pending.pop_back();
        }
    }

    /// The stream left something out.
    pub(crate) fn note_gap(&mut self) {
        self.gap = true;
    }

    /// Takes over what the stream shows for its newest tick.
    pub(crate) fn reconcile(&mut self, world: &World, shown: Known) -> Verdict {
        let gap = std::mem::take(&mut self.gap);
        let first = self.truth.is_none();
        let mut predicted = None;
        while let Some(known) = self.pending.front()
            && known.tick <= shown.tick
        {
            predicted = self.pending.pop_front();
        }
        self.truth = Some(shown);
        // The newest input that is not for later may still be on its way; keep it.
        while self
            .sent
            .get(1)
            .is_some_and(|(label, _)| *label <= shown.tick)
        {
            self.sent.pop_front();
        }
        let starts_after = self.pending.front().map(|known| known.tick);
        if starts_after.is_some_and(|tick| tick != shown.tick.next()) {
            // The own avatar was out of view for long; what is pending hangs in the air.
            self.pending.clear();
        }
        let cause = match predicted.filter(|known| known.tick == shown.tick) {
            Some(known) if known == shown => return Verdict::AsPredicted,
            _ if gap => CorrectionCause::Resync,
            Some(known) if known.input != shown.input => CorrectionCause::LateInput,
            Some(_) => CorrectionCause::ServerEvent,
            // Nothing was predicted for this tick: the first body, or a clock behind the stream.
            None if first || self.pending.is_empty() => return Verdict::Unknown,
            None => CorrectionCause::Resync,
        };
        let mut body = shown.body;
        for known in &mut self.pending {
            body = world.step(&body, &known.input);
            known.body = body;
        }
        Verdict::Corrected(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::IVec2;
    use tickwire_shared::TickRate;
    use tickwire_shared::game::Arena;

    fn world() -> World {
        World::new(Arena::named("plain").unwrap(), TickRate::DEFAULT)
    }

    fn east() -> Input {
        Input::from_keys(1, 0, None, false)
    }

    fn north() -> Input {
        Input::from_keys(0, 1, None, false)
    }

    fn known(world: &World, before: &Known, input: Input) -> Known {
        Known {
            tick: before.tick.next(),
            input,
            body: world.step(&before.body, &input),
        }
    }

    fn start(world: &World) -> Known {
        Known {
            tick: Tick(10),
            input: Input::IDLE,
            body: Body::at(world.arena.free_position(5)),
        }
    }

    fn ahead(world: &World, inputs: &[Input]) -> Prediction {
        let mut prediction = Prediction::default();
        assert_eq!(prediction.reconcile(world, start(world)), Verdict::Unknown);
        for input in inputs {
            let tick = prediction.newest().unwrap().tick.next();
            prediction.note_sent(tick, *input);
            prediction.predict(world).unwrap();
        }
        prediction
    }

    #[test]
    fn a_stream_that_shows_the_prediction_corrects_nothing() {
        let world = world();
        let inputs = [east(), east(), north(), north()];
        let mut prediction = ahead(&world, &inputs);
        let newest = *prediction.newest().unwrap();
        let mut truth = start(&world);
        for input in inputs {
            truth = known(&world, &truth, input);
            assert_eq!(prediction.reconcile(&world, truth), Verdict::AsPredicted);
        }
        assert_eq!(*prediction.newest().unwrap(), newest);
        assert_eq!(truth, newest);
    }

    #[test]
    fn a_late_input_and_a_server_event_are_told_apart_and_replayed_bit_for_bit() {
        let world = world();
        let inputs = [east(), east(), north()];
        let mut prediction = ahead(&world, &inputs);
        // The first input came late: the server ran its tick idle.
        let truth = known(&world, &start(&world), Input::IDLE);
        let cause = prediction.reconcile(&world, truth);
        assert_eq!(cause, Verdict::Corrected(CorrectionCause::LateInput));
        // A bump threw the body during the second.
        let mut truth = known(&world, &truth, east());
        truth.body.velocity += IVec2::new(0, 9_000);
        let cause = prediction.reconcile(&world, truth);
        assert_eq!(cause, Verdict::Corrected(CorrectionCause::ServerEvent));
        let last = known(&world, &truth, north());
        assert_eq!(*prediction.newest().unwrap(), last);
        assert_eq!(prediction.reconcile(&world, last), Verdict::AsPredicted);
    }

    #[test]
    fn after_a_gap_the_difference_is_a_resync() {
        let world = world();
        let mut prediction = ahead(&world, &[east(), east(), east()]);
        prediction.note_gap();
        let mut truth = start(&world);
        for _ in 0..2 {
            truth = known(&world, &truth, Input::IDLE);
        }
        let cause = prediction.reconcile(&world, truth);
        assert_eq!(cause, Verdict::Corrected(CorrectionCause::Resync));
        assert_eq!(prediction.newest().unwrap().tick, Tick(13));
    }

    #[test]
    fn what_was_sent_before_the_first_body_is_predicted_with() {
        let world = world();
        let mut prediction = Prediction::default();
        prediction.note_sent(Tick(14), north());
        prediction.note_sent(Tick(12), east());
        prediction.note_sent(Tick(13), north());
        prediction.reconcile(&world, start(&world));
        let mut truth = start(&world);
        for input in [Input::IDLE, east(), north(), north()] {
            truth = known(&world, &truth, input);
            assert_eq!(prediction.predict(&world), Some(&truth));
        }
    }

    #[test]
    fn pending_ticks_are_bounded() {
        let world = world();
        let mut prediction = ahead(&world, &[]);
        let predicted = (0..10_000)
            .filter(|_| prediction.predict(&world).is_some())
            .count();
        assert_eq!(predicted, PENDING_MAX);
    }
}
