//! Flags of the commands that list, and that look at the history.

use agenttrust_protocol::lifecycle::State;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `agenttrust devices …`
#[derive(Clone, Debug, Subcommand)]
pub enum DevicesCommand {
    /// Give a device another name
    Rename {
        /// Its name, or the beginning of its key's thumbprint
        #[arg(allow_hyphen_values = true)]
        device: String,
        /// What it is called from now on
        name: String,
    },
    /// Take a device out of the trust bundle; its answers no longer count
    Remove {
        /// Its name, or the beginning of its key's thumbprint
        #[arg(allow_hyphen_values = true)]
        device: String,
    },
}

/// `agenttrust agents …`
#[derive(Clone, Debug, Subcommand)]
pub enum AgentsCommand {
    /// Show one agent: what it is, what it was told to do, and what it did
    Show {
        /// Its name, or the beginning of its key's thumbprint
        #[arg(allow_hyphen_values = true)]
        agent: String,
        /// How many turns of its sessions
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=200))]
        turns: u64,
    },
    /// Let an agent ask; it still runs nothing without an approval
    Accept {
        /// The agent that knocked: its name, or the beginning of its id
        #[arg(allow_hyphen_values = true)]
        agent: String,
        /// Call it so from now on
        #[arg(long)]
        name: Option<String>,
    },
    /// Do not let an agent in that knocked
    Refuse {
        /// Its name, or the beginning of its id
        #[arg(allow_hyphen_values = true)]
        agent: String,
    },
    /// Let an agent ask no more
    Revoke {
        /// Its name, or the beginning of its key's thumbprint
        #[arg(allow_hyphen_values = true)]
        agent: String,
    },
}

/// `agenttrust history`
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// Of this agent: its name, or the beginning of its key's thumbprint
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub agent: Option<String>,
    /// Of this session of that agent: its whole id, as `agents show --json` tells
    #[arg(long, value_name = "ID", requires = "agent")]
    pub session: Option<String>,
    /// Of this tool, exactly
    #[arg(long)]
    pub tool: Option<String>,
    /// In this state: pending, approved, denied, expired, cancelled, claimed, revoked, executed, failed, unknown
    #[arg(long, value_name = "STATE")]
    pub outcome: Option<State>,
    /// Asked at or after: 90m, 2h, 3d ago, or 2026-11-22, or '2026-11-22 14:00'
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Asked before
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// With these words in title, target, arguments, notes or output
    #[arg(long, value_name = "WORDS")]
    pub text: Option<String>,
    /// How many rows
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
    pub limit: u64,
    /// Write all requests whole, with the bundles that verify them, as one JSON object to a file or standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", conflicts_with_all = ["agent", "session", "tool", "outcome", "since", "until", "text", "limit", "before"])]
    pub evidence: Option<PathBuf>,
    /// Go on from a page: its `next`
    #[arg(long, value_name = "CURSOR")]
    pub before: Option<u64>,
}

/// `agenttrust log …`
#[derive(Clone, Debug, Subcommand)]
pub enum LogCommand {
    /// Check every signature, every step and every count, and the roots that devices remember
    #[command(after_help = "\
Without a folder the daemon's history is fetched over this terminal's device (its PIN is asked) and compared with \
what the daemon shows and with the last root this device has verified. A folder made by `log export` is checked \
offline; --root pins the trust domain it must belong to.

Examples:
  agenttrust log verify
  agenttrust log verify ./history --root 7Yk…")]
    Verify(VerifyArgs),
    /// Write the history as files that other tools can verify too (C2SP tlog-tiles)
    Export {
        /// The folder; made if it is missing, refused if it holds something else
        dir: PathBuf,
    },
    /// Show entries of the history
    Show(ShowArgs),
}

/// `agenttrust log verify`
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// An exported folder; the daemon's history unless told
    pub dir: Option<PathBuf>,
    /// The trust domain it must belong to, 43 characters
    #[arg(long, value_name = "TDID", env = "AGENTTRUST_ROOT", hide_env_values = true, allow_hyphen_values = true)]
    pub root: Option<agenttrust_protocol::hash::Tdid>,
}

/// `agenttrust log show`
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The first entry, counted from 0; the last 20 unless told
    #[arg(long, value_name = "N")]
    pub from: Option<u64>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub limit: u64,
    /// Of an exported folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
