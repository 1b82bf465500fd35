//! Textures painted at start-up: avatars, sparks, rings, glows. No image files.
//!
//! A painter gives colour and coverage at a point in arena units; edges are smoothed over one
//! texel. What takes a player's colour is painted white and tinted when drawn.

use crate::palette::Palette;
use bevy::asset::RenderAssetUsages;
use bevy::color::Mix;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

/// Texels along an edge: an avatar covers about half as many pixels at the standard zoom.
const TEXELS: u32 = 96;

/// The painted textures, and how many units along an edge each covers.
#[derive(Clone, Debug)]
pub(crate) struct Art {
    /// White avatar that faces along x, to be tinted.
    pub(crate) avatar: Texture,
    /// Untinted spark with its glow.
    pub(crate) spark: Texture,
    /// Soft round blot, white.
    pub(crate) blot: Texture,
    /// Thin ring of radius 1, white.
    pub(crate) ring: Texture,
    /// Ring around the own avatar, white.
    pub(crate) own_ring: Texture,
}

/// A square texture that covers `units` of the arena along an edge.
#[derive(Clone, Debug)]
pub(crate) struct Texture {
    pub(crate) image: Handle<Image>,
    pub(crate) units: f32,
}

impl Texture {
    /// A sprite of the natural size.
    pub(crate) fn sprite(&self, color: Color) -> Sprite {
        Sprite {
            image: self.image.clone(),
            color,
            custom_size: Some(Vec2::splat(self.units)),
            ..default()
        }
    }
}

impl Art {
    pub(crate) fn paint(palette: &Palette, images: &mut Assets<Image>) -> Art {
        let mut add = |half: f32, painter: &dyn Fn(Vec2, f32) -> LinearRgba| Texture {
            image: images.add(paint(half, painter)),
            units: 2.0 * half,
        };
        let own = (
            palette.avatar.own_ring_radius,
            palette.avatar.own_ring_width,
        );
        Art {
            avatar: add(palette.avatar.nose_tip + 0.06, &|at, soft| {
                avatar(palette, at, soft)
            }),
            spark: add(palette.spark_shape.glow_radius, &|at, soft| {
                spark(palette, at, soft)
            }),
            blot: add(1.0, &|at, _| white(blot(at.length()))),
            ring: add(1.08, &|at, soft| white(ring(at, 1.0, 0.09, soft))),
            own_ring: add(own.0 + 0.1, &|at, soft| white(ring(at, own.0, own.1, soft))),
        }
    }
}

fn paint(half: f32, painter: &dyn Fn(Vec2, f32) -> LinearRgba) -> Image {
    let texel = 2.0 * half / TEXELS as f32;
    let data = (0..TEXELS * TEXELS).flat_map(|index| {
        let (column, row) = (index % TEXELS, index / TEXELS);
        // Rows go down, the y axis goes up.
        let at = Vec2::new(column as f32 + 0.5, (TEXELS - row) as f32 - 0.5) * texel - half;
        Srgba::from(painter(at, texel)).to_u8_array()
    });
    Image::new(
        Extent3d {
            width: TEXELS,
            height: TEXELS,
            depth_or_array_layers: 1,
        },
        TextureDimension::D2,
        data.collect(),
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    )
}

/// 1 inside (negative distance), 0 outside, a ramp of two texels between.
fn coverage(distance: f32, soft: f32) -> f32 {
    (0.5 - distance / (2.0 * soft)).clamp(0.0, 1.0)
}

fn white(alpha: f32) -> LinearRgba {
    LinearRgba::WHITE.with_alpha(alpha)
}

fn grey(light: f32, alpha: f32) -> LinearRgba {
    LinearRgba::new(light, light, light, alpha)
}

fn blot(distance: f32) -> f32 {
    let inside = (1.0 - distance).clamp(0.0, 1.0);
    inside * inside
}

fn ring(at: Vec2, radius: f32, width: f32, soft: f32) -> f32 {
    coverage((at.length() - radius).abs() - width / 2.0, soft)
}

/// A disc with a darker rim, a nose that tells the facing, and two eyes.
fn avatar(palette: &Palette, at: Vec2, soft: f32) -> LinearRgba {
    let shape = &palette.avatar;
    let disc = at.length() - shape.radius;
    let body = coverage(disc, soft);
    let nose = coverage(nose_distance(palette, at), soft);
    let rim = coverage(disc + shape.rim, soft);
    let centre_light = 1.0 - 0.25 * (at.length() / shape.radius).powi(2);
    let disc_light = shape.rim_shade + (centre_light - shape.rim_shade) * rim;
    let light = if disc < 0.0 {
        disc_light
    } else {
        shape.rim_shade.max(0.62)
    };
    let eye_centre = Vec2::new(shape.eye_forward, shape.eye_side.copysign(at.y));
    let eye = coverage(at.distance(eye_centre) - shape.eye_radius, soft);
    let glint_centre = eye_centre + Vec2::new(0.03, 0.03);
    let glint = coverage(at.distance(glint_centre) - shape.eye_radius * 0.35, soft);
    let light = light * (1.0 - 0.97 * eye) + 0.9 * glint * eye;
    grey(light, body.max(nose))
}

/// Signed distance to the triangle of the nose.
fn nose_distance(palette: &Palette, at: Vec2) -> f32 {
    let shape = &palette.avatar;
    let tip = Vec2::new(shape.nose_tip, 0.0);
    let base = Vec2::new(shape.nose_base, shape.nose_half_width);
    let at = Vec2::new(at.x, at.y.abs());
    let side = (base - tip).perp().normalize();
    (at - tip)
        .dot(side)
        .abs()
        .copysign(-(at - tip).dot(side))
        .max(base.x - at.x)
}

/// A four-pointed star in a glow.
fn spark(palette: &Palette, at: Vec2, soft: f32) -> LinearRgba {
    let shape = &palette.spark_shape;
    let distance = at.length();
    let glow = 0.55 * blot(distance / shape.glow_radius);
    // The astroid: points along the axes, hollow between.
    let star_reach = shape.body_radius * 1.9;
    let star = (at.x.abs().sqrt() + at.y.abs().sqrt()).powi(2) - star_reach;
    let body = coverage(star.max(distance - star_reach) * 0.7, soft)
        .max(coverage(distance - shape.body_radius * 0.8, soft));
    let core = coverage(distance - shape.core_radius, soft * 2.0);
    let linear = |color: Color| color.to_linear();
    let color = linear(*palette.spark.glow)
        .mix(&linear(*palette.spark.body), body)
        .mix(&linear(*palette.spark.core), core);
    color.with_alpha(glow.max(body).max(core))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_avatar_is_solid_in_the_middle_clear_at_the_corner_and_longer_ahead() {
        let palette = Palette::embedded();
        let alpha = |x, y| avatar(&palette, Vec2::new(x, y), 0.01).alpha;
        assert!(alpha(0.0, 0.0) > 0.99);
        assert!(alpha(0.7, 0.7) < 0.01);
        assert!(alpha(0.65, 0.0) > 0.99, "the nose points along x");
        assert!(alpha(-0.65, 0.0) < 0.01);
        assert!(alpha(0.0, 0.65) < 0.01);
    }

    #[test]
    fn a_painted_image_fades_out_towards_its_edge() {
        let palette = Palette::embedded();
        let image = paint(palette.spark_shape.glow_radius, &|at, soft| {
            spark(&palette, at, soft)
        });
        let data = image.data.expect("painted on the processor");
        let edge = data.chunks(4).take(TEXELS as usize);
        assert!(edge.into_iter().all(|texel| texel[3] < 8));
    }
}
