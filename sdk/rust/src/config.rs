//! What a gate is opened with, and where its files are.

use crate::clock::{Clock, SystemClock};
use crate::error::Refused;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::AgentKind;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a request lives unless told otherwise.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(300);

/// What to do while no device of the person can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoDevice {
    /// Refuse at once, so that the agent says so before it waits.
    #[default]
    Refuse,
    /// Queue the request and wait for as long as it lives.
    Queue,
}

/// What a gate is opened with; everything but the name has a default.
#[derive(Clone)]
pub struct GateConfig {
    name: String,
    program: Option<String>,
    kind: AgentKind,
    state: Option<PathBuf>,
    socket: Option<PathBuf>,
    root: Option<Tdid>,
    no_device: NoDevice,
    life: Duration,
    clock: Arc<dyn Clock>,
}

/// A configuration with every default filled in.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) program: String,
    pub(crate) kind: AgentKind,
    /// The folder of this agent alone.
    pub(crate) folder: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) root: Option<Tdid>,
    pub(crate) no_device: NoDevice,
    pub(crate) life: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl GateConfig {
    /// An agent of this name: 1 to 64 letters, digits, `.`, `_`, `-`, not beginning with a dot.
    ///
    /// Agents of one name on one account share a key, and what one of them has used no other uses again.
    pub fn new(name: &str) -> GateConfig {
        GateConfig {
            name: name.to_owned(),
            program: None,
            kind: AgentKind::Sdk,
            state: None,
            socket: None,
            root: None,
            no_device: NoDevice::default(),
            life: DEFAULT_LIFE,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// The program the person will see; the path of this executable unless told.
    pub fn program(mut self, program: &str) -> GateConfig {
        self.program = Some(program.to_owned());
        self
    }

    /// What stands between the model and the tool; [`AgentKind::Sdk`] unless told.
    pub fn kind(mut self, kind: AgentKind) -> GateConfig {
        self.kind = kind;
        self
    }

    /// The folder for agents' state, in which this one has `agents/<name>`; `$AGENTTRUST_STATE` or
    /// `$XDG_STATE_HOME/agenttrust` unless told.
    pub fn state(mut self, folder: impl Into<PathBuf>) -> GateConfig {
        self.state = Some(folder.into());
        self
    }

    /// The daemon's socket for agents; `$AGENTTRUST_SOCKET` or `agent.sock` in the daemon's data folder unless told.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> GateConfig {
        self.socket = Some(path.into());
        self
    }

    /// The trust root this agent accepts, and no other; `$AGENTTRUST_ROOT` unless told. With neither, the first root
    /// seen is trusted from then on, and [`crate::Gate::root`] shows it for comparison.
    pub fn root(mut self, tdid: Tdid) -> GateConfig {
        self.root = Some(tdid);
        self
    }

    /// What to do while no device can be reached.
    pub fn no_device(mut self, policy: NoDevice) -> GateConfig {
        self.no_device = policy;
        self
    }

    /// How long a request lives, in whole seconds; [`DEFAULT_LIFE`] unless told.
    pub fn life(mut self, life: Duration) -> GateConfig {
        self.life = life;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> GateConfig {
        self.clock = clock;
        self
    }

    /// Fills in what was left to the environment, read through `env`.
    pub(crate) fn settle(self, env: impl Fn(&str) -> Option<String>) -> Result<Settings, Refused> {
        if !is_name(&self.name) {
            let sentence = "An agent's name is 1 to 64 letters, digits, `.`, `_` or `-`, and no dot first.";
            return Err(Refused::own(Trouble::BadConfig, sentence));
        }
        if self.life.as_secs() == 0 {
            return Err(Refused::own(Trouble::BadConfig, "A request must live for at least a second."));
        }
        let folder = |xdg: &str, home: &str| {
            let absolute = env(xdg).map(PathBuf::from).filter(|path| path.is_absolute());
            let base = absolute.or_else(|| env("HOME").map(|folder| PathBuf::from(folder).join(home)));
            base.map(|base| base.join("agenttrust"))
        };
        let no_home = || Refused::own(Trouble::BadConfig, "Neither HOME nor a folder for AgentTrust is set.");
        let state = self.state.or_else(|| env("AGENTTRUST_STATE").map(PathBuf::from));
        let state = state.or_else(|| folder("XDG_STATE_HOME", ".local/state")).ok_or_else(no_home)?;
        let socket = self.socket.or_else(|| env("AGENTTRUST_SOCKET").map(PathBuf::from));
        let data = || env("AGENTTRUST_DATA").map(PathBuf::from).or_else(|| folder("XDG_DATA_HOME", ".local/share"));
        let socket = socket.or_else(|| data().map(|data| data.join("agent.sock"))).ok_or_else(no_home)?;
        let root = match (self.root, env("AGENTTRUST_ROOT")) {
            (Some(root), _) => Some(root),
            (None, None) => None,
            // A root that cannot be read must never mean "trust whatever comes first".
            (None, Some(text)) => {
                let sentence = "AGENTTRUST_ROOT is not a trust root: 43 characters of base64url.";
                Some(text.parse().map_err(|_| Refused::own(Trouble::BadConfig, sentence))?)
            }
        };
        let this = || std::env::current_exe().map_or_else(|_| self.name.clone(), |path| path.display().to_string());
        Ok(Settings {
            program: self.program.unwrap_or_else(this),
            kind: self.kind,
            folder: state.join("agents").join(&self.name),
            name: self.name,
            socket,
            root,
            no_device: self.no_device,
            life: Duration::from_secs(self.life.as_secs()),
            clock: self.clock,
        })
    }
}

impl fmt::Debug for GateConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateConfig").field("name", &self.name).field("socket", &self.socket).finish_non_exhaustive()
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

/// The process's environment; an empty variable is an unset one.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    fn paths(config: GateConfig, vars: &'static [(&str, &str)]) -> (String, String) {
        let settings = config.settle(with(vars)).unwrap();
        (settings.folder.display().to_string(), settings.socket.display().to_string())
    }

    #[test]
    fn the_nearest_word_on_a_folder_counts() {
        const ALL: &[(&str, &str)] = &[
            ("HOME", "/home/ann"),
            ("XDG_STATE_HOME", "/xs"),
            ("XDG_DATA_HOME", "/xd"),
            ("AGENTTRUST_STATE", "/s"),
            ("AGENTTRUST_DATA", "/d"),
            ("AGENTTRUST_SOCKET", "/a.sock"),
        ];
        let config = || GateConfig::new("bot");
        let text = |folder: &str, socket: &str| (folder.to_owned(), socket.to_owned());
        assert_eq!(paths(config().state("/t").socket("/b.sock"), ALL), text("/t/agents/bot", "/b.sock"));
        assert_eq!(paths(config(), ALL), text("/s/agents/bot", "/a.sock"));
        assert_eq!(paths(config(), &ALL[..5]), text("/s/agents/bot", "/d/agent.sock"));
        assert_eq!(paths(config(), &ALL[..3]), text("/xs/agenttrust/agents/bot", "/xd/agenttrust/agent.sock"));
        let home = text("/home/ann/.local/state/agenttrust/agents/bot", "/home/ann/.local/share/agenttrust/agent.sock");
        assert_eq!(paths(config(), &ALL[..1]), home);
        assert_eq!(paths(config(), &[("HOME", "/home/ann"), ("XDG_STATE_HOME", "here")]), home);
        assert!(config().settle(with(&[])).is_err());
    }

    #[test]
    fn an_unreadable_root_is_an_error_and_not_trust_on_first_use() {
        const HOME: (&str, &str) = ("HOME", "/home/ann");
        const BAD: &[(&str, &str)] = &[HOME, ("AGENTTRUST_ROOT", "abc")];
        const GOOD: &[(&str, &str)] = &[HOME, ("AGENTTRUST_ROOT", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")];
        assert_eq!(GateConfig::new("bot").settle(with(BAD)).err().unwrap().code(), Trouble::BadConfig.into());
        assert!(GateConfig::new("bot").settle(with(GOOD)).unwrap().root.is_some());
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for name in ["", ".", "..", ".x", "a/b", "a b", "é", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
        for name in ["a", "claude-code", "Bot_2.1", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
    }
}
