//! The Esc menu.

use super::HudSystems;
use crate::app::{InputFocus, Screen};
use crate::look::{Action, Look, TextSize, centred_node, panel_node};
use bevy::prelude::*;

#[derive(Component)]
struct Menu;

#[derive(Component)]
struct MenuButton(usize);

/// Which button the keys have chosen.
#[derive(Resource, Default)]
struct Choice(usize);

const BUTTONS: [(&str, Action); 3] = [
    ("Resume", Action::Resume),
    ("Leave the room", Action::Leave),
    ("Quit", Action::Quit),
];

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Choice>()
        .add_systems(OnEnter(Screen::Game), spawn)
        .add_systems(Update, (choose, draw).chain().in_set(HudSystems));
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let veil = BackgroundColor(look.palette.arena.outside.with_alpha(0.6));
    let menu = (
        Menu,
        DespawnOnExit(Screen::Game),
        GlobalZIndex(100),
        Visibility::Hidden,
        centred_node(),
        veil,
    );
    let node = Node {
        width: px(280),
        padding: UiRect::all(px(20)),
        row_gap: px(10),
        ..panel_node()
    };
    commands.spawn(menu).with_children(|menu| {
        menu.spawn((node, look.panel())).with_children(|panel| {
            panel.spawn(look.label("Menu", TextSize::Large, *look.palette.ui.text));
            for (index, (text, action)) in BUTTONS.into_iter().enumerate() {
                panel.spawn((MenuButton(index), look.button(text, action)));
            }
            let hint = "The game goes on while you are here";
            panel.spawn(look.label(hint, TextSize::Small, *look.palette.ui.muted));
        });
    });
}

fn choose(
    keys: Res<ButtonInput<KeyCode>>,
    focus: Res<InputFocus>,
    mut choice: ResMut<Choice>,
    mut actions: MessageWriter<Action>,
) {
    if *focus != InputFocus::Menu {
        choice.0 = 0;
        return;
    }
    if keys.any_just_pressed([KeyCode::ArrowDown, KeyCode::KeyS]) {
        choice.0 = (choice.0 + 1) % BUTTONS.len();
    }
    if keys.any_just_pressed([KeyCode::ArrowUp, KeyCode::KeyW]) {
        choice.0 = (choice.0 + BUTTONS.len() - 1) % BUTTONS.len();
    }
    if keys.any_just_pressed([KeyCode::Enter, KeyCode::NumpadEnter]) {
        actions.write(BUTTONS[choice.0].1);
    }
}

fn draw(
    focus: Res<InputFocus>,
    choice: Res<Choice>,
    look: Res<Look>,
    mut menu: Single<&mut Visibility, With<Menu>>,
    mut buttons: Query<(&MenuButton, &Interaction, &mut BorderColor)>,
) {
    let open = *focus == InputFocus::Menu;
    menu.set_if_neq(if open {
        Visibility::Inherited
    } else {
        Visibility::Hidden
    });
    for (button, interaction, mut border) in &mut buttons {
        if *interaction == Interaction::None {
            let chosen = button.0 == choice.0;
            let color = if chosen {
                look.palette.ui.accent
            } else {
                look.palette.ui.panel_line
            };
            border.set_if_neq(BorderColor::all(*color));
        }
    }
}
