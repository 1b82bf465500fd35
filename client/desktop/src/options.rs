//! The command line.

use clap::Parser;
use std::path::{Path, PathBuf};
use tickwire_netcode::socket::{Trust, TrustError};

/// Play Sparks on a Tickwire server.
///
/// Whatever is not given here is taken from the last run, or asked for on the title screen.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "tickwire-client", version)]
pub struct Options {
    /// Address of the server, such as `ws://127.0.0.1:8080/ws` or `wss://play.example.org/ws`
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Name shown to the other players
    #[arg(long)]
    pub name: Option<String>,
    /// Room to join
    #[arg(long)]
    pub room: Option<String>,
    /// Join at once, without waiting on the title screen
    #[arg(long)]
    pub autojoin: bool,
    /// Watch without an avatar; follows the leader
    #[arg(long)]
    pub spectate: bool,
    /// Token for a server that asks for one
    #[arg(long, env = "TICKWIRE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Believe the certificate authorities in this PEM file about `wss://` servers, instead of
    /// those that the system knows
    #[arg(long, value_name = "FILE", value_parser = authorities)]
    pub ca: Option<Trust>,
    /// Write the client's state to this file as JSON lines
    #[arg(long, value_name = "PATH")]
    pub telemetry: Option<PathBuf>,
    /// Folder for the pictures that F12 takes; the current one by default
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub screenshots: PathBuf,
    /// Size of the window in pixels
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = window_size)]
    pub size: WindowSize,
}

/// Width and height of the window in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Default for WindowSize {
    fn default() -> WindowSize {
        WindowSize {
            width: 1_280,
            height: 720,
        }
    }
}

/// Smallest and largest edge of the window in pixels: below, the panels overlap; above, no GPU
/// that we know makes a texture.
const WINDOW_EDGE: std::ops::RangeInclusive<u32> = 320..=8_192;

fn window_size(text: &str) -> Result<WindowSize, String> {
    let edge = |text: &str| text.parse().ok().filter(|edge| WINDOW_EDGE.contains(edge));
    text.split_once('x')
        .and_then(|(width, height)| {
            Some(WindowSize {
                width: edge(width)?,
                height: edge(height)?,
            })
        })
        .ok_or_else(|| "expected WIDTHxHEIGHT, each from 320 to 8192".to_owned())
}

/// Read once and at the start, so that a wrong file is told before any window opens.
fn authorities(path: &str) -> Result<Trust, TrustError> {
    Trust::from_file(Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let options = Options::parse_from(["tickwire-client", "--size", "640x360", "--autojoin"]);
        assert!(options.autojoin && !options.spectate);
        assert_eq!((options.size.width, options.size.height), (640, 360));
    }

    #[test]
    fn a_file_without_authorities_is_refused_at_the_start() {
        let wrong = ["tickwire-client", "--ca", "/nonexistent/ca.pem"];
        let error = Options::try_parse_from(wrong).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    }

    #[test]
    fn a_window_of_no_size_is_refused() {
        for text in ["", "640", "0x360", "640x", "x", "640x99999", "-1x360"] {
            assert!(window_size(text).is_err(), "{text}");
        }
    }
}
