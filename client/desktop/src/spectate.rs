//! Watching without an avatar: the camera follows the leader until the keys take it over.

use crate::app::{InputFocus, Screen};
use crate::controls::direction;
use crate::net::{NetSession, NetView, NetcodeSystems};
use bevy::prelude::*;
use tickwire_netcode::Client;
use tickwire_shared::CellId;
use tickwire_shared::game::UNIT;

/// Speed of the free camera, in units per second.
const CAMERA_UNITS_PER_SECOND: f32 = 26.0;

/// Where a camera without an avatar looks.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub(crate) struct FreeCamera {
    pub(crate) centre: Option<Vec2>,
    /// Moved by the player, so it follows nobody. F goes back to the leader.
    pub(crate) is_free: bool,
    watched: Option<CellId>,
}

pub(crate) struct SpectatePlugin;

impl Plugin for SpectatePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<FreeCamera>()
            .add_systems(OnEnter(Screen::Game), reset)
            .add_systems(
                Update,
                (steer, watch)
                    .chain()
                    .in_set(NetcodeSystems::Input)
                    .run_if(in_state(Screen::Game)),
            );
    }
}

fn reset(mut camera: ResMut<FreeCamera>) {
    *camera = FreeCamera::default();
}

fn steer(
    keys: Res<ButtonInput<KeyCode>>,
    focus: Res<InputFocus>,
    view: Res<NetView>,
    session: Res<NetSession>,
    time: Res<Time>,
    mut camera: ResMut<FreeCamera>,
) {
    let Some(client) = session.client() else {
        return;
    };
    if view.own.is_some() {
        return;
    }
    let (x, y) = match *focus {
        InputFocus::Game => direction(&keys),
        InputFocus::Chat | InputFocus::Menu => (0, 0),
    };
    if keys.just_pressed(KeyCode::KeyF) && *focus == InputFocus::Game {
        camera.is_free = false;
    }
    let middle = client
        .world()
        .map(|world| world.arena.size().as_vec2() / UNIT as f32 / 2.0);
    let at = camera.centre.or(middle).unwrap_or_default();
    if (x, y) != (0, 0) {
        camera.is_free = true;
        let way = Vec2::new(x as f32, y as f32).normalize();
        let size = middle.unwrap_or_default() * 2.0;
        let to = at + way * CAMERA_UNITS_PER_SECOND * time.delta_secs();
        camera.centre = Some(to.clamp(Vec2::ZERO, size));
    } else if camera.is_free {
        camera.centre = Some(at);
    } else {
        camera.centre = leader(client, &view).or(Some(at));
    }
}

/// The best player in sight.
fn leader(client: &Client, view: &NetView) -> Option<Vec2> {
    let seen = |id| {
        view.others
            .binary_search_by_key(&id, |avatar| avatar.id)
            .ok()
    };
    let best = client.leaders().iter().find_map(|(id, _)| seen(*id))?;
    Some(view.others[best].position)
}

/// Asks the server for the cells around the camera, whenever it enters another one.
fn watch(view: Res<NetView>, mut session: ResMut<NetSession>, mut camera: ResMut<FreeCamera>) {
    let (Some(centre), None) = (camera.centre, view.own) else {
        return;
    };
    // Before the first tick nothing is known, and the server starts where the leader is.
    if !session.is_playing() || view.tick.0 == 0 {
        camera.watched = None;
        return;
    }
    let Some(client) = session.client_mut() else {
        return;
    };
    let Some(grid) = client.world().map(|world| world.grid) else {
        return;
    };
    let position = (centre * UNIT as f32).as_ivec2();
    let watched = camera.watched.unwrap_or(client.replica().centre());
    let cell = grid.cell_with_hysteresis(position, watched);
    if camera.watched.is_some_and(|watched| watched != cell) {
        client.watch(cell);
    }
    camera.watched = Some(cell);
}
