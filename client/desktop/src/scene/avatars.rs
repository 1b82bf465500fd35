//! Avatars: body, shadow, name, and the ring around the own one.

use super::effects::{Effects, Puff};
use super::{CameraRig, SceneSystems, layer};
use crate::look::{Look, TextSize};
use crate::net::{NetSession, NetView};
use bevy::prelude::*;
use bevy::sprite::Text2dShadow;
use std::collections::BTreeMap;
use tickwire_netcode::{AvatarView, Client, OwnView};
use tickwire_shared::PlayerId;

/// Avatars drawn at once; the window holds fewer unless they stand on one another.
const AVATARS_DRAWN_MAX: usize = 1_500;
/// Names drawn at once, the nearest first: more cannot be read, and text costs most.
const NAMES_DRAWN_MAX: usize = 60;
/// Room around an avatar that belongs to it: its name, in units.
const AVATAR_REACH: f32 = 2.0;
/// Copies that one frame adds to a trail; a frame that took longer leaves a gap.
const COPIES_PER_FRAME_MAX: u16 = 10;
/// How much a dash stretches the body.
const DASH_STRETCH: Vec2 = Vec2::new(1.16, 0.88);

/// The entities of the avatars in the picture.
#[derive(Resource, Default)]
struct Shown(BTreeMap<PlayerId, ShownAvatar>);

struct ShownAvatar {
    root: Entity,
    body: Entity,
    name: Entity,
    is_own: bool,
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Shown>().add_systems(
        Update,
        (show_and_hide, place, lay_trails)
            .chain()
            .in_set(SceneSystems::Things),
    );
}

fn as_avatar(own: OwnView) -> AvatarView {
    AvatarView {
        id: own.id,
        position: own.position,
        velocity: own.velocity,
        facing: own.facing,
        dashing: own.dashing,
    }
}

/// Those in the picture, the own one first.
fn in_picture<'a>(view: &'a NetView, rig: &'a CameraRig) -> impl Iterator<Item = AvatarView> + 'a {
    view.own
        .map(as_avatar)
        .into_iter()
        .chain(view.others.iter().copied())
        .filter(|avatar| rig.sees(avatar.position, AVATAR_REACH))
        .take(AVATARS_DRAWN_MAX)
}

fn show_and_hide(
    view: Res<NetView>,
    rig: Res<CameraRig>,
    session: Res<NetSession>,
    look: Res<Look>,
    mut shown: ResMut<Shown>,
    mut commands: Commands,
) {
    let own = view.own.map(|own| own.id);
    let mut before = std::mem::take(&mut shown.0);
    for avatar in in_picture(&view, &rig) {
        let is_own = Some(avatar.id) == own;
        let kept = before.remove(&avatar.id);
        let entry = match kept {
            Some(kept) if kept.is_own == is_own => kept,
            other => {
                if let Some(other) = other {
                    commands.entity(other.root).despawn();
                }
                spawn(&mut commands, &look, session.client(), avatar.id, is_own)
            }
        };
        shown.0.insert(avatar.id, entry);
    }
    for gone in before.into_values() {
        commands.entity(gone.root).despawn();
    }
}

fn spawn(
    commands: &mut Commands,
    look: &Look,
    client: Option<&Client>,
    id: PlayerId,
    is_own: bool,
) -> ShownAvatar {
    let color = look.palette.player(id);
    let shape = &look.palette.avatar;
    // Each a little above the last, so that overlapping avatars do not flicker.
    let depth = f32::from(id.0) / 65_536.0;
    let z = if is_own {
        layer::OWN_AVATAR
    } else {
        layer::AVATAR
    } + depth;
    let root = (Transform::from_xyz(0.0, 0.0, z), Visibility::default());
    let root = commands.spawn(root).id();
    let mut shadow = look
        .art
        .blot
        .sprite(look.palette.arena.shadow.with_alpha(0.6));
    shadow.custom_size = Some(Vec2::splat(shape.radius * 3.4));
    let offset = Vec2::from(shape.shadow_offset);
    commands.spawn((
        shadow,
        Transform::from_translation(offset.extend(-0.000_006)),
        ChildOf(root),
    ));
    if is_own {
        let ring = look
            .art
            .own_ring
            .sprite(look.palette.ui.text.with_alpha(0.55));
        commands.spawn((
            ring,
            Transform::from_xyz(0.0, 0.0, -0.000_004),
            ChildOf(root),
        ));
    }
    let body = (
        look.art.avatar.sprite(color),
        Transform::default(),
        ChildOf(root),
    );
    let body = commands.spawn(body).id();
    let name = client.and_then(|client| client.roster().get(&id));
    let name = name.map_or("", String::as_str);
    let name_color = if is_own { *look.palette.ui.text } else { color };
    let name = (
        Text2d::new(name),
        look.font(TextSize::Small),
        TextColor(name_color),
        Text2dShadow {
            offset: Vec2::new(1.0, -1.0),
            color: *look.palette.ui.ink,
        },
        Transform::from_xyz(0.0, shape.name_above, 0.000_004),
        Visibility::default(),
        ChildOf(root),
    );
    let name = commands.spawn(name).id();
    ShownAvatar {
        root,
        body,
        name,
        is_own,
    }
}

fn place(
    view: Res<NetView>,
    rig: Res<CameraRig>,
    session: Res<NetSession>,
    look: Res<Look>,
    shown: Res<Shown>,
    mut transforms: Query<&mut Transform>,
    mut names: Query<(&mut Text2d, &mut Visibility)>,
) {
    let reach = name_reach(&view, &rig);
    let roster = session.client().map(Client::roster);
    for avatar in in_picture(&view, &rig) {
        let Some(entry) = shown.0.get(&avatar.id) else {
            continue;
        };
        if let Ok(mut root) = transforms.get_mut(entry.root) {
            root.translation = avatar.position.extend(root.translation.z);
        }
        if let Ok(mut body) = transforms.get_mut(entry.body) {
            body.rotation = Quat::from_rotation_z(avatar.facing);
            let stretch = if avatar.dashing {
                DASH_STRETCH
            } else {
                Vec2::ONE
            };
            body.scale = stretch.extend(1.0);
        }
        if let Ok(mut name) = transforms.get_mut(entry.name) {
            name.scale = Vec3::splat(rig.units_per_pixel);
            // Above the head by a distance in units, and half a line in pixels.
            name.translation.y = look.palette.avatar.name_above + 4.0 * rig.units_per_pixel;
        }
        if let Ok((mut text, mut visibility)) = names.get_mut(entry.name) {
            let near = avatar.position.distance_squared(rig.centre) <= reach;
            visibility.set_if_neq(if near {
                Visibility::Inherited
            } else {
                Visibility::Hidden
            });
            // Names may come after the avatar: the roster rides in another message.
            let known = roster.and_then(|roster| roster.get(&avatar.id));
            if let Some(known) = known.filter(|known| **known != text.0) {
                text.0.clone_from(known);
            }
        }
    }
}

/// The squared distance from the middle within which names are shown.
fn name_reach(view: &NetView, rig: &CameraRig) -> f32 {
    let mut distances: Vec<f32> = in_picture(view, rig)
        .map(|avatar| avatar.position.distance_squared(rig.centre))
        .collect();
    if distances.len() <= NAMES_DRAWN_MAX {
        return f32::MAX;
    }
    let (_, &mut reach, _) = distances.select_nth_unstable_by(NAMES_DRAWN_MAX, f32::total_cmp);
    reach
}

/// Leaves fading copies behind those who dash: as many as the frame was long, so that the trail
/// is as dense at ten frames per second as at a hundred.
fn lay_trails(
    view: Res<NetView>,
    rig: Res<CameraRig>,
    look: Res<Look>,
    time: Res<Time>,
    mut since: Local<f32>,
    mut effects: ResMut<Effects>,
) {
    let rules = &look.palette.effects;
    let interval = rules.trail_interval_seconds;
    *since += time.delta_secs();
    let copies = ((*since / interval) as u16).min(COPIES_PER_FRAME_MAX);
    if copies == 0 || view.lagging {
        return;
    }
    *since = 0.0;
    for avatar in in_picture(&view, &rig).filter(|avatar| avatar.dashing) {
        for copy in 0..copies {
            let ago = f32::from(copy) * interval;
            let faded = (1.0 - ago / rules.trail_seconds).max(0.1);
            effects.add(Puff {
                texture: look.art.blot.clone(),
                color: look.palette.player(avatar.id).with_alpha(0.55 * faded),
                position: avatar.position - avatar.velocity * ago,
                layer: layer::TRAIL,
                seconds: rules.trail_seconds * faded,
                scale: (look.palette.avatar.radius * 1.6 * faded, 0.15),
                ..Puff::default()
            });
        }
    }
}
