//! The map in the corner: walls, sparks and players that are known, and what the camera shows.

use super::HudSystems;
use super::plot::Canvas;
use crate::app::Screen;
use crate::look::Look;
use crate::net::{NetSession, NetView};
use crate::scene::CameraRig;
use bevy::prelude::*;
use std::sync::Arc;
use tickwire_shared::game::{UNIT, World as GameWorld};

/// Longest edge in pixels.
const EDGE_PIXELS: f32 = 168.0;
/// Seconds between two paintings.
const INTERVAL_SECONDS: f32 = 0.1;

#[derive(Component)]
struct MapImage;

/// The walls as painted once, and the world they belong to.
#[derive(Resource)]
struct Map {
    world: Arc<GameWorld>,
    walls: Canvas,
    canvas: Canvas,
    pixels_per_unit: f32,
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(OnEnter(Screen::Game), spawn)
        .add_systems(Update, (survey, paint).chain().in_set(HudSystems));
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let corner = Node {
        position_type: PositionType::Absolute,
        right: px(14),
        bottom: px(14),
        padding: UiRect::all(px(5)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        ..default()
    };
    commands.remove_resource::<Map>();
    commands.spawn((
        DespawnOnExit(Screen::Game),
        corner,
        look.panel(),
        children![(MapImage, ImageNode::default(), Node::default())],
    ));
}

/// Paints the walls of a new world, and gives the map its proportions.
fn survey(
    session: Res<NetSession>,
    look: Res<Look>,
    map: Option<Res<Map>>,
    mut images: ResMut<Assets<Image>>,
    mut commands: Commands,
    node: Single<(&mut ImageNode, &mut Node), With<MapImage>>,
) {
    let Some(world) = session.client().and_then(|client| client.world()) else {
        return;
    };
    if map.is_some_and(|map| Arc::ptr_eq(&map.world, world)) {
        return;
    }
    let size = world.arena.size().as_vec2() / UNIT as f32;
    let pixels_per_unit = EDGE_PIXELS / size.max_element();
    let walls = paint_walls(world, &look, pixels_per_unit);
    let pixels = walls.size();
    let (mut image, mut node) = node.into_inner();
    image.image = images.add(walls.to_image());
    node.width = px(pixels.x as f32);
    node.height = px(pixels.y as f32);
    commands.insert_resource(Map {
        world: Arc::clone(world),
        canvas: walls.clone(),
        walls,
        pixels_per_unit,
    });
}

fn paint_walls(world: &GameWorld, look: &Look, pixels_per_unit: f32) -> Canvas {
    let colors = &look.palette.arena;
    let spec = world.arena.spec();
    let tiles = UVec2::new(spec.width_tiles.into(), spec.height_tiles.into());
    let pixels_per_tile = f32::from(spec.tile_units) * pixels_per_unit;
    let size = (tiles.as_vec2() * pixels_per_tile)
        .ceil()
        .as_uvec2()
        .max(UVec2::ONE);
    let mut canvas = Canvas::new(size);
    canvas.fill(*colors.floor);
    for row in 0..tiles.y as i32 {
        for column in (0..tiles.x as i32).filter(|&column| world.arena.is_solid(column, row)) {
            let left = (column as f32 * pixels_per_tile) as i32;
            let right = ((column + 1) as f32 * pixels_per_tile).ceil() as i32 - 1;
            let top = size.y as i32 - ((row + 1) as f32 * pixels_per_tile).ceil() as i32;
            let bottom = size.y as i32 - 1 - (row as f32 * pixels_per_tile) as i32;
            canvas.rect(
                IVec2::new(left, top),
                IVec2::new(right, bottom),
                *colors.wall_light,
            );
        }
    }
    canvas
}

fn paint(
    time: Res<Time>,
    view: Res<NetView>,
    rig: Res<CameraRig>,
    look: Res<Look>,
    map: Option<ResMut<Map>>,
    node: Single<&ImageNode, With<MapImage>>,
    mut since: Local<f32>,
    mut images: ResMut<Assets<Image>>,
) {
    *since += time.delta_secs();
    let Some(mut map) = map.filter(|_| *since >= INTERVAL_SECONDS) else {
        return;
    };
    *since = 0.0;
    let map = &mut *map;
    map.canvas.copy_from(&map.walls);
    let (scale, height) = (map.pixels_per_unit, map.canvas.size().y as f32);
    let pixel = |at: Vec2| IVec2::new((at.x * scale) as i32, (height - at.y * scale) as i32);
    let spark = look.palette.spark.body.darker(0.1);
    for known in &view.sparks {
        let at = pixel(known.position);
        map.canvas.rect(at, at, spark);
    }
    for other in &view.others {
        let at = pixel(other.position);
        map.canvas
            .rect(at - 1, at + 1, look.palette.player(other.id));
    }
    let (low, high) = (rig.centre - rig.half, rig.centre + rig.half);
    let corner = |x, y| pixel(Vec2::new(x, y));
    let line = look.palette.ui.muted.with_alpha(0.9);
    map.canvas
        .frame(corner(low.x, high.y), corner(high.x, low.y), line);
    if let Some(own) = view.own {
        let at = pixel(own.position);
        map.canvas.rect(at - 2, at + 2, *look.palette.ui.ink);
        map.canvas.rect(at - 1, at + 1, *look.palette.ui.text);
    }
    if let Some(mut image) = images.get_mut(&node.image) {
        map.canvas.show_in(&mut image);
    }
}
