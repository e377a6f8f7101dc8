//! The configuration file: every key, its default, and what it means.
//!
//! [`DEFAULT_TEXT`] is the documentation. It is written into a new data folder with every key commented out, and a
//! test holds that the values in it are the ones in force without a file.

use agenttrust_link::Bind;
use agenttrust_protocol::door::Trouble;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The commented default configuration.
pub const DEFAULT_TEXT: &str = include_str!("config/default.toml");

/// The file's name in the data folder.
pub const FILE_NAME: &str = "config.toml";

/// Everything the file can say, with defaults for what it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How devices reach the daemon.
    pub link: Link,
    /// Who may use the agent door.
    pub agents: Agents,
    /// Times of a request's life.
    pub requests: Requests,
    /// How much at once.
    pub limits: Limits,
    /// What is written to the log of the program.
    pub log: Log,
}

/// `[link]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// `127.0.0.1:PORT` or `0.0.0.0:PORT`.
    pub bind: BindTo,
    /// Relay URLs.
    pub relays: Vec<String>,
}

/// `[agents]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agents {
    /// Users beside the daemon's own whose programs may ask.
    pub allowed_uids: Vec<u32>,
}

/// `[requests]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Requests {
    /// Seconds after its claim at which a silent agent's request becomes `unknown`.
    pub outcome_within: Seconds,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls a second of one user on the agent door.
    pub agent_calls: u32,
    /// Calls a second of one device.
    pub device_calls: u32,
    /// Calls of agents that wait for an answer at a time.
    pub waiting: u32,
}

/// `[log]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least important level that is written.
    pub level: Level,
}

/// A log level; ordered from silence to everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing.
    Off,
    /// What needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What happened, in ids.
    #[default]
    Info,
    /// Names and paths too.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The level as a filter directive.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// A number of seconds from 1 to thirty days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Seconds(u32);

impl Seconds {
    /// The number.
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

impl TryFrom<u32> for Seconds {
    type Error = &'static str;
    fn try_from(seconds: u32) -> Result<Seconds, &'static str> {
        if (1..=30 * 24 * 3600).contains(&seconds) {
            Ok(Seconds(seconds))
        } else {
            Err("expected 1 to 2592000 seconds")
        }
    }
}

/// Where the UDP socket is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BindTo {
    /// Whether other machines can reach it.
    pub everywhere: bool,
    /// The port; 0 takes any free one and keeps it for the next start.
    pub port: u16,
}

impl BindTo {
    /// As the link wants it, with a port of its own choosing where the file leaves it open.
    pub fn with_port(self, remembered: Option<u16>) -> Bind {
        let port = if self.port == 0 { remembered.unwrap_or(0) } else { self.port };
        if self.everywhere { Bind::Everywhere { port } } else { Bind::Loopback { port } }
    }
}

impl TryFrom<String> for BindTo {
    type Error = &'static str;
    fn try_from(text: String) -> Result<BindTo, &'static str> {
        const EXPECTED: &str = "expected `0.0.0.0:PORT` or `127.0.0.1:PORT`";
        let address: SocketAddr = text.parse().map_err(|_| EXPECTED)?;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ok(BindTo { everywhere: true, port: address.port() }),
            IpAddr::V4(ip) if ip.is_loopback() => Ok(BindTo { everywhere: false, port: address.port() }),
            IpAddr::V4(_) | IpAddr::V6(_) => Err(EXPECTED),
        }
    }
}

impl Default for Link {
    fn default() -> Link {
        Link { bind: BindTo { everywhere: true, port: 0 }, relays: Vec::new() }
    }
}

impl Default for Requests {
    fn default() -> Requests {
        Requests { outcome_within: Seconds(24 * 3600) }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { agent_calls: 20_000, device_calls: 10_000, waiting: 4096 }
    }
}

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct BadConfig {
    /// File and line.
    pub place: String,
    /// What is wrong there, with the nearest known key where one was misspelt.
    pub what: String,
}

impl BadConfig {
    /// The code it is reported with.
    pub const TROUBLE: Trouble = Trouble::BadConfig;
}

impl Config {
    /// Reads a configuration's text; `name` stands in the error.
    ///
    /// # Errors
    /// [`BadConfig`] names the line: bad TOML, an unknown key, a value out of range.
    pub fn parse(text: &str, name: &Path) -> Result<Config, BadConfig> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.as_bytes().get(..start).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = error.message().replace('\n', ", ");
            let what = match suggestion(&message) {
                Some(known) => format!("{message}; did you mean `{known}`?"),
                None => message,
            };
            BadConfig { place: format!("{}:{line}", name.display()), what }
        })
    }
}

/// The known key nearest to the unknown one that a message names first, if it is near.
fn suggestion(message: &str) -> Option<&str> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| message.starts_with("unknown field"))?;
    quoted.map(|known| (distance(unknown, known), known)).filter(|(d, _)| *d <= 3).min().map(|(_, known)| known)
}

/// How many letters must be put in, taken out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// What a setting can come from, before it is decided.
#[derive(Clone, Debug, Default)]
pub struct Sources<T> {
    /// The command line.
    pub flag: Option<T>,
    /// The environment.
    pub env: Option<T>,
    /// The configuration file.
    pub file: Option<T>,
}

impl<T> Sources<T> {
    /// The one that counts: flag before environment before file before the default.
    pub fn decide(self, default: impl FnOnce() -> T) -> T {
        self.flag.or(self.env).or(self.file).unwrap_or_else(default)
    }
}

/// The data folder unless flag or `AGENTTRUST_DATA` name another: `$XDG_DATA_HOME/agenttrust`.
///
/// # Errors
/// `None` where there is neither `XDG_DATA_HOME` nor `HOME`.
pub fn default_data_folder(env: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The XDG base directory specification ignores relative paths.
    let xdg = env("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let base = xdg.or_else(|| env("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".local/share")))?;
    Some(base.join("agenttrust"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_values_are_the_defaults() {
        assert_eq!(parse(DEFAULT_TEXT), Ok(Config::default()), "as written, with every key commented out");
        let switched_on: String = DEFAULT_TEXT
            .lines()
            .map(|line| line.strip_prefix("#").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let documented: toml::Table = toml::from_str(&switched_on).unwrap();
        assert_eq!(parse(&switched_on), Ok(Config::default()));
        let keys = |name: &str| documented[name].as_table().unwrap().len();
        let counts = ["link", "agents", "requests", "limits", "log"].map(keys);
        assert_eq!(counts, [2, 1, 1, 3, 1], "every key is documented");
    }

    #[test]
    fn mistakes_name_their_line_and_the_next_step() {
        for (text, expected) in [
            (
                "[link]\nbnid = \"0.0.0.0:0\"\n",
                "config.toml:2: unknown field `bnid`, expected `bind` or `relays`; did you mean `bind`?",
            ),
            (
                "\n\n[lnik]\n",
                "config.toml:3: unknown field `lnik`, expected one of `link`, `agents`, `requests`, `limits`, `log`; did you mean `link`?",
            ),
            ("[link]\nbind = \"10.0.0.1:0\"\n", "config.toml:2: expected `0.0.0.0:PORT` or `127.0.0.1:PORT`"),
            ("[requests]\noutcome_within = 0\n", "config.toml:2: expected 1 to 2592000 seconds"),
            ("[agents]\nallowed_uids = [-1]\n", "config.toml:2: invalid value: integer `-1`, expected u32"),
            (
                "[log]\nlevel = \"loud\"\n",
                "config.toml:2: unknown variant `loud`, expected one of `off`, `error`, `warn`, `info`, `debug`, `trace`",
            ),
            ("[link]\nbind = \"0.0.0.0:0\"\nbind = \"0.0.0.0:1\"\n", "config.toml:3: duplicate key"),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn a_port_that_is_named_wins_over_the_remembered_one() {
        let bind = |text: &str| BindTo::try_from(text.to_owned()).unwrap();
        assert_eq!(bind("0.0.0.0:0").with_port(Some(7)), Bind::Everywhere { port: 7 });
        assert_eq!(bind("0.0.0.0:9").with_port(Some(7)), Bind::Everywhere { port: 9 });
        assert_eq!(bind("127.0.0.1:0").with_port(None), Bind::Loopback { port: 0 });
    }

    #[test]
    fn flag_before_environment_before_file_before_default() {
        for (flag, env, file, expected) in [
            (Some(1), Some(2), Some(3), 1),
            (None, Some(2), Some(3), 2),
            (None, None, Some(3), 3),
            (None, None, None, 4),
            (Some(1), None, Some(3), 1),
        ] {
            assert_eq!(Sources { flag, env, file }.decide(|| 4), expected);
        }
    }

    #[test]
    fn the_data_folder_follows_the_base_directory_specification() {
        for (xdg, home, expected) in [
            (Some("/x"), Some("/h"), Some("/x/agenttrust")),
            (None, Some("/h"), Some("/h/.local/share/agenttrust")),
            (Some("relative"), Some("/h"), Some("/h/.local/share/agenttrust")),
            (None, None, None),
        ] {
            let env = |name: &str| if name == "HOME" { home } else { xdg }.map(PathBuf::from);
            assert_eq!(default_data_folder(env), expected.map(PathBuf::from));
        }
    }
}
