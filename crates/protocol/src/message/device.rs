//! What a device signs, and the daemon's one message.

use super::parts::{BundleRef, LogRef, Require, Uv};
use super::{MAX_DECISION_LIFE, MAX_STATUS_LIFE};
use crate::constraint::{Constraint, grant_fits};
use crate::envelope::{Head, Message, Nothing, Rooted};
use crate::hash::{Hash, Thumbprint, Time};
use crate::json::{Object, Value};
use crate::key::{Agent, Approval, Log, PublicKey, Witness};
use crate::wire::{Wire, quote, record, words};

words! {
    /// Whether a device makes a trust domain or joins one.
    pub enum Intent {
        /// The first device.
        First = "first",
        /// One more.
        Add = "add",
    }
}

words! {
    /// The person's answer.
    pub enum Verdict {
        /// Run it as asked.
        Approve = "approve",
        /// Do not run it.
        Deny = "deny",
        /// Run it with other arguments.
        Modify = "modify",
    }
}

words! {
    /// What is revoked.
    pub enum RevokedKind {
        /// A device, by its approval key's thumbprint.
        Device = "device",
        /// An agent, by its key's thumbprint.
        Agent = "agent",
        /// A grant, by its hash.
        Grant = "grant",
    }
}

words! {
    /// What the daemon noted; evidence, never authority.
    pub enum EventKind {
        /// Nobody answered in time.
        Expired = "expired",
        /// It was refused at the door.
        Refused = "refused",
        /// The agent went silent after its claim.
        Unknown = "unknown",
        /// Content was erased.
        Erased = "erased",
    }
}

record! {
    /// A new device introduces itself.
    pub struct PairInit {
        /// Its approval key; it signs this message.
        key: PublicKey<Approval>,
        /// Its witness key.
        witness: PublicKey<Witness>,
        /// The thumbprint of its transport key.
        transport: Thumbprint,
        /// Its name.
        name: String,
        /// How its key is kept.
        protection: String,
        /// First or one more.
        intent: Intent,
        /// Proof that it saw the QR code.
        mac: Hash,
        /// SHA-256 of the random number revealed later.
        commit: Hash,
    }
}

record! {
    /// Who is revoked and paused now, and until when this holds.
    pub struct Status {
        /// Counted from 1.
        seq: u64,
        /// The hash of the status before.
        prev: Option<Hash>,
        /// The bundle it speaks for.
        bundle: BundleRef,
        /// What is revoked.
        revoked: Vec<Revocation>,
        /// The kill switch.
        paused: Paused,
        /// Until when approvals may rest on it.
        exp: Time,
    }
}

record! {
    /// One revocation.
    pub struct Revocation {
        /// What kind of thing.
        kind: RevokedKind,
        /// Which: a key's thumbprint or a grant's hash.
        id: Hash,
        /// Kept in the list until then.
        until: Time,
    }
}

/// The kill switch: agents that may not run anything for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paused {
    /// Every agent.
    All,
    /// These agents, by key thumbprint.
    Agents(Vec<Thumbprint>),
}

record! {
    /// An admin device knows this agent.
    pub struct AgentCert {
        /// The enrolment it answers.
        enroll: Hash,
        /// The agent's key.
        cnf: PublicKey<Agent>,
        /// The name the person gave it.
        name: String,
        /// Until when.
        exp: Time,
    }
}

record! {
    /// The person's answer to one request.
    pub struct Decision {
        /// The request.
        req: Hash,
        /// The answer.
        outcome: Verdict,
        /// The modified decision this one agrees with.
        first: Option<Hash>,
        /// What the signer demands beyond the rules.
        requires: Option<Require>,
        /// How sure the device is of its owner.
        uv: Uv,
        /// The device's own count of what it signed.
        seq: u64,
        /// The bundle it rests on.
        bundle: BundleRef,
        /// The last root of the log the device verified.
        log: Option<LogRef>,
        /// Until when the agent may claim it.
        exp: Time,
    }
}

record! {
    /// A decision's disclosures.
    pub struct DecisionContent {
        /// The new arguments of a modify.
        arguments: Option<Object>,
        /// What the device showed, line by line.
        shown: Option<Vec<String>>,
        /// The person's words to the agent.
        note: Option<String>,
    }
}

record! {
    /// A trusted action: what these agents may do without asking.
    pub struct Grant {
        /// The agents, by key thumbprint.
        agents: Vec<Thumbprint>,
        /// All must be true.
        constraints: Vec<Constraint>,
        /// How sure the devices were of their owners.
        uv: Uv,
        /// The bundle it was signed under.
        bundle: BundleRef,
        /// Whether agents check it alone and report later.
        offline: bool,
        /// Until when.
        exp: Time,
    }
}

record! {
    /// A grant's disclosures.
    pub struct GrantContent {
        /// What the person calls it.
        title: String,
    }
}

record! {
    /// The daemon notes what happened to a message.
    pub struct Event {
        /// Which message.
        of: Hash,
        /// What happened.
        kind: EventKind,
        /// A stable code that says why.
        code: Option<String>,
    }
}

impl Paused {
    /// Whether this agent is paused.
    pub fn covers(&self, agent: &Thumbprint) -> bool {
        match self {
            Paused::All => true,
            Paused::Agents(agents) => agents.contains(agent),
        }
    }

    /// Whether every agent paused by `other` is paused by this.
    pub fn contains(&self, other: &Paused) -> bool {
        match (self, other) {
            (Paused::All, Paused::All | Paused::Agents(_)) => true,
            (Paused::Agents(_), Paused::All) => false,
            (Paused::Agents(_), Paused::Agents(theirs)) => theirs.iter().all(|agent| self.covers(agent)),
        }
    }
}

impl Wire for Paused {
    fn read(value: &Value) -> Option<Paused> {
        match value.as_str() {
            Some("all") => Some(Paused::All),
            Some(_) => None,
            None => Vec::read(value).map(Paused::Agents),
        }
    }
    fn write(&self, out: &mut String) {
        match self {
            Paused::All => quote(out, "all"),
            Paused::Agents(agents) => agents.write(out),
        }
    }
}

impl Message for PairInit {
    const TYP: &'static str = "agenttrust-pair-init-v1";
    const ROOTED: Rooted = Rooted::No;
    type Signer = Approval;
    type Content = Nothing;
}

impl Message for Status {
    const TYP: &'static str = "agenttrust-status-v1";
    type Signer = Approval;
    type Content = Nothing;

    fn fits(&self, head: &Head) -> bool {
        let chained = self.seq > 0 && (self.seq == 1) == self.prev.is_none();
        chained && self.exp <= head.iat.plus(MAX_STATUS_LIFE)
    }
}

impl Message for AgentCert {
    const TYP: &'static str = "agenttrust-agent-cert-v1";
    type Signer = Approval;
    type Content = Nothing;

    fn fits(&self, head: &Head) -> bool {
        self.exp > head.iat
    }
}

impl Message for Decision {
    const TYP: &'static str = "agenttrust-decision-v1";
    type Signer = Approval;
    type Content = DecisionContent;

    fn fits(&self, head: &Head) -> bool {
        let timely = (1..=MAX_DECISION_LIFE).contains(&self.exp.since(head.iat));
        let demands = self.requires.as_ref().is_none_or(|require| require.approvers >= 1);
        let follows = self.first.is_none() || self.outcome == Verdict::Modify;
        timely && demands && follows && self.seq > 0
    }

    fn content_fits(&self, content: &DecisionContent) -> bool {
        match self.outcome {
            Verdict::Modify => content.arguments.is_some() != self.first.is_some(),
            Verdict::Approve | Verdict::Deny => content.arguments.is_none(),
        }
    }
}

impl Message for Grant {
    const TYP: &'static str = "agenttrust-grant-v1";
    const JOINT: bool = true;
    const FRACTIONS: bool = true;
    type Signer = Approval;
    type Content = GrantContent;

    fn fits(&self, head: &Head) -> bool {
        self.exp > head.iat && !self.agents.is_empty() && grant_fits(&self.constraints, self.offline)
    }
}

impl Message for Event {
    const TYP: &'static str = "agenttrust-event-v1";
    type Signer = Log;
    type Content = Nothing;
}
