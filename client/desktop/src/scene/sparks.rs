//! Sparks: they turn slowly, pulse, and vanish with a puff when somebody takes them.

use super::effects::{Effects, Puff};
use super::{CameraRig, SceneSystems, layer};
use crate::look::Look;
use crate::net::NetView;
use bevy::math::ops;
use bevy::prelude::*;
use std::collections::BTreeMap;
use std::f32::consts::TAU;
use tickwire_netcode::SparkView;
use tickwire_shared::SparkId;

/// Sparks drawn at once.
const SPARKS_DRAWN_MAX: usize = 2_000;
/// Turns per second.
const TURNS_PER_SECOND: f32 = 0.06;
/// A spark that goes while somebody is this near, in units, was taken.
const TAKEN_WITHIN: f32 = 1.6;

#[derive(Resource, Default)]
struct Shown(BTreeMap<SparkId, (Entity, Vec2)>);

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Shown>().add_systems(
        Update,
        (show_and_hide, shimmer)
            .chain()
            .in_set(SceneSystems::Things),
    );
}

fn in_picture<'a>(view: &'a NetView, rig: &'a CameraRig) -> impl Iterator<Item = &'a SparkView> {
    view.sparks
        .iter()
        .filter(|spark| rig.sees(spark.position, 1.0))
        .take(SPARKS_DRAWN_MAX)
}

fn show_and_hide(
    view: Res<NetView>,
    rig: Res<CameraRig>,
    look: Res<Look>,
    mut shown: ResMut<Shown>,
    mut effects: ResMut<Effects>,
    mut commands: Commands,
) {
    let mut before = std::mem::take(&mut shown.0);
    for spark in in_picture(&view, &rig) {
        // A spark that was taken comes back under the same id elsewhere.
        let kept = before
            .get(&spark.id)
            .filter(|(_, at)| *at == spark.position);
        let entry = if let Some(&kept) = kept {
            before.remove(&spark.id);
            kept
        } else {
            let sprite = look.art.spark.sprite(Color::WHITE);
            let place = Transform::from_translation(spark.position.extend(layer::SPARK));
            (commands.spawn((sprite, place)).id(), spark.position)
        };
        shown.0.insert(spark.id, entry);
    }
    for (entity, at) in before.into_values() {
        commands.entity(entity).despawn();
        if was_taken(&view, at) {
            effects.add(Puff {
                texture: look.art.ring.clone(),
                color: look.palette.spark.body.with_alpha(0.5),
                position: at,
                layer: layer::EFFECT,
                seconds: look.palette.effects.pickup_seconds * 0.7,
                scale: (0.2, look.palette.effects.pickup_ring_radius * 0.6),
                ..Puff::default()
            });
        }
    }
}

fn was_taken(view: &NetView, at: Vec2) -> bool {
    let near = |other: &tickwire_netcode::AvatarView| {
        other.position.distance_squared(at) < TAKEN_WITHIN * TAKEN_WITHIN
    };
    view.others.iter().any(near)
}

fn shimmer(
    view: Res<NetView>,
    rig: Res<CameraRig>,
    look: Res<Look>,
    time: Res<Time>,
    shown: Res<Shown>,
    mut sprites: Query<(&mut Transform, &mut Sprite)>,
) {
    let shape = &look.palette.spark_shape;
    for spark in in_picture(&view, &rig) {
        let Some((entity, _)) = shown.0.get(&spark.id) else {
            continue;
        };
        let Ok((mut transform, mut sprite)) = sprites.get_mut(*entity) else {
            continue;
        };
        // Neighbours differ in phase, so that a field of sparks glitters.
        let own_phase = f32::from(spark.id.0) * 0.37;
        let seconds = time.elapsed_secs_wrapped();
        let pulse = ops::sin(TAU * (seconds / shape.pulse_seconds + own_phase));
        transform.scale = Vec3::splat((1.0 + shape.pulse_part * pulse) * spark.presence.max(0.05));
        transform.rotation = Quat::from_rotation_z(TAU * (seconds * TURNS_PER_SECOND + own_phase));
        sprite.color = Color::WHITE.with_alpha(spark.presence);
    }
}
