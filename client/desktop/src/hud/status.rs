//! Score, room, dash: what a player glances at; and the keys, for the first moments.

use super::HudSystems;
use crate::app::Screen;
use crate::look::{Look, TextSize, panel_node};
use crate::net::{NetSession, NetView};
use crate::settings::Settings;
use crate::spectate::FreeCamera;
use bevy::prelude::*;

/// Seconds for which the keys are shown.
const HINT_SECONDS: f32 = 14.0;
const DASH_BAR_PIXELS: f32 = 180.0;

#[derive(Component)]
struct ScoreText;

#[derive(Component)]
struct RoomText;

#[derive(Component)]
struct DashRow;

#[derive(Component)]
struct DashBar;

#[derive(Component)]
struct Hint {
    seconds: f32,
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(OnEnter(Screen::Game), spawn).add_systems(
        Update,
        (draw_score, draw_dash, fade_hint).in_set(HudSystems),
    );
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let ui = &look.palette.ui;
    let corner = Node {
        position_type: PositionType::Absolute,
        left: px(14),
        top: px(14),
        flex_direction: FlexDirection::Row,
        align_items: AlignItems::Center,
        column_gap: px(10),
        ..panel_node()
    };
    let icon = Node {
        width: px(30),
        height: px(30),
        ..default()
    };
    commands.spawn((
        DespawnOnExit(Screen::Game),
        corner,
        look.panel(),
        children![
            (ImageNode::new(look.art.spark.image.clone()), icon),
            (
                ScoreText,
                look.label("0", TextSize::Large, *look.palette.spark.body)
            ),
            (RoomText, look.label("", TextSize::Small, *ui.muted)),
        ],
    ));
    let bottom = Node {
        position_type: PositionType::Absolute,
        bottom: px(18),
        width: percent(100),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        row_gap: px(8),
        ..default()
    };
    commands
        .spawn((DespawnOnExit(Screen::Game), bottom))
        .with_children(|bottom| {
            bottom.spawn((
                Hint {
                    seconds: HINT_SECONDS,
                },
                look.label("", TextSize::Small, *ui.muted),
                TextShadow::default(),
            ));
            bottom.spawn(dash_row(&look));
        });
}

fn dash_row(look: &Look) -> impl Bundle + use<> {
    let ui = &look.palette.ui;
    let track = Node {
        width: px(DASH_BAR_PIXELS),
        height: px(7),
        border_radius: BorderRadius::all(px(4)),
        ..default()
    };
    let bar = Node {
        height: percent(100),
        border_radius: BorderRadius::all(px(4)),
        ..default()
    };
    (
        DashRow,
        Node {
            align_items: AlignItems::Center,
            column_gap: px(8),
            ..default()
        },
        children![
            (look.label("Dash", TextSize::Small, *ui.muted)),
            (
                track,
                BackgroundColor(ui.panel.with_alpha(0.85)),
                children![(DashBar, bar, BackgroundColor(*ui.accent))],
            ),
        ],
    )
}

fn draw_score(
    view: Res<NetView>,
    session: Res<NetSession>,
    settings: Res<Settings>,
    mut score: Single<&mut Text, (With<ScoreText>, Without<RoomText>)>,
    mut room: Single<&mut Text, (With<RoomText>, Without<ScoreText>)>,
) {
    let words = match view.own {
        Some(own) => own.score.to_string(),
        None => "watching".to_owned(),
    };
    score.set_if_neq(Text(words));
    let players = session.client().map_or(0, |client| client.roster().len());
    let plural = if players == 1 { "player" } else { "players" };
    room.set_if_neq(Text(format!("{}\n{players} {plural}", settings.room)));
}

fn draw_dash(
    view: Res<NetView>,
    look: Res<Look>,
    row: Single<&mut Visibility, With<DashRow>>,
    bar: Single<(&mut Node, &mut BackgroundColor), With<DashBar>>,
) {
    let mut visibility = row.into_inner();
    let (mut node, mut color) = bar.into_inner();
    let Some(own) = view.own else {
        visibility.set_if_neq(Visibility::Hidden);
        return;
    };
    visibility.set_if_neq(Visibility::Inherited);
    let width = percent((own.dash_ready * 100.0).round());
    if node.width != width {
        node.width = width;
    }
    let ui = &look.palette.ui;
    let full = own.dash_ready >= 1.0;
    color.set_if_neq(BackgroundColor(if full {
        *ui.accent
    } else {
        *ui.accent_dark
    }));
}

fn fade_hint(
    time: Res<Time>,
    view: Res<NetView>,
    camera: Res<FreeCamera>,
    hint: Single<(&mut Hint, &mut Text, &mut TextColor, &mut Visibility)>,
) {
    let (mut hint, mut text, mut color, mut visibility) = hint.into_inner();
    let words = if view.own.is_some() {
        "WASD or arrows move  ·  mouse aims, held it steers  ·  Space dashes  ·  Enter chats  ·  \
         Tab scores  ·  F3 network  ·  Esc menu"
    } else if camera.is_free {
        "Free camera: WASD or arrows  ·  F follows the leader  ·  Esc menu"
    } else {
        "Following the leader  ·  WASD or arrows free the camera  ·  Esc menu"
    };
    let seconds = hint.seconds - time.delta_secs();
    let changed = text.0 != words;
    hint.seconds = if changed { HINT_SECONDS } else { seconds };
    if changed {
        words.clone_into(&mut text.0);
    }
    color.0.set_alpha(hint.seconds.clamp(0.0, 1.0));
    // The shadow of text does not fade with it.
    let shown = if hint.seconds > 0.0 {
        Visibility::Inherited
    } else {
        Visibility::Hidden
    };
    visibility.set_if_neq(shown);
}
