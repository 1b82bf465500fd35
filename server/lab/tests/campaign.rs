//! The campaign in small: what `tickwire-lab simulate` does with thousands of seeds.

use indicatif::ProgressBar;
use std::process::Command;
use tickwire_lab::campaign::{self, Plan, Summary};
use tickwire_lab::fault::Fault;

/// Seeds within which a defect must show.
const FAULT_SEEDS_MAX: u64 = 200;

fn run(seeds: std::ops::Range<u64>, fault: Option<Fault>) -> Summary {
    let plan = Plan {
        seeds,
        fault,
        threads: 2,
        keep_going: false,
    };
    campaign::run(&plan, &ProgressBar::hidden())
}

#[test]
fn a_few_dozen_seeds_violate_nothing() {
    let summary = run(0..36, None);
    for failure in &summary.failures {
        let command = campaign::repeat_command(failure.seed, None);
        eprintln!("seed {} failed {}", failure.seed, failure.what);
        eprintln!("repeat it with: {command}");
    }
    assert_eq!((summary.passed, summary.failures.len()), (36, 0));
}

/// The defect is caught, and by the checker of the rule that it breaks.
fn is_caught(fault: Fault, rule: &str) {
    let summary = run(0..FAULT_SEEDS_MAX, Some(fault));
    let failure = summary.failures.first();
    let failure = failure.unwrap_or_else(|| panic!("{fault:?} was not caught"));
    println!("{fault:?}: seed {} failed {}", failure.seed, failure.what);
    assert!(failure.what.contains(rule), "not by `{rule}`: {failure:?}");
}

#[test]
fn a_late_input_that_is_applied_twice_is_caught() {
    let rule = "every tick runs with the newest input that is not for later, once";
    is_caught(Fault::LateInputTwice, rule);
}

#[test]
fn a_delta_to_an_awaiting_subscription_is_caught() {
    let rule = "a delta is never sent to a subscription that awaits a keyframe";
    is_caught(Fault::DeltaToAwaiting, rule);
}

#[test]
fn a_clock_that_never_jumps_is_caught() {
    let rule = "a client converges within two seconds after the line calms";
    is_caught(Fault::ClockWithoutReset, rule);
}

#[test]
fn the_same_seeds_give_the_same_trace_in_a_second_process() {
    let here = run(100..104, None).trace_hash;
    let output = Command::new(env!("CARGO_BIN_EXE_tickwire-lab"))
        .args(["simulate", "--seeds", "100..104"])
        .output()
        .expect("the laboratory's own binary runs");
    let there = String::from_utf8(output.stdout).expect("UTF-8");
    println!("trace {here:016x} here; there: {there}");
    assert!(there.contains(&format!("trace {here:016x}")), "{there}");
}
