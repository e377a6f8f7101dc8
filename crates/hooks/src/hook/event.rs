//! What happens in a client, whatever the client calls it.

use agenttrust_gate::ExecutionResult;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event that is answered here.
#[derive(Debug)]
pub(super) enum Event {
    /// A tool is about to be called.
    Call(Call),
    /// Somebody has said what they want.
    Prompt(Prompt),
    /// A tool that was allowed has ended.
    Ended(Ended),
}

/// A tool call before it runs.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) session: String,
    pub(super) cwd: String,
    pub(super) tool: String,
    /// The server that offers the tool, where the client's event leaves no doubt about it.
    pub(super) server: Option<String>,
    /// Kept as written: what is signed is what the client will run.
    pub(super) arguments: Box<RawValue>,
    /// The client's id of this call; without one, equal calls are not told apart and each is asked.
    pub(super) id: Option<String>,
    /// What the calls that the model made at once have in common, where the client tells.
    pub(super) group: Option<String>,
    /// Whether the client takes other arguments back than it came with.
    pub(super) is_editable: bool,
}

/// What was said before the model was asked.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) session: String,
    pub(super) text: String,
    pub(super) author: Author,
}

/// Who wrote a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The person.
    Person,
    /// A timer, another agent, the client itself: a turn begins, and the person has said nothing in it.
    Nobody,
    /// The model, for a sub-agent: no turn of the person's.
    Model,
}

/// A tool call after it ran.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) session: String,
    pub(super) call: Which,
    pub(super) result: ExecutionResult,
}

/// Which call has ended.
#[derive(Debug)]
pub(super) enum Which {
    /// The one with the client's id.
    Id(String),
    /// One of those that were equal to this, as the client gives no ids.
    Like { tool: String, server: Option<String>, arguments: Box<RawValue> },
}

/// The client's event cannot be read, or is none of those that are answered.
#[derive(Debug)]
pub(super) struct Unreadable;

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Unreadable {
        Unreadable
    }
}

/// Reads an event as JSON of one form; members that a client adds are passed over.
pub(super) fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Unreadable> {
    Ok(serde_json::from_slice(text)?)
}

/// Arguments that come as an object or as the text of one.
pub(super) fn object(arguments: Box<RawValue>) -> Result<Box<RawValue>, Unreadable> {
    match arguments.get().starts_with('"') {
        true => Ok(RawValue::from_string(serde_json::from_str(arguments.get())?)?),
        false => Ok(arguments),
    }
}

/// The id of a call that a sub-agent may have made, whose ids need not differ from those of the agent above it.
pub(super) fn call_id(agent: Option<&str>, id: String) -> String {
    match agent {
        Some(agent) => format!("{agent}/{id}"),
        None => id,
    }
}

/// Takes a name of the form `mcp__server__tool` apart, if there is but one way to do it.
pub(super) fn server_and_tool(name: String) -> (Option<String>, String) {
    let parts = name.strip_prefix("mcp__").and_then(|rest| {
        let (server, tool) = rest.split_once("__")?;
        let is_only_one = rest.rfind("__") == Some(server.len());
        (is_only_one && !server.is_empty() && !tool.is_empty()).then(|| (server.to_owned(), tool.to_owned()))
    });
    match parts {
        Some((server, tool)) => (Some(server), tool),
        None => (None, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_only_where_there_is_no_doubt() {
        let named = |name: &str| server_and_tool(name.to_owned());
        assert_eq!(named("mcp__shop__pay_invoice"), (Some("shop".to_owned()), "pay_invoice".to_owned()));
        for whole in ["Bash", "mcp__shop", "mcp__a__b__c", "mcp__a___b", "mcp____pay", "mcp__shop__", "MCP__a__b"] {
            assert_eq!(named(whole), (None, whole.to_owned()));
        }
    }
}
