//! The command line of `agenttrust mcp`.

use agenttrust_gate::{AgentKind, GateConfig, NoDevice, Tdid};
use clap::Args;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the person has unless told otherwise, in seconds.
pub const DEADLINE: u32 = 600;

/// The longest name of an agent.
const MAX_NAME: usize = 64;

/// The longest line that is shown as an agent's program.
const MAX_PROGRAM: usize = 500;

/// The command line of `agenttrust mcp`.
#[derive(Args, Clone, Debug)]
pub struct McpArgs {
    /// The server's name on your devices; made of its command or URL unless told
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The agent's name on your devices [default: mcp- and the server's name]
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Refuse a call when nobody has answered after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = DEADLINE, value_parser = clap::value_parser!(u32).range(5..=86_370))]
    pub deadline: u32,
    /// Wait for a device even if none can be reached now, instead of refusing at once
    #[arg(long)]
    pub queue: bool,
    /// The server's URL, where it speaks streamable HTTP
    #[arg(long, value_name = "URL", conflicts_with = "command", required_unless_present = "command")]
    pub url: Option<String>,
    /// Send the server this header with what the environment variable holds; may be given several times
    #[arg(long, value_name = "HEADER=VARIABLE", requires = "url", conflicts_with = "command")]
    pub header_env: Vec<String>,
    /// Speak streamable HTTP to clients as well, at this address of this machine, instead of standard streams
    #[arg(long, value_name = "ADDRESS:PORT", requires = "url", conflicts_with = "command")]
    pub listen: Option<SocketAddr>,
    /// The daemon's socket for agents
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The folder in which the agent keeps its key and what it trusts
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The trust root to accept, and no other: 43 characters
    #[arg(long, value_name = "TDID")]
    pub root: Option<Tdid>,
    /// The server's command, which speaks over its standard streams
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl McpArgs {
    /// Uses the daemon with this data folder, unless a socket was named.
    pub fn with_data(mut self, folder: &Path) -> McpArgs {
        self.socket.get_or_insert_with(|| folder.join("agent.sock"));
        self
    }

    /// The server's name.
    pub fn server(&self) -> String {
        let given = self.name.clone().or_else(|| self.url.as_deref().map(host_of));
        let name = given.unwrap_or_else(|| command_name(&self.command));
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let name: String = name.chars().map(allowed).take(MAX_NAME).collect();
        let name = name.trim_start_matches('.');
        if name.is_empty() { "server".to_owned() } else { name.to_owned() }
    }

    /// What stands behind the gateway, as the person reads it.
    fn program(&self) -> String {
        let line = match &self.url {
            Some(url) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            None => {
                let words: Vec<String> = self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                words.join(" ")
            }
        };
        line.chars().take(MAX_PROGRAM).collect()
    }

    /// How long the person has.
    pub fn life(&self) -> Duration {
        Duration::from_secs(self.deadline.into())
    }

    /// What the gate is opened with.
    pub fn gate(&self) -> GateConfig {
        let agent = self.agent.clone().unwrap_or_else(|| format!("mcp-{}", self.server()));
        let agent: String = agent.chars().take(MAX_NAME).collect();
        let mut gate = GateConfig::new(&agent).kind(AgentKind::Gateway).program(&self.program()).life(self.life());
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
        gate
    }

    /// The headers for the server, with what their variables hold.
    ///
    /// # Errors
    /// A sentence about the first that cannot be had.
    pub fn headers(&self, env: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, String> {
        let read = |pair: &String| {
            let parts = pair.split_once('=').filter(|(header, variable)| !header.is_empty() && !variable.is_empty());
            let (header, variable) = parts.ok_or(format!("`--header-env {pair}` is not HEADER=VARIABLE."))?;
            let missing = || format!("The environment variable {variable}, for the header {header}, is not set.");
            Ok((header.to_owned(), env(variable).filter(|value| !value.is_empty()).ok_or_else(missing)?))
        };
        self.header_env.iter().map(read).collect()
    }
}

fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}

/// What a command is called: of the package or script that a runner runs, rather than of the runner.
fn command_name(command: &[OsString]) -> String {
    const RUNNERS: [&str; 9] = ["npx", "node", "uvx", "uv", "python", "python3", "bunx", "deno", "env"];
    let words = command.iter().map(|word| word.to_string_lossy().into_owned());
    let stem = |word: &str| {
        let last = word.rsplit('/').next().unwrap_or_default();
        last.split('@').next().unwrap_or_default().to_owned()
    };
    let mut named = words.filter(|word| !word.starts_with('-')).map(|word| stem(&word));
    let first = named.next().unwrap_or_default();
    if RUNNERS.contains(&first.as_str()) { named.find(|name| name != "run").unwrap_or(first) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: McpArgs,
    }

    fn args(line: &str) -> Result<McpArgs, clap::Error> {
        let words = std::iter::once("mcp").chain(line.split(' '));
        Ok(Cli::from_arg_matches(&Cli::command().try_get_matches_from(words)?)?.args)
    }

    #[test]
    fn a_server_has_a_name_that_says_something() {
        for (line, name) in [
            ("-- npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /w", "server-filesystem"),
            ("-- uvx mcp-server-git --repository .", "mcp-server-git"),
            ("-- uv run server.py", "server.py"),
            ("-- /opt/bin/files serve", "files"),
            ("--url https://mcp.example.com/mcp?key=1", "mcp.example.com"),
            ("--url http://127.0.0.1:3001/mcp", "127.0.0.1-3001"),
            ("--name my\u{e9}server -- x", "my-server"),
            ("--name ..hidden -- x", "hidden"),
        ] {
            assert_eq!(args(line).unwrap().server(), name, "{line}");
        }
        assert_eq!(args("--url https://mcp.example.com/mcp?key=1").unwrap().program(), "https://mcp.example.com/mcp");
    }

    #[test]
    fn one_server_and_no_secret_on_the_command_line() {
        for line in ["--url http://a/ -- b", "--deadline 5", "--listen 127.0.0.1:1 -- b", "--header-env A=B -- b"] {
            assert!(args(line).is_err(), "{line}");
        }
        let env = |name: &str| (name == "TOKEN").then(|| "Bearer x".to_owned());
        let headers = |line: &str| args(line).unwrap().headers(env);
        let expected = vec![("Authorization".to_owned(), "Bearer x".to_owned())];
        assert_eq!(headers("--url http://a/ --header-env Authorization=TOKEN"), Ok(expected));
        assert!(headers("--url http://a/ --header-env Authorization=NONE").unwrap_err().contains("NONE"));
        assert!(headers("--url http://a/ --header-env Authorization").unwrap_err().contains("HEADER=VARIABLE"));
    }
}
