//! The ten best, while Tab is held.

use super::HudSystems;
use crate::app::Screen;
use crate::controls::Panels;
use crate::look::{Look, TextSize, panel_node};
use crate::net::{NetSession, NetView};
use bevy::prelude::*;
use tickwire_netcode::Client;
use tickwire_shared::PlayerId;

#[derive(Component)]
struct Board;

#[derive(Component)]
struct Rows;

/// One row as it is shown.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    rank: Option<usize>,
    id: PlayerId,
    name: String,
    score: u32,
    is_own: bool,
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(OnEnter(Screen::Game), spawn)
        .add_systems(Update, (draw, place_on_top).chain().in_set(HudSystems));
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let place = Node {
        position_type: PositionType::Absolute,
        width: percent(100),
        top: px(90),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        ..default()
    };
    let panel = Node {
        width: px(380),
        row_gap: px(8),
        padding: UiRect::all(px(18)),
        ..panel_node()
    };
    let rows = Node {
        flex_direction: FlexDirection::Column,
        row_gap: px(3),
        ..default()
    };
    commands.spawn((
        Board,
        DespawnOnExit(Screen::Game),
        GlobalZIndex(20),
        Visibility::Hidden,
        place,
        children![(
            panel,
            look.panel(),
            children![
                (look.label("Leaderboard", TextSize::Large, *look.palette.ui.text)),
                (Rows, rows),
            ],
        )],
    ));
}

fn place_on_top(panels: Res<Panels>, mut board: Single<&mut Visibility, With<Board>>) {
    let shown = if panels.leaderboard {
        Visibility::Inherited
    } else {
        Visibility::Hidden
    };
    board.set_if_neq(shown);
}

fn draw(
    panels: Res<Panels>,
    session: Res<NetSession>,
    view: Res<NetView>,
    look: Res<Look>,
    rows: Single<Entity, With<Rows>>,
    mut shown: Local<(Option<Entity>, Vec<Row>)>,
    mut commands: Commands,
) {
    let Some(client) = session.client().filter(|_| panels.leaderboard) else {
        return;
    };
    let own = view.own.map(|own| (own.id, own.score));
    let wanted = board_rows(client, own);
    if shown.0 == Some(*rows) && shown.1 == wanted {
        return;
    }
    commands.entity(*rows).despawn_children();
    for row in &wanted {
        commands.entity(*rows).with_child(row_bundle(&look, row));
    }
    *shown = (Some(*rows), wanted);
}

fn board_rows(client: &Client, own: Option<(PlayerId, u32)>) -> Vec<Row> {
    let row = |rank: Option<usize>, id: PlayerId, score: u32| Row {
        rank,
        id,
        name: client.roster().get(&id).cloned().unwrap_or_default(),
        score,
        is_own: own.is_some_and(|(own, _)| own == id),
    };
    let ranked = client.leaders().iter().enumerate();
    let mut rows: Vec<Row> = ranked
        .map(|(rank, &(id, score))| row(Some(rank + 1), id, score))
        .collect();
    if let Some((id, score)) = own
        && !rows.iter().any(|row| row.is_own)
    {
        rows.push(row(None, id, score));
    }
    rows
}

fn row_bundle(look: &Look, row: &Row) -> impl Bundle + use<> {
    let ui = &look.palette.ui;
    let line = Node {
        width: percent(100),
        padding: UiRect::axes(px(10), px(5)),
        column_gap: px(10),
        align_items: AlignItems::Center,
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let fill = if row.is_own {
        ui.accent_dark.with_alpha(0.55)
    } else {
        Color::NONE
    };
    let rank = row
        .rank
        .map_or_else(|| "–".to_owned(), |rank| rank.to_string());
    let swatch = Node {
        width: px(12),
        height: px(12),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let column = |width| Node { width, ..default() };
    let name = Node {
        flex_grow: 1.0,
        overflow: Overflow::clip(),
        ..default()
    };
    (
        line,
        BackgroundColor(fill),
        children![
            (look.label(&rank, TextSize::Body, *ui.muted), column(px(24))),
            (swatch, BackgroundColor(look.palette.player(row.id))),
            (look.label(&row.name, TextSize::Body, *ui.text), name),
            (look.label(
                &row.score.to_string(),
                TextSize::Body,
                *look.palette.spark.body
            )),
        ],
    )
}
