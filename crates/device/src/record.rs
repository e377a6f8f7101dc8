//! One request of the past as a shell shows it: what happened, who said so, and the signed messages behind it.

mod build;

use agenttrust_approver::display::{Display, Edited, Text};
use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Hash, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// Everything about one request, as far as it verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordView {
    /// The request.
    pub request: Hash,
    /// Where the daemon says it stands.
    pub state: State,
    /// What does not verify: only what does is here, and a shell says so loudly.
    pub fault: Option<ErrorBody>,
    /// Who asked for which tool; absent if not even the request verifies.
    pub about: Option<RecordHead>,
    /// What was shown; absent once its content is erased, or if it does not verify.
    pub display: Option<Display>,
    /// Whether content of it was erased.
    pub erased: bool,
    /// What happened, in the order of time.
    pub timeline: Vec<Moment>,
    /// What the tool returned, as the agent says.
    pub output: Option<Text>,
    /// What reached which device, as the daemon says.
    pub marks: Vec<MarkView>,
    /// The verified messages, in the order of the log.
    pub messages: Vec<MessageView>,
}

/// What stays of a request when its content is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordHead {
    /// The agent's key.
    pub agent: Thumbprint,
    /// The agent, by the name the person gave it.
    pub agent_name: Text,
    /// The tool.
    pub tool: Text,
    /// The server that offers it.
    pub server: Option<Text>,
    /// When it was asked.
    pub asked: Time,
    /// Until when an answer was of use.
    pub deadline: Time,
    /// The trusted action it ran, or wanted to run, under.
    pub grant: Option<Hash>,
}

/// Something that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Moment {
    /// When.
    pub at: Time,
    /// What.
    pub kind: MomentKind,
    /// Whose doing it was, in a safe line: a device's or the agent's name; absent for the daemon's.
    pub by: Option<String>,
    /// Whether it is signed; else it is the daemon's word alone.
    pub signed: bool,
    /// The person's words.
    pub note: Option<Text>,
    /// What a device changed.
    pub edits: Option<Vec<Edited>>,
    /// The daemon's code for why it happened or, for an answer, for why it did not count.
    pub code: Option<String>,
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// The agent asked.
    Asked,
    /// It reached a device.
    Delivered,
    /// It was on a device's screen.
    Opened,
    /// A device approved it, as asked or as another device had changed it.
    Approved,
    /// A device denied it.
    Denied,
    /// A device approved it with other arguments.
    Changed,
    /// A device took the approval back.
    Revoked,
    /// The agent took the approval and may have run the tool.
    Claimed,
    /// The tool ran.
    Executed,
    /// The tool ran into an error.
    Failed,
    /// The agent withdrew it.
    Cancelled,
    /// Nobody answered, or nobody took the answer, in time.
    Expired,
    /// The agent went silent after it had taken the approval.
    Unknown,
    /// Its content was erased.
    Erased,
    /// The daemon noted something else.
    Event,
}

/// When one device got, opened and answered a request, as the daemon says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct MarkView {
    /// The device's name, in a safe line.
    pub device: String,
    /// When it arrived.
    pub delivered: Option<Time>,
    /// When it was on the screen.
    pub opened: Option<Time>,
    /// When it was answered.
    pub answered: Option<Time>,
}

/// One signed message whose signature this device has verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct MessageView {
    /// Its type: `agenttrust-request-v1`.
    pub typ: String,
    /// The hash that names it.
    pub hash: Hash,
    /// Where the daemon says it stands in the log.
    pub leaf: Option<u64>,
    /// Who signed it, in a safe line.
    pub signer: String,
    /// The key it is signed with.
    pub key: Thumbprint,
    /// When it was signed, by the signer's clock.
    pub at: Time,
    /// The message as it was signed, in ASCII.
    pub text: String,
    /// The signed payload as JSON, a member a line.
    pub payload: Text,
    /// What it discloses beside that, as JSON; absent if nothing, or nothing any more.
    pub content: Option<Text>,
    /// How many of its disclosures are erased.
    pub erased: u64,
}
