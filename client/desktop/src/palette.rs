//! The shared look, from `assets/palette.json`: colours, proportions, times.
//!
//! The browser client reads the same file, so that both draw the same game.

use bevy::prelude::{Color, Srgba};
use serde::Deserialize;
use std::ops::Deref;
use tickwire_shared::PlayerId;

const PALETTE_JSON: &str = include_str!("../../../assets/palette.json");

/// A colour written as `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Hex(Color);

impl Deref for Hex {
    type Target = Color;

    fn deref(&self) -> &Color {
        &self.0
    }
}

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Hex, String> {
        Srgba::hex(&text)
            .map(|srgba| Hex(srgba.into()))
            .map_err(|error| format!("`{text}` is not a colour: {error}"))
    }
}

/// The file as a whole. Lengths are in arena units, times in seconds.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Palette {
    pub(crate) arena: ArenaColors,
    pub(crate) spark: SparkColors,
    pub(crate) ui: UiColors,
    players: Vec<Hex>,
    pub(crate) avatar: AvatarShape,
    pub(crate) spark_shape: SparkShape,
    pub(crate) effects: Effects,
    pub(crate) wall: WallShape,
    pub(crate) camera: CameraRules,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ArenaColors {
    pub(crate) outside: Hex,
    pub(crate) floor: Hex,
    pub(crate) floor_alt: Hex,
    pub(crate) floor_line: Hex,
    pub(crate) floor_mark: Hex,
    pub(crate) wall_top: Hex,
    pub(crate) wall_light: Hex,
    pub(crate) wall_dark: Hex,
    pub(crate) shadow: Hex,
    pub(crate) border: Hex,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SparkColors {
    pub(crate) core: Hex,
    pub(crate) body: Hex,
    pub(crate) glow: Hex,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UiColors {
    pub(crate) text: Hex,
    pub(crate) muted: Hex,
    pub(crate) panel: Hex,
    pub(crate) panel_line: Hex,
    pub(crate) field: Hex,
    pub(crate) accent: Hex,
    pub(crate) accent_dark: Hex,
    pub(crate) warn: Hex,
    pub(crate) bad: Hex,
    pub(crate) ink: Hex,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AvatarShape {
    pub(crate) radius: f32,
    pub(crate) rim: f32,
    pub(crate) rim_shade: f32,
    pub(crate) nose_tip: f32,
    pub(crate) nose_half_width: f32,
    pub(crate) nose_base: f32,
    pub(crate) eye_forward: f32,
    pub(crate) eye_side: f32,
    pub(crate) eye_radius: f32,
    pub(crate) own_ring_radius: f32,
    pub(crate) own_ring_width: f32,
    pub(crate) shadow_offset: [f32; 2],
    pub(crate) name_above: f32,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SparkShape {
    pub(crate) core_radius: f32,
    pub(crate) body_radius: f32,
    pub(crate) glow_radius: f32,
    pub(crate) pulse_seconds: f32,
    pub(crate) pulse_part: f32,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Effects {
    pub(crate) trail_seconds: f32,
    pub(crate) trail_interval_seconds: f32,
    pub(crate) pickup_seconds: f32,
    pub(crate) pickup_ring_radius: f32,
    pub(crate) pickup_particles: u8,
    pub(crate) bump_seconds: f32,
    pub(crate) bump_ring_radius: f32,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WallShape {
    pub(crate) bevel: f32,
    pub(crate) shadow_offset: [f32; 2],
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CameraRules {
    pub(crate) height_units: f32,
    pub(crate) height_units_min: f32,
    pub(crate) height_units_max: f32,
    pub(crate) follow_per_second: f32,
    pub(crate) look_ahead_seconds: f32,
    pub(crate) margin_units: f32,
}

impl Palette {
    /// The palette that is part of the program.
    pub(crate) fn embedded() -> Palette {
        serde_json::from_str(PALETTE_JSON).expect("a test reads the embedded palette")
    }

    /// The colour of a player: the same on every screen, because it follows from the id.
    pub(crate) fn player(&self, id: PlayerId) -> Color {
        *self.players[id.index() % self.players.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::prelude::Luminance;

    #[test]
    fn the_embedded_palette_reads_and_its_colours_stand_out_from_the_floor() {
        let palette = Palette::embedded();
        assert!(palette.players.len() >= 16);
        let floor = palette.arena.floor.luminance() + 0.05;
        for color in palette.players.iter().chain([&palette.ui.text]) {
            let contrast = (color.luminance() + 0.05) / floor;
            assert!(
                contrast > 4.5,
                "{color:?} has a contrast of {contrast} only"
            );
        }
    }

    #[test]
    fn a_word_is_not_a_colour() {
        let error = serde_json::from_str::<Hex>("\"blue-ish\"").unwrap_err();
        assert!(error.to_string().contains("is not a colour"), "{error}");
    }
}
