//! Where settings come from: flag, then environment, then file, then default.
//!
//! There is one table of settings, the command line's. An option `--tick-rate` is the variable
//! `TICKWIRE_TICK_RATE` and the key `tick-rate` of the file, is checked by the same rule and
//! described by the same sentence everywhere, so that nothing has to be kept in step.

use super::{ConfigError, ServerConfig};
use clap::{Arg, Args, Command, FromArgMatches};
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The file that is read if it exists and none is named.
const DEFAULT_FILE: &str = "tickwire.toml";

/// Prefix of environment variables.
const ENV_PREFIX: &str = "TICKWIRE_";

/// Options that say where settings come from and are none themselves.
const NOT_IN_FILE: [&str; 3] = ["config", "help", "version"];

/// Settings of a file: key and value, as they would be given on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSettings(Vec<(String, String)>);

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileErrors {
    path: PathBuf,
    errors: Vec<String>,
}

impl std::fmt::Display for FileErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {error}", self.path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for FileErrors {}

/// The file to read: the one that `--config` or `TICKWIRE_CONFIG` names, or `tickwire.toml` if
/// there is one here. The arguments are looked at before they are parsed, because the file gives
/// the defaults for the parsing.
pub fn find_file(args: &[OsString], env: Option<OsString>) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(PathBuf::from);
        }
        let text = arg.to_str().and_then(|arg| arg.strip_prefix("--config="));
        if let Some(path) = text {
            return Some(path.into());
        }
    }
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    env.map(PathBuf::from).or_else(default)
}

/// Reads and checks a file: keys, values, and what concerns several of them.
pub fn read_file(path: &Path) -> Result<FileSettings, FileErrors> {
    let fail = |errors| FileErrors {
        path: path.to_owned(),
        errors,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(vec![error.to_string()]))?;
    parse(&text).map_err(fail)
}

fn parse(text: &str) -> Result<FileSettings, Vec<String>> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| vec![error.to_string().trim_end().to_owned()])?;
    let mut settings = FileSettings::default();
    let mut errors = Vec::new();
    let known = settings_command();
    for (key, value) in table {
        if !keys(&known).any(|arg| arg.get_long() == Some(&key)) {
            errors.push(format!(
                "unknown key `{key}`; `tickwire default-config` lists all"
            ));
            continue;
        }
        match as_argument(&value) {
            None => errors.push(format!("`{key}`: expected a value or a list of values")),
            Some(value) => match check_one(&key, &value) {
                Ok(()) => settings.0.push((key, value)),
                Err(error) => errors.push(error),
            },
        }
    }
    if errors.is_empty()
        && let Err(error) = resolve(&settings)
    {
        errors.push(error);
    }
    if errors.is_empty() {
        Ok(settings)
    } else {
        Err(errors)
    }
}

/// The configuration that a file gives, without flags and environment.
pub fn resolve(settings: &FileSettings) -> Result<ServerConfig, String> {
    let command = apply(settings_command(), settings, false);
    let matches = command
        .try_get_matches_from(["tickwire"])
        .map_err(|error| first_line(&error))?;
    let config = ServerConfig::from_arg_matches(&matches).map_err(|error| first_line(&error))?;
    config
        .validate()
        .map_err(|error: ConfigError| error.to_string())?;
    Ok(config)
}

fn check_one(key: &str, value: &str) -> Result<(), String> {
    let result = settings_command().try_get_matches_from(["tickwire", &format!("--{key}={value}")]);
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{key}` = {value:?}: {}", rule_of(&error))),
    }
}

/// What the parser says, without its repetition of option and value.
fn rule_of(error: &clap::Error) -> String {
    let line = first_line(error);
    if let Some((_, rule)) = line.split_once("': ") {
        return rule.to_owned();
    }
    let text = error.to_string();
    let allowed = text.lines().find(|line| line.contains("possible values"));
    allowed.map_or(line, |line| line.trim().trim_matches(['[', ']']).to_owned())
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// Gives every setting of `command` and of its sub-commands its environment variable and the
/// file's value as default.
pub fn layered(command: Command, settings: &FileSettings) -> Command {
    let subcommands: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let mut command = apply(command, settings, true);
    for name in subcommands {
        command = command.mut_subcommand(name, |sub| apply(sub, settings, true));
    }
    command
}

fn apply(command: Command, settings: &FileSettings, with_env: bool) -> Command {
    let known = settings_command();
    command.mut_args(|arg| {
        let Some(long) = arg.get_long().map(str::to_owned) else {
            return arg;
        };
        if !keys(&known).any(|setting| setting.get_long() == Some(&long)) {
            return arg;
        }
        let arg = if with_env {
            arg.env(variable(&long))
        } else {
            arg
        };
        match settings.0.iter().find(|(key, _)| *key == long) {
            Some((_, value)) => arg.default_value(value.clone()),
            None => arg,
        }
    })
}

/// Every setting with its default and its sentence, as a file to start from.
pub fn default_file() -> String {
    let mut out = String::from(
        "# Tickwire's settings, each with its default. Flags and the environment go first.\n",
    );
    let command = settings_command();
    for arg in keys(&command) {
        let _ = write!(out, "\n# {}\n", help_of(arg).replace('\n', " "));
        let _ = writeln!(out, "# {} = {}", key_of(arg), toml_default(arg));
    }
    out
}

/// The same as a table in Markdown: `docs/operations.md` holds it, and a test compares.
pub fn reference_table() -> String {
    let mut out =
        String::from("| key and flag | value | default | what it is |\n|---|---|---|---|\n");
    let command = settings_command();
    for arg in keys(&command) {
        let unit = arg.get_value_names().and_then(|names| names.first());
        let cell = |text: &str| text.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            key_of(arg),
            unit.map_or_else(String::new, |unit| cell(unit)),
            default_of(arg).map_or_else(String::new, |value| format!("`{value}`")),
            cell(&help_of(arg)),
        );
    }
    out
}

fn settings_command() -> Command {
    ServerConfig::augment_args(Command::new("tickwire"))
}

fn keys(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        arg.get_long()
            .is_some_and(|long| !NOT_IN_FILE.contains(&long))
    })
}

fn key_of(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

fn help_of(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn default_of(arg: &Arg) -> Option<String> {
    let values = arg.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn toml_default(arg: &Arg) -> String {
    match default_of(arg) {
        None => "\"\"".to_owned(),
        Some(value) if value.parse::<f64>().is_ok() || value == "true" || value == "false" => value,
        Some(value) => format!("{value:?}"),
    }
}

fn variable(long: &str) -> String {
    format!("{ENV_PREFIX}{}", long.replace('-', "_").to_uppercase())
}

/// The variable that names the file.
pub fn file_variable() -> &'static OsStr {
    OsStr::new("TICKWIRE_CONFIG")
}

/// Variables that look like settings and are none: most likely misspelt, and otherwise unnoticed.
pub fn unknown_variables(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let command = settings_command();
    let known: Vec<String> = keys(&command)
        .filter_map(|arg| arg.get_long().map(variable))
        .collect();
    let is_known = |name: &String| {
        // The bots' token is theirs.
        known.contains(name) || name == "TICKWIRE_CONFIG" || name == "TICKWIRE_TOKEN"
    };
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with(ENV_PREFIX) && !is_known(name))
        .collect()
}

fn as_argument(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(values) => {
            let parts: Option<Vec<String>> = values.iter().map(as_argument).collect();
            parts.map(|parts| parts.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(file: &str, args: &[&str]) -> ServerConfig {
        let settings = parse(file).unwrap();
        let command = layered(settings_command(), &settings);
        let matches = command.try_get_matches_from([&["tickwire"], args].concat());
        ServerConfig::from_arg_matches(&matches.unwrap()).unwrap()
    }

    #[test]
    fn a_misspelt_variable_is_found() {
        let names = [
            "TICKWIRE_TICK_RATE",
            "TICKWIRE_TICKRATE",
            "TICKWIRE_CONFIG",
            "HOME",
        ];
        let unknown = unknown_variables(names.into_iter().map(OsString::from));
        assert_eq!(unknown, ["TICKWIRE_TICKRATE"]);
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let file =
            "tick-rate = 60\nallowed-origins = [\"https://a.example\", \"https://b.example\"]";
        let config = from(file, &[]);
        assert_eq!(config.rooms.tick_rate, 60);
        assert_eq!(config.security.allowed_origins.len(), 2);
        assert_eq!(from(file, &["--tick-rate", "20"]).rooms.tick_rate, 20);
        assert_eq!(from("", &[]).rooms.tick_rate, 30);
        assert_eq!(from("", &[]).limits.limit_exempt.len(), 2);
    }

    #[test]
    fn every_broken_file_names_key_and_rule() {
        for (file, expected) in [
            (
                "tick-rate = 200",
                "`tick-rate` = \"200\": 200 is not in 10..=128",
            ),
            (
                "tick-rate = \"fast\"",
                "`tick-rate` = \"fast\": invalid digit",
            ),
            ("tick_rate = 30", "unknown key `tick_rate`"),
            (
                "listen = \"here\"",
                "`listen` = \"here\": invalid socket address",
            ),
            ("allowed-origins = [\"example.org\"]", "is not an origin"),
            (
                "auth = \"password\"",
                "`auth` = \"password\": possible values: none, jwt",
            ),
            ("auth = \"jwt\"", "--auth jwt needs --auth-keys"),
            ("auth-keys = [\"none:x\"]", "is not ALGORITHM:PATH"),
            ("tls-cert = \"cert.pem\"", "--tls-cert and --tls-key"),
            ("trusted-proxies = [\"10.0.0.0/40\"]", "`trusted-proxies`"),
            (
                "heartbeat-timeout = 1",
                "--heartbeat-timeout (1 s) must exceed",
            ),
            ("[rooms]\nx = 1", "unknown key `rooms`"),
            ("tick-rate = ", "TOML parse error"),
            ("limit-exempt = [[1979-05-27]]", "expected a value"),
        ] {
            let errors = parse(file).unwrap_err().join("\n");
            assert!(errors.contains(expected), "{file}: {errors}");
        }
        let all = parse("tick-rate = 1\nwhat = 2\nlisten = 3").unwrap_err();
        assert_eq!(all.len(), 3, "every error is reported, not only the first");
    }

    #[test]
    fn the_default_file_changes_nothing_and_lists_everything() {
        let text = default_file();
        assert_eq!(parse(&text), Ok(FileSettings::default()));
        let live: Vec<&str> = text
            .lines()
            .filter(|line| line.contains(" = ") && !line.contains("= \"\""))
            .map(|line| line.trim_start_matches("# "))
            .collect();
        let defaults = parse(&live.join("\n")).unwrap();
        assert!(defaults.0.len() > 20);
    }

    #[test]
    fn the_operations_page_holds_the_reference_table() {
        let page = include_str!("../../../docs/operations.md");
        assert!(
            page.contains(&reference_table()),
            "docs/operations.md must hold what `tickwire default-config --markdown` prints"
        );
    }

    #[test]
    fn the_file_is_found_by_flag_then_variable() {
        let args = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let env = Some(OsString::from("env.toml"));
        let found = |text: &str| find_file(&args(text), env.clone()).unwrap();
        assert_eq!(found("tickwire serve --config a.toml"), Path::new("a.toml"));
        assert_eq!(found("tickwire --config=b.toml"), Path::new("b.toml"));
        assert_eq!(found("tickwire"), Path::new("env.toml"));
        assert_eq!(variable("tick-rate"), "TICKWIRE_TICK_RATE");
    }
}
