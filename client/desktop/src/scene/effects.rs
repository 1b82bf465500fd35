//! Short-lived decorations: trails, pick-ups, bumps, floating scores. They mean nothing to the
//! game, and when there are too many the newest are left out.

use super::{CameraRig, SceneSystems, layer};
use crate::app::Screen;
use crate::art::Texture;
use crate::look::{Look, TextSize};
use crate::net::{NetEvent, NetView};
use bevy::prelude::*;
use std::f32::consts::TAU;
use tickwire_netcode::Event;

/// Decorations at once. Beyond, the picture is a fog anyway.
const EFFECTS_MAX: usize = 500;

/// A sprite that fades.
#[derive(Clone, Debug)]
pub(crate) struct Puff {
    pub(crate) texture: Texture,
    pub(crate) color: Color,
    pub(crate) position: Vec2,
    /// Units per second.
    pub(crate) velocity: Vec2,
    pub(crate) layer: f32,
    pub(crate) seconds: f32,
    /// Radius in units at the beginning and at the end.
    pub(crate) scale: (f32, f32),
}

impl Default for Puff {
    fn default() -> Puff {
        Puff {
            texture: Texture {
                image: Handle::default(),
                units: 1.0,
            },
            color: Color::WHITE,
            position: Vec2::ZERO,
            velocity: Vec2::ZERO,
            layer: layer::EFFECT,
            seconds: 1.0,
            scale: (1.0, 1.0),
        }
    }
}

/// Decorations asked for during this frame.
#[derive(Resource, Default)]
pub(crate) struct Effects {
    wanted: Vec<Puff>,
    scores: Vec<Vec2>,
}

impl Effects {
    pub(crate) fn add(&mut self, puff: Puff) {
        if self.wanted.len() < EFFECTS_MAX {
            self.wanted.push(puff);
        }
    }
}

#[derive(Component)]
struct Fading {
    age: f32,
    seconds: f32,
    velocity: Vec2,
    scale: (f32, f32),
    alpha: f32,
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Effects>()
        .add_systems(
            Update,
            (decorate_events, spawn_wanted, fade, float_scores)
                .chain()
                .in_set(SceneSystems::Effects),
        )
        .add_systems(OnExit(Screen::Game), clear);
}

fn decorate_events(
    look: Res<Look>,
    view: Res<NetView>,
    mut events: MessageReader<NetEvent>,
    mut effects: ResMut<Effects>,
    mut rig: ResMut<CameraRig>,
) {
    for NetEvent(event) in events.read() {
        match event {
            Event::PickedUp { position, .. } => pick_up(&look, &mut effects, *position),
            Event::Bumped => {
                if let Some(own) = view.own {
                    bump(&look, &mut effects, own.position);
                }
                rig.shake(1.0);
            }
            _ => {}
        }
    }
}

fn pick_up(look: &Look, effects: &mut Effects, at: Vec2) {
    let rules = &look.palette.effects;
    let seconds = rules.pickup_seconds;
    effects.add(Puff {
        texture: look.art.ring.clone(),
        color: *look.palette.spark.body,
        position: at,
        seconds,
        scale: (0.25, rules.pickup_ring_radius),
        ..Puff::default()
    });
    for particle in 0..rules.pickup_particles {
        let turn = f32::from(particle) / f32::from(rules.pickup_particles);
        effects.add(Puff {
            texture: look.art.blot.clone(),
            color: *look.palette.spark.core,
            position: at,
            velocity: Vec2::from_angle(turn * TAU) * (2.4 + f32::from(particle % 3)),
            seconds,
            scale: (0.24, 0.05),
            ..Puff::default()
        });
    }
    effects.scores.push(at);
}

fn bump(look: &Look, effects: &mut Effects, at: Vec2) {
    let rules = &look.palette.effects;
    for (radius, alpha) in [
        (rules.bump_ring_radius, 0.9),
        (rules.bump_ring_radius * 0.6, 0.6),
    ] {
        effects.add(Puff {
            texture: look.art.ring.clone(),
            color: look.palette.ui.bad.with_alpha(alpha),
            position: at,
            seconds: rules.bump_seconds,
            scale: (0.4, radius),
            ..Puff::default()
        });
    }
}

fn spawn_wanted(
    look: Res<Look>,
    mut effects: ResMut<Effects>,
    present: Query<(), With<Fading>>,
    mut commands: Commands,
) {
    let room = EFFECTS_MAX.saturating_sub(present.iter().count());
    for puff in effects.wanted.drain(..).take(room) {
        let mut sprite = puff.texture.sprite(puff.color);
        // Drawn with radius 1, scaled as it ages.
        sprite.custom_size = Some(Vec2::splat(puff.texture.units));
        commands.spawn((
            sprite,
            Transform::from_translation(puff.position.extend(puff.layer))
                .with_scale(Vec3::splat(puff.scale.0)),
            Fading {
                age: 0.0,
                seconds: puff.seconds.max(0.01),
                velocity: puff.velocity,
                scale: puff.scale,
                alpha: puff.color.alpha(),
            },
        ));
    }
    for at in effects.scores.drain(..).take(room) {
        commands.spawn((
            Text2d::new("+1"),
            look.font(TextSize::Large),
            TextColor(*look.palette.spark.body),
            Transform::from_translation((at + Vec2::Y * 0.6).extend(layer::EFFECT + 1.0))
                .with_scale(Vec3::ZERO),
            Fading {
                age: 0.0,
                seconds: 0.8,
                velocity: Vec2::Y * 1.6,
                scale: (1.0, 1.0),
                alpha: 1.0,
            },
        ));
    }
}

fn fade(
    time: Res<Time>,
    mut fading: Query<(Entity, &mut Fading, &mut Transform, Option<&mut Sprite>)>,
    mut commands: Commands,
) {
    let seconds = time.delta_secs();
    for (entity, mut effect, mut transform, sprite) in &mut fading {
        effect.age += seconds;
        let part = effect.age / effect.seconds;
        if part >= 1.0 {
            commands.entity(entity).despawn();
            continue;
        }
        transform.translation += (effect.velocity * seconds).extend(0.0);
        if let Some(mut sprite) = sprite {
            let eased = 1.0 - (1.0 - part) * (1.0 - part);
            let scale = effect.scale.0 + (effect.scale.1 - effect.scale.0) * eased;
            transform.scale = Vec3::splat(scale);
            sprite.color.set_alpha(effect.alpha * (1.0 - part));
        }
    }
}

fn float_scores(
    rig: Res<CameraRig>,
    mut scores: Query<(&Fading, &mut Transform, &mut TextColor), With<Text2d>>,
) {
    for (effect, mut transform, mut color) in &mut scores {
        transform.scale = Vec3::splat(rig.units_per_pixel);
        color.0.set_alpha(1.0 - effect.age / effect.seconds);
    }
}

fn clear(fading: Query<Entity, With<Fading>>, mut commands: Commands) {
    for entity in &fading {
        commands.entity(entity).despawn();
    }
}
