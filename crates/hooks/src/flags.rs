//! The flags of a hook, which whoever installs one takes as well.

use crate::Client;
use crate::hook::HookConfig;
use crate::wiring::DEADLINE;
use agenttrust_gate::{AgentKind, GateConfig, NoDevice, Tdid};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// The variable with which `agenttrust doctor` has every call refused.
pub const CANARY: &str = "AGENTTRUST_DOCTOR";

/// The longest word of a canary.
const MAX_CANARY: usize = 64;

/// Who asks, how long, and with which daemon.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct HookFlags {
    /// The agent's name on your devices; the client's name unless told
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Deny when nobody has answered after so many seconds; stay below the client's own time-out
    #[arg(long, value_name = "SECONDS", default_value_t = DEADLINE, value_parser = clap::value_parser!(u32).range(5..=86_370))]
    pub deadline: u32,
    /// Wait for a device even if none can be reached now, instead of denying at once
    #[arg(long)]
    pub queue: bool,
    /// The daemon's socket for agents
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The folder in which the agent keeps its key and what it trusts
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The trust root to accept, and no other: 43 characters
    #[arg(long, value_name = "TDID")]
    pub root: Option<Tdid>,
}

impl Default for HookFlags {
    fn default() -> HookFlags {
        HookFlags { agent: None, deadline: DEADLINE, queue: false, socket: None, state: None, root: None }
    }
}

impl HookFlags {
    /// These flags on a command line, without those that say what is so anyway.
    pub fn line(&self) -> Vec<String> {
        let flags = [
            ("--agent", self.agent.clone()),
            ("--deadline", (self.deadline != DEADLINE).then(|| self.deadline.to_string())),
            ("--socket", self.socket.as_ref().map(|path| path.display().to_string())),
            ("--state", self.state.as_ref().map(|path| path.display().to_string())),
            ("--root", self.root.map(|root| root.to_string())),
        ];
        let named = |(name, value): (&str, Option<String>)| value.map(|value| [name.to_owned(), value]);
        let mut line: Vec<String> = flags.into_iter().filter_map(named).flatten().collect();
        line.extend(self.queue.then(|| "--queue".to_owned()));
        line
    }

    /// The agent's name.
    pub fn agent_name(&self, client: Client) -> &str {
        self.agent.as_deref().unwrap_or(client.name())
    }

    /// What a hook of this client asks with.
    pub fn config(&self, client: Client) -> HookConfig {
        let mut gate = GateConfig::new(self.agent_name(client)).kind(AgentKind::Hook).program(client.name());
        if self.queue {
            gate = gate.no_device(NoDevice::Queue);
        }
        if let Some(socket) = &self.socket {
            gate = gate.socket(socket);
        }
        if let Some(state) = &self.state {
            gate = gate.state(state);
        }
        if let Some(root) = self.root {
            gate = gate.root(root);
        }
        HookConfig { gate, deadline: Duration::from_secs(self.deadline.into()), canary: canary() }
    }
}

/// The word of the canary. Whatever the variable holds, nothing but a word gets into a message.
fn canary() -> Option<String> {
    let value = std::env::var_os(CANARY).filter(|value| !value.is_empty())?;
    let is_word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    Some(value.to_string_lossy().chars().filter(is_word).take(MAX_CANARY).collect())
}
