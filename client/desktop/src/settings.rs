//! What the title screen remembers between runs: a small JSON file in the platform's config
//! folder. Losing it costs a player three words, so errors are told in the log and go no further.

use crate::options::Options;
use bevy::log::warn;
use bevy::prelude::Resource;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where, as whom and in which room to play.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Resource)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) room: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            server: "ws://127.0.0.1:8080/ws".to_owned(),
            name: "player".to_owned(),
            room: "lobby".to_owned(),
        }
    }
}

impl Settings {
    /// The last run's settings, overruled by the command line.
    pub(crate) fn load(options: &Options) -> Settings {
        let saved = settings_path().map(|path| Settings::read(&path));
        saved.unwrap_or_default().overruled_by(options)
    }

    /// Remembers for the next run.
    pub(crate) fn save(&self) {
        if let Some(path) = settings_path()
            && let Err(error) = self.write(&path)
        {
            warn!(
                "the settings are not remembered: {}: {error}",
                path.display()
            );
        }
    }

    fn overruled_by(self, options: &Options) -> Settings {
        let or = |given: &Option<String>, saved| given.clone().unwrap_or(saved);
        Settings {
            server: or(&options.server, self.server),
            name: or(&options.name, self.name),
            room: or(&options.room, self.room),
        }
    }

    /// A file that is missing or damaged counts as none.
    fn read(path: &Path) -> Settings {
        let Ok(text) = std::fs::read_to_string(path) else {
            return Settings::default();
        };
        serde_json::from_str(&text).unwrap_or_else(|error| {
            warn!("the settings are not read: {}: {error}", path.display());
            Settings::default()
        })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }
}

fn settings_path() -> Option<PathBuf> {
    let folder = config_folder(|name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
    Some(folder.join("tickwire").join("client.json"))
}

/// The platform's folder for configuration, from its usual environment variables.
fn config_folder(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let home = || var("HOME").map(PathBuf::from);
    if cfg!(windows) {
        var("APPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        Some(home()?.join("Library").join("Application Support"))
    } else {
        let xdg = var("XDG_CONFIG_HOME").map(PathBuf::from);
        // The specification says to ignore relative paths.
        xdg.filter(|path| path.is_absolute())
            .or_else(|| Some(home()?.join(".config")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_a_damaged_file_counts_as_none() {
        let folder = std::env::temp_dir().join(format!("tickwire-test-{}", std::process::id()));
        let path = folder.join("deep").join("client.json");
        assert_eq!(Settings::read(&path), Settings::default());
        let settings = Settings {
            server: "ws://example.org/ws".to_owned(),
            name: "Zoë".to_owned(),
            room: "den".to_owned(),
        };
        settings.write(&path).unwrap();
        assert_eq!(Settings::read(&path), settings);
        std::fs::write(&path, "{\"name\": \"Zoë\", \"future\": 1}").unwrap();
        assert_eq!(Settings::read(&path).name, "Zoë");
        std::fs::write(&path, "half a fi").unwrap();
        assert_eq!(Settings::read(&path), Settings::default());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_command_line_overrules_the_file() {
        let options = Options {
            room: Some("den".to_owned()),
            ..Options::default()
        };
        let settings = Settings::default().overruled_by(&options);
        assert_eq!(settings.room, "den");
        assert_eq!(settings.name, Settings::default().name);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_config_folder_follows_the_environment() {
        let folder = |set: &[(&str, &str)]| {
            config_folder(|name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&[("HOME", "/h")]), Some("/h/.config".into()));
        let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(folder(&both), Some("/x".into()));
        let relative = [("HOME", "/h"), ("XDG_CONFIG_HOME", "x")];
        assert_eq!(folder(&relative), Some("/h/.config".into()));
    }
}
