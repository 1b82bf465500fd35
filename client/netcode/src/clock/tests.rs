//! The controller against a server and a line of arithmetic.

use super::*;

/// A server that runs tick `t` at `t / hz` plus `behind`, and a line that takes `delay`
/// seconds there and nothing back.
struct Rig {
    clock: Clock,
    now: LocalTime,
    behind: f64,
    rate: TickRate,
    next: u32,
    label: u32,
    in_flight: VecDeque<(LocalTime, u32)>,
    margin: InputMargin,
    late: u32,
}

impl Rig {
    fn new(hz: u16) -> Rig {
        let rate = TickRate::new(hz).unwrap();
        let mut clock = Clock::new(ClockConfig::default(), rate, LocalTime(0));
        clock.set(LocalTime(0), Tick(0), Duration::from_millis(20));
        Rig {
            clock,
            now: LocalTime(0),
            behind: 0.0,
            rate,
            next: 0,
            label: 0,
            in_flight: VecDeque::new(),
            margin: 0,
            late: 0,
        }
    }

    /// Lets `seconds` pass; returns how many inputs came late.
    fn run(&mut self, seconds: f64, delay: impl Fn(u32) -> f64) -> u32 {
        let end = self.now + Duration::from_secs_f64(seconds);
        let late = self.late;
        let hz = f64::from(self.rate.hz());
        while self.now < end {
            self.now = self.now + Duration::from_millis(1);
            self.clock.advance(self.now);
            let due = self.clock.ticks(self.now) as u32;
            if due > self.label {
                self.label = due;
                if due.is_multiple_of(4) {
                    self.clock.sent(Tick(due));
                    let arrival = self.now + Duration::from_secs_f64(delay(due));
                    let last = self.in_flight.back().map_or(arrival, |(at, _)| *at);
                    self.in_flight.push_back((arrival.max(last), due));
                }
            }
            let tick_at =
                |tick: u32, behind: f64| LocalTime(((f64::from(tick) / hz + behind) * 1e6) as u64);
            while let Some((at, label)) = self.in_flight.front().copied()
                && at <= self.now
            {
                self.in_flight.pop_front();
                let margin = tick_at(label, self.behind).micros_since(at) as f64 / 1e6 * hz;
                self.margin = (margin * 16.0).floor().clamp(-127.0, 127.0) as InputMargin;
                self.late += u32::from(margin < 0.0);
            }
            while tick_at(self.next, self.behind) <= self.now {
                let tick = Tick(self.next);
                self.next += 1;
                self.clock.margin(self.now, tick, self.margin);
                self.clock.check(self.now, tick, Duration::from_millis(20));
            }
        }
        self.late - late
    }
}

#[test]
fn inputs_are_in_time_on_a_steady_line_at_every_rate() {
    for hz in [10, 30, 60, 128] {
        for delay in [0.001, 0.04, 0.15] {
            let mut rig = Rig::new(hz);
            rig.run(3.0, |_| delay);
            let late = rig.run(20.0, |_| delay);
            assert_eq!(late, 0, "at {hz} Hz over {delay} s");
            assert_eq!(rig.clock.state(), ClockState::Tracking);
            let lead = rig.clock.ticks(rig.now) / f64::from(hz) - rig.now.0 as f64 / 1e6;
            assert!(
                lead < delay + 0.06,
                "lead {lead} s over {delay} s at {hz} Hz"
            );
        }
    }
}

#[test]
fn a_server_that_skips_time_is_found_again() {
    let mut rig = Rig::new(30);
    rig.run(10.0, |_| 0.03);
    rig.behind = 3.0;
    rig.run(8.0, |_| 0.03);
    assert_eq!(rig.run(10.0, |_| 0.03), 0);
    let ahead = rig.clock.ticks(rig.now) - f64::from(rig.next);
    assert!((0.0..12.0).contains(&ahead), "{ahead} ticks ahead");
}

#[test]
fn a_server_that_stood_still_for_a_few_ticks_costs_no_lead_for_minutes() {
    for hz in [30, 60, 128] {
        let mut rig = Rig::new(hz);
        // Up to 8 ms of jitter, by the label.
        let delay =
            |label: u32| 0.02 + f64::from(label.wrapping_mul(2_654_435_761) >> 24) / 32_000.0;
        rig.run(30.0, delay);
        let lead_of = |rig: &Rig| {
            let server = (seconds(rig.now, LocalTime(0)) - rig.behind) * f64::from(hz);
            (rig.clock.ticks(rig.now) - server) / f64::from(hz)
        };
        let lead = lead_of(&rig);
        // Too little to be a jump, too much to be borne.
        rig.behind += 0.08;
        rig.run(15.0, delay);
        let longer = lead_of(&rig) - lead;
        assert!(
            longer.abs() < 0.02,
            "{hz} Hz: {longer} s more lead than before"
        );
        assert_eq!(rig.run(10.0, delay), 0);
    }
}

#[test]
fn one_hiccup_on_a_steady_line_costs_no_lead_for_minutes() {
    let mut rig = Rig::new(30);
    rig.run(20.0, |_| 0.01);
    let lead = |rig: &Rig| rig.clock.ticks(rig.now) / 30.0 - rig.now.0 as f64 / 1e6;
    let before = lead(&rig);
    let hiccup = |label: u32| if label / 8 == 80 { 0.16 } else { 0.01 };
    assert!(rig.run(4.0, hiccup) > 0, "the hiccup was seen");
    rig.run(2.0, |_| 0.01);
    let after = lead(&rig);
    assert!(after < before + 0.01, "{before} s before, {after} s after");
}

#[test]
fn jitter_is_paid_for_with_lead_and_not_with_late_inputs() {
    let mut rig = Rig::new(30);
    let jitter = |label: u32| 0.03 + f64::from(label.wrapping_mul(2_654_435_761) >> 20) * 1e-5;
    rig.run(20.0, jitter);
    assert!(rig.run(60.0, jitter) <= 1);
}
