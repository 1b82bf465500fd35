//! The camera: follows the own avatar with a slight look ahead, zooms by the wheel, never shows
//! more than the server promises to send.

use super::SceneSystems;
use super::arena::Backdrop;
use crate::app::{InputFocus, Screen};
use crate::look::Look;
use crate::net::{NetSession, NetView};
use crate::palette::CameraRules;
use crate::spectate::FreeCamera;
use bevy::camera::ScalingMode;
use bevy::input::mouse::{AccumulatedMouseScroll, MouseScrollUnit};
use bevy::prelude::*;
use tickwire_shared::game::{UNIT, World as GameWorld};

/// Part of the height that one notch of the wheel adds or takes.
const ZOOM_PER_NOTCH: f32 = 0.1;
/// Pixels of a touchpad that count as a notch.
const PIXELS_PER_NOTCH: f32 = 40.0;
/// How quickly the height follows the wheel, per second.
const ZOOM_PER_SECOND: f32 = 12.0;
/// How quickly a shake dies, per second, and how far a full one goes, in units.
const SHAKE_DECAY_PER_SECOND: f32 = 7.0;
const SHAKE_UNITS: f32 = 0.35;
/// Turns per second of the wandering behind the title screen.
const DRIFT_TURNS_PER_SECOND: f32 = 0.012;
/// Further than this, in units, the camera jumps: a respawn, a new session.
const JUMP_UNITS: f32 = 30.0;

/// What the camera shows.
#[derive(Resource, Clone, Copy, Debug)]
pub(crate) struct CameraRig {
    pub(crate) centre: Vec2,
    /// Half of what is visible, in units.
    pub(crate) half: Vec2,
    /// Length of a logical pixel, in units.
    pub(crate) units_per_pixel: f32,
    height: f32,
    height_wanted: f32,
    shake: f32,
}

impl CameraRig {
    /// Whether something of this radius is in the picture.
    pub(crate) fn sees(&self, at: Vec2, radius: f32) -> bool {
        let away = (at - self.centre).abs() - radius;
        away.cmplt(self.half).all()
    }

    /// Shakes the picture; 1 is a full shake.
    pub(crate) fn shake(&mut self, strength: f32) {
        self.shake = self.shake.max(strength);
    }

    /// The position in the arena under a position in the window.
    pub(crate) fn arena_position(&self, in_window: Vec2, window: Vec2) -> Vec2 {
        let from_centre = (in_window - window / 2.0) * Vec2::new(1.0, -1.0);
        self.centre + from_centre * self.units_per_pixel
    }
}

pub(super) fn plugin(app: &mut App) {
    let rules = &app.world().resource::<Look>().palette.camera;
    let rig = CameraRig {
        centre: Vec2::ZERO,
        half: Vec2::splat(rules.height_units / 2.0),
        units_per_pixel: rules.height_units / 720.0,
        height: rules.height_units,
        height_wanted: rules.height_units,
        shake: 0.0,
    };
    app.insert_resource(rig)
        .add_systems(Startup, spawn_camera)
        .add_systems(
            Update,
            (
                (zoom, follow).chain().run_if(in_state(Screen::Game)),
                drift.run_if(in_state(Screen::Title)),
                place_camera,
            )
                .chain()
                .in_set(SceneSystems::Camera),
        );
}

fn spawn_camera(mut commands: Commands, look: Res<Look>) {
    commands.spawn((
        Camera2d,
        // A software renderer halves its rate with it, and the art has soft edges of its own.
        Msaa::Off,
        Projection::Orthographic(OrthographicProjection {
            scaling_mode: ScalingMode::FixedVertical {
                viewport_height: look.palette.camera.height_units,
            },
            ..OrthographicProjection::default_2d()
        }),
    ));
    commands.insert_resource(ClearColor(*look.palette.arena.outside));
}

fn zoom(
    look: Res<Look>,
    session: Res<NetSession>,
    window: Single<&Window>,
    scroll: Res<AccumulatedMouseScroll>,
    focus: Res<InputFocus>,
    mut rig: ResMut<CameraRig>,
) {
    let notches = match scroll.unit {
        MouseScrollUnit::Line => scroll.delta.y,
        MouseScrollUnit::Pixel => scroll.delta.y / PIXELS_PER_NOTCH,
    };
    if *focus == InputFocus::Game {
        rig.height_wanted *= (1.0 + ZOOM_PER_NOTCH).powf(-notches.clamp(-4.0, 4.0));
    }
    let aspect = window.width() / window.height().max(1.0);
    let world = session.client().and_then(|client| client.world());
    let range = height_range(&look.palette.camera, world.map(AsRef::as_ref), aspect);
    rig.height_wanted = rig.height_wanted.clamp(range.0, range.1);
}

/// Least and greatest visible height: what the palette allows and the server's view covers.
fn height_range(rules: &CameraRules, world: Option<&GameWorld>, aspect: f32) -> (f32, f32) {
    let view = world.map_or(f32::MAX, |world| f32::from(world.arena.spec().view_units));
    let covered = 2.0 * view / aspect.max(1.0);
    let greatest = rules.height_units_max.min(covered);
    (rules.height_units_min.min(greatest), greatest)
}

fn follow(
    look: Res<Look>,
    session: Res<NetSession>,
    view: Res<NetView>,
    free: Res<FreeCamera>,
    time: Res<Time>,
    mut rig: ResMut<CameraRig>,
) {
    let rules = &look.palette.camera;
    let seconds = time.delta_secs();
    let aim = match (view.own, free.centre) {
        (Some(own), _) => own.position + own.velocity * rules.look_ahead_seconds,
        (None, Some(centre)) => centre,
        (None, None) => rig.centre,
    };
    let wanted = match session.client().and_then(|client| client.world()) {
        Some(world) => keep_inside(aim, rig.half, rules.margin_units, world),
        None => aim,
    };
    let way = wanted - rig.centre;
    rig.centre += way * part_of_way(rules.follow_per_second, seconds, way.length() > JUMP_UNITS);
    rig.height += (rig.height_wanted - rig.height) * part_of_way(ZOOM_PER_SECOND, seconds, false);
    rig.shake *= 1.0 - part_of_way(SHAKE_DECAY_PER_SECOND, seconds, false);
}

/// Behind the title screen the camera wanders slowly around the middle of an arena.
fn drift(time: Res<Time>, backdrop: Res<Backdrop>, mut rig: ResMut<CameraRig>) {
    let size = backdrop.arena.size().as_vec2() / UNIT as f32;
    let turn = time.elapsed_secs() * DRIFT_TURNS_PER_SECOND * std::f32::consts::TAU;
    rig.centre = size / 2.0 + Vec2::from_angle(turn) * size * 0.2;
    rig.shake = 0.0;
}

/// Exponential approach that does not depend on the frame rate.
fn part_of_way(per_second: f32, seconds: f32, jump: bool) -> f32 {
    if jump {
        1.0
    } else {
        1.0 - (-per_second * seconds).exp()
    }
}

/// At the arena's edge the camera stops, so that at most a margin of the outside is shown; an
/// arena smaller than the window is centred.
fn keep_inside(aim: Vec2, half: Vec2, margin: f32, world: &GameWorld) -> Vec2 {
    let size = world.arena.size().as_vec2() / UNIT as f32;
    let low = half - margin;
    let high = size - half + margin;
    Vec2::select(low.cmple(high), aim.max(low).min(high), size / 2.0)
}

fn place_camera(
    window: Single<&Window>,
    time: Res<Time>,
    mut rig: ResMut<CameraRig>,
    camera: Single<(&mut Transform, &mut Projection), With<Camera2d>>,
) {
    let (mut transform, mut projection) = camera.into_inner();
    let size = window.size().max(Vec2::ONE);
    rig.units_per_pixel = rig.height / size.y;
    rig.half = size * rig.units_per_pixel / 2.0;
    let phase = time.elapsed_secs() * 60.0;
    let shake = Vec2::from_angle(phase) * rig.shake * SHAKE_UNITS;
    transform.translation = (rig.centre + shake).extend(transform.translation.z);
    if let Projection::Orthographic(projection) = projection.as_mut() {
        projection.scaling_mode = ScalingMode::FixedVertical {
            viewport_height: rig.height,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::Palette;
    use tickwire_shared::TickRate;
    use tickwire_shared::game::Arena;

    fn world(name: &str) -> GameWorld {
        GameWorld::new(Arena::named(name).unwrap(), TickRate::DEFAULT)
    }

    #[test]
    fn the_camera_stops_at_the_edge_and_centres_a_small_arena() {
        let garden = world("garden");
        let half = Vec2::new(20.0, 12.0);
        let at = |aim: Vec2| keep_inside(aim, half, 3.0, &garden);
        assert_eq!(at(Vec2::new(64.0, 64.0)), Vec2::new(64.0, 64.0));
        assert_eq!(at(Vec2::ZERO), Vec2::new(17.0, 9.0));
        assert_eq!(at(Vec2::splat(999.0)), Vec2::new(111.0, 119.0));
        let tiny = keep_inside(Vec2::ZERO, Vec2::splat(40.0), 3.0, &world("tiny"));
        assert_eq!(tiny, Vec2::splat(16.0));
    }

    #[test]
    fn no_zoom_shows_more_than_the_server_sends() {
        let rules = Palette::embedded().camera;
        for name in ["garden", "tiny"] {
            let world = world(name);
            let view = f32::from(world.arena.spec().view_units);
            for aspect in [0.5, 1.0, 16.0 / 9.0, 3.5] {
                let (least, greatest) = height_range(&rules, Some(&world), aspect);
                assert!(least <= greatest);
                assert!(greatest / 2.0 <= view && greatest * aspect / 2.0 <= view + 0.01);
            }
        }
    }

    #[test]
    fn what_the_rig_sees_is_what_the_window_shows() {
        let rig = CameraRig {
            centre: Vec2::new(10.0, 20.0),
            half: Vec2::new(16.0, 9.0),
            units_per_pixel: 0.025,
            height: 18.0,
            height_wanted: 18.0,
            shake: 0.0,
        };
        let window = Vec2::new(1280.0, 720.0);
        assert_eq!(rig.arena_position(window / 2.0, window), rig.centre);
        let corner = rig.arena_position(Vec2::ZERO, window);
        assert_eq!(corner, Vec2::new(-6.0, 29.0));
        assert!(rig.sees(corner, 0.5) && !rig.sees(corner - 1.0, 0.5));
    }
}
