//! What a device tells its shells.
//!
//! Events say what changed; [`Snapshot`] says how everything stands. A shell that starts late or was too slow
//! ([`Event::Missed`]) takes a snapshot and goes on.

use crate::command::DeviceInfo;
use crate::failure::Failure;
use agenttrust_approver::display::{Display, EnrolDisplay, Text};
use agenttrust_approver::edit::Field;
use agenttrust_approver::inbox::Phase;
use agenttrust_approver::trustview::Standing;
use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{LogRef, RequiredUv, Verdict};
use agenttrust_protocol::{Hash, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A request arrived and was verified.
    CardAdded {
        /// The card.
        card: Box<CardView>,
    },
    /// A card is to be shown anew: whether it can be answered, or what was decided on it, is different now.
    CardChanged {
        /// The card.
        card: Box<CardView>,
    },
    /// An answer has come further.
    CardStep {
        /// The request.
        card: Hash,
        /// How it stands.
        phase: Phase,
    },
    /// A card is over.
    CardClosed {
        /// The request.
        card: Hash,
        /// How it ended.
        phase: Phase,
        /// A code that says why, where there is one.
        code: Option<String>,
    },
    /// Time runs out for a card.
    CardReminder {
        /// The request.
        card: Hash,
        /// Seconds left.
        left: i64,
        /// Whether nine tenths of its time are over, and not only half.
        nearly: bool,
    },
    /// The daemon sent something that does not verify; it is not shown.
    EntryRefused {
        /// What the daemon calls it.
        id: Option<Hash>,
        /// Why.
        reason: ErrorBody,
    },
    /// An agent asks to be known.
    AgentAsked {
        /// What is shown of it.
        agent: Box<EnrolDisplay>,
    },
    /// An agent was answered, here or elsewhere.
    AgentAnswered {
        /// Its enrolment.
        enroll: Hash,
    },
    /// A device wants to join with the pairing code that this device shows.
    PairingAsked {
        /// The joiner's message.
        joiner: Hash,
        /// The new device's own name for itself; not to be believed.
        name: String,
    },
    /// The new device shows its digits: the person types them here.
    PairingDigits {
        /// The joiner's message.
        joiner: Hash,
        /// The new device's own name for itself.
        name: String,
    },
    /// The pairing came to nothing.
    PairingEnded {
        /// The joiner's message, where one came.
        joiner: Option<Hash>,
        /// Why.
        why: ErrorBody,
    },
    /// The line to the daemon.
    ConnectionChanged {
        /// How it is.
        connection: Connection,
    },
    /// Bundle or status moved on.
    TrustChanged {
        /// How it stands.
        trust: Box<TrustInfo>,
    },
    /// The trust status runs out soon, or has, and this device cannot renew it.
    StatusExpiring {
        /// How it stands, with the names of the devices to open.
        standing: Standing,
    },
    /// The log was verified up to here and co-signed.
    LogVerified {
        /// Size and root.
        log: LogInfo,
    },
    /// The daemon's log does not verify; this device vouches for nothing of it.
    LogRejected {
        /// Why.
        why: LogTrouble,
    },
    /// The clock of this device and the daemon's went apart, or came together again.
    ClockChanged {
        /// Seconds by which this device is ahead; 0 once it is within a minute.
        ahead: i64,
    },
    /// Something went wrong that no command asked for.
    Trouble {
        /// What.
        why: ErrorBody,
    },
    /// The shell was too slow and missed events: it takes a snapshot.
    Missed {
        /// How many.
        events: u64,
    },
}

impl Event {
    pub(crate) fn trouble(failure: &Failure) -> Event {
        Event::Trouble { why: failure.body() }
    }
}

/// The line to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Connection {
    /// The first attempt is under way.
    Connecting,
    /// There is one.
    Connected {
        /// Whether it runs through a relay.
        relayed: bool,
    },
    /// There is none; it is tried again by itself.
    Lost {
        /// The link's code.
        code: String,
    },
    /// The daemon does not let this device in: it was removed, or the daemon is another one.
    Refused,
}

/// A card as a shell shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CardView {
    /// The request.
    pub id: Hash,
    /// How it stands.
    pub phase: Phase,
    /// Where the daemon says it stands.
    pub state: State,
    /// What is shown.
    pub display: Display,
    /// The digest of what is shown, to be handed back with the answer.
    pub shown: Hash,
    /// The fields of the form.
    pub fields: Vec<Field>,
    /// The arguments as JSON text, for an editor.
    pub json: String,
    /// Why it cannot be answered here and now; absent if it can.
    pub blocked: Option<ErrorBody>,
    /// The user verification without which an approval would not count.
    pub required_uv: Option<RequiredUv>,
    /// How many approvers it takes at least.
    pub approvers: u64,
    /// What other devices decided so far.
    pub decisions: Vec<DecisionView>,
    /// The change by another device that is to be agreed with.
    pub change: Option<Box<ChangeView>>,
}

/// What one device decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct DecisionView {
    /// The device's name, in a safe line.
    pub device: String,
    /// What it said.
    pub verdict: Verdict,
    /// The person's words.
    pub note: Option<Text>,
}

/// Another device's change to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ChangeView {
    /// That device's decision, to be named when agreeing.
    pub first: Hash,
    /// What is shown.
    pub display: Display,
    /// Its digest.
    pub shown: Hash,
}

/// How trust stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TrustInfo {
    /// The trust domain.
    pub tdid: Tdid,
    /// Its first 80 bits, for a person to compare.
    pub fingerprint: String,
    /// The bundle's version.
    pub version: u64,
    /// The devices.
    pub devices: Vec<DeviceInfo>,
    /// How the status stands.
    pub standing: Standing,
    /// Whether all agents are paused.
    pub paused_all: bool,
    /// The agents that are paused.
    pub paused: Vec<Thumbprint>,
    /// When a bundle signed with the recovery key will count, if one waits.
    pub recovery_at: Option<Time>,
}

/// A verified state of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LogInfo {
    /// How many leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

impl From<LogRef> for LogInfo {
    fn from(log: LogRef) -> LogInfo {
        LogInfo { size: log.size, root: log.root }
    }
}

/// Why the daemon's log was not co-signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LogTrouble {
    /// One sentence.
    pub message: String,
    /// Whether it proves that the daemon dropped or rewrote history.
    pub fraud: bool,
}

/// A device that wants to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct JoinerView {
    /// Its message.
    pub joiner: Hash,
    /// Its own name for itself, in a safe line; not to be believed.
    pub name: String,
    /// Whether its digits can be typed.
    pub digits: bool,
}

/// How everything stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Snapshot {
    /// This device; absent from the bundle, it was removed.
    pub me: Option<DeviceInfo>,
    /// The line to the daemon.
    pub connection: Connection,
    /// Trust.
    pub trust: TrustInfo,
    /// The cards, the nearest deadline first.
    pub cards: Vec<CardView>,
    /// Agents that ask to be known.
    pub agents: Vec<EnrolDisplay>,
    /// The device that wants to join.
    pub joiner: Option<JoinerView>,
    /// The log as far as it was verified.
    pub log: Option<LogInfo>,
    /// Why the log does not verify any more.
    pub log_trouble: Option<LogTrouble>,
    /// Seconds by which this device's clock is ahead; 0 within a minute.
    pub clock_ahead: i64,
}
