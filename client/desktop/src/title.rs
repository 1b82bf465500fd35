//! The title screen: where, as whom, in which room; and why the last session ended.

use crate::app::{Notice, Screen};
use crate::hud::connection_words;
use crate::look::{Action, Look, TextSize, centred_node, panel_node};
use crate::net::{NetSession, NetcodeSystems};
use crate::settings::Settings;
use crate::text_field::{Edit, TextField};
use bevy::input::keyboard::{Key, KeyboardInput};
use bevy::prelude::*;
use tickwire_shared::limits::{NAME_BYTES_MAX, ROOM_NAME_BYTES_MAX};

/// Bytes of an address: longer ones are typing accidents.
const ADDRESS_BYTES_MAX: usize = 120;

#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
enum FieldId {
    Server,
    Name,
    Room,
}

impl FieldId {
    const ALL: [FieldId; 3] = [FieldId::Server, FieldId::Name, FieldId::Room];

    fn label(self) -> &'static str {
        match self {
            FieldId::Server => "Server",
            FieldId::Name => "Your name",
            FieldId::Room => "Room",
        }
    }
}

/// The three lines and which of them has the cursor.
#[derive(Resource)]
struct Form {
    fields: [TextField; 3],
    focus: usize,
}

#[derive(Component)]
struct FieldText(FieldId);

#[derive(Component)]
struct StatusText;

#[derive(Component)]
struct CancelRow;

pub(crate) struct TitlePlugin;

impl Plugin for TitlePlugin {
    fn build(&self, app: &mut App) {
        let form = Form::new(app.world().resource::<Settings>());
        app.insert_resource(form)
            .add_systems(OnEnter(Screen::Title), spawn)
            .add_systems(
                Update,
                (type_in, click_fields)
                    .chain()
                    .before(NetcodeSystems::Pump)
                    .run_if(in_state(Screen::Title)),
            )
            .add_systems(
                Update,
                (draw_fields, draw_status)
                    .in_set(NetcodeSystems::Draw)
                    .run_if(in_state(Screen::Title)),
            );
    }
}

impl Form {
    /// The cursor starts in the name: the address is usually right.
    fn new(settings: &Settings) -> Form {
        Form {
            fields: [
                TextField::new(&settings.server, ADDRESS_BYTES_MAX),
                TextField::new(&settings.name, NAME_BYTES_MAX),
                TextField::new(&settings.room, ROOM_NAME_BYTES_MAX),
            ],
            focus: 1,
        }
    }

    fn settings(&self) -> Settings {
        let [server, name, room] = self.fields.each_ref().map(|field| field.text().to_owned());
        Settings { server, name, room }
    }

    fn move_focus(&mut self, by: usize) {
        self.focus = (self.focus + by) % self.fields.len();
    }
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let ui = &look.palette.ui;
    let veil = BackgroundColor(look.palette.arena.outside.with_alpha(0.62));
    let screen = (DespawnOnExit(Screen::Title), centred_node(), veil);
    commands.spawn(screen).with_children(|screen| {
        screen.spawn((
            look.label("TICKWIRE", TextSize::Title, *ui.text),
            TextShadow::default(),
        ));
        let subtitle = look.label(
            "Sparks: gather them, dash, and mind the others",
            TextSize::Body,
            *ui.muted,
        );
        let margin = UiRect::bottom(px(22));
        screen.spawn((
            subtitle,
            Node {
                margin,
                ..default()
            },
        ));
        let form = Node {
            width: px(460),
            row_gap: px(10),
            padding: UiRect::all(px(22)),
            ..panel_node()
        };
        screen.spawn((form, look.panel())).with_children(|form| {
            for id in FieldId::ALL {
                form.spawn(field_row(&look, id));
            }
            form.spawn(button_row(&look));
        });
        screen.spawn((
            StatusText,
            look.label("", TextSize::Body, *ui.muted),
            TextLayout::justify(Justify::Center),
            Node {
                margin: UiRect::top(px(16)),
                min_height: px(48),
                max_width: px(720),
                ..default()
            },
        ));
        let cancel = (CancelRow, Visibility::Hidden, Node::default());
        screen
            .spawn(cancel)
            .with_child(look.button("Cancel", Action::Cancel));
    });
}

fn field_row(look: &Look, id: FieldId) -> impl Bundle + use<> {
    let ui = &look.palette.ui;
    let line = Node {
        width: percent(100),
        height: px(38),
        padding: UiRect::axes(px(12), px(8)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(7)),
        overflow: Overflow::clip(),
        ..default()
    };
    (
        Node {
            flex_direction: FlexDirection::Column,
            row_gap: px(4),
            ..default()
        },
        children![
            (look.label(id.label(), TextSize::Small, *ui.muted)),
            (
                id,
                Interaction::default(),
                line,
                BackgroundColor(*ui.field),
                BorderColor::all(*ui.panel_line),
                children![(
                    FieldText(id),
                    look.label("", TextSize::Body, *ui.text),
                    TextLayout::no_wrap(),
                )],
            ),
        ],
    )
}

fn button_row(look: &Look) -> impl Bundle + use<> {
    (
        Node {
            margin: UiRect::top(px(10)),
            column_gap: px(10),
            justify_content: JustifyContent::Center,
            ..default()
        },
        children![
            (look.button("Play", Action::Play)),
            (look.button("Watch", Action::Watch)),
            (look.button("Quit", Action::Quit)),
        ],
    )
}

fn type_in(
    mut keys: MessageReader<KeyboardInput>,
    held: Res<ButtonInput<KeyCode>>,
    session: Res<NetSession>,
    mut form: ResMut<Form>,
    mut settings: ResMut<Settings>,
    mut actions: MessageWriter<Action>,
) {
    for key in keys.read() {
        let connecting = session.state().is_some();
        if key.state.is_pressed() {
            let back = held.pressed(KeyCode::ShiftLeft) || held.pressed(KeyCode::ShiftRight);
            match key.logical_key {
                Key::Enter if !connecting => {
                    actions.write(Action::Play);
                }
                Key::Escape if connecting => {
                    actions.write(Action::Cancel);
                }
                Key::Tab if back => form.move_focus(2),
                Key::ArrowUp => form.move_focus(2),
                Key::Tab | Key::ArrowDown => form.move_focus(1),
                _ => {}
            }
        }
        // The settings of a session under way stay what they are.
        if let (Some(edit), false) = (Edit::from_key(key), connecting) {
            let focus = form.focus;
            form.fields[focus].apply(&edit);
        }
    }
    settings.set_if_neq(form.settings());
}

fn click_fields(
    fields: Query<(&FieldId, &Interaction), Changed<Interaction>>,
    mut form: ResMut<Form>,
) {
    for (id, interaction) in &fields {
        if *interaction == Interaction::Pressed {
            form.focus = *id as usize;
        }
    }
}

fn draw_fields(
    form: Res<Form>,
    look: Res<Look>,
    time: Res<Time>,
    mut lines: Query<(&FieldId, &mut BorderColor)>,
    mut texts: Query<(&FieldText, &mut Text)>,
) {
    let ui = &look.palette.ui;
    let cursor = if time.elapsed_secs().fract() < 0.6 {
        "|"
    } else {
        " "
    };
    for (id, mut border) in &mut lines {
        let has_focus = form.focus == *id as usize;
        let color = if has_focus { ui.accent } else { ui.panel_line };
        border.set_if_neq(BorderColor::all(*color));
    }
    for (FieldText(id), mut text) in &mut texts {
        let field = &form.fields[*id as usize];
        let shown = if form.focus == *id as usize {
            let (left, right) = field.parts();
            format!("{left}{cursor}{right}")
        } else {
            field.text().to_owned()
        };
        text.set_if_neq(Text(shown));
    }
}

fn draw_status(
    look: Res<Look>,
    session: Res<NetSession>,
    notice: Res<Notice>,
    settings: Res<Settings>,
    status: Single<(&mut Text, &mut TextColor), With<StatusText>>,
    mut cancel: Single<&mut Visibility, With<CancelRow>>,
) {
    let ui = &look.palette.ui;
    let (mut text, mut color) = status.into_inner();
    let (words, wanted_color) = match connection_words(&session, &settings.server) {
        Some(words) => (words, ui.warn),
        None if notice.0.is_empty() => {
            let hint = "Enter plays  ·  Tab moves between the fields  ·  F12 takes a picture";
            (hint.to_owned(), ui.muted)
        }
        None => (notice.0.clone(), ui.bad),
    };
    text.set_if_neq(Text(words));
    color.set_if_neq(TextColor(*wanted_color));
    let visible = session.state().is_some();
    cancel.set_if_neq(if visible {
        Visibility::Inherited
    } else {
        Visibility::Hidden
    });
}
