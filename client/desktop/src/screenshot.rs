//! F12 saves a picture of the window.

use crate::app::Launch;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, save_to_disk};
use std::path::{Path, PathBuf};

/// The most pictures in one folder: a stuck key does not fill a disk.
const PICTURES_MAX: u32 = 9_999;

pub(crate) struct ScreenshotPlugin;

impl Plugin for ScreenshotPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, take);
    }
}

fn take(keys: Res<ButtonInput<KeyCode>>, launch: Res<Launch>, mut commands: Commands) {
    if !keys.just_pressed(KeyCode::F12) {
        return;
    }
    if let Some(path) = free_path(&launch.screenshots) {
        commands
            .spawn(Screenshot::primary_window())
            .observe(save_to_disk(path));
    } else {
        warn!("{} holds too many pictures", launch.screenshots.display());
    }
}

/// The first name that is not taken.
fn free_path(folder: &Path) -> Option<PathBuf> {
    (1..=PICTURES_MAX)
        .map(|number| folder.join(format!("tickwire-{number:04}.png")))
        .find(|path| !path.exists())
}
