//! The command line of the proxy and its small language for lines.

use super::Line;
use crate::link_model::{LinkSpec, OutageSpec, Stall};
use crate::options::ReportFormat;
use crate::profile::Profile;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Options of the proxy. Values apply to each direction; `UP/DOWN` sets the two apart, UP being
/// from client to server.
#[derive(Clone, Debug, Args)]
pub struct ProxyOptions {
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// The server.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub to: String,
    /// A line with a name: lan, cable, wifi, mobile or awful. What is given apart goes before it;
    /// without a name the line is perfect but for what is given.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<Profile>,
    /// One-way latency, such as 80ms or 20ms/80ms.
    #[arg(long, value_name = "TIME", value_parser = both::<Time>)]
    pub latency: Option<Both<Time>>,
    /// Most that is added at random, such as 30ms.
    #[arg(long, value_name = "TIME", value_parser = both::<Time>)]
    pub jitter: Option<Both<Time>>,
    /// Loss and its repair, such as 200ms@1%: one segment of a hundred arrives 200 ms later and
    /// holds up what follows.
    #[arg(long, value_name = "TIME@ODDS", value_parser = both::<StallText>)]
    pub stall: Option<Both<StallText>>,
    /// Bits per second, such as 256kbit or 128kbit/2mbit; `none` is no limit.
    #[arg(long, value_name = "RATE", value_parser = both::<Bandwidth>)]
    pub bandwidth: Option<Both<Bandwidth>>,
    /// How often a connection breaks, such as 1/60s: once a minute on average.
    #[arg(long, default_value = "0/1s", value_name = "N/TIME", value_parser = often)]
    pub cut: f64,
    /// How often a connection goes dead without a word, such as 1/120s.
    #[arg(long, default_value = "0/1s", value_name = "N/TIME", value_parser = often)]
    pub half_open: f64,
    /// Bytes that may be under way per direction and connection; by default what such a line
    /// holds, 16 kB to 256 kB.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1_448..=16_777_216))]
    pub buffer: Option<u32>,
    /// Seed of all that is random.
    #[arg(long, default_value_t = 1, value_name = "K")]
    pub seed: u64,
    /// End after this many seconds; 0 runs until Ctrl-C.
    #[arg(long, default_value_t = 0.0, value_name = "S")]
    pub seconds: f64,
    /// Write the bound port here.
    #[arg(long, value_name = "PATH")]
    pub port_file: Option<PathBuf>,
    /// Form of the statistics on standard output at the end.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub report: ReportFormat,
}

/// A value for each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Both<T> {
    /// From client to server.
    pub up: T,
    /// From server to client.
    pub down: T,
}

/// A time such as `80ms`, `1.5s` or `250us`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time(pub Duration);

/// A stall such as `200ms@1%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StallText(pub Stall);

/// A rate such as `256kbit`, or `none`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandwidth(pub Option<u64>);

impl ProxyOptions {
    /// The line that the options describe.
    pub fn line(&self) -> Line {
        let (mut up, mut down) = self
            .profile
            .map(|profile| (profile.up, profile.down))
            .unwrap_or_default();
        if let Some(latency) = self.latency {
            (up.latency, down.latency) = (latency.up.0, latency.down.0);
        }
        if let Some(jitter) = self.jitter {
            (up.jitter, down.jitter) = (jitter.up.0, jitter.down.0);
        }
        if let Some(stall) = self.stall {
            (up.stall, down.stall) = (stall.up.0, stall.down.0);
        }
        if let Some(bandwidth) = self.bandwidth {
            (up.bandwidth, down.bandwidth) = (bandwidth.up.0, bandwidth.down.0);
        }
        Line {
            up,
            down,
            outages: OutageSpec {
                cuts_per_second: self.cut,
                half_opens_per_second: self.half_open,
            },
            buffer: self.buffer.map(|bytes| bytes as usize),
            seed: self.seed,
            ..Line::default()
        }
    }

    /// The line in one line of words.
    pub fn describe(&self) -> String {
        let line = self.line();
        let direction = |name: &str, spec: &LinkSpec| {
            let bandwidth = spec.bandwidth.map_or("no limit".to_owned(), |bits| {
                format!("{} kbit/s", bits / 1_000)
            });
            format!(
                "{name} {:?} + up to {:?}, {:?} at {} %, {bandwidth}",
                spec.latency,
                spec.jitter,
                spec.stall.length,
                spec.stall.odds * 100.0
            )
        };
        format!(
            "{}; {}; seed {}",
            direction("up", &line.up),
            direction("down", &line.down),
            self.seed
        )
    }
}

fn both<T: FromStr<Err = String> + Copy>(text: &str) -> Result<Both<T>, String> {
    let (up, down) = text.split_once('/').unwrap_or((text, text));
    Ok(Both {
        up: up.parse()?,
        down: down.parse()?,
    })
}

/// `N/TIME` as a rate per second.
fn often(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not of the form 1/60s");
    let (count, time) = text.split_once('/').ok_or_else(wrong)?;
    let count = number(count).ok_or_else(wrong)?;
    let Time(time) = time.parse()?;
    if time.is_zero() {
        return Err(wrong());
    }
    Ok(count / time.as_secs_f64())
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Time, String> {
        let wrong = || format!("`{text}` is not a time such as 80ms, 1.5s or 250us");
        let unit_at = text
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or_else(wrong)?;
        let (value, unit) = text.split_at(unit_at);
        let scale = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            _ => return Err(wrong()),
        };
        let seconds = number(value).ok_or_else(wrong)? * scale;
        // Longer than a day is a slip of the pen.
        if seconds > 86_400.0 {
            return Err(wrong());
        }
        Ok(Time(Duration::from_secs_f64(seconds)))
    }
}

impl FromStr for StallText {
    type Err = String;

    fn from_str(text: &str) -> Result<StallText, String> {
        let wrong = || format!("`{text}` is not a stall such as 200ms@1%");
        let (length, odds) = text.split_once('@').ok_or_else(wrong)?;
        let percent = odds.strip_suffix('%').and_then(number).ok_or_else(wrong)?;
        if percent > 100.0 {
            return Err(wrong());
        }
        Ok(StallText(Stall {
            length: length.parse::<Time>()?.0,
            odds: percent / 100.0,
        }))
    }
}

impl FromStr for Bandwidth {
    type Err = String;

    fn from_str(text: &str) -> Result<Bandwidth, String> {
        if text == "none" {
            return Ok(Bandwidth(None));
        }
        let wrong = || format!("`{text}` is not a rate such as 256kbit, 2mbit or none");
        let unit_at = text
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or_else(wrong)?;
        let (value, unit) = text.split_at(unit_at);
        let scale = match unit {
            "bit" => 1.0,
            "kbit" => 1e3,
            "mbit" => 1e6,
            "gbit" => 1e9,
            _ => return Err(wrong()),
        };
        let bits = number(value).ok_or_else(wrong)? * scale;
        if bits < 1_000.0 {
            return Err(format!("`{text}` is less than 1kbit: nothing would arrive"));
        }
        Ok(Bandwidth(Some(bits as u64)))
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_apply_to_both_directions_unless_they_are_set_apart() {
        let ms = |ms| Time(Duration::from_millis(ms));
        assert_eq!(
            both::<Time>("80ms").unwrap(),
            Both {
                up: ms(80),
                down: ms(80)
            }
        );
        assert_eq!(
            both::<Time>("0.02s/1500us").unwrap(),
            Both {
                up: ms(20),
                down: Time(Duration::from_micros(1_500))
            }
        );
        assert_eq!(
            both::<Bandwidth>("256kbit/none").unwrap(),
            Both {
                up: Bandwidth(Some(256_000)),
                down: Bandwidth(None)
            }
        );
    }

    #[test]
    fn stalls_and_rates_are_read() {
        let StallText(stall) = "200ms@1.5%".parse().unwrap();
        assert_eq!(stall.length, Duration::from_millis(200));
        assert!((stall.odds - 0.015).abs() < 1e-12);
        assert!((often("1/60s").unwrap() - 1.0 / 60.0).abs() < 1e-12);
        assert!((often("3/1min").unwrap() - 0.05).abs() < 1e-12);
    }

    #[test]
    fn a_profile_is_a_line_and_what_is_given_apart_goes_before_it() {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            proxy: ProxyOptions,
        }
        let line = |args: &str| {
            let args = std::iter::once("proxy").chain(args.split_whitespace());
            <Cli as clap::Parser>::try_parse_from(args).map(|cli| cli.proxy.line())
        };
        let mobile = crate::profile::named("mobile").unwrap();
        let named = line("--profile mobile").unwrap();
        assert_eq!((named.up, named.down), (mobile.up, mobile.down));
        let faster = line("--profile mobile --latency 5ms/6ms").unwrap();
        assert_eq!(faster.down.latency, Duration::from_millis(6));
        assert_eq!(faster.down.jitter, mobile.down.jitter);
        let perfect = line("").unwrap();
        assert_eq!(perfect.up, LinkSpec::default());
        let error = line("--profile dsl").unwrap_err().to_string();
        assert!(error.contains("lan, cable, wifi, mobile, awful"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_quoted_with_an_example() {
        for (text, error) in [
            ("80", "not a time such as"),
            ("-1ms", "not a time such as"),
            ("1e99s", "not a time such as"),
        ] {
            assert!(text.parse::<Time>().unwrap_err().contains(error), "{text}");
        }
        assert!("200ms".parse::<StallText>().is_err());
        assert!("200ms@101%".parse::<StallText>().is_err());
        assert!("10bit".parse::<Bandwidth>().is_err());
        assert!(often("1/0s").is_err());
        assert!(often("60s").is_err());
    }
}
