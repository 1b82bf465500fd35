//! What a drained server leaves behind for the next one: rooms and tickets, in one file.

use crate::room::StoredRoom;
use crate::security::tickets::StoredSeat;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The layout of the file; another one is not read.
const LAYOUT: u32 = 1;

const FILE: &str = "state.json";
/// The same while it is written.
const DRAFT: &str = "state.draft";

/// Older state is of no use: nobody waits that long to come back.
const AGE_SECONDS_MAX: u64 = 15 * 60;

/// See the module.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    layout: u32,
    /// When it was written, in Unix time.
    written: u64,
    /// The number of the next session: numbers are not used twice.
    pub(super) next_session: u64,
    pub(super) rooms: Vec<StoredRoom>,
    pub(super) seats: Vec<StoredSeat>,
}

impl State {
    pub(super) fn new(next_session: u64, rooms: Vec<StoredRoom>, seats: Vec<StoredSeat>) -> State {
        State {
            layout: LAYOUT,
            written: 0,
            next_session,
            rooms,
            seats,
        }
    }

    /// Whether the folder can be written to; makes it if it is missing. At the start, because at
    /// the drain it is too late to do something about it.
    pub(super) fn check(dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)?;
        let draft = dir.join(DRAFT);
        std::fs::write(&draft, [])?;
        std::fs::remove_file(draft)
    }

    /// Writes the file, readable by its owner only, whole or not at all.
    pub(super) fn write(mut self, dir: &Path, now: u64) -> io::Result<PathBuf> {
        self.written = now;
        std::fs::create_dir_all(dir)?;
        let (path, draft) = (dir.join(FILE), dir.join(DRAFT));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&serde_json::to_vec(&self)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        Ok(path)
    }

    /// Takes the file up: it is read once. `None` if there is none, or none of use.
    pub(super) fn take(dir: &Path, now: u64) -> Option<State> {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).ok()?;
        // A second start must not bring back players who have left since.
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::error!(%error, path = %path.display(), "state cannot be taken up");
            return None;
        }
        match serde_json::from_slice::<State>(&bytes) {
            Ok(state) if state.layout != LAYOUT => {
                tracing::warn!(layout = state.layout, "state of another layout is left out");
                None
            }
            Ok(state) if now.saturating_sub(state.written) > AGE_SECONDS_MAX => {
                tracing::info!("state is too old and left out");
                None
            }
            Ok(state) => Some(state),
            Err(error) => {
                tracing::warn!(%error, "state cannot be read and is left out");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_taken_up_once_and_only_while_it_is_fresh() {
        let dir = std::env::temp_dir().join(format!("tickwire-state-{}", std::process::id()));
        let state = || State::new(7, Vec::new(), Vec::new());
        state().write(&dir, 1_000).unwrap();
        assert_eq!(State::take(&dir, 1_001).unwrap().next_session, 7);
        assert_eq!(State::take(&dir, 1_001), None);
        state().write(&dir, 1_000).unwrap();
        assert_eq!(State::take(&dir, 1_000 + AGE_SECONDS_MAX + 1), None);
        std::fs::write(dir.join(FILE), "{").unwrap();
        assert_eq!(State::take(&dir, 0), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_told_at_the_start() {
        let dir = std::env::temp_dir().join(format!("tickwire-folder-{}", std::process::id()));
        State::check(&dir.join("deep")).unwrap();
        assert_eq!(std::fs::read_dir(dir.join("deep")).unwrap().count(), 0);
        std::fs::write(dir.join("file"), "").unwrap();
        State::check(&dir.join("file")).unwrap_err();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
