//! The tree of commands and flags, and their help.

mod ask;
mod install;
mod list;

pub use ask::{PairArgs, PauseArgs, RunArgs};
pub use install::{InstallArgs, InstallMcpArgs, InstallPart, UninstallArgs, UninstallPart};
pub use list::{AgentsCommand, DevicesCommand, HistoryArgs, LogCommand, ShowArgs, VerifyArgs};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The heading under which the flags of every command stand.
const EVERYWHERE: &str = "Everywhere";

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    the command line is wrong
  3    the daemon is not running or not reachable
  4    refused: denied by a person, wrong PIN, no terminal
  5    no device is paired or reachable, or nobody answered
  6    `log verify`: the history is not sound
  77   `run`: not approved, so the command did not run
  130  interrupted at the keyboard

Every failure is one sentence, a next step and a stable code on standard error; with --json a JSON object.

Examples:
  agenttrust up                             start the daemon
  agenttrust pair                           pair a phone: shows a QR code
  agenttrust approver                       answer requests in this terminal
  agenttrust install claude-code            stand in front of a coding agent
  agenttrust run --tool deploy -- ./deploy.sh staging";

/// Puts a person in charge of what agents do: ask, show, sign, run exactly what was signed.
#[derive(Debug, Parser)]
#[command(name = "agenttrust", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The data folder of the daemon and of this terminal's device [default: ~/.local/share/agenttrust]
    #[arg(long, global = true, value_name = "DIR", env = "AGENTTRUST_DATA", hide_env_values = true, help_heading = EVERYWHERE)]
    pub data: Option<PathBuf>,
    /// Write JSON for programs
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
}

/// What to do, by what it takes.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Daemon(DaemonCommand),
    #[command(flatten)]
    Person(PersonCommand),
    /// Stand in front of a coding agent: put the hook into its configuration
    #[command(after_help = "\
Shows the difference and asks first; everything else in the file stays as it is, and what was there is kept, so that \
`agenttrust uninstall` brings it back byte for byte.

Examples:
  agenttrust install claude-code
  agenttrust install codex --yes
  agenttrust install gemini --print
  agenttrust install mcp claude-code        the gateway in front of its MCP servers")]
    Install(InstallArgs),
    /// Take AgentTrust out of a coding agent's configuration
    #[command(after_help = "\
Examples:
  agenttrust uninstall claude-code
  agenttrust uninstall mcp claude-code")]
    Uninstall(UninstallArgs),
    /// Answer a coding agent's hook: one process for each tool call, JSON in, JSON out
    #[command(after_help = "\
`agenttrust install` puts it into the client's configuration. Every failure is an explicit refusal.")]
    Hook(agenttrust_hooks::hook::HookArgs),
    /// Stand in front of an MCP server: a person decides about each call of a tool
    #[command(after_help = "\
Write it where the server stood in the client's configuration; `agenttrust install mcp` does that. The server hears \
of a call only when it is approved, with exactly the arguments that were signed; everything else passes byte for \
byte. A refusal is a result that the model reads.

Examples:
  agenttrust mcp -- npx -y @modelcontextprotocol/server-filesystem /home/me/notes
  agenttrust mcp --name tracker --header-env Authorization=TRACKER_AUTH --url https://tracker.example/mcp
  agenttrust mcp --url http://127.0.0.1:3001/mcp --listen 127.0.0.1:8931")]
    Mcp(agenttrust_gateway::McpArgs),
    /// Write a completion script for a shell
    #[command(
        after_help = "Examples:\n  agenttrust completions bash > ~/.local/share/bash-completion/completions/agenttrust"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command
    #[command(hide = true)]
    Man {
        /// The folder they go to
        folder: PathBuf,
    },
    /// Become a session leader, then the daemon: how `up` lets go of it
    #[command(hide = true)]
    Detached {
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

/// What this user may do at the daemon of this machine.
#[derive(Debug, Subcommand)]
pub enum DaemonCommand {
    /// Start the daemon, if it does not run
    #[command(after_help = "Examples:\n  agenttrust up\n  agenttrust --data /tmp/trial up")]
    Up,
    /// Stop the daemon; requests and history stay
    Down,
    /// Show how the daemon is, who can approve, and what waits
    Status,
    /// Find the usual troubles and say what to do about them; prove that a coding agent is held
    #[command(after_help = "\
With a coding agent's name it is run once, as you have it configured, against a model inside this program that \
proposes harmless calls. Exit code 0 only if AgentTrust's hook refused each of them. Nothing leaves this device, \
nobody is asked, and no tokens are used.

Examples:
  agenttrust doctor
  agenttrust doctor claude-code
  agenttrust doctor codex --program ~/bin/codex")]
    Doctor {
        /// The coding agent to try
        client: Option<agenttrust_hooks::Client>,
        /// The agent's program, if it is not the one in PATH
        #[arg(long, value_name = "PATH", requires = "client")]
        program: Option<PathBuf>,
    },
    /// Pair a device: a phone by QR code, or this terminal with a PIN
    #[command(after_help = "\
Examples:
  agenttrust pair                           a QR code for a phone, then type the six digits it shows
  agenttrust pair --svg code.svg            the code as a picture as well
  agenttrust pair --this-terminal           make this terminal a device, sealed by a PIN
  agenttrust pair --this-terminal --ticket  this terminal joins devices elsewhere: paste the ticket")]
    Pair(PairArgs),
    /// Run a command only if a person approves exactly it
    #[command(after_help = "\
The command line, the working folder and every --arg are what is signed. Where the person edits the command line, \
what they signed is what runs. The exit code is the command's own, 128 + N where a signal N ended it, and 77 where \
it was not approved, nobody having been asked because the daemon is down included.

Examples:
  agenttrust run --tool deploy -- ./deploy.sh staging
  agenttrust run --tool pay --arg amount=120.50 --arg to='ACME' --reason 'invoice 17' -- ./pay.sh")]
    Run(RunArgs),
}

/// What a person does with this terminal's own device: each asks for its PIN.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// List what waits for an answer
    Requests,
    /// Show a request whole and answer it: yes, no, edit
    #[command(after_help = "\
Without an ID the request with the nearest deadline is shown. The PIN and the answer are read from the terminal \
this runs in, never from standard input, a variable or a flag.

Examples:
  agenttrust approve
  agenttrust approve Xq3vR9bA")]
    Approve {
        /// The request, or the beginning of its id
        #[arg(allow_hyphen_values = true)]
        id: Option<String>,
        /// Stay and answer one request after the other, as `agenttrust approver` does
        #[arg(long, conflicts_with = "id")]
        watch: bool,
    },
    /// Answer requests in this terminal as they come
    #[command(after_help = "\
One key answers, without Enter. Long texts are folded, and yes takes a look at all of it first, unless --all unfolds \
them. The PIN opens this terminal's key once; new requests then appear by themselves, with the time that is left. A \
request that is answered on another device, withdrawn or expired says so and can no longer be answered here.")]
    Approver {
        /// Show long texts whole
        #[arg(long)]
        all: bool,
        /// End when this process has ended and nothing waits
        #[arg(long, value_name = "PID")]
        until_pid: Option<u32>,
    },
    /// Deny a request, with a reason the agent is told
    #[command(after_help = "Examples:\n  agenttrust deny Xq3vR9bA --reason 'use the test account'")]
    Deny {
        /// The request, or the beginning of its id; the one with the nearest deadline unless told
        #[arg(allow_hyphen_values = true)]
        id: Option<String>,
        /// Words to the agent
        #[arg(long)]
        reason: Option<String>,
    },
    /// List what was asked, and what came of it
    #[command(after_help = "\
Examples:
  agenttrust history --since 2h
  agenttrust history --agent 'Invoice agent' --outcome denied
  agenttrust history --text invoice --json")]
    History(HistoryArgs),
    /// Look at, export and verify the signed history
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Stop agents at once: nothing they ask is released until the pause is lifted
    #[command(after_help = "\
Examples:
  agenttrust pause                          every agent
  agenttrust pause --agent 'Invoice agent'
  agenttrust pause --lift")]
    Pause(PauseArgs),
    /// List the agents; accept, refuse or revoke one
    Agents {
        #[command(subcommand)]
        command: Option<AgentsCommand>,
    },
    /// List the devices; rename or remove one
    Devices {
        #[command(subcommand)]
        command: Option<DevicesCommand>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn push_help(command: &mut clap::Command, page: &mut String) {
        let name = command.get_bin_name().unwrap_or("agenttrust").to_owned();
        page.push_str(&format!("$ {name} --help\n{}\n", command.render_help()));
        // The hook's flags are the gateway's, and so is their wording.
        let is_ours =
            |below: &&mut clap::Command| !below.is_hide_set() && !["help", "hook"].contains(&below.get_name());
        for below in command.get_subcommands_mut().filter(is_ours) {
            push_help(below, page);
        }
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_texts() {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut page = String::new();
        push_help(&mut command, &mut page);
        insta::assert_snapshot!(page);
    }

    #[test]
    fn the_gateway_waits_as_long_as_it_is_installed_for() {
        let default = |line: &[&str]| {
            let mut command = Cli::command();
            let command = line.iter().fold(&mut command, |at, name| at.find_subcommand_mut(name).unwrap());
            let deadline = command.get_arguments().find(|flag| flag.get_id() == "deadline").unwrap();
            deadline.get_default_values().to_vec()
        };
        assert_eq!(default(&["install", "mcp"]), default(&["mcp"]));
    }

    #[test]
    fn no_flag_stands_in_for_the_pin() {
        let mut command = Cli::command();
        command.build();
        let flags = |command: &clap::Command| {
            let flags: Vec<String> =
                command.get_arguments().map(|flag| format!("{} {:?}", flag.get_id(), flag.get_env())).collect();
            flags
        };
        let mut all = flags(&command);
        for below in command.get_subcommands() {
            all.extend(flags(below));
            all.extend(below.get_subcommands().flat_map(flags));
        }
        assert!(all.len() > 30);
        let pins: Vec<&String> = all.iter().filter(|flag| flag.to_lowercase().contains("pin")).collect();
        assert!(pins.is_empty(), "{pins:?}");
    }
}
