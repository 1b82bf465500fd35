//! Many bots at once: starts them, waits until they have joined, measures, ends.

use crate::bot::{self, BotSetup, Phase, Progress};
use crate::options::PlayOptions;
use crate::path::PathFinder;
use crate::proxy::{Line, Pause, Proxy};
use crate::report::Outcome;
use crate::tally::Tally;
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;
use tickwire_netcode::CellCache;
use tickwire_netcode::socket::ConnectOptions;
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// Beyond the time that the join rate takes, bots have this long to be admitted.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
/// If nobody at all could connect for this long, nobody will.
const NOBODY_PATIENCE: Duration = Duration::from_secs(4);
/// Between the last join and the measurement: clocks settle, rosters are told.
const SETTLE: Duration = Duration::from_millis(500);
/// Between two looks at the counters.
const LOOK: Duration = Duration::from_millis(100);
/// Slow readers read through these buffers: as a device with little memory would.
const SLOW_BUFFER_BYTES: u32 = 4 * 1024;

/// Which kind of bot, by how it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Fast,
    Stalling,
    Trickling,
}

type Crew = Vec<(Reader, BotSetup)>;

/// Plays as the options say and returns what was seen.
pub fn run(options: &PlayOptions) -> anyhow::Result<Outcome> {
    options.check_tokens().map_err(anyhow::Error::msg)?;
    crate::files::raise_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connect = connect_options(options);
        connect.validate()?;
        let slow = SlowLines::start(options, &connect.authority()?)?;
        let (phase, follow) = watch::channel(Phase::Joining);
        let progress = Arc::new(Progress::default());
        let crews = crews(options, &slow)
            .into_iter()
            .map(|crew| launch(crew, follow.clone(), Arc::clone(&progress)))
            .collect::<std::io::Result<Vec<_>>>()?;
        let director = Director {
            options,
            progress: &progress,
            bar: progress_bar(),
        };
        director.direct(&phase).await;
        let _ = phase.send(Phase::Leaving);
        director.bar.finish_and_clear();
        tokio::task::spawn_blocking(move || gather(crews)).await?
    })
}

/// What all bots have in common.
fn connect_options(options: &PlayOptions) -> ConnectOptions {
    ConnectOptions {
        url: options.url.clone(),
        trust: options.ca.clone().unwrap_or_default(),
        ..ConnectOptions::default()
    }
}

/// Deals the bots to the threads, in turn.
fn crews(options: &PlayOptions, slow: &SlowLines) -> Vec<Crew> {
    let mut crews: Vec<Crew> = vec![Vec::new(); options.threads as usize];
    // One per thread, so that no thread waits for another.
    let caches: Vec<CellCache> = crews.iter().map(|_| CellCache::default()).collect();
    for number in 0..options.bots() {
        let (reader, via) = if number < options.players {
            (Reader::Fast, None)
        } else if number < options.players + options.stall_readers {
            (Reader::Stalling, slow.stalling)
        } else {
            (Reader::Trickling, slow.trickling)
        };
        let connect = ConnectOptions {
            room: options.room_of(number),
            name: format!("{}{number}", options.name_prefix),
            token: options.token_of(number),
            via,
            ..connect_options(options)
        };
        let thread = (number % options.threads) as usize;
        let setup = BotSetup {
            connect,
            brain: options.brain,
            has_screen: options.screens,
            // Neighbouring seeds give unlike generators; an odd factor spreads them anyway.
            seed: options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(number),
            delay: Duration::from_secs_f64(f64::from(number) / options.join_rate),
            cache: (!options.decode_each).then(|| caches[thread].clone()),
        };
        crews[thread].push((reader, setup));
    }
    crews
}

/// One thread with its share of the bots.
fn launch(
    crew: Crew,
    phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
) -> std::io::Result<JoinHandle<std::io::Result<Outcome>>> {
    std::thread::Builder::new()
        .name("bots".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            Ok(LocalSet::new().block_on(&runtime, play_all(crew, phase, progress)))
        })
}

async fn play_all(crew: Crew, phase: watch::Receiver<Phase>, progress: Arc<Progress>) -> Outcome {
    let finder = Rc::new(RefCell::new(PathFinder::default()));
    let tasks: Vec<_> = crew
        .into_iter()
        .map(|(reader, setup)| {
            let (phase, progress) = (phase.clone(), Arc::clone(&progress));
            let task = bot::play(setup, phase, progress, Rc::clone(&finder));
            (reader, tokio::task::spawn_local(task))
        })
        .collect();
    let mut outcome = Outcome::default();
    for (reader, task) in tasks {
        let kind = match reader {
            Reader::Fast => &mut outcome.players,
            Reader::Stalling => &mut outcome.stalled,
            Reader::Trickling => &mut outcome.trickled,
        };
        match task.await {
            Ok(tally) => kind.add(&tally),
            Err(error) => {
                let mut fault = Tally::default();
                (fault.started, fault.errors) = (1, 1);
                fault.trouble(&format!("a bot failed: {error}"), 1);
                kind.add(&fault);
            }
        }
    }
    outcome
}

fn gather(crews: Vec<JoinHandle<std::io::Result<Outcome>>>) -> anyhow::Result<Outcome> {
    let mut sum = Outcome::default();
    for crew in crews {
        let outcome = crew
            .join()
            .map_err(|_| anyhow::anyhow!("a thread of bots panicked"))??;
        sum.players.add(&outcome.players);
        sum.stalled.add(&outcome.stalled);
        sum.trickled.add(&outcome.trickled);
    }
    Ok(sum)
}

/// The lines in front of slow readers, inside this process.
struct SlowLines {
    stalling: Option<SocketAddr>,
    trickling: Option<SocketAddr>,
}

impl SlowLines {
    fn start(options: &PlayOptions, server: &str) -> anyhow::Result<SlowLines> {
        let start = |count: u32, line: Line| -> anyhow::Result<Option<SocketAddr>> {
            if count == 0 {
                return Ok(None);
            }
            let server = server.to_owned();
            let proxy = Proxy::bind(([127, 0, 0, 1], 0).into(), server, line)
                .context("cannot listen for slow readers")?;
            let address = proxy.local_addr()?;
            tokio::spawn(proxy.run());
            Ok(Some(address))
        };
        let line = Line {
            buffer: Some(SLOW_BUFFER_BYTES as usize),
            socket_buffer: SLOW_BUFFER_BYTES,
            seed: options.seed,
            ..Line::default()
        };
        let mut stalling = line.clone();
        stalling.pause_down = Some(Pause {
            reads_for: Duration::from_secs(5),
            rests_for: Duration::from_secs(5),
        });
        let mut trickling = line;
        trickling.down.bandwidth = Some(8_000);
        Ok(SlowLines {
            stalling: start(options.stall_readers, stalling)?,
            trickling: start(options.trickle_readers, trickling)?,
        })
    }
}

/// Leads the fleet through its phases and shows how far it is.
struct Director<'a> {
    options: &'a PlayOptions,
    progress: &'a Progress,
    bar: ProgressBar,
}

impl Director<'_> {
    async fn direct(&self, phase: &watch::Sender<Phase>) {
        let end = crate::signals::asked_to_end();
        tokio::pin!(end);
        tokio::select! {
            has_players = self.join() => if !has_players { return },
            () = &mut end => return,
        }
        let _ = phase.send(Phase::Measuring);
        tokio::select! {
            () = self.watch() => {}
            () = &mut end => {}
        }
    }

    /// Waits until all have joined, or long enough. False if nobody did.
    async fn join(&self) -> bool {
        let bots = u64::from(self.options.bots());
        let joining = Duration::from_secs_f64(bots as f64 / self.options.join_rate);
        let began = Instant::now();
        self.bar.set_length(bots);
        loop {
            let joined = self.progress.joined.load(Relaxed);
            let ended = self.progress.ended.load(Relaxed);
            self.bar.set_position(joined);
            self.bar.set_message(format!("{joined} of {bots} joined"));
            if joined + ended >= bots {
                break;
            }
            if joined == 0
                && self.progress.failed.load(Relaxed) > 0
                && began.elapsed() > NOBODY_PATIENCE
            {
                return false;
            }
            if began.elapsed() > joining + JOIN_PATIENCE {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(SETTLE).await;
        self.progress.joined.load(Relaxed) > 0 || bots == 0
    }

    /// Lets the window pass.
    async fn watch(&self) {
        let (bots, seconds) = (self.options.bots(), self.options.seconds);
        let began = Instant::now();
        let (mut ticks, mut at) = (self.progress.ticks.load(Relaxed), began);
        self.bar.set_length((seconds * 10.0) as u64);
        loop {
            tokio::time::sleep(LOOK).await;
            let elapsed = began.elapsed().as_secs_f64();
            self.bar.set_position((elapsed * 10.0) as u64);
            if at.elapsed() >= Duration::from_secs(1) {
                let new = self.progress.ticks.load(Relaxed);
                let rate = (new - ticks) as f64 / at.elapsed().as_secs_f64();
                (ticks, at) = (new, Instant::now());
                let joined = self.progress.joined.load(Relaxed);
                let lost = self.progress.lost.load(Relaxed);
                self.bar.set_message(format!(
                    "{joined} of {bots} play, {:.1} ticks/s each, {lost} lost",
                    rate / joined.max(1) as f64
                ));
            }
            if seconds > 0.0 && elapsed >= seconds {
                return;
            }
        }
    }
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} [{bar:32}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Cli;
    use clap::Parser;

    #[test]
    fn bots_are_dealt_to_threads_and_rooms_with_their_own_names_and_seeds() {
        let args = "tickwire-bots --players 10 --threads 3 --rooms 2 --join-rate 10";
        let options = Cli::parse_from(args.split(' ')).play;
        let slow = SlowLines {
            stalling: None,
            trickling: None,
        };
        let crews = crews(&options, &slow);
        assert_eq!(crews.iter().map(Vec::len).collect::<Vec<_>>(), [4, 3, 3]);
        let mut all: Vec<_> = crews
            .into_iter()
            .flatten()
            .map(|(_, setup)| setup)
            .collect();
        all.sort_by_key(|setup| setup.delay);
        assert_eq!(all[3].connect.room, "lobby-2");
        assert_eq!(all[3].connect.name, "bot3");
        assert_eq!(all[9].delay, Duration::from_millis(900));
        let mut seeds: Vec<u64> = all.iter().map(|setup| setup.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 10);
    }

    #[test]
    fn slow_readers_connect_through_their_line() {
        let args = "tickwire-bots --players 1 --stall-readers 1 --url wss://localhost:1/ws";
        let options = Cli::parse_from(args.split(' ')).play;
        let line = Some(([127, 0, 0, 1], 4_321).into());
        let slow = SlowLines {
            stalling: line,
            trickling: None,
        };
        let crew = crews(&options, &slow).remove(0);
        assert_eq!(crew[0].1.connect.via, None);
        assert_eq!(crew[1].1.connect.via, line);
        assert_eq!(crew[1].1.connect.url, "wss://localhost:1/ws");
    }
}
