//! Palette, fonts and textures as one resource, and the few widgets that all panels are made of.

use crate::art::Art;
use crate::palette::{Hex, Palette, UiColors};
use bevy::prelude::*;

/// Everything about appearance that is decided at start-up.
#[derive(Resource)]
pub(crate) struct Look {
    pub(crate) palette: Palette,
    pub(crate) art: Art,
    medium: Handle<Font>,
    bold: Handle<Font>,
}

/// Sizes of text in logical pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TextSize {
    Small,
    Body,
    Large,
    Title,
}

/// What a button or a key asks for.
#[derive(Component, Message, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Play,
    Watch,
    Cancel,
    Resume,
    Leave,
    Quit,
}

pub(crate) struct LookPlugin;

impl Plugin for LookPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Look>()
            .add_systems(Update, (scale_ui, tint_buttons));
    }
}

impl FromWorld for Look {
    fn from_world(world: &mut World) -> Look {
        let palette = Palette::embedded();
        let art = Art::paint(&palette, &mut world.resource_mut::<Assets<Image>>());
        let mut fonts = world.resource_mut::<Assets<Font>>();
        let mut font = |bytes: &[u8]| fonts.add(Font::from_bytes(bytes.to_vec()));
        Look {
            medium: font(include_bytes!("../fonts/Lato-Medium.ttf")),
            bold: font(include_bytes!("../fonts/Lato-Bold.ttf")),
            palette,
            art,
        }
    }
}

impl Look {
    pub(crate) fn font(&self, size: TextSize) -> TextFont {
        let (font, pixels) = match size {
            TextSize::Small => (&self.medium, 13.0),
            TextSize::Body => (&self.medium, 16.0),
            TextSize::Large => (&self.bold, 22.0),
            TextSize::Title => (&self.bold, 64.0),
        };
        TextFont {
            font: font.into(),
            font_size: FontSize::Px(pixels),
            ..default()
        }
    }

    /// A line of text.
    pub(crate) fn label(&self, text: &str, size: TextSize, color: Color) -> impl Bundle + use<> {
        (Text::new(text), self.font(size), TextColor(color))
    }

    /// Looks of a panel; the caller gives the node.
    pub(crate) fn panel(&self) -> impl Bundle + use<> {
        (
            BackgroundColor(self.palette.ui.panel.with_alpha(0.86)),
            BorderColor::all(*self.palette.ui.panel_line),
        )
    }

    pub(crate) fn button(&self, text: &str, action: Action) -> impl Bundle + use<> {
        let ui = &self.palette.ui;
        (
            Button,
            action,
            Node {
                padding: UiRect::axes(px(22), px(11)),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(8)),
                justify_content: JustifyContent::Center,
                ..default()
            },
            BackgroundColor(*button_colors(ui, action, Interaction::None).0),
            BorderColor::all(*button_colors(ui, action, Interaction::None).1),
            children![(self.label(text, TextSize::Body, *ui.text))],
        )
    }
}

/// A node with the common padding, corners and border of panels.
pub(crate) fn panel_node() -> Node {
    Node {
        padding: UiRect::all(px(12)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        flex_direction: FlexDirection::Column,
        ..default()
    }
}

/// A node over the whole window that centres its children.
pub(crate) fn centred_node() -> Node {
    Node {
        position_type: PositionType::Absolute,
        width: percent(100),
        height: percent(100),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        justify_content: JustifyContent::Center,
        ..default()
    }
}

/// Panels keep their share of the window: made for 720 rows, readable from half to twice that.
fn scale_ui(window: Single<&Window>, mut scale: ResMut<UiScale>) {
    let wanted = (window.height() / 720.0).clamp(0.6, 2.0);
    if (scale.0 - wanted).abs() > 0.01 {
        scale.0 = wanted;
    }
}

fn tint_buttons(
    look: Res<Look>,
    mut buttons: Query<
        (
            &Interaction,
            &Action,
            &mut BackgroundColor,
            &mut BorderColor,
        ),
        Changed<Interaction>,
    >,
) {
    for (interaction, action, mut background, mut border) in &mut buttons {
        let (fill, line) = button_colors(&look.palette.ui, *action, *interaction);
        background.0 = *fill;
        *border = BorderColor::all(*line);
    }
}

/// Fill and border. Play is what most people are here for.
fn button_colors(ui: &UiColors, action: Action, interaction: Interaction) -> (Hex, Hex) {
    match interaction {
        Interaction::None if action == Action::Play => (ui.accent_dark, ui.accent),
        Interaction::None => (ui.field, ui.panel_line),
        Interaction::Hovered => (ui.accent_dark, ui.text),
        Interaction::Pressed => (ui.accent, ui.text),
    }
}
