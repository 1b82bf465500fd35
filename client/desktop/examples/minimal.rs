//! The smallest game on Tickwire's plugin: your avatar is a predicted square, the others are
//! interpolated ones, sparks are dots. Arrow keys move, Space dashes.
//!
//! Start a server with `cargo run --release`, then
//! `cargo run --release -p tickwire-client --example minimal -- ws://127.0.0.1:8080/ws`.

#![allow(
    elided_lifetimes_in_paths,
    clippy::needless_pass_by_value,
    reason = "the signatures of systems are Bevy's to shape"
)]

use bevy::prelude::*;
use tickwire_client::{LocalInput, NetEvent, NetSession, NetView, NetcodePlugin, NetcodeSystems};
use tickwire_netcode::ClientConfig;
use tickwire_netcode::socket::ConnectOptions;
use tickwire_shared::game::Input;

/// Pixels per unit of the arena.
const SCALE: f32 = 8.0;

#[derive(Component)]
struct Drawn;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NetcodePlugin))
        .add_systems(Startup, (spawn_camera, connect))
        .add_systems(Update, gather_input.in_set(NetcodeSystems::Input))
        .add_systems(Update, (draw, tell).in_set(NetcodeSystems::Draw))
        .run()
}

fn spawn_camera(mut commands: Commands) {
    commands.spawn((Camera2d, Msaa::Off));
}

fn connect(mut session: ResMut<NetSession>) -> Result {
    let options = ConnectOptions {
        url: std::env::args()
            .nth(1)
            .unwrap_or_else(|| "ws://127.0.0.1:8080/ws".to_owned()),
        name: "square".to_owned(),
        ..default()
    };
    options.validate()?;
    session.connect(options, ClientConfig::default())?;
    Ok(())
}

fn gather_input(keys: Res<ButtonInput<KeyCode>>, mut input: ResMut<LocalInput>) {
    let axis = |less, more| i32::from(keys.pressed(more)) - i32::from(keys.pressed(less));
    input.0 = Input::from_keys(
        axis(KeyCode::ArrowLeft, KeyCode::ArrowRight),
        axis(KeyCode::ArrowDown, KeyCode::ArrowUp),
        None,
        keys.pressed(KeyCode::Space),
    );
}

/// Draws everything anew every frame: short, and quick enough for an example.
fn draw(
    view: Res<NetView>,
    drawn: Query<Entity, With<Drawn>>,
    mut camera: Single<&mut Transform, With<Camera2d>>,
    mut commands: Commands,
) {
    for entity in &drawn {
        commands.entity(entity).despawn();
    }
    let mut square = |at: Vec2, units: f32, color: Color| {
        let sprite = Sprite::from_color(color, Vec2::splat(units * SCALE));
        let place = Transform::from_translation((at * SCALE).extend(0.0));
        commands.spawn((Drawn, sprite, place));
    };
    for spark in &view.sparks {
        square(spark.position, 0.4, Color::srgb(1.0, 0.8, 0.4));
    }
    for other in &view.others {
        square(other.position, 1.0, Color::srgb(0.5, 0.6, 0.8));
    }
    if let Some(own) = view.own {
        square(own.position, 1.0, Color::WHITE);
        camera.translation = (own.position * SCALE).extend(0.0);
    }
}

fn tell(mut events: MessageReader<NetEvent>) {
    for NetEvent(event) in events.read() {
        info!("{event:?}");
    }
}
