//! What can be wrong with the record of a request.

use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Hash, Reason};
use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The message is not worth what it claims.
    Message(Reason),
    /// It is of a type that no request has.
    Strange,
    /// It is there twice, or there is another one where there can be only one.
    Twice,
    /// It, or what it rests on, is missing.
    Missing,
    /// It discloses less than was signed, and nothing was erased.
    Withheld,
    /// The claim does not rest on the approvals it takes.
    NotApproved(&'static str),
    /// The daemon says that the request stands where these messages do not lead.
    Shown(State),
}

/// A fault, and the message it shows in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The message's type; absent if it is of none that is known, or if the fault lies in the whole.
    pub typ: Option<&'static str>,
    /// The message, where it has a name.
    pub hash: Option<Hash>,
    /// What is wrong.
    pub wrong: Wrong,
}

impl Wrong {
    /// The stable code: a [`Reason`]'s where one message is at fault.
    pub const fn code(self) -> &'static str {
        match self {
            Wrong::Message(reason) => reason.code(),
            Wrong::Strange => "strange_entry",
            Wrong::Twice => "twice",
            Wrong::Missing => "missing_entry",
            Wrong::Withheld => "withheld",
            Wrong::NotApproved(_) => "not_approved",
            Wrong::Shown(_) => "projection",
        }
    }

    /// One sentence for a person.
    pub const fn sentence(self) -> &'static str {
        match self {
            Wrong::Message(Reason::WrongRequest) => "The message belongs to another request.",
            Wrong::Message(reason) => reason.sentence(),
            Wrong::Strange => "The message is of a type that does not belong to a request.",
            Wrong::Twice => "The message is there twice.",
            Wrong::Missing => "The message, or one it rests on, is missing.",
            Wrong::Withheld => "Content is missing although nothing was erased.",
            Wrong::NotApproved(_) => "The action was released without the approvals it takes.",
            Wrong::Shown(_) => "The daemon shows another state than follows from the messages.",
        }
    }
}

/// `The signature does not match the message. [outcome 3fJ-91ks]`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wrong.sentence())?;
        let what = self.typ.and_then(|typ| typ.strip_prefix("agenttrust-")?.strip_suffix("-v1"));
        let why = match self.wrong {
            Wrong::NotApproved(why) => why.to_owned(),
            Wrong::Shown(state) => state.to_string(),
            Wrong::Message(_) | Wrong::Strange | Wrong::Twice | Wrong::Missing | Wrong::Withheld => String::new(),
        };
        let hash = self.hash.map(|hash| hash.to_string().chars().take(8).collect::<String>());
        let detail: Vec<String> =
            what.map(str::to_owned).into_iter().chain(hash).chain(Some(why).filter(|why| !why.is_empty())).collect();
        if detail.is_empty() { Ok(()) } else { write!(f, " [{}]", detail.join(" ")) }
    }
}

impl std::error::Error for Fault {}

impl From<&Fault> for ErrorBody {
    fn from(fault: &Fault) -> ErrorBody {
        let hint =
            "Do not trust this daemon's history. Keep a copy of the data folder, and compare with another device.";
        ErrorBody {
            code: fault.wrong.code().to_owned(),
            message: fault.to_string(),
            hint: Some(hint.to_owned()),
            state: None,
        }
    }
}
