//! What an agent signs.

use super::MAX_TASK;
use super::parts::{Action, Risk, SessionId};
use crate::envelope::{Head, Message, Nothing, Rooted};
use crate::hash::Hash;
use crate::json::{Object, Value};
use crate::key::{Agent, PublicKey};
use crate::wire::{record, words};

words! {
    /// What stands between the model and the tool.
    pub enum AgentKind {
        /// A library in the agent's own process.
        Sdk = "sdk",
        /// A hook of a coding agent.
        Hook = "hook",
        /// A gateway in front of a tool server.
        Gateway = "gateway",
    }
}

words! {
    /// How the tool ended.
    pub enum ExecutionResult {
        /// It ran.
        Executed = "executed",
        /// It ran into an error.
        Failed = "failed",
    }
}

record! {
    /// An agent asks to be known; it permits nothing but asking.
    pub struct Enroll {
        /// The agent's key; it signs this message.
        key: PublicKey<Agent>,
        /// The name the person will see.
        name: String,
        /// The program that runs it.
        program: String,
        /// How it is gated.
        kind: AgentKind,
    }
}

record! {
    /// One user turn: what the person asked for, and where.
    pub struct Session {
        /// The agent's certificate.
        cert: Hash,
        /// Constant for the whole session.
        sid: SessionId,
        /// The session this one was started from.
        parent: Option<Hash>,
    }
}

record! {
    /// Where a session runs.
    pub struct Facts {
        /// The working folder.
        cwd: String,
        /// The machine's name.
        host: String,
        /// The program's path or name.
        program: String,
    }
}

record! {
    /// A session's disclosures.
    pub struct SessionContent {
        /// Where it runs.
        facts: Facts,
        /// The person's own instruction, captured by the framework's hook and never by the model.
        task: Option<String>,
    }
}

record! {
    /// May this tool be called with these arguments?
    pub struct Request {
        /// The agent's certificate.
        cert: Hash,
        /// The session it belongs to.
        session: Hash,
        /// What is to be called.
        action: Action,
        /// What the agent says of the risk.
        risk: Option<Risk>,
        /// The grant under which it is to run.
        grant: Option<Hash>,
        /// Ties the parallel calls of one turn.
        group: Option<String>,
        /// The framework's call id: the same call is not asked twice.
        call: Option<String>,
        /// Until when an answer is of use.
        exp: crate::Time,
    }
}

record! {
    /// A request's disclosures.
    pub struct RequestContent {
        /// The arguments of the call.
        arguments: Object,
        /// The agent's words for it.
        title: Option<String>,
        /// The agent's word for what it acts on.
        target: Option<String>,
        /// The agent's reason.
        reason: Option<String>,
    }
}

record! {
    /// The agent takes an approval: at most one claim runs a request.
    pub struct Claim {
        /// The request.
        req: Hash,
        /// The decisions it rests on, ascending.
        decisions: Vec<Hash>,
    }
}

record! {
    /// What came of it.
    pub struct Outcome {
        /// The request.
        req: Hash,
        /// How the tool ended.
        result: ExecutionResult,
    }
}

record! {
    /// An outcome's disclosures.
    pub struct OutcomeContent {
        /// What the tool returned.
        output: Option<Value>,
    }
}

record! {
    /// The agent no longer wants an answer.
    pub struct Cancel {
        /// The request.
        req: Hash,
    }
}

impl Message for Enroll {
    const TYP: &'static str = "agenttrust-enroll-v1";
    const ROOTED: Rooted = Rooted::No;
    type Signer = Agent;
    type Content = Nothing;
}

impl Message for Session {
    const TYP: &'static str = "agenttrust-session-v1";
    type Signer = Agent;
    type Content = SessionContent;

    fn content_fits(&self, content: &SessionContent) -> bool {
        content.task.as_ref().is_none_or(|task| task.len() <= MAX_TASK)
    }
}

impl Message for Request {
    const TYP: &'static str = "agenttrust-request-v1";
    type Signer = Agent;
    type Content = RequestContent;

    fn fits(&self, head: &Head) -> bool {
        self.exp > head.iat
    }
}

impl Message for Claim {
    const TYP: &'static str = "agenttrust-claim-v1";
    type Signer = Agent;
    type Content = Nothing;

    fn fits(&self, _head: &Head) -> bool {
        let texts: Vec<String> = self.decisions.iter().map(Hash::to_string).collect();
        !texts.is_empty() && texts.is_sorted_by(|a, b| a < b)
    }
}

impl Message for Outcome {
    const TYP: &'static str = "agenttrust-outcome-v1";
    type Signer = Agent;
    type Content = OutcomeContent;
}

impl Message for Cancel {
    const TYP: &'static str = "agenttrust-cancel-v1";
    type Signer = Agent;
    type Content = Nothing;
}
