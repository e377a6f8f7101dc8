//! The gateway in front of a client's MCP servers: each entry starts the gateway, and the gateway the server.

mod entry;
mod shape;

use crate::edit::{Edit, Format};
use agenttrust_hooks::{Client, DEADLINE, HookFlags};
use entry::{Entry, Found};
use serde_json::Value;

/// What is in a client's list of MCP servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    /// Those that go through the gateway.
    pub through: Vec<String>,
    /// Those that are left as they are, and why.
    pub left: Vec<(String, &'static str)>,
}

/// How an entry starts the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub program: String,
    pub flags: HookFlags,
}

impl Gateway {
    /// The flags that say something else than is so anyway.
    fn line(&self) -> Vec<String> {
        let HookFlags { deadline, .. } = self.flags;
        let mut line = HookFlags { deadline: DEADLINE, ..self.flags.clone() }.line();
        if deadline != agenttrust_gateway::DEADLINE {
            line.extend(["--deadline".to_owned(), deadline.to_string()]);
        }
        line
    }
}

/// How the client's file with servers is written.
pub(crate) const fn format(client: Client) -> Format {
    match client {
        Client::Codex => Format::Toml,
        Client::ClaudeCode | Client::Gemini | Client::Copilot | Client::Opencode | Client::Cursor => Format::Json,
    }
}

/// The edits that put the gateway in front of the servers in these settings: all, or the one with this name and those
/// that go through it `now`.
pub(crate) fn through(
    client: Client,
    settings: &Value,
    now: &Value,
    gateway: &Gateway,
    only: Option<&str>,
) -> (Vec<Edit>, Servers) {
    let (mut edits, mut servers) = (Vec::new(), Servers::default());
    let before: Vec<Entry> = entries(client, now).into_iter().filter(Entry::is_through).collect();
    for entry in entries(client, settings) {
        let is_through = before.iter().any(|other| other.is_beside(&entry));
        if only.is_some_and(|only| only != entry.name) && !is_through {
            continue;
        }
        match entry.found() {
            Found::Server(server) => {
                edits.extend(entry.wrap(&server, gateway));
                servers.through.push(entry.name);
            }
            Found::Through(_) => servers.through.push(entry.name),
            Found::Left(why) => servers.left.push((entry.name, why)),
        }
    }
    (edits, servers)
}

/// The edits that start the servers in these settings as they were before, by what the entries themselves say.
pub(crate) fn direct(client: Client, settings: &Value) -> Vec<Edit> {
    let unwrapped = |entry: Entry| match entry.found() {
        Found::Through(server) => entry.unwrap(&server),
        Found::Server(_) | Found::Left(_) => Vec::new(),
    };
    entries(client, settings).into_iter().flat_map(unwrapped).collect()
}

/// Every server's entry, wherever the client keeps some.
fn entries(client: Client, settings: &Value) -> Vec<Entry> {
    let mut places = vec![vec![shape::list(client).to_owned()]];
    if client == Client::ClaudeCode {
        // What `claude mcp add` adds unless told otherwise is one project's alone.
        let projects = settings.get("projects").and_then(Value::as_object);
        let place = |name: &String| vec!["projects".to_owned(), name.clone(), "mcpServers".to_owned()];
        places.extend(projects.into_iter().flat_map(|projects| projects.keys()).map(place));
    }
    let servers = |place: Vec<String>| {
        let list = place.iter().try_fold(settings, |at, name| at.get(name)).and_then(Value::as_object);
        let entry = |(name, value): (&String, &Value)| Entry::new(client, &place, name, value);
        list.into_iter().flatten().map(entry).collect::<Vec<_>>()
    };
    places.into_iter().flat_map(servers).collect()
}
