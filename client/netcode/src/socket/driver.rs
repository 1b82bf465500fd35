//! The two drivers: with frames, and as a task.

use super::address::ConnectOptions;
use super::link::{Link, LinkEvent};
use super::now;
use crate::{Client, Disconnect, Transmit};
use std::time::Duration;
use tickwire_shared::LocalTime;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Messages between socket task and frames. A caller that is away for longer makes the socket
/// wait, and with it the server, which knows what to do about slow readers.
const INBOUND_MAX: usize = 256;
/// Transmits on their way to the socket task; beyond, they wait in the client.
const OUTBOUND_MAX: usize = 256;

/// For callers with frames, such as the Bevy client: never blocks.
#[derive(Debug)]
pub struct Driver {
    inbound: mpsc::Receiver<(LocalTime, LinkEvent)>,
    outbound: mpsc::Sender<Transmit>,
    held: Option<Transmit>,
}

impl Driver {
    /// A driver whose socket lives on `runtime`. It ends when the driver is dropped.
    pub fn new(options: ConnectOptions, runtime: &Handle) -> Driver {
        let (inbound_sender, inbound) = mpsc::channel(INBOUND_MAX);
        let (outbound, outbound_receiver) = mpsc::channel(OUTBOUND_MAX);
        runtime.spawn(serve(Link::new(options), inbound_sender, outbound_receiver));
        Driver {
            inbound,
            outbound,
            held: None,
        }
    }

    /// One frame: hands over what came, lets the client advance to `now`, and passes on what it
    /// wants to send.
    pub fn pump(&mut self, client: &mut Client, now: LocalTime) {
        while let Ok((at, event)) = self.inbound.try_recv() {
            feed(client, at, event);
        }
        client.advance(now);
        while let Some(transmit) = self.held.take().or_else(|| client.poll_transmit()) {
            if let Err(error) = self.outbound.try_send(transmit) {
                if let mpsc::error::TrySendError::Full(transmit) = error {
                    self.held = Some(transmit);
                }
                break;
            }
        }
    }
}

async fn serve(
    mut link: Link,
    inbound: mpsc::Sender<(LocalTime, LinkEvent)>,
    mut outbound: mpsc::Receiver<Transmit>,
) {
    loop {
        let event = tokio::select! {
            transmit = outbound.recv() => match transmit {
                Some(transmit) => match link.execute(transmit).await {
                    Ok(()) => continue,
                    Err(disconnect) => LinkEvent::Disconnected(disconnect),
                },
                None => return,
            },
            event = link.event() => event,
        };
        if inbound.send((now(), event)).await.is_err() {
            return;
        }
    }
}

fn feed(client: &mut Client, at: LocalTime, event: LinkEvent) {
    match event {
        LinkEvent::Connected => client.handle_connected(at),
        LinkEvent::Message(bytes) => {
            // On an error the client has asked for a close; there is nothing left to do here.
            let _ = client.handle_message(at, &bytes);
        }
        LinkEvent::Disconnected(disconnect) => client.handle_disconnected(at, &disconnect),
    }
}

/// For callers that are tasks themselves, such as bots.
pub struct AsyncDriver {
    link: Link,
}

impl std::fmt::Debug for AsyncDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncDriver").finish_non_exhaustive()
    }
}

impl AsyncDriver {
    /// A driver that does all its work inside [`AsyncDriver::run_once`].
    pub fn new(options: ConnectOptions) -> AsyncDriver {
        AsyncDriver {
            link: Link::new(options),
        }
    }

    /// Executes what the client wants, waits for one message, for the client's next wake-up or
    /// for `until`, whichever comes first, and hands it over. Returns the time.
    pub async fn run_once(&mut self, client: &mut Client, until: LocalTime) -> LocalTime {
        self.flush(client).await;
        let wakeup = client.next_wakeup().map_or(until, |at| at.min(until));
        let wait = wakeup.since(now()).max(Duration::from_micros(1));
        if let Ok(event) = tokio::time::timeout(wait, self.link.event()).await {
            feed(client, now(), event);
        }
        let now = now();
        client.advance(now);
        now
    }

    /// Executes what the client wants, without waiting for anything to come.
    pub async fn flush(&mut self, client: &mut Client) {
        while let Some(transmit) = client.poll_transmit() {
            if let Err(disconnect) = self.link.execute(transmit).await {
                let disconnect: Disconnect = disconnect;
                client.handle_disconnected(now(), &disconnect);
            }
        }
    }
}
