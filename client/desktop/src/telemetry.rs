//! The client's state as JSON lines, for tests and for those who want to plot it.

use crate::app::{Launch, Notice, Screen};
use crate::controls::Panels;
use crate::hud::{ChatLog, connection_words};
use crate::net::{NetEvent, NetSession, NetView, NetcodeSystems};
use crate::settings::Settings;
use bevy::prelude::*;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use tickwire_netcode::{Event, SessionState, Stats};

/// Seconds between two lines.
const INTERVAL_SECONDS: f32 = 0.1;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Line {
    t_ms: u64,
    screen: &'static str,
    state: &'static str,
    connected: bool,
    tick: u32,
    position: Option<[f32; 2]>,
    dashing: bool,
    score: Option<u32>,
    visible: usize,
    sparks: usize,
    players: usize,
    lagging: bool,
    welcomes: u32,
    resumed: u32,
    corrections: u64,
    corrections_late_input: u64,
    corrections_server_event: u64,
    corrections_resync: u64,
    desyncs: u64,
    disconnects: u64,
    rtt_ms: f64,
    margin_ms: f64,
    interpolation_delay_ms: f64,
    stall_ms: f64,
    bytes_received: u64,
    avatar_ticks: u64,
    fps: f32,
    leaderboard: bool,
    net_graph: bool,
    chat_lines: u64,
    /// What the screen says about the connection.
    words: String,
}

/// The open file and what is counted between lines.
#[derive(Resource)]
struct Telemetry {
    file: File,
    seconds: f32,
    frames: u32,
    welcomes: u32,
    resumed: u32,
}

pub(crate) struct TelemetryPlugin;

impl Plugin for TelemetryPlugin {
    fn build(&self, app: &mut App) {
        let launch = app.world().resource::<Launch>();
        let Some(path) = launch.telemetry.clone() else {
            return;
        };
        match File::create(&path) {
            Ok(file) => {
                app.insert_resource(Telemetry {
                    file,
                    seconds: 0.0,
                    frames: 0,
                    welcomes: 0,
                    resumed: 0,
                })
                .add_systems(
                    Update,
                    (count_welcomes, write_line)
                        .chain()
                        .after(NetcodeSystems::Draw)
                        .run_if(resource_exists::<Telemetry>),
                );
            }
            Err(error) => eprintln!("no telemetry: {}: {error}", path.display()),
        }
    }
}

fn count_welcomes(mut events: MessageReader<NetEvent>, mut telemetry: ResMut<Telemetry>) {
    for NetEvent(event) in events.read() {
        if let Event::Welcomed { resumed, .. } = event {
            telemetry.welcomes += 1;
            telemetry.resumed += u32::from(*resumed);
        }
    }
}

fn write_line(
    time: Res<Time<Real>>,
    screen: Res<State<Screen>>,
    session: Res<NetSession>,
    view: Res<NetView>,
    panels: Res<Panels>,
    chat: Res<ChatLog>,
    notice: Res<Notice>,
    settings: Res<Settings>,
    mut telemetry: ResMut<Telemetry>,
    mut commands: Commands,
) {
    telemetry.seconds += time.delta_secs();
    telemetry.frames += 1;
    if telemetry.seconds < INTERVAL_SECONDS {
        return;
    }
    let line = Line {
        t_ms: u64::try_from(time.elapsed().as_millis()).unwrap_or(u64::MAX),
        screen: match screen.get() {
            Screen::Title => "title",
            Screen::Game => "game",
        },
        welcomes: telemetry.welcomes,
        resumed: telemetry.resumed,
        fps: telemetry.frames as f32 / telemetry.seconds,
        leaderboard: panels.leaderboard,
        net_graph: panels.net_graph,
        chat_lines: chat.count(),
        words: connection_words(&session, &settings.server).unwrap_or_else(|| notice.0.clone()),
        ..Line::of_session(&session, &view)
    };
    telemetry.seconds = 0.0;
    telemetry.frames = 0;
    if let Err(error) = write(&mut telemetry.file, &line) {
        warn!("telemetry ends: {error}");
        commands.remove_resource::<Telemetry>();
    }
}

fn write(file: &mut File, line: &Line) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    // One write per line, so that a reader never sees half of one.
    file.write_all(&bytes)
}

impl Line {
    fn of_session(session: &NetSession, view: &NetView) -> Line {
        let stats = session.client().map(|client| client.stats().clone());
        let stats: Stats = stats.unwrap_or_default();
        Line {
            state: state_name(session.state()),
            connected: session.is_playing(),
            tick: view.tick.0,
            position: view.own.map(|own| own.position.to_array()),
            dashing: view.own.is_some_and(|own| own.dashing),
            score: view.own.map(|own| own.score),
            visible: view.others.len(),
            sparks: view.sparks.len(),
            players: session.client().map_or(0, |client| client.roster().len()),
            lagging: view.lagging,
            corrections: stats.corrections.total(),
            corrections_late_input: stats.corrections.late_input,
            corrections_server_event: stats.corrections.server_event,
            corrections_resync: stats.corrections.resync,
            desyncs: stats.desyncs,
            disconnects: stats.disconnects,
            rtt_ms: stats.rtt_ms,
            margin_ms: stats.margin_ms,
            interpolation_delay_ms: stats.interpolation_delay_ms,
            stall_ms: stats.stall_ms,
            bytes_received: stats.bytes_received,
            avatar_ticks: stats.avatar_ticks,
            ..Line::default()
        }
    }
}

fn state_name(state: Option<&SessionState>) -> &'static str {
    match state {
        None => "none",
        Some(SessionState::Connecting) => "connecting",
        Some(SessionState::Joining) => "joining",
        Some(SessionState::Playing) => "playing",
        Some(SessionState::BackingOff { .. }) => "backing_off",
        Some(SessionState::Ended { .. }) => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_session_is_json_with_every_field() {
        let line = Line::of_session(&NetSession::default(), &NetView::default());
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(json["state"], "none");
        assert_eq!(json["connected"], false);
        assert!(json["position"].is_null());
        assert_eq!(json["desyncs"], 0);
    }
}
