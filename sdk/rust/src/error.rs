//! Why nothing may run: a stable code, a sentence, a next step, and the person's words where there are some.

use agenttrust_protocol::Reason;
use agenttrust_protocol::check::Refusal;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::json::BadJson;
use std::fmt;

/// The stable code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A check of the messages failed.
    Reason(Reason),
    /// Something around the messages failed.
    Trouble(Trouble),
}

impl Code {
    /// The code that programs switch on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Reason(reason) => reason.code(),
            Code::Trouble(trouble) => trouble.code(),
        }
    }

    /// Whether the next step is the agent's own, so that a model need not ask the person to take it.
    const fn is_for_the_agent(self) -> bool {
        use Reason::{
            BadDisclosure, BadJson, ClaimRefused, Denied, Expired, NotCovered, Spent, TooLarge, WrongRequest,
        };
        use Trouble::{BodyTooLarge, Closed, Conflict, NotFound, RateLimited, TimedOut};
        match self {
            Code::Reason(reason) => matches!(
                reason,
                TooLarge
                    | BadJson
                    | WrongRequest
                    | Expired
                    | BadDisclosure
                    | Denied
                    | NotCovered
                    | Spent
                    | ClaimRefused
            ),
            Code::Trouble(trouble) => {
                matches!(trouble, TimedOut | RateLimited | BodyTooLarge | NotFound | Conflict | Closed)
            }
        }
    }

    /// The code with this text, if there is one.
    pub fn from_text(text: &str) -> Option<Code> {
        let trouble = || Trouble::ALL.iter().copied().find(|trouble| trouble.code() == text);
        Reason::from_code(text).map(Code::Reason).or_else(|| trouble().map(Code::Trouble))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Code {
        Code::Reason(reason)
    }
}

impl From<Trouble> for Code {
    fn from(trouble: Trouble) -> Code {
        Code::Trouble(trouble)
    }
}

/// The action must not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    code: Code,
    sentence: Option<&'static str>,
    note: Option<String>,
}

impl Refused {
    pub(crate) fn new(code: impl Into<Code>) -> Refused {
        Refused { code: code.into(), sentence: None, note: None }
    }

    /// A trouble of the agent's own files, which [`Trouble`]'s sentences, written for the daemon, would misplace.
    pub(crate) fn own(trouble: Trouble, sentence: &'static str) -> Refused {
        Refused { code: Code::Trouble(trouble), sentence: Some(sentence), note: None }
    }

    pub(crate) fn with_note(mut self, note: Option<String>) -> Refused {
        self.note = note;
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// One sentence for a person.
    pub fn sentence(&self) -> &'static str {
        match (self.sentence, self.code) {
            (Some(sentence), _) => sentence,
            (None, Code::Reason(reason)) => reason.sentence(),
            (None, Code::Trouble(trouble)) => trouble.sentence(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self.code {
            Code::Reason(reason) => reason.hint(),
            Code::Trouble(trouble) => {
                let own = OWN_HINTS.iter().find(|(own, _)| self.sentence.is_some() && *own == trouble);
                own.map_or(trouble.hint(), |(_, hint)| hint)
            }
        }
    }

    /// The person's own words, where a device denied with some.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The text a model is given in place of the tool's result.
    pub fn for_model(&self) -> String {
        let (code, sentence, hint) = (self.code, self.sentence(), self.hint());
        let whose = if code.is_for_the_agent() { "Next step" } else { "Next step, for the person" };
        let mut text = format!("AgentTrust: not approved ({code}). Do not retry unchanged. {sentence} {whose}: {hint}");
        if let Some(note) = &self.note {
            text.push_str(&format!(" The person says: {note}"));
        }
        text
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sentence(), self.code)
    }
}

impl std::error::Error for Refused {}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Refused {
        Refused::new(reason)
    }
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Refused {
        Refused::new(trouble)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused::new(refusal.reason).with_note(refusal.note)
    }
}

/// What to do about the agent's own files. Its record may not come back from a backup, which would forget what was used.
const OWN_HINTS: [(Trouble, &str); 6] = [
    (Trouble::DiskFull, "Free some space on the disk that holds the agent's folder."),
    (Trouble::StoreFailed, "Check the permissions and the disk of the agent's folder."),
    (Trouble::StoreCorrupt, "Move the agent's folder away; the agent then enrols anew, which the person accepts."),
    (Trouble::StoreForeign, "Move that file away, or give the agent another folder."),
    (Trouble::StoreNewer, "Update AgentTrust in the agent."),
    (Trouble::BadConfig, "Correct the agent's configuration or environment."),
];

const DISK_FULL: &str = "The disk is full, so the agent cannot record what it asks, and nothing is approved.";
const FAILED: &str = "The agent's own record of what it asked (gate.db) cannot be used.";
const CORRUPT: &str = "The agent's own record of what it asked (gate.db) is damaged.";
pub(crate) const FOREIGN: &str = "The file gate.db in the agent's folder is not an AgentTrust record.";
pub(crate) const NEWER: &str = "The agent's record (gate.db) was written by a newer version of AgentTrust.";

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        use rusqlite::ErrorCode;
        tracing::debug!(%error, "the agent's record failed");
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Refused::own(Trouble::DiskFull, DISK_FULL),
            Some(ErrorCode::DatabaseCorrupt) => Refused::own(Trouble::StoreCorrupt, CORRUPT),
            Some(ErrorCode::NotADatabase) => Refused::own(Trouble::StoreForeign, FOREIGN),
            Some(_) | None => Refused::own(Trouble::StoreFailed, FAILED),
        }
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Refused {
        tracing::debug!(%error, "the agent's folder failed");
        if error.kind() == std::io::ErrorKind::StorageFull {
            Refused::own(Trouble::DiskFull, DISK_FULL)
        } else {
            Refused::own(Trouble::StoreFailed, "The agent's own folder cannot be used.")
        }
    }
}

/// What was asked cannot be asked: a mistake of the calling program, found before anything was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The arguments are not JSON that every language reads alike.
    #[error("the arguments are not strict JSON: {0}")]
    Arguments(#[from] BadJson),
    /// Arguments are one JSON object, name by name.
    #[error("the arguments must be a JSON object")]
    NotAnObject,
    /// The tool has no name.
    #[error("the action names no tool")]
    NoTool,
    /// The request's life is under a second.
    #[error("a request must live for at least a second")]
    NoTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back() {
        let reasons = Reason::ALL.iter().map(|reason| Code::Reason(*reason));
        let troubles = Trouble::ALL.iter().map(|trouble| Code::Trouble(*trouble));
        for code in reasons.chain(troubles) {
            assert_eq!(Code::from_text(code.as_str()), Some(code));
        }
        assert_eq!(Code::from_text("approved"), None);
    }

    /// Every code as a model is told it: a sentence, and a next step with whose it is.
    #[test]
    fn a_model_is_told_what_to_do_next() {
        let reasons = Reason::ALL.iter().map(|reason| Refused::new(*reason));
        let troubles = Trouble::ALL.iter().map(|trouble| Refused::new(*trouble));
        let own = OWN_HINTS.iter().map(|(trouble, _)| Refused::own(*trouble, "About the agent's own."));
        let texts: Vec<String> = reasons.chain(troubles).chain(own).map(|refused| refused.for_model()).collect();
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn a_model_is_told_the_code_and_the_persons_words() {
        let refused = Refused::new(Reason::Denied).with_note(Some("use the test account".to_owned()));
        let text = "AgentTrust: not approved (denied). Do not retry unchanged. The person denied this action. \
                    Next step: Choose another way, or ask the person what they want instead. \
                    The person says: use the test account";
        assert_eq!(refused.for_model(), text);
    }
}
