//! What stands between the player and the server, in words.

use super::HudSystems;
use crate::app::{Screen, sentence};
use crate::look::{Look, TextSize, centred_node, panel_node};
use crate::net::{NetSession, NetView};
use crate::settings::Settings;
use bevy::prelude::*;
use tickwire_netcode::{SessionState, socket};
use tickwire_shared::LocalTime;

#[derive(Component)]
struct Overlay;

#[derive(Component)]
struct OverlayText;

/// Above the other panels, below the menu.
const OVERLAY_Z: i32 = 50;

pub(super) fn plugin(app: &mut App) {
    app.add_systems(OnEnter(Screen::Game), spawn)
        .add_systems(Update, draw.in_set(HudSystems));
}

/// What to tell a player about a session that does not play; `None` when there is nothing to say.
pub(crate) fn connection_words(session: &NetSession, server: &str) -> Option<String> {
    words(session.state()?, server.trim(), socket::now())
}

fn words(state: &SessionState, server: &str, now: LocalTime) -> Option<String> {
    match state {
        SessionState::Connecting => Some(format!("Connecting to {server} …")),
        SessionState::Joining => Some("Connected. Joining the room …".to_owned()),
        SessionState::BackingOff { until, reason } => {
            let seconds = until.since(now).as_secs_f32().ceil().max(1.0);
            Some(format!(
                "{}\nTrying again in {seconds:.0} s …",
                sentence(reason)
            ))
        }
        SessionState::Playing | SessionState::Ended { .. } => None,
    }
}

fn spawn(mut commands: Commands, look: Res<Look>) {
    let veil = BackgroundColor(look.palette.arena.outside.with_alpha(0.55));
    let overlay = (
        Overlay,
        DespawnOnExit(Screen::Game),
        GlobalZIndex(OVERLAY_Z),
        Visibility::Hidden,
        centred_node(),
        veil,
    );
    let node = Node {
        padding: UiRect::axes(px(28), px(20)),
        align_items: AlignItems::Center,
        row_gap: px(8),
        max_width: percent(80),
        ..panel_node()
    };
    let ui = &look.palette.ui;
    commands.spawn(overlay).with_children(|overlay| {
        overlay.spawn((node, look.panel())).with_children(|panel| {
            panel.spawn(look.label("Connection lost", TextSize::Large, *ui.warn));
            panel.spawn((
                OverlayText,
                look.label("", TextSize::Body, *ui.text),
                TextLayout::justify(Justify::Center),
            ));
            panel.spawn(look.label("Esc opens the menu", TextSize::Small, *ui.muted));
        });
    });
}

fn draw(
    session: Res<NetSession>,
    view: Res<NetView>,
    settings: Res<Settings>,
    mut overlay: Single<&mut Visibility, With<Overlay>>,
    mut text: Single<&mut Text, With<OverlayText>>,
) {
    let stalled = || {
        let words = "The server has sent nothing for a while. What you see stands still.";
        (session.is_playing() && view.lagging && view.tick.0 > 0).then(|| words.to_owned())
    };
    let shown = match connection_words(&session, &settings.server).or_else(stalled) {
        Some(words) => {
            text.set_if_neq(Text(words));
            Visibility::Inherited
        }
        None => Visibility::Hidden,
    };
    overlay.set_if_neq(shown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_state_that_does_not_play_has_words() {
        let now = LocalTime(1_000_000);
        let told = |state: &SessionState| words(state, "ws://x/ws", now);
        assert_eq!(told(&SessionState::Playing), None);
        let connecting = told(&SessionState::Connecting).unwrap();
        assert!(connecting.contains("ws://x/ws"));
        assert!(told(&SessionState::Joining).is_some());
        let waiting = told(&SessionState::BackingOff {
            until: now + Duration::from_millis(2_300),
            reason: "the server is shutting down".to_owned(),
        });
        let expected = "The server is shutting down.\nTrying again in 3 s …";
        assert_eq!(waiting.as_deref(), Some(expected));
    }
}
