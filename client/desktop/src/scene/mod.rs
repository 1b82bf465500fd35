//! The picture of the game: `NetView` copied to sprites and meshes, once per frame.
//!
//! One unit of the arena is one unit of Bevy's world. Only what the camera sees has an entity, so
//! the work of a frame is bounded by the window, not by the room.

mod arena;
mod avatars;
mod camera;
mod effects;
mod sparks;

pub(crate) use camera::CameraRig;

use crate::net::NetcodeSystems;
use bevy::prelude::*;

/// Depth of each kind of thing, from the floor up.
mod layer {
    pub(super) const FLOOR: f32 = 0.0;
    pub(super) const WALL_SHADOW: f32 = 1.0;
    pub(super) const SPARK: f32 = 2.0;
    pub(super) const TRAIL: f32 = 3.0;
    pub(super) const WALL: f32 = 4.0;
    pub(super) const AVATAR: f32 = 5.0;
    pub(super) const OWN_AVATAR: f32 = 6.0;
    pub(super) const EFFECT: f32 = 8.0;
}

/// The systems of the scene, within [`NetcodeSystems::Draw`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SceneSystems {
    Camera,
    Things,
    Effects,
}

pub(crate) struct ScenePlugin;

impl Plugin for ScenePlugin {
    fn build(&self, app: &mut App) {
        app.configure_sets(
            Update,
            (
                SceneSystems::Camera,
                SceneSystems::Things,
                SceneSystems::Effects,
            )
                .chain()
                .in_set(NetcodeSystems::Draw),
        )
        .add_plugins((
            camera::plugin,
            arena::plugin,
            avatars::plugin,
            sparks::plugin,
            effects::plugin,
        ));
    }
}
