//! Floor, walls and border as three meshes, built once per arena.

use super::{SceneSystems, layer};
use crate::look::Look;
use crate::net::NetSession;
use crate::palette::{ArenaColors, Palette};
use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use std::sync::Arc;
use tickwire_shared::TickRate;
use tickwire_shared::game::{Arena, World as GameWorld};

/// Edge of a square of the floor pattern, in units, and squares from one line to the next.
const FLOOR_SQUARE: f32 = 4.0;
const SQUARES_PER_LINE: u32 = 4;
/// Width of the floor's lines and length of the crosses where they meet, in units.
const LINE_WIDTH: f32 = 0.08;
const CROSS_LENGTH: f32 = 0.9;
/// Width of the frame around the arena, in units.
const BORDER_WIDTH: f32 = 0.8;

#[derive(Component)]
struct ArenaPart;

/// The arena behind the title screen.
#[derive(Resource, Deref)]
pub(super) struct Backdrop(Arc<GameWorld>);

impl Default for Backdrop {
    fn default() -> Backdrop {
        let arena = Arena::named("garden").expect("the embedded arenas are valid");
        Backdrop(Arc::new(GameWorld::new(arena, TickRate::DEFAULT)))
    }
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Backdrop>();
    app.add_systems(Update, build_arena.in_set(SceneSystems::Things));
}

/// Another server, another room, another arena: whenever the session's world is a new one.
fn build_arena(
    session: Res<NetSession>,
    backdrop: Res<Backdrop>,
    look: Res<Look>,
    parts: Query<Entity, With<ArenaPart>>,
    mut built: Local<Option<Arc<GameWorld>>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<ColorMaterial>>,
    mut commands: Commands,
) {
    let played = session.client().and_then(|client| client.world());
    let world = played.unwrap_or(&backdrop.0);
    if built
        .as_ref()
        .is_some_and(|built| Arc::ptr_eq(built, world))
    {
        return;
    }
    *built = Some(Arc::clone(world));
    for part in &parts {
        commands.entity(part).despawn();
    }
    let material = materials.add(ColorMaterial::default());
    let layers = [
        (floor(&world.arena, &look.palette), layer::FLOOR),
        (
            wall_shadows(&world.arena, &look.palette),
            layer::WALL_SHADOW,
        ),
        (walls(&world.arena, &look.palette), layer::WALL),
    ];
    for (quads, z) in layers {
        commands.spawn((
            ArenaPart,
            Mesh2d(meshes.add(quads.into_mesh())),
            MeshMaterial2d(material.clone()),
            Transform::from_xyz(0.0, 0.0, z),
        ));
    }
}

/// Rectangles in plain colours, to become one mesh.
#[derive(Default)]
struct Quads {
    positions: Vec<[f32; 3]>,
    colors: Vec<[f32; 4]>,
    indices: Vec<u32>,
}

impl Quads {
    fn add(&mut self, low: Vec2, high: Vec2, color: Color) {
        let corners = [
            low,
            Vec2::new(high.x, low.y),
            high,
            Vec2::new(low.x, high.y),
        ];
        self.corners(corners, color);
    }

    /// Any convex quadrilateral, counter-clockwise.
    fn corners(&mut self, corners: [Vec2; 4], color: Color) {
        let first = self.positions.len() as u32;
        let color = color.to_linear().to_f32_array();
        for corner in corners {
            self.positions.push([corner.x, corner.y, 0.0]);
            self.colors.push(color);
        }
        self.indices
            .extend([0, 1, 2, 2, 3, 0].map(|corner| first + corner));
    }

    fn into_mesh(self) -> Mesh {
        let usage = RenderAssetUsages::RENDER_WORLD;
        Mesh::new(PrimitiveTopology::TriangleList, usage)
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, self.colors)
            .with_inserted_indices(Indices::U32(self.indices))
    }
}

fn size_units(arena: &Arena) -> Vec2 {
    let spec = arena.spec();
    let tiles = Vec2::new(spec.width_tiles.into(), spec.height_tiles.into());
    tiles * f32::from(spec.tile_units)
}

fn floor(arena: &Arena, palette: &Palette) -> Quads {
    let colors = &palette.arena;
    let size = size_units(arena);
    let mut quads = Quads::default();
    border(&mut quads, size, colors);
    quads.add(Vec2::ZERO, size, *colors.floor);
    let squares = (size / FLOOR_SQUARE).ceil().as_uvec2();
    for row in 0..squares.y {
        for column in (row % 2..squares.x).step_by(2) {
            let low = Vec2::new(column as f32, row as f32) * FLOOR_SQUARE;
            quads.add(low, (low + FLOOR_SQUARE).min(size), *colors.floor_alt);
        }
    }
    let lines = squares / SQUARES_PER_LINE;
    let spacing = FLOOR_SQUARE * SQUARES_PER_LINE as f32;
    let half = LINE_WIDTH / 2.0;
    for column in 1..=lines.x {
        let x = column as f32 * spacing;
        quads.add(
            Vec2::new(x - half, 0.0),
            Vec2::new(x + half, size.y),
            *colors.floor_line,
        );
    }
    for row in 1..=lines.y {
        let y = row as f32 * spacing;
        quads.add(
            Vec2::new(0.0, y - half),
            Vec2::new(size.x, y + half),
            *colors.floor_line,
        );
    }
    for crossing in 0..lines.x * lines.y {
        let at = UVec2::new(crossing % lines.x + 1, crossing / lines.x + 1).as_vec2() * spacing;
        let (long, short) = (CROSS_LENGTH / 2.0, LINE_WIDTH);
        for arm in [Vec2::new(long, short), Vec2::new(short, long)] {
            quads.add(at - arm, at + arm, *colors.floor_mark);
        }
    }
    quads
}

fn border(quads: &mut Quads, size: Vec2, colors: &ArenaColors) {
    let line = 0.15;
    quads.add(
        Vec2::splat(-BORDER_WIDTH),
        size + BORDER_WIDTH,
        *colors.wall_dark,
    );
    quads.add(Vec2::splat(-line), size + line, *colors.border);
}

fn solid_tiles(arena: &Arena) -> impl Iterator<Item = (i32, i32, Vec2, Vec2)> + '_ {
    let spec = arena.spec();
    let (columns, rows) = (i32::from(spec.width_tiles), i32::from(spec.height_tiles));
    let edge = f32::from(spec.tile_units);
    (0..rows)
        .flat_map(move |row| (0..columns).map(move |column| (column, row)))
        .filter(|&(column, row)| arena.is_solid(column, row))
        .map(move |(column, row)| {
            let low = Vec2::new(column as f32, row as f32) * edge;
            (column, row, low, low + edge)
        })
}

/// Tiles do not overlap, so neither do their shadows: no part gets darker than another.
fn wall_shadows(arena: &Arena, palette: &Palette) -> Quads {
    let mut quads = Quads::default();
    let offset = Vec2::from(palette.wall.shadow_offset);
    for (_, _, low, high) in solid_tiles(arena) {
        quads.add(
            low + offset,
            high + offset,
            palette.arena.shadow.with_alpha(0.55),
        );
    }
    quads
}

/// A plain top, with a bevel along every edge that borders on floor: light above and left, dark
/// below and right. Neighbours decide where the bevel is mitred.
fn walls(arena: &Arena, palette: &Palette) -> Quads {
    let mut quads = Quads::default();
    let colors = &palette.arena;
    let bevel = palette.wall.bevel;
    for (column, row, low, high) in solid_tiles(arena) {
        quads.add(low, high, *colors.wall_top);
        let open = |dx, dy| !arena.is_solid(column + dx, row + dy);
        let inset = |is_open: bool| if is_open { bevel } else { 0.0 };
        let (left, right) = (open(-1, 0), open(1, 0));
        let (bottom, top) = (open(0, -1), open(0, 1));
        let inner_low = low + Vec2::new(inset(left), inset(bottom));
        let inner_high = high - Vec2::new(inset(right), inset(top));
        let outer = [
            low,
            Vec2::new(high.x, low.y),
            high,
            Vec2::new(low.x, high.y),
        ];
        let inner = [
            inner_low,
            Vec2::new(inner_high.x, inner_low.y),
            inner_high,
            Vec2::new(inner_low.x, inner_high.y),
        ];
        let sides = [
            (bottom, *colors.wall_dark),
            (right, *colors.wall_dark),
            (top, *colors.wall_light),
            (left, *colors.wall_light),
        ];
        for (side, (is_open, color)) in sides.into_iter().enumerate() {
            let next = (side + 1) % 4;
            if is_open {
                quads.corners([outer[side], outer[next], inner[next], inner[side]], color);
            }
        }
    }
    quads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_arena_becomes_meshes_inside_its_frame() {
        let palette = Palette::embedded();
        for name in tickwire_shared::game::arena::EMBEDDED_NAMES {
            let arena = Arena::named(name).unwrap();
            let size = size_units(&arena) + BORDER_WIDTH;
            for quads in [floor(&arena, &palette), walls(&arena, &palette)] {
                assert_eq!(quads.positions.len(), quads.colors.len());
                let inside = |at: &[f32; 3]| {
                    at[0] >= -BORDER_WIDTH
                        && at[1] >= -BORDER_WIDTH
                        && at[0] <= size.x
                        && at[1] <= size.y
                };
                assert!(quads.positions.iter().all(inside), "{name}");
            }
        }
    }
}
