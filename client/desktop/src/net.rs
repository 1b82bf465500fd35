//! Tickwire as a Bevy plugin: the reusable part of this client.
//!
//! ```text
//! NetcodeSystems::Input   the game writes LocalInput
//! NetcodeSystems::Pump    socket -> Client -> NetView, NetEvent        (this plugin)
//! NetcodeSystems::Draw    the game copies NetView to its scene, reads NetEvent
//! ```
//!
//! All three run in `Update`, in this order, once per frame. Prediction and interpolation happen
//! inside the [`Client`]; a frame copies one [`View`] and never waits for the network. While the
//! window is hidden the session pauses.

use bevy::ecs::system::NonSendMarker;
use bevy::prelude::*;
use bevy::time::common_conditions::on_real_timer;
use bevy::window::{PrimaryWindow, WindowOccluded};
use bevy::winit::WINIT_WINDOWS;
use std::ops::Deref;
use std::time::Duration;
use tickwire_netcode::socket::{self, ConnectOptions, Driver};
use tickwire_netcode::{Client, ClientConfig, Event, SessionState, View};
use tickwire_shared::LocalTime;
use tickwire_shared::game::Input;

/// Adds [`NetSession`], [`LocalInput`], [`NetView`], [`NetEvent`] and the [`NetcodeSystems`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NetcodePlugin;

/// The order of a frame. Systems that gather input or draw belong into the set of that name.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetcodeSystems {
    /// Devices become [`LocalInput`].
    Input,
    /// The network advances; belongs to the plugin.
    Pump,
    /// [`NetView`] and [`NetEvent`] become a picture.
    Draw,
}

/// What the local player wants. It holds until it is written again.
#[derive(Resource, Clone, Copy, Debug, Default, Deref, DerefMut)]
pub struct LocalInput(pub Input);

/// What to draw this frame. Empty until a session plays; it keeps standing while one reconnects.
#[derive(Resource, Clone, Debug, Default)]
pub struct NetView(View);

impl Deref for NetView {
    type Target = View;

    fn deref(&self) -> &View {
        &self.0
    }
}

/// Something that happened, in order; see [`Event`].
#[derive(Message, Clone, Debug)]
pub struct NetEvent(pub Event);

/// The session with a server, if there is one.
#[derive(Resource, Default)]
pub struct NetSession {
    link: Option<Link>,
    /// Ended, with perhaps a goodbye to send. The next session replaces it.
    retired: Option<Link>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Link {
    client: Client,
    driver: Driver,
}

/// Whether the player cannot see the window. Such a player gets no ticks, which spares both ends
/// the work.
#[derive(Resource, Clone, Copy, Debug, Default)]
struct Hidden {
    is_occluded: bool,
    is_minimised: bool,
}

/// Between two looks at whether the window is minimised: each may ask the window system.
const MINIMISED_INTERVAL: Duration = Duration::from_millis(500);
/// Events taken from the client per frame; more wait for the next frame, so that a burst (a join
/// to a room of thousands) does not stretch one.
const EVENTS_PER_FRAME_MAX: usize = 256;

impl Plugin for NetcodePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<NetSession>()
            .init_resource::<LocalInput>()
            .init_resource::<NetView>()
            .add_message::<NetEvent>()
            // Apps without windows have none.
            .add_message::<WindowOccluded>()
            .configure_sets(
                Update,
                (
                    NetcodeSystems::Input,
                    NetcodeSystems::Pump,
                    NetcodeSystems::Draw,
                )
                    .chain(),
            )
            .init_resource::<Hidden>()
            .add_systems(
                Update,
                (
                    hear_of_occlusion,
                    look_for_minimised.run_if(on_real_timer(MINIMISED_INTERVAL)),
                    pause,
                    pump,
                )
                    .chain()
                    .in_set(NetcodeSystems::Pump),
            );
    }
}

impl NetSession {
    /// Begins a session and drops the one before, if any. What comes of it is told by
    /// [`NetSession::state`] and by events.
    pub fn connect(
        &mut self,
        options: ConnectOptions,
        config: ClientConfig,
    ) -> std::io::Result<()> {
        let runtime = match &self.runtime {
            Some(runtime) => runtime,
            None => self.runtime.insert(network_thread()?),
        };
        let driver = Driver::new(options, runtime.handle());
        self.link = Some(Link {
            client: Client::new(config, socket::now()),
            driver,
        });
        Ok(())
    }

    /// Tells the server goodbye. The state becomes [`SessionState::Ended`].
    pub fn leave(&mut self) {
        if let Some(link) = &mut self.link {
            link.client.leave();
        }
    }

    /// Drops the session without a word.
    pub fn close(&mut self) {
        self.link = None;
        self.retired = None;
    }

    /// Takes leave of a session that ended: [`NetSession::state`] is `None` from here on, while
    /// its last messages still go out.
    pub fn retire(&mut self) {
        self.retired = self.link.take();
    }

    /// Where the session stands; `None` without one.
    pub fn state(&self) -> Option<&SessionState> {
        self.client().map(Client::session)
    }

    /// Whether ticks come.
    pub fn is_playing(&self) -> bool {
        self.state() == Some(&SessionState::Playing)
    }

    /// The client: roster, leaders, world, statistics.
    pub fn client(&self) -> Option<&Client> {
        self.link.as_ref().map(|link| &link.client)
    }

    /// The client, to chat, to watch a cell, to pause.
    pub fn client_mut(&mut self) -> Option<&mut Client> {
        self.link.as_mut().map(|link| &mut link.client)
    }
}

fn network_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("network")
        .enable_all()
        .build()
}

fn hear_of_occlusion(
    mut occlusions: MessageReader<WindowOccluded>,
    primary: Query<(), With<PrimaryWindow>>,
    mut hidden: ResMut<Hidden>,
) {
    for told in occlusions.read() {
        if primary.contains(told.window) {
            hidden.is_occluded = told.occluded;
        }
    }
}

/// No event tells of minimising on X11, so this asks now and then.
fn look_for_minimised(
    primary: Query<(Entity, &Window), With<PrimaryWindow>>,
    mut hidden: ResMut<Hidden>,
    _main_thread: NonSendMarker,
) {
    let is_minimised = |(entity, window): (Entity, &Window)| {
        let told = WINIT_WINDOWS.with_borrow(|windows| windows.get_window(entity)?.is_minimized());
        told.unwrap_or(false) || window.physical_size().min_element() == 0
    };
    hidden.is_minimised = primary.single().is_ok_and(is_minimised);
}

fn pause(hidden: Res<Hidden>, mut session: ResMut<NetSession>) {
    if let Some(client) = session.client_mut() {
        let is_hidden = hidden.is_occluded || hidden.is_minimised;
        client.set_visible(socket::now(), !is_hidden);
    }
}

fn pump(
    mut session: ResMut<NetSession>,
    input: Res<LocalInput>,
    mut view: ResMut<NetView>,
    mut events: MessageWriter<NetEvent>,
) {
    let now: LocalTime = socket::now();
    if let Some(link) = &mut session.retired {
        link.driver.pump(&mut link.client, now);
    }
    let Some(link) = &mut session.link else {
        view.0 = View::default();
        return;
    };
    link.client.set_input(input.0);
    link.driver.pump(&mut link.client, now);
    for _ in 0..EVENTS_PER_FRAME_MAX {
        let Some(event) = link.client.poll_event() else {
            break;
        };
        events.write(NetEvent(event));
    }
    if *link.client.session() == SessionState::Playing {
        view.0.clone_from(link.client.view(now));
    }
}
