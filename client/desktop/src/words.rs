//! Start-up problems in words: what a player reads on the terminal when no window can be opened.
//!
//! Bevy and winit panic when there is no display, no GPU driver or a library is missing. A hook
//! turns what they say into what to do about it, and ends the process.

use std::panic::PanicHookInfo;
use std::process::ExitCode;

/// Exit status when the machine cannot show the game.
const EXIT_NO_WINDOW: u8 = 2;
/// Exit status of a fault in the program itself, as Rust uses it.
const EXIT_FAULT: i32 = 101;

/// Characters quoted of what a library said.
const QUOTE_CHARS_MAX: usize = 72;

/// Why the game cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    NoDisplay,
    NoGraphicsDriver,
    MissingLibrary,
    GraphicsLost,
}

/// Looks for what would certainly fail, before anything is started.
pub fn check_display() -> Result<(), ExitCode> {
    let has_display = std::env::var_os("DISPLAY").is_some_and(|value| !value.is_empty());
    if cfg!(all(unix, not(target_os = "macos"))) && !has_display {
        eprintln!("{}", explain(Trouble::NoDisplay, "DISPLAY is not set"));
        return Err(ExitCode::from(EXIT_NO_WINDOW));
    }
    Ok(())
}

/// From here on a panic ends the process with words instead of a backtrace. Of a fault of the
/// program's own, the backtrace follows for those who asked for it by `RUST_BACKTRACE`.
pub fn install_panic_words() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let said = message(info);
        if let Some(trouble) = recognise(&said) {
            eprintln!("{}", explain(trouble, &said));
            std::process::exit(EXIT_NO_WINDOW.into());
        }
        eprintln!("{}", fault(&said, info));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            default_hook(info);
        }
        std::process::exit(EXIT_FAULT);
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

fn recognise(said: &str) -> Option<Trouble> {
    let has = |part: &str| said.contains(part);
    if has("Unable to find a GPU") || has("RequestDeviceError") || has("request_device") {
        Some(Trouble::NoGraphicsDriver)
    } else if has("Library lib") && has("could not be loaded") {
        Some(Trouble::MissingLibrary)
    } else if has("event loop") || has("XOpenDisplay") || has("DISPLAY") {
        Some(Trouble::NoDisplay)
    } else if has("create_surface") || has("Surface") || has("device lost") || has("Device lost") {
        Some(Trouble::GraphicsLost)
    } else {
        None
    }
}

fn explain(trouble: Trouble, said: &str) -> String {
    let (what, remedy) = match trouble {
        Trouble::NoDisplay => (
            "there is no display to open a window on",
            "Start the game from a desktop session. On a machine without a screen, a virtual \
             display serves: xvfb-run tickwire-client",
        ),
        Trouble::NoGraphicsDriver => (
            "no usable Vulkan graphics driver was found",
            "Install the driver of your graphics card. Without one, software rendering works: on \
             Debian and Ubuntu, apt install mesa-vulkan-drivers. If VK_ICD_FILENAMES or \
             VK_DRIVER_FILES is set, check that it names an existing file.",
        ),
        Trouble::MissingLibrary => (
            "a system library is missing",
            "On Debian and Ubuntu: apt install libxkbcommon-x11-0 libxkbcommon0 libx11-6 \
             libx11-xcb1 libxcursor1 libxi6 libvulkan1",
        ),
        Trouble::GraphicsLost => (
            "the graphics driver stopped working",
            "Start the game again; if it happens often, update the graphics driver.",
        ),
    };
    // Enough to search for; the rest is for those who wrote it.
    let quote: String = said
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(QUOTE_CHARS_MAX)
        .collect();
    format!("tickwire-client cannot start: {what}.\n  {remedy}\n  (It said: {quote})")
}

fn fault(said: &str, info: &PanicHookInfo<'_>) -> String {
    let place = info
        .location()
        .map(|at| format!(" ({}:{})", at.file(), at.line()))
        .unwrap_or_default();
    format!(
        "tickwire-client has to close because of a fault of its own: {said}{place}\n  \
         Please report it; RUST_BACKTRACE=1 shows more."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bevy_and_winit_say_is_recognised() {
        let cases = [
            (
                "Unable to find a GPU! Make sure you have installed required drivers!",
                Some(Trouble::NoGraphicsDriver),
            ),
            (
                "Library libxkbcommon-x11.so could not be loaded.",
                Some(Trouble::MissingLibrary),
            ),
            (
                "Failed to build event loop: Os(OsError { .. })",
                Some(Trouble::NoDisplay),
            ),
            ("index out of bounds", None),
        ];
        for (said, expected) in cases {
            assert_eq!(recognise(said), expected, "{said}");
        }
    }

    #[test]
    fn words_name_the_trouble_and_the_remedy_and_quote_one_line() {
        let words = explain(Trouble::NoGraphicsDriver, "first\nsecond");
        assert!(words.contains("Vulkan") && words.contains("mesa-vulkan-drivers"));
        assert!(words.contains("(It said: first)") && !words.contains("second"));
    }
}
