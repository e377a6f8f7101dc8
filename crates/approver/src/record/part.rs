//! One verified message of a record, whatever its type.

use agenttrust_protocol::envelope::{Disclosure, Message};
use agenttrust_protocol::message::{AgentCert, Cancel, Claim, Decision, Event, Outcome, Request, Session};
use agenttrust_protocol::{Hash, Opened, Reason, Thumbprint, Time};

/// A message whose signature was verified.
#[derive(Clone, Debug)]
pub enum Part {
    /// The agent's certificate.
    Cert(Opened<AgentCert>),
    /// The session.
    Session(Opened<Session>),
    /// The request.
    Request(Opened<Request>),
    /// A device's answer.
    Decision(Opened<Decision>),
    /// The agent takes the approval.
    Claim(Opened<Claim>),
    /// What came of it.
    Outcome(Opened<Outcome>),
    /// The agent withdraws it.
    Cancel(Opened<Cancel>),
    /// The daemon notes something.
    Event(Opened<Event>),
}

/// The same for every type of message.
macro_rules! of {
    ($part:expr, $message:ident => $of:expr) => {
        match $part {
            Part::Cert($message) => $of,
            Part::Session($message) => $of,
            Part::Request($message) => $of,
            Part::Decision($message) => $of,
            Part::Claim($message) => $of,
            Part::Outcome($message) => $of,
            Part::Cancel($message) => $of,
            Part::Event($message) => $of,
        }
    };
}

impl Part {
    /// Its type.
    pub fn typ(&self) -> &'static str {
        of!(self, message => typ(message))
    }

    /// The hash that names it.
    pub fn hash(&self) -> Hash {
        of!(self, message => message.hash())
    }

    /// The key it is signed with.
    pub fn signer(&self) -> Thumbprint {
        of!(self, message => message.signer())
    }

    /// When it was signed, by the signer's clock.
    pub fn at(&self) -> Time {
        of!(self, message => message.head().iat)
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        of!(self, message => message.as_str())
    }

    /// What is disclosed; all of it was signed.
    pub fn disclosed(&self) -> Vec<Disclosure> {
        // A record holds no part whose disclosures were not signed.
        of!(self, message => message.disclosed()).unwrap_or_default()
    }

    /// How many of its disclosures are missing; more is never disclosed than was signed.
    ///
    /// # Errors
    /// `bad_disclosure` if something is disclosed that was not signed, or that its type does not allow.
    pub fn missing(&self) -> Result<u64, Reason> {
        of!(self, message => missing(message))
    }
}

fn typ<M: Message>(_message: &Opened<M>) -> &'static str {
    M::TYP
}

fn missing<M: Message>(message: &Opened<M>) -> Result<u64, Reason> {
    let disclosed = message.disclosed()?.len();
    let missing = message.digests().len().saturating_sub(disclosed);
    if missing == 0 {
        message.content()?;
    }
    Ok(missing as u64)
}
