//! Devices to intent: keyboard, mouse held as a stick, mouse aim; and the keys of the panels.

use crate::app::{InputFocus, Screen};
use crate::net::{LocalInput, NetSession, NetView, NetcodeSystems};
use crate::scene::CameraRig;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use tickwire_shared::game::{Angle, Input, Throttle};

/// Seconds for which a tap on dash holds: longer than any tick, so that no tap falls between two.
const DASH_TAP_SECONDS: f32 = 0.11;
/// Seconds without a move of the mouse after which the avatar faces where it goes again.
const AIM_SECONDS: f32 = 3.0;
/// Distances in units from the avatar to a held mouse, from which on each throttle is meant.
const THROTTLE_DISTANCES: [f32; 3] = [0.7, 2.0, 3.5];

/// Panels that keys show. Tab shows the leaderboard while held, F3 toggles the net graph.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub(crate) struct Panels {
    pub(crate) leaderboard: bool,
    pub(crate) net_graph: bool,
}

/// What the mouse last did, for aiming.
#[derive(Default)]
struct Mouse {
    at: Option<Vec2>,
    still_seconds: f32,
}

pub(crate) struct ControlsPlugin;

impl Plugin for ControlsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Panels>().add_systems(
            Update,
            (switch_focus, switch_panels, gather_input)
                .chain()
                .in_set(NetcodeSystems::Input)
                .run_if(in_state(Screen::Game)),
        );
    }
}

fn switch_focus(keys: Res<ButtonInput<KeyCode>>, mut focus: ResMut<InputFocus>) {
    let escape = keys.just_pressed(KeyCode::Escape);
    let enter = keys.just_pressed(KeyCode::Enter) || keys.just_pressed(KeyCode::NumpadEnter);
    // Enter in an open chat or menu belongs to them.
    match *focus {
        InputFocus::Game if escape => *focus = InputFocus::Menu,
        InputFocus::Game if enter => *focus = InputFocus::Chat,
        InputFocus::Chat | InputFocus::Menu if escape => *focus = InputFocus::Game,
        _ => {}
    }
}

fn switch_panels(keys: Res<ButtonInput<KeyCode>>, mut panels: ResMut<Panels>) {
    panels.leaderboard = keys.pressed(KeyCode::Tab);
    if keys.just_pressed(KeyCode::F3) {
        panels.net_graph = !panels.net_graph;
    }
}

fn gather_input(
    keys: Res<ButtonInput<KeyCode>>,
    buttons: Res<ButtonInput<MouseButton>>,
    window: Single<&Window, With<PrimaryWindow>>,
    focus: Res<InputFocus>,
    session: Res<NetSession>,
    view: Res<NetView>,
    rig: Res<CameraRig>,
    time: Res<Time>,
    mut mouse: Local<Mouse>,
    mut dash_seconds: Local<f32>,
    mut input: ResMut<LocalInput>,
) {
    let Some(own) = view
        .own
        .filter(|_| *focus == InputFocus::Game && session.is_playing())
    else {
        input.0 = Input::IDLE;
        return;
    };
    *dash_seconds -= time.delta_secs();
    if keys.just_pressed(KeyCode::Space) || buttons.just_pressed(MouseButton::Right) {
        *dash_seconds = DASH_TAP_SECONDS;
    }
    let dash =
        *dash_seconds > 0.0 || keys.pressed(KeyCode::Space) || buttons.pressed(MouseButton::Right);

    let held = buttons.pressed(MouseButton::Left);
    mouse.observe(window.cursor_position(), held, time.delta_secs());
    let to_pointer = mouse
        .at
        .filter(|_| mouse.still_seconds < AIM_SECONDS)
        .map(|at| rig.arena_position(at, window.size()) - own.position);
    let aim = to_pointer
        .filter(|way| way.length() > THROTTLE_DISTANCES[0])
        .map(Angle::from_vec2);

    let (x, y) = direction(&keys);
    input.0 = match to_pointer {
        Some(way) if held && (x, y) == (0, 0) => stick(way, aim, dash),
        _ => Input::from_keys(x, y, aim, dash),
    };
}

impl Mouse {
    fn observe(&mut self, at: Option<Vec2>, held: bool, seconds: f32) {
        let moved = at.is_some() && self.at.is_some() && at != self.at;
        self.still_seconds = if moved || held {
            0.0
        } else if self.at.is_none() {
            // A pointer that has not moved since the start is not an aim.
            AIM_SECONDS
        } else {
            self.still_seconds + seconds
        };
        self.at = at;
    }
}

/// WASD and the arrow keys; opposite keys cancel out.
pub(crate) fn direction(keys: &ButtonInput<KeyCode>) -> (i32, i32) {
    let axis = |less: [KeyCode; 2], more: [KeyCode; 2]| {
        i32::from(keys.any_pressed(more)) - i32::from(keys.any_pressed(less))
    };
    (
        axis(
            [KeyCode::KeyA, KeyCode::ArrowLeft],
            [KeyCode::KeyD, KeyCode::ArrowRight],
        ),
        axis(
            [KeyCode::KeyS, KeyCode::ArrowDown],
            [KeyCode::KeyW, KeyCode::ArrowUp],
        ),
    )
}

/// The held mouse as a stick: the further away, the faster.
fn stick(way: Vec2, aim: Option<Angle>, dash: bool) -> Input {
    let reached = THROTTLE_DISTANCES
        .iter()
        .filter(|&&from| way.length() >= from);
    let throttle = Throttle::new(reached.count() as u8).unwrap_or(Throttle::FULL);
    Input::new(Angle::from_vec2(way), throttle, aim, dash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_keys_cancel_out_and_arrows_are_letters() {
        let pressed = |codes: &[KeyCode]| {
            let mut keys = ButtonInput::default();
            for &code in codes {
                keys.press(code);
            }
            direction(&keys)
        };
        assert_eq!(pressed(&[]), (0, 0));
        assert_eq!(pressed(&[KeyCode::KeyD, KeyCode::ArrowUp]), (1, 1));
        assert_eq!(pressed(&[KeyCode::KeyA, KeyCode::KeyD]), (0, 0));
        assert_eq!(pressed(&[KeyCode::ArrowLeft, KeyCode::KeyS]), (-1, -1));
    }

    #[test]
    fn the_held_mouse_is_a_stick_with_four_positions() {
        let level = |distance: f32| stick(Vec2::X * distance, None, false).throttle().level();
        assert_eq!([0.1, 1.0, 3.0, 9.0].map(level), [0, 1, 2, 3]);
        let up = stick(Vec2::new(0.0, 9.0), None, true);
        assert_eq!((up.heading(), up.dash()), (Angle(64), true));
    }

    #[test]
    fn a_resting_mouse_stops_aiming_after_a_while() {
        let mut mouse = Mouse::default();
        mouse.observe(Some(Vec2::ZERO), false, 0.1);
        assert!(mouse.still_seconds >= AIM_SECONDS, "it never moved");
        mouse.observe(Some(Vec2::ONE), false, 0.1);
        assert!(mouse.still_seconds < 0.1);
        mouse.observe(Some(Vec2::ONE), false, AIM_SECONDS);
        assert!(mouse.still_seconds >= AIM_SECONDS);
        mouse.observe(Some(Vec2::ONE), true, 0.1);
        assert!(mouse.still_seconds < 0.1, "a held button aims");
    }
}
