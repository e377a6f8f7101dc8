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
    /// What the operating system of its machine says of the process that knocked, as the daemon tells.
    pub process: Option<Text>,
    /// When it asked.
    pub asked: Time,
}

impl EnrolDisplay {
    /// What is shown of an enrolment.
    pub fn of(enroll: &Opened<Enroll>, process: Option<&str>) -> EnrolDisplay {
        let body = enroll.body();
        EnrolDisplay {
            enroll: enroll.hash(),
            key: body.key.thumbprint(),
            name: Text::line(&body.name, Care::Name),
            program: Text::line(&body.program, Care::Name),
            kind: body.kind,
            process: process.map(|text| Text::line(text, Care::Name)),
            asked: enroll.head().iat,
        }
    }

    /// The lines of plain text.
    pub fn lines(&self) -> Vec<String> {
        let one = |text: &Text| text.shown(Folds::Open).join(" ");
        let mut lines = vec![
            format!("Agent that asks to be known: {}", one(&self.name)),
            format!("Program, as it says: {}", one(&self.program)),
            format!("Process, as the daemon says: {}", self.process.as_ref().map_or("not known".to_owned(), one)),
            format!("Kind: {}", self.kind),
            format!("Key: {}", self.key),
            format!("Asked: {}", utc(self.asked)),
            "Accepting it lets it ask. It approves nothing.".to_owned(),
        ];
        let process = self.process.iter().flat_map(|text| &text.flags);
        let flags = self.name.flags.iter().chain(&self.program.flags).chain(process);
        lines.extend(flags.map(|flag| format!("Caution: {}", flag.sentence())));
        lines
    }
}
