//! One server's entry, with and without the gateway.

use super::shape::Patience;
use super::{Gateway, shape};
use crate::edit::{Edit, Given};
use agenttrust_hooks::{Client, MARGIN};
use serde_json::Value;
use std::path::Path;

/// The variables that carry headers to the gateway, numbered from one.
const HEADER: &str = "AGENTTRUST_HEADER_";

/// An entry where it stands.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    client: Client,
    path: Vec<String>,
    pub name: String,
    value: Value,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// It is started.
    Command(Vec<String>),
    /// It is spoken to, with these headers: a header's name, the variable, and its value where the entry has it.
    Remote { url: String, headers: Vec<(String, String, Option<String>)> },
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A server that is reached directly.
    Server(Server),
    /// One behind the gateway.
    Through(Server),
    /// One that stays as it is, and why.
    Left(&'static str),
}

impl Entry {
    pub(super) fn new(client: Client, place: &[String], name: &str, value: &Value) -> Entry {
        let path = place.iter().map(String::as_str).chain([name]).map(str::to_owned).collect();
        Entry { client, path, name: name.to_owned(), value: value.clone() }
    }

    pub(super) fn is_through(&self) -> bool {
        matches!(self.found(), Found::Through(_))
    }

    /// Whether both stand in the same place.
    pub(super) fn is_beside(&self, other: &Entry) -> bool {
        self.path == other.path
    }

    pub(super) fn found(&self) -> Found {
        if let Some(command) = self.command() {
            return match gateway_arguments(&command).map(|arguments| self.behind(arguments)) {
                Some(Some(server)) => Found::Through(server),
                Some(None) => Found::Left("it starts agenttrust, and not for one server"),
                None => Found::Server(Server::Command(command)),
            };
        }
        let kind = self.text("type");
        let Some(url) = self.text("httpUrl").or_else(|| self.text("url")) else {
            return Found::Left("it has neither a command nor an address");
        };
        let is_remote = match kind {
            Some(kind) => shape::remote(self.client).contains(&kind),
            None => !shape::needs_type(self.client),
        };
        if !is_remote {
            return Found::Left("it is not spoken to over streamable HTTP");
        }
        if shape::LOGINS.iter().any(|login| self.value.get(login).is_some_and(|value| *value != Value::Bool(false))) {
            return Found::Left("it is reached with a login of the client");
        }
        match self.headers() {
            Some(headers) => Found::Server(Server::Remote { url: url.to_owned(), headers }),
            None => Found::Left("its headers are not text"),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.value.get(name)?.as_str()
    }

    /// What is started, program first.
    fn command(&self) -> Option<Vec<String>> {
        let texts = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let command = self.value.get("command")?;
        let Some(program) = command.as_str() else { return texts(command).filter(|words| !words.is_empty()) };
        let arguments = self.value.get("args").map_or(Some(Vec::new()), texts)?;
        Some(std::iter::once(program.to_owned()).chain(arguments).collect())
    }

    fn headers(&self) -> Option<Vec<(String, String, Option<String>)>> {
        let plain = self.value.get(shape::headers(self.client)).and_then(Value::as_object);
        let named = self.value.get("env_http_headers").and_then(Value::as_object);
        let mut headers = Vec::new();
        for (at, (name, value)) in plain.into_iter().flatten().enumerate() {
            headers.push((name.clone(), format!("{HEADER}{}", at + 1), Some(value.as_str()?.to_owned())));
        }
        for (name, variable) in named.into_iter().flatten() {
            headers.push((name.clone(), variable.as_str()?.to_owned(), None));
        }
        Some(headers)
    }

    /// The server behind the gateway that these arguments start.
    fn behind(&self, arguments: &[String]) -> Option<Server> {
        if let Some(at) = arguments.iter().position(|word| word == "--") {
            let command = arguments.get(at + 1..)?;
            return (!command.is_empty()).then(|| Server::Command(command.to_vec()));
        }
        let after = |name: &str| {
            let at = arguments.iter().position(|word| word == name)?;
            arguments.get(at + 1).cloned()
        };
        let url = after("--url")?;
        let pairs = arguments.windows(2).filter_map(|two| match two {
            [flag, pair] if flag == "--header-env" => pair.split_once('='),
            _ => None,
        });
        let headers = pairs.map(|(name, variable)| {
            let value = self.value.get(shape::variables(self.client)).and_then(|env| env.get(variable));
            (name.to_owned(), variable.to_owned(), value.and_then(Value::as_str).map(str::to_owned))
        });
        Some(Server::Remote { url, headers: headers.collect() })
    }

    fn at(&self, names: &[&str]) -> Vec<String> {
        self.path.iter().map(String::as_str).chain(names.iter().copied()).map(str::to_owned).collect()
    }

    fn set(&self, names: &[&str], value: Given) -> Edit {
        Edit::Set { path: self.at(names), value }
    }

    fn remove(&self, names: &[&str]) -> Option<Edit> {
        let there = names.iter().try_fold(&self.value, |at, name| at.get(name)).is_some();
        there.then(|| Edit::Remove { path: self.at(names) })
    }

    /// The edits that start the gateway, and the server behind it.
    pub(super) fn wrap(&self, server: &Server, gateway: &Gateway) -> Vec<Edit> {
        let mut line = vec![gateway.program.clone(), "mcp".to_owned()];
        line.extend(named(&self.name));
        line.extend(gateway.line());
        let mut edits = Vec::new();
        match server {
            Server::Command(command) => {
                line.push("--".to_owned());
                line.extend(command.iter().cloned());
            }
            Server::Remote { url, headers } => {
                for (name, variable, value) in headers {
                    line.extend(["--header-env".to_owned(), format!("{name}={variable}")]);
                    edits.extend(
                        value
                            .iter()
                            .map(|value| self.set(&[shape::variables(self.client), variable], Given::text(value))),
                    );
                }
                line.extend(["--url".to_owned(), url.clone()]);
                edits.extend(self.forwarded(headers));
                let members = ["url", "httpUrl", shape::headers(self.client), "env_http_headers", "oauth"];
                edits.extend(members.iter().filter_map(|name| self.remove(&[name])));
                if self.value.get("type").is_some() {
                    edits.extend(
                        shape::started(self.client).first().map(|kind| self.set(&["type"], Given::text(*kind))),
                    );
                }
            }
        }
        edits.extend(self.start(line));
        edits.extend(self.patience(gateway));
        edits
    }

    /// Codex hands a server only the variables that it is told to.
    fn forwarded(&self, headers: &[(String, String, Option<String>)]) -> Option<Edit> {
        let names: Vec<&String> = headers.iter().filter(|header| header.2.is_none()).map(|header| &header.1).collect();
        (!names.is_empty()).then(|| self.set(&["env_vars"], Given::texts(names)))
    }

    /// The edits that make the client start this line.
    fn start(&self, line: Vec<String>) -> Vec<Edit> {
        if self.client == Client::Opencode {
            return vec![self.set(&["command"], Given::texts(line))];
        }
        let (program, arguments) = line.split_first().map(|(first, rest)| (first.clone(), rest)).unwrap_or_default();
        vec![self.set(&["command"], Given::text(program)), self.set(&["args"], Given::texts(arguments))]
    }

    /// A client that gives up before the person's time is over would never hear the answer.
    fn patience(&self, gateway: &Gateway) -> Option<Edit> {
        let Patience { name, unit, suffices } = shape::patience(self.client);
        let wanted = u64::from(gateway.flags.deadline.saturating_add(MARGIN)).saturating_mul(unit);
        let now = self.value.get(name).and_then(Value::as_f64);
        let enough = now.map_or(suffices, |now| now >= wanted as f64);
        (!enough).then(|| self.set(&[name], Given::number(wanted)))
    }

    /// The edits that reach the server directly, as far as the entry itself tells how that was written.
    pub(super) fn unwrap(&self, server: &Server) -> Vec<Edit> {
        match server {
            Server::Command(command) => self.start(command.clone()),
            Server::Remote { url, headers } => {
                let address = if self.client == Client::Gemini { "httpUrl" } else { "url" };
                let mut edits = vec![self.set(&[address], Given::text(url))];
                for (name, variable, value) in headers {
                    edits.extend(match value {
                        Some(value) => vec![
                            self.set(&[shape::headers(self.client), name], Given::text(value)),
                            Edit::Remove { path: self.at(&[shape::variables(self.client), variable]) },
                        ],
                        None => vec![self.set(&["env_http_headers", name], Given::text(variable))],
                    });
                }
                if self.value.get("type").is_some() {
                    edits
                        .extend(shape::remote(self.client).first().map(|kind| self.set(&["type"], Given::text(*kind))));
                }
                edits.extend(["command", "args", "env_vars"].iter().filter_map(|name| self.remove(&[name])));
                edits
            }
        }
    }
}

/// A name that begins like a flag must not be taken for one.
fn named(name: &str) -> Vec<String> {
    if name.starts_with('-') { vec![format!("--name={name}")] } else { vec!["--name".to_owned(), name.to_owned()] }
}

/// The gateway's arguments, if this is what is started.
fn gateway_arguments(command: &[String]) -> Option<&[String]> {
    let (program, arguments) = command.split_first()?;
    let name = Path::new(program).file_name()?.to_str()?;
    let (first, rest) = arguments.split_first()?;
    (name.starts_with("agenttrust") && first == "mcp").then_some(rest)
}
