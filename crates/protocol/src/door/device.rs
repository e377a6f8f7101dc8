//! What the device door says.

use crate::hash::{Hash, Thumbprint, Time};
use crate::lifecycle::State;
use crate::wire::words;
use serde::{Deserialize, Serialize};

/// A page of the inbox: `GET /v1/inbox?after=N&wait=S`, or, as an event stream, one [`InboxEntry`] per event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPage {
    /// Whether this is everything open now rather than what came since `after`: the first page, and whenever `after`
    /// is not known any more. A client forgets what it held.
    pub reset: bool,
    /// What happened, oldest first.
    pub entries: Vec<InboxEntry>,
    /// The next `after`.
    pub next: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxEntry {
    /// The inbox's own count; resumable.
    pub seq: u64,
    /// When the daemon stored it.
    pub at: Time,
    /// What it was.
    #[serde(flatten)]
    pub event: InboxEvent,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum InboxEvent {
    /// A request waits for an answer; also sent again when a further decision came in and more are needed.
    Request {
        /// The request.
        request: Hash,
        /// Certificate, session, request, and the decisions so far.
        messages: Vec<String>,
    },
    /// A request's state changed.
    Moved {
        /// The request.
        request: Hash,
        /// Its state now.
        state: State,
        /// The device that answered, where one did.
        by: Option<Thumbprint>,
        /// A code that says why, where there is one.
        code: Option<String>,
    },
    /// An agent asks to be known.
    Enroll {
        /// The enrolment.
        enroll: Hash,
        /// The enrolment message.
        messages: Vec<String>,
        /// What the kernel says of the process that knocked: `pid 4211 · uid 1000 · /usr/bin/python3`.
        process: Option<String>,
    },
    /// An enrolment was answered on some device.
    Enrolled {
        /// The enrolment.
        enroll: Hash,
        /// Whether the agent was accepted.
        accepted: bool,
    },
    /// Trust moved on: bundles and statuses, ascending.
    Trust {
        /// The messages.
        messages: Vec<String>,
    },
    /// A device wants to join; admins confirm.
    Pairing {
        /// The joiner's message.
        pairing: Hash,
        /// The joiner's message itself.
        messages: Vec<String>,
    },
}

/// `POST /v1/seen`: a device tells what reached it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The requests.
    pub requests: Vec<Hash>,
    /// What happened to them on the device.
    pub kind: SeenKind,
}

/// What a device did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenKind {
    /// It arrived and was verified.
    Delivered,
    /// It was on the screen.
    Opened,
}

/// When one device got, opened and answered a request; operational, not signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Mark {
    /// The device, by approval key.
    pub device: Thumbprint,
    /// When it arrived.
    pub delivered: Option<Time>,
    /// When it was on the screen.
    pub opened: Option<Time>,
    /// When it was answered.
    pub answered: Option<Time>,
}

/// `GET /v1/requests/{hash}`: everything about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RequestDetail {
    /// Its state.
    pub state: State,
    /// Certificate, session, request, decisions, claim, outcome, events, in the order of the log.
    pub messages: Vec<String>,
    /// Who got it when.
    pub marks: Vec<Mark>,
    /// Where its messages stand in the log.
    pub leaves: Vec<LeafRef>,
}

/// A message's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LeafRef {
    /// The message.
    pub hash: Hash,
    /// Its leaf index, from 0.
    pub index: u64,
}

/// `GET /v1/history`: filters, all optional, and a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields, default)]
pub struct HistoryQuery {
    /// By agent key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Thumbprint>,
    /// By session id, of the agent that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// By tool, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// By state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<State>,
    /// Asked at or after, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Asked before, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Words that stand in title, target, arguments, notes or output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many rows, at most 200; 50 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A page of history, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryPage {
    /// The rows.
    pub rows: Vec<HistoryRow>,
    /// The cursor of the next page, if there is one.
    pub next: Option<u64>,
}

/// One request in a list; what is erased is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryRow {
    /// The request.
    pub request: Hash,
    /// The agent's key.
    pub agent: Thumbprint,
    /// The agent's name.
    pub agent_name: String,
    /// The tool.
    pub tool: String,
    /// Its server.
    pub server: Option<String>,
    /// The state now.
    pub state: State,
    /// When it was asked.
    pub asked: Time,
    /// When it was answered.
    pub decided: Option<Time>,
    /// The devices that answered, by approval key.
    pub decided_by: Vec<Thumbprint>,
    /// The agent's title.
    pub title: Option<String>,
    /// The agent's target.
    pub target: Option<String>,
}

/// `GET /v1/history/counts`: how many requests asked from `since` on, before `until`, stand in which state, by spans
/// of `step` seconds counted from `since`; at most [`MAX_COUNTED`] spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct CountsQuery {
    /// By agent key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Thumbprint>,
    /// Asked at or after, in seconds.
    pub since: i64,
    /// Asked before, in seconds.
    pub until: i64,
    /// The length of a span, in seconds; at least 1.
    pub step: u64,
}

/// The most spans of time that are counted at once.
pub const MAX_COUNTED: u64 = 400;

/// How many requests of one span of time stand in one state; there is none where there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CountRow {
    /// Where the span begins.
    pub from: Time,
    /// The state now.
    pub state: State,
    /// How many.
    pub count: u64,
}

words! {
    /// How an agent stands.
    pub enum AgentState {
        /// The person has not answered.
        Pending = "pending",
        /// An admin device signed a certificate.
        Enrolled = "enrolled",
        /// It may not ask any more.
        Revoked = "revoked",
        /// The person does not know it.
        Refused = "refused",
    }
}

/// One agent: `GET /v1/agents`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct AgentView {
    /// The agent's key.
    pub agent: Thumbprint,
    /// The enrolment and, once accepted, the newest certificate.
    pub messages: Vec<String>,
    /// How it stands.
    pub state: AgentState,
    /// Whether it is paused.
    pub paused: bool,
    /// How many requests it made.
    pub requests: u64,
    /// When it asked last.
    pub last_asked: Option<Time>,
}

/// `GET /v1/agents/{key}/sessions`: a cursor and a size, both optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsQuery {
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many, at most 200; 50 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A page of an agent's sessions, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsPage {
    /// The sessions.
    pub sessions: Vec<SessionView>,
    /// The cursor of the next page, if there is one.
    pub next: Option<u64>,
}

/// One session: one turn of the person's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// The session message, with what of its content is not erased.
    pub message: String,
    /// How many requests were asked in it.
    pub requests: u64,
    /// When one was asked last.
    pub last_asked: Option<Time>,
}

/// One device: `GET /v1/devices`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct DeviceView {
    /// The device's approval key.
    pub device: Thumbprint,
    /// Whether it is connected now.
    pub connected: bool,
    /// When it was last connected.
    pub last_seen: Option<Time>,
    /// The log size it last co-signed.
    pub cosigned: Option<u64>,
    /// Whether it is revoked.
    pub revoked: bool,
}

/// One grant: `GET /v1/grants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct GrantView {
    /// The grant message.
    pub message: String,
    /// Whether it can still be used.
    pub live: bool,
    /// How often it was used.
    pub uses: u64,
    /// When it was used last.
    pub last_used: Option<Time>,
}

/// `GET /v1/log/checkpoint?old=N`: the newest checkpoint and the proof that it extends what the caller verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyReply {
    /// The signed note.
    pub checkpoint: String,
    /// The RFC 6962 consistency proof from size `old`; empty if `old` is 0 or the size itself.
    pub proof: Vec<Hash>,
}

/// `GET /v1/log/proof/{hash}?size=N`: where a message's leaf is, and the proof that it is in the tree of `size` leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionReply {
    /// The message and its leaf.
    pub leaf: LeafRef,
    /// The size of the tree the proof is for: the one asked for, or the newest.
    pub size: u64,
    /// The RFC 6962 inclusion proof.
    pub proof: Vec<Hash>,
}

/// `GET /v1/log/leaves?from=&to=`: the leaves `from..to`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeavesReply {
    /// The leaves: messages without their disclosures.
    pub leaves: Vec<String>,
}

/// `POST /v1/erasures`: the requests whose content is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasures {
    /// The requests.
    pub requests: Vec<Hash>,
}
