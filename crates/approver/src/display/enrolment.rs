//! What is shown of an agent that asks to be known.

use super::{Care, Folds, Text, utc};
use agenttrust_protocol::message::{AgentKind, Enroll};
use agenttrust_protocol::{Hash, Opened, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// Everything shown of one enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct EnrolDisplay {
    /// The enrolment.
    pub enroll: Hash,
    /// The agent's key.
    pub key: Thumbprint,
    /// The name it gives itself.
    pub name: Text,
    /// The program it says it is.
    pub program: Text,
    /// How it is gated, as it says.
    pub kind: AgentKind,
    /// What that means.
    pub gate: GateWords,
    /// What the operating system of its machine says of the process that knocked, as the daemon tells, fact by fact;
    /// empty if it tells nothing.
    pub process: Vec<Text>,
    /// When it asked.
    pub asked: Time,
}

/// What stands between two facts about a process.
const SEPARATOR: &str = " · ";

impl EnrolDisplay {
    /// What is shown of an enrolment.
    pub fn of(enroll: &Opened<Enroll>, process: Option<&str>) -> EnrolDisplay {
        let body = enroll.body();
        let facts = process.into_iter().flat_map(|text| text.split(SEPARATOR));
        EnrolDisplay {
            enroll: enroll.hash(),
            key: body.key.thumbprint(),
            name: Text::line(&body.name, Care::Name),
            program: Text::line(&body.program, Care::Name),
            kind: body.kind,
            gate: GateWords::of(body),
            process: facts.map(|fact| Text::line(fact, Care::Name)).collect(),
            asked: enroll.head().iat,
        }
    }

    /// The lines of plain text.
    pub fn lines(&self) -> Vec<String> {
        let one = |text: &Text| text.shown(Folds::Open).join(" ");
        let process: Vec<String> = self.process.iter().map(one).collect();
        let process = if process.is_empty() { "not known".to_owned() } else { process.join(SEPARATOR) };
        let mut lines = vec![
            format!("Agent that asks to be known: {}", one(&self.name)),
            format!("What it is, as it says: {}. {}", self.gate.what, self.gate.reach),
            format!("Program, as it says: {}", one(&self.program)),
            format!("Process, as the daemon says: {process}"),
            format!("Key: {}", self.key),
            format!("Asked: {}", utc(self.asked)),
            "Accepting it lets it ask. It approves nothing: each action still takes your answer.".to_owned(),
        ];
        let flags = self.name.flags.iter().chain(&self.program.flags);
        let flags = flags.chain(self.process.iter().flat_map(|text| &text.flags));
        lines.extend(flags.map(|flag| format!("Caution: {}", flag.sentence())));
        lines
    }
}

/// What stands between an agent's model and its tools, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct GateWords {
    /// The makers' name of the coding agent, where it says that it is a hook of one that is known.
    pub client: Option<String>,
    /// What it is: `Hook of Claude Code`.
    pub what: String,
    /// What it protects against, and what it does not.
    pub reach: String,
}

impl GateWords {
    /// The words for what an enrolment says.
    pub fn of(enroll: &Enroll) -> GateWords {
        let client = client_of(enroll);
        let (what, reach) = match enroll.kind {
            AgentKind::Hook => (
                format!("Hook of {}", client.unwrap_or("a coding agent")),
                "Each tool call waits for you before it runs. That holds as long as the program calls its hook, which \
                 settings in a project’s own folder may switch off; what an approved command starts by itself is not \
                 asked about again.",
            ),
            AgentKind::Gateway => (
                "Gateway in front of a tool server".to_owned(),
                "The tools behind it are reached through it alone, so that even hostile code in the agent’s own program \
                 cannot go around it, unless it can reach the server another way. Other tools of the agent are not \
                 covered.",
            ),
            AgentKind::Sdk => (
                "Library in the agent’s program".to_owned(),
                "The tools that were wrapped wait for you before they run. It guards against a model that is wrong or \
                 was talked into something; code in the same program could go around it.",
            ),
        };
        GateWords { client: client.map(str::to_owned), what, reach: reach.to_owned() }
    }
}

/// The makers' name of the coding agent that a hook says it belongs to.
fn client_of(enroll: &Enroll) -> Option<&'static str> {
    match (enroll.kind, enroll.program.as_str()) {
        (AgentKind::Hook, "claude-code") => Some("Claude Code"),
        (AgentKind::Hook, "codex") => Some("Codex"),
        (AgentKind::Hook, "gemini") => Some("Gemini CLI"),
        (AgentKind::Hook, "copilot") => Some("Copilot CLI"),
        (AgentKind::Hook, "opencode") => Some("opencode"),
        (AgentKind::Hook, "cursor") => Some("Cursor"),
        (AgentKind::Hook | AgentKind::Gateway | AgentKind::Sdk, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::key::{Agent, SecretKey};

    #[test]
    fn a_client_is_named_where_a_hook_says_one_that_is_known() {
        let what = |kind, program: &str| {
            let key = SecretKey::<Agent>::from_seed(&[1; 32]).public();
            GateWords::of(&Enroll { key, name: "agent".to_owned(), program: program.to_owned(), kind }).what
        };
        assert_eq!(what(AgentKind::Hook, "claude-code"), "Hook of Claude Code");
        assert_eq!(what(AgentKind::Hook, "cursor"), "Hook of Cursor");
        // Anyone can write anything: it is not repeated as if it were known.
        assert_eq!(what(AgentKind::Hook, "Claude Code, verified"), "Hook of a coding agent");
        assert_eq!(what(AgentKind::Sdk, "claude-code"), "Library in the agent’s program");
        assert_eq!(what(AgentKind::Gateway, "codex"), "Gateway in front of a tool server");
    }
}
