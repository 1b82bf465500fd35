//! Chat: the last lines, and a line to type when Enter is pressed.

use super::HudSystems;
use crate::app::{InputFocus, Screen};
use crate::look::{Look, TextSize};
use crate::net::{NetEvent, NetSession, NetcodeSystems};
use crate::text_field::{Edit, TextField};
use bevy::input::keyboard::{Key, KeyboardInput};
use bevy::prelude::*;
use std::collections::VecDeque;
use tickwire_netcode::Event;
use tickwire_shared::PlayerId;
use tickwire_shared::limits::CHAT_BYTES_MAX;

/// Lines kept and shown.
const LINES_MAX: usize = 8;
/// Seconds for which a line is shown while nobody types.
const LINE_SECONDS: f32 = 12.0;

/// The last lines of chat.
#[derive(Resource, Default)]
pub(crate) struct ChatLog {
    lines: VecDeque<ChatLine>,
    count: u64,
}

struct ChatLine {
    from: Option<PlayerId>,
    name: String,
    text: String,
    heard_at: f32,
}

impl ChatLog {
    /// Lines heard since the start.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    fn push(&mut self, line: ChatLine) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.count += 1;
    }
}

/// The line being typed.
#[derive(Resource)]
struct Draft(TextField);

#[derive(Component)]
struct LogNode;

#[derive(Component)]
struct DraftNode;

#[derive(Component)]
struct DraftText;

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<ChatLog>()
        .insert_resource(Draft(TextField::new("", CHAT_BYTES_MAX)))
        .add_systems(OnEnter(Screen::Game), spawn)
        .add_systems(
            Update,
            type_in
                .before(NetcodeSystems::Input)
                .run_if(in_state(Screen::Game)),
        )
        .add_systems(
            Update,
            (hear, draw_log, draw_draft).chain().in_set(HudSystems),
        );
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let ui = &look.palette.ui;
    let corner = Node {
        position_type: PositionType::Absolute,
        left: px(14),
        bottom: px(14),
        width: px(430),
        flex_direction: FlexDirection::Column,
        row_gap: px(6),
        ..default()
    };
    let log = Node {
        flex_direction: FlexDirection::Column,
        row_gap: px(2),
        ..default()
    };
    let line = Node {
        width: percent(100),
        padding: UiRect::axes(px(10), px(7)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(7)),
        ..default()
    };
    commands.spawn((
        DespawnOnExit(Screen::Game),
        GlobalZIndex(10),
        corner,
        children![
            (LogNode, log),
            (
                DraftNode,
                line,
                Visibility::Hidden,
                BackgroundColor(ui.field.with_alpha(0.95)),
                BorderColor::all(*ui.accent),
                children![(DraftText, look.label("", TextSize::Body, *ui.text))],
            ),
        ],
    ));
}

/// Runs before the keys of the game, so that the Enter which opens the chat does not close it.
fn type_in(
    mut keys: MessageReader<KeyboardInput>,
    mut focus: ResMut<InputFocus>,
    mut draft: ResMut<Draft>,
    mut session: ResMut<NetSession>,
    mut held: ResMut<ButtonInput<KeyCode>>,
) {
    if *focus != InputFocus::Chat {
        keys.clear();
        return;
    }
    for key in keys.read() {
        if key.state.is_pressed() && key.logical_key == Key::Enter {
            let text = draft.0.take();
            if let Some(client) = session.client_mut()
                && !text.trim().is_empty()
            {
                client.chat(text.trim());
            }
            *focus = InputFocus::Game;
            // Spent here; it must not open the chat again.
            held.clear_just_pressed(KeyCode::Enter);
            held.clear_just_pressed(KeyCode::NumpadEnter);
        } else if let Some(edit) = Edit::from_key(key) {
            draft.0.apply(&edit);
        }
    }
}

fn hear(mut events: MessageReader<NetEvent>, time: Res<Time>, mut log: ResMut<ChatLog>) {
    for NetEvent(event) in events.read() {
        if let Event::Chat { from, name, text } = event {
            log.push(ChatLine {
                from: *from,
                name: name.clone(),
                text: text.clone(),
                heard_at: time.elapsed_secs(),
            });
        }
    }
}

fn draw_log(
    log: Res<ChatLog>,
    focus: Res<InputFocus>,
    time: Res<Time>,
    look: Res<Look>,
    node: Single<Entity, With<LogNode>>,
    mut drawn: Local<Option<(Entity, u64, usize)>>,
    mut commands: Commands,
) {
    let ui = &look.palette.ui;
    let fresh = |line: &&ChatLine| time.elapsed_secs() - line.heard_at < LINE_SECONDS;
    let shown: Vec<&ChatLine> = match *focus {
        InputFocus::Chat => log.lines.iter().collect(),
        InputFocus::Game | InputFocus::Menu => log.lines.iter().filter(fresh).collect(),
    };
    let state = (*node, log.count, shown.len());
    if *drawn == Some(state) {
        return;
    }
    *drawn = Some(state);
    commands.entity(*node).despawn_children();
    for line in shown {
        let (name, color) = match line.from {
            Some(id) => (line.name.as_str(), look.palette.player(id)),
            None => ("server", *ui.accent),
        };
        commands.entity(*node).with_child((
            look.label(name, TextSize::Body, color),
            TextShadow::default(),
            children![(
                TextSpan::new(format!("  {}", line.text)),
                look.font(TextSize::Body),
                TextColor(*ui.text),
            )],
        ));
    }
}

fn draw_draft(
    focus: Res<InputFocus>,
    draft: Res<Draft>,
    mut node: Single<&mut Visibility, With<DraftNode>>,
    mut text: Single<&mut Text, With<DraftText>>,
) {
    let typing = *focus == InputFocus::Chat;
    node.set_if_neq(if typing {
        Visibility::Inherited
    } else {
        Visibility::Hidden
    });
    let (left, right) = draft.0.parts();
    text.set_if_neq(Text(format!("{left}|{right}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_lines_and_counts_all() {
        let mut log = ChatLog::default();
        for number in 0..20u32 {
            log.push(ChatLine {
                from: None,
                name: String::new(),
                text: number.to_string(),
                heard_at: 0.0,
            });
        }
        assert_eq!(log.lines.len(), LINES_MAX);
        assert_eq!(log.count(), 20);
        assert_eq!(log.lines.back().unwrap().text, "19");
    }
}
