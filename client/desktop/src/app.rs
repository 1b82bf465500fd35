//! The app as a whole: its plugins, its two screens, and the way between them.

use crate::controls::ControlsPlugin;
use crate::hud::HudPlugin;
use crate::look::{Action, LookPlugin};
use crate::net::{NetSession, NetcodePlugin, NetcodeSystems};
use crate::options::Options;
use crate::scene::ScenePlugin;
use crate::screenshot::ScreenshotPlugin;
use crate::settings::Settings;
use crate::spectate::SpectatePlugin;
use crate::telemetry::TelemetryPlugin;
use crate::title::TitlePlugin;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::window::{PresentMode, WindowCloseRequested, WindowPlugin, WindowResolution};
use std::process::ExitCode;
use tickwire_netcode::socket::ConnectOptions;
use tickwire_netcode::{ClientConfig, SessionState};
use tickwire_shared::wire::CloseReason;

/// Where the player is.
#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Screen {
    #[default]
    Title,
    Game,
}

/// What takes the keyboard during the game.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum InputFocus {
    #[default]
    Game,
    Chat,
    Menu,
}

/// The command line, for those who need it later.
#[derive(Resource, Clone, Debug, Deref)]
pub(crate) struct Launch(Options);

/// Why the last session ended, for the title screen. Empty when the player left.
#[derive(Resource, Clone, Debug, Default)]
pub(crate) struct Notice(pub(crate) String);

/// Set when the player quits: the window stays until the goodbye has gone out.
#[derive(Resource, Default)]
struct Quitting(Option<f32>);

/// How long a goodbye may take, in seconds.
const GOODBYE_SECONDS: f32 = 0.15;

/// Opens the window and plays until the player quits.
pub fn run(options: Options) -> ExitCode {
    let settings = Settings::load(&options);
    let mut app = App::new();
    app.add_plugins(default_plugins(&options))
        .init_state::<Screen>()
        .init_resource::<InputFocus>()
        .init_resource::<Notice>()
        .init_resource::<Quitting>()
        .insert_resource(settings)
        .insert_resource(Launch(options))
        .add_message::<Action>()
        .add_plugins((
            NetcodePlugin,
            LookPlugin,
            ControlsPlugin,
            ScenePlugin,
            HudPlugin,
            TitlePlugin,
            SpectatePlugin,
            ScreenshotPlugin,
            TelemetryPlugin,
        ))
        .add_systems(Startup, autojoin)
        .add_systems(
            Update,
            (click_buttons, act, change_screen, close_window, quit)
                .chain()
                .after(NetcodeSystems::Pump)
                .before(NetcodeSystems::Draw),
        );
    match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    }
}

fn default_plugins(options: &Options) -> impl PluginGroup + use<> {
    let window = Window {
        title: "Tickwire".to_owned(),
        name: Some("tickwire".to_owned()),
        resolution: WindowResolution::new(options.size.width, options.size.height),
        present_mode: PresentMode::AutoVsync,
        ..default()
    };
    let window = WindowPlugin {
        primary_window: Some(window),
        close_when_requested: false,
        ..default()
    };
    let log = LogPlugin {
        // What players can do something about; drivers and window systems warn of much else.
        filter: "warn,wgpu=off,wgpu_core=off,wgpu_hal=off,naga=off,bevy_render=error,\
                 bevy_winit=error,winit=error"
            .to_owned(),
        ..default()
    };
    DefaultPlugins.set(window).set(log)
}

fn autojoin(launch: Res<Launch>, mut actions: MessageWriter<Action>) {
    if launch.autojoin {
        let watch = launch.spectate;
        actions.write(if watch { Action::Watch } else { Action::Play });
    }
}

fn click_buttons(
    buttons: Query<(&Interaction, &Action), Changed<Interaction>>,
    mut actions: MessageWriter<Action>,
) {
    for (interaction, action) in &buttons {
        if *interaction == Interaction::Pressed {
            actions.write(*action);
        }
    }
}

fn act(
    mut actions: MessageReader<Action>,
    launch: Res<Launch>,
    settings: Res<Settings>,
    mut session: ResMut<NetSession>,
    mut focus: ResMut<InputFocus>,
    mut notice: ResMut<Notice>,
    mut quitting: ResMut<Quitting>,
) {
    for action in actions.read() {
        match action {
            Action::Play | Action::Watch => {
                notice.0.clear();
                let spectator = *action == Action::Watch;
                if let Err(error) = join(&mut session, &settings, &launch, spectator) {
                    notice.0 = error;
                }
            }
            Action::Cancel => session.close(),
            Action::Resume => *focus = InputFocus::Game,
            Action::Leave => session.leave(),
            Action::Quit => {
                session.leave();
                quitting.0.get_or_insert(GOODBYE_SECONDS);
            }
        }
    }
}

fn join(
    session: &mut NetSession,
    settings: &Settings,
    launch: &Launch,
    spectator: bool,
) -> Result<(), String> {
    let options = ConnectOptions {
        url: settings.server.trim().to_owned(),
        name: settings.name.trim().to_owned(),
        room: settings.room.trim().to_owned(),
        spectator,
        token: launch.token.clone(),
        trust: launch.ca.clone().unwrap_or_default(),
        ..ConnectOptions::default()
    };
    options
        .validate()
        .map_err(|error| sentence(&error.to_string()))?;
    settings.save();
    let config = ClientConfig {
        spectator,
        seed: u64::from(std::process::id()),
        ..ClientConfig::default()
    };
    session
        .connect(options, config)
        .map_err(|error| format!("The network cannot be used: {error}"))
}

/// A session that plays opens the game; one that is over closes it and says why.
fn change_screen(
    mut session: ResMut<NetSession>,
    screen: Res<State<Screen>>,
    mut next: ResMut<NextState<Screen>>,
    mut notice: ResMut<Notice>,
    mut focus: ResMut<InputFocus>,
) {
    match session.state() {
        Some(SessionState::Playing) if *screen.get() == Screen::Title => {
            *focus = InputFocus::Game;
            next.set(Screen::Game);
        }
        Some(SessionState::Ended { reason, message }) => {
            if *reason != Some(CloseReason::Left) {
                notice.0 = sentence(message);
            }
            session.retire();
            next.set(Screen::Title);
        }
        None if *screen.get() == Screen::Game => next.set(Screen::Title),
        _ => {}
    }
}

/// With a capital and a full stop and without the system's error numbers, as a player reads it.
pub(crate) fn sentence(message: &str) -> String {
    let message = match message.split_once(" (os error ") {
        Some((before, rest)) => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => message.to_owned(),
    };
    let message = message.trim().trim_end_matches('.');
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), chars.as_str())
    })
}

fn close_window(
    mut requests: MessageReader<WindowCloseRequested>,
    mut actions: MessageWriter<Action>,
) {
    if requests.read().next().is_some() {
        actions.write(Action::Quit);
    }
}

fn quit(time: Res<Time>, mut quitting: ResMut<Quitting>, mut exit: MessageWriter<AppExit>) {
    if let Some(seconds) = &mut quitting.0 {
        *seconds -= time.delta_secs();
        if *seconds <= 0.0 {
            exit.write(AppExit::Success);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_a_sentence() {
        assert_eq!(sentence("the room is full"), "The room is full.");
        assert_eq!(sentence("  Gone. "), "Gone.");
        assert_eq!(sentence(""), "");
        let refused = "cannot reach [::1]:1: Connection refused (os error 111)";
        assert_eq!(
            sentence(refused),
            "Cannot reach [::1]:1: Connection refused."
        );
    }
}
