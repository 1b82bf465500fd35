//! `tickwire-client`: options, then the window.

use clap::Parser;
use std::process::ExitCode;
use tickwire_client::{Options, check_display, install_panic_words, run};

fn main() -> ExitCode {
    let options = Options::parse();
    install_panic_words();
    match check_display() {
        Ok(()) => run(options),
        Err(code) => code,
    }
}
