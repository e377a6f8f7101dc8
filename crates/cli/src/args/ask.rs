//! Flags of the commands that pair, pause and run.

use agenttrust_protocol::message::Risk;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// `agenttrust pair`
#[derive(Clone, Debug, Args)]
pub struct PairArgs {
    /// Make this terminal a device, its key sealed by a PIN
    #[arg(long)]
    pub this_terminal: bool,
    /// What this terminal is called on other devices
    #[arg(long, requires = "this_terminal", value_name = "NAME")]
    pub name: Option<String>,
    /// Join with the ticket that another computer shows; it is asked for
    #[arg(long, requires = "this_terminal", conflicts_with_all = ["svg", "png"])]
    pub ticket: bool,
    /// Write the code as SVG as well; the file holds the one-time secret
    #[arg(long, value_name = "FILE", conflicts_with = "this_terminal")]
    pub svg: Option<PathBuf>,
    /// Write the code as PNG as well; the file holds the one-time secret
    #[arg(long, value_name = "FILE", conflicts_with = "this_terminal")]
    pub png: Option<PathBuf>,
}

/// `agenttrust pause`
#[derive(Clone, Debug, Args)]
pub struct PauseArgs {
    /// Only this agent: its name, or the beginning of its key's thumbprint
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub agent: Option<String>,
    /// Let agents ask again; takes an admin device
    #[arg(long)]
    pub lift: bool,
}

/// `agenttrust run`
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What the action is called in requests, rules and history
    #[arg(long, value_name = "NAME")]
    pub tool: String,
    /// A further argument that is shown and signed: a JSON number, truth value, list or object, else text
    #[arg(long = "arg", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub args: Vec<String>,
    /// The agent that asks
    #[arg(long, value_name = "NAME", default_value = "shell", env = "AGENTTRUST_AGENT", hide_env_values = true)]
    pub agent: String,
    /// A short title for the prompt
    #[arg(long)]
    pub title: Option<String>,
    /// Why it is to run
    #[arg(long)]
    pub reason: Option<String>,
    /// How risky it is, by the agent's own word: low, medium, high, critical
    #[arg(long)]
    pub risk: Option<Risk>,
    /// Ask the same call again after a restart instead of a new one
    #[arg(long, value_name = "ID")]
    pub call: Option<String>,
    /// How long to wait for an answer: 90s, 5m, 2h
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = crate::when::parse_span)]
    pub wait: std::time::Duration,
    /// Wait even while no device is reachable
    #[arg(long)]
    pub queue: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}
