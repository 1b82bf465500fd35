//! The panels over the game. All of them are made when the game is entered and go with it.

mod chat;
mod connection;
mod leaderboard;
mod menu;
mod minimap;
mod net_graph;
mod plot;
mod status;

pub(crate) use chat::ChatLog;
pub(crate) use connection::connection_words;

use crate::app::Screen;
use crate::net::NetcodeSystems;
use bevy::prelude::*;

/// The systems of the panels, within [`NetcodeSystems::Draw`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct HudSystems;

pub(crate) struct HudPlugin;

impl Plugin for HudPlugin {
    fn build(&self, app: &mut App) {
        app.configure_sets(
            Update,
            HudSystems
                .in_set(NetcodeSystems::Draw)
                .run_if(in_state(Screen::Game)),
        )
        .add_plugins((
            status::plugin,
            leaderboard::plugin,
            chat::plugin,
            minimap::plugin,
            net_graph::plugin,
            menu::plugin,
            connection::plugin,
        ));
    }
}
