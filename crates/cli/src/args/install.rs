//! Flags of the commands that put AgentTrust in front of coding agents.

use agenttrust_gate::Tdid;
use agenttrust_gateway::DEADLINE;
use agenttrust_hooks::{Client, HookFlags};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `agenttrust install`
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct InstallArgs {
    #[command(subcommand)]
    pub part: Option<InstallPart>,
    /// The coding agent
    #[arg(value_enum, required = true)]
    pub client: Option<Client>,
    #[command(flatten)]
    pub flags: HookFlags,
    /// Print what would be put in, and change nothing
    #[arg(long)]
    pub print: bool,
    /// The coding agent's own program, where it is not on PATH
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,
    /// Do not ask before the change
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// What is put in beside hooks.
#[derive(Clone, Debug, Subcommand)]
pub enum InstallPart {
    /// Put the gateway in front of a coding agent's MCP servers
    #[command(after_help = "\
Each server's entry then starts `agenttrust mcp`, and that the server. Servers that need a login of the client stay as \
they are, and are named.

Examples:
  agenttrust install mcp claude-code
  agenttrust install mcp codex --server filesystem
  agenttrust install mcp claude-code --project .")]
    Mcp(InstallMcpArgs),
}

/// `agenttrust install mcp`
#[derive(Clone, Debug, Args)]
pub struct InstallMcpArgs {
    /// The coding agent
    #[arg(value_enum)]
    pub client: Client,
    #[command(flatten)]
    pub flags: GatewayFlags,
    /// Only this server
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The servers of the project in this folder, instead of the user's own
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Do not ask before the change
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Who asks, how long, and with which daemon: the gateway's own flags.
#[derive(Clone, Debug, Args)]
pub struct GatewayFlags {
    /// The agent's name on your devices, one for all these servers [default: mcp-<SERVER> for each]
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Refuse a call when nobody has answered after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = DEADLINE, value_parser = clap::value_parser!(u32).range(5..=86_370))]
    pub deadline: u32,
    /// Wait for a device even if none can be reached now, instead of refusing at once
    #[arg(long)]
    pub queue: bool,
    /// The daemon's socket for agents
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The folder in which the agents keep their keys and what they trust
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The trust root to accept, and no other: 43 characters
    #[arg(long, value_name = "TDID")]
    pub root: Option<Tdid>,
}

impl From<GatewayFlags> for HookFlags {
    fn from(flags: GatewayFlags) -> HookFlags {
        let GatewayFlags { agent, deadline, queue, socket, state, root } = flags;
        HookFlags { agent, deadline, queue, socket, state, root }
    }
}

/// `agenttrust uninstall`
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct UninstallArgs {
    #[command(subcommand)]
    pub part: Option<UninstallPart>,
    /// The coding agent
    #[arg(value_enum, required = true)]
    pub client: Option<Client>,
    /// Do not ask before the change
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// What is taken out beside hooks.
#[derive(Clone, Debug, Subcommand)]
pub enum UninstallPart {
    /// Take the gateway away from a coding agent's MCP servers
    Mcp(UninstallMcpArgs),
}

/// `agenttrust uninstall mcp`
#[derive(Clone, Debug, Args)]
pub struct UninstallMcpArgs {
    /// The coding agent
    #[arg(value_enum)]
    pub client: Client,
    /// The servers of the project in this folder, instead of the user's own
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Do not ask before the change
    #[arg(long, short = 'y')]
    pub yes: bool,
}
