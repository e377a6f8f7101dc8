//! What an agent wants to do.

use crate::error::AskError;
use agenttrust_protocol::Hash;
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use agenttrust_protocol::message::{self, RequestContent, Risk};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// One tool call, as it will be shown to the person.
///
/// ```
/// use agenttrust_gate::{Action, Risk};
/// use serde_json::json;
///
/// let action = Action::new("pay_invoice", &json!({"to": "ACME", "amount": 120.50}))
///     .title("Pay an invoice")
///     .target("ACME")
///     .risk(Risk::High)
///     .call("call_17");
/// ```
#[derive(Clone, Debug)]
pub struct Action {
    tool: String,
    server: Option<String>,
    digest: Option<Hash>,
    arguments: String,
    title: Option<String>,
    target: Option<String>,
    reason: Option<String>,
    risk: Option<Risk>,
    call: Option<String>,
    group: Option<String>,
    life: Option<Duration>,
}

impl Action {
    /// A call of `tool` with these arguments, an object.
    pub fn new(tool: &str, arguments: &serde_json::Value) -> Action {
        Action::from_json(tool, &arguments.to_string())
    }

    /// A call of `tool` with arguments in JSON text: the numbers are signed as they are written here.
    pub fn from_json(tool: &str, arguments: &str) -> Action {
        Action {
            tool: tool.to_owned(),
            server: None,
            digest: None,
            arguments: arguments.to_owned(),
            title: None,
            target: None,
            reason: None,
            risk: None,
            call: None,
            group: None,
            life: None,
        }
    }

    /// The server that offers the tool.
    pub fn server(mut self, server: &str) -> Action {
        self.server = Some(server.to_owned());
        self
    }

    /// The digest of the tool's definition, where it is pinned: a call that waits is not resumed for another one, and
    /// [`Permit::check_tool`](crate::Permit::check_tool) holds it against the one at the time of the run.
    pub fn digest(mut self, digest: Hash) -> Action {
        self.digest = Some(digest);
        self
    }

    /// The agent's words for it.
    pub fn title(mut self, title: &str) -> Action {
        self.title = Some(title.to_owned());
        self
    }

    /// The agent's word for what it acts on.
    pub fn target(mut self, target: &str) -> Action {
        self.target = Some(target.to_owned());
        self
    }

    /// The agent's reason.
    pub fn reason(mut self, reason: &str) -> Action {
        self.reason = Some(reason.to_owned());
        self
    }

    /// What the agent says of the risk.
    pub fn risk(mut self, risk: Risk) -> Action {
        self.risk = Some(risk);
        self
    }

    /// The framework's id of this call: with the same arguments in the same session it is asked once, also after a
    /// restart.
    pub fn call(mut self, id: &str) -> Action {
        self.call = Some(id.to_owned());
        self
    }

    /// Ties the parallel calls of one turn together.
    pub fn group(mut self, id: &str) -> Action {
        self.group = Some(id.to_owned());
        self
    }

    /// How long this request lives, in whole seconds, in place of the gate's.
    pub fn life(mut self, life: Duration) -> Action {
        self.life = Some(life);
        self
    }

    pub(crate) fn parse(self, default_life: Duration) -> Result<Wanted, AskError> {
        if self.tool.is_empty() {
            return Err(AskError::NoTool);
        }
        let value = parse(self.arguments.as_bytes(), Numbers::Any)?;
        let arguments = value.as_object().ok_or(AskError::NotAnObject)?.clone();
        let life = Duration::from_secs(self.life.unwrap_or(default_life).as_secs());
        if life.is_zero() {
            return Err(AskError::NoTime);
        }
        Ok(Wanted {
            action: message::Action { tool: self.tool, server: self.server, digest: self.digest },
            content: RequestContent { arguments, title: self.title, target: self.target, reason: self.reason },
            risk: self.risk,
            call: self.call,
            group: self.group,
            life,
        })
    }
}

/// An action in the protocol's terms.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) action: message::Action,
    pub(crate) content: RequestContent,
    pub(crate) risk: Option<Risk>,
    pub(crate) call: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) life: Duration,
}

/// The arguments to run with, re-parsed from signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments(Object);

impl Arguments {
    pub(crate) fn new(object: Object) -> Arguments {
        Arguments(object)
    }

    /// One argument as it was written.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them, numbers in their source text.
    pub fn as_object(&self) -> &Object {
        &self.0
    }

    /// The JSON text.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }

    /// Reads them as the tool's own type, or as a [`serde_json::Value`]. After an edit this is where a value that the
    /// tool cannot take shows.
    ///
    /// # Errors
    /// What does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(action: Action) -> AskError {
        action.parse(crate::DEFAULT_LIFE).unwrap_err()
    }

    #[test]
    fn what_cannot_be_asked_is_found_before_anything_is_sent() {
        assert_eq!(error(Action::from_json("", "{}")), AskError::NoTool);
        assert_eq!(error(Action::from_json("t", "[]")), AskError::NotAnObject);
        assert_eq!(error(Action::from_json("t", "{}").life(Duration::from_millis(999))), AskError::NoTime);
        for text in ["", "{", r#"{"a":1,"a":2}"#, r#"{"a":9007199254740992}"#, r#"{"a":1e999}"#] {
            assert!(matches!(error(Action::from_json("t", text)), AskError::Arguments(_)), "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        let text = r#"{"amount":120.50,"n":1E2}"#;
        let wanted = Action::from_json("t", text).parse(crate::DEFAULT_LIFE).unwrap();
        let arguments = Arguments::new(wanted.content.arguments);
        assert_eq!(arguments.to_json(), text);
        assert_eq!(arguments.read::<serde_json::Value>().unwrap()["amount"], 120.5);
    }
}
