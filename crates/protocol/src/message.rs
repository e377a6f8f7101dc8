//! Every message type: one `typ`, one struct, one role of signers.
//!
//! Bodies are plain data; what must hold between their members is checked in [`Message::fits`] at the door.
//! `docs/protocol.md` has the same table for readers of other languages.

mod agent;
mod bundle;
mod device;
mod parts;

pub use agent::{
    AgentKind, Cancel, Claim, Enroll, ExecutionResult, Facts, Outcome, OutcomeContent, Request, RequestContent,
    Session, SessionContent,
};
pub use bundle::{Bundle, Device, Rule};
pub use device::{
    AgentCert, Decision, DecisionContent, Event, EventKind, Grant, GrantContent, Intent, PairInit, Paused, Revocation,
    RevokedKind, Status, Verdict,
};
pub use parts::{Action, BundleRef, LogRef, Require, RequiredUv, Risk, RoleName, SessionId, Uv};

pub use crate::envelope::{Message, Nothing, Rooted};

/// The longest time an approval may last, in seconds.
pub const MAX_DECISION_LIFE: i64 = 3600;

/// The time an approval lasts unless the person says otherwise, in seconds.
pub const DEFAULT_DECISION_LIFE: i64 = 300;

/// The longest time a status may last from the moment it is signed, in seconds.
pub const MAX_STATUS_LIFE: i64 = 72 * 3600;

/// How far clocks may differ, in seconds.
pub const CLOCK_SKEW: i64 = 60;

/// The most bytes a session's task may have: constraints search it once for every element they look at.
pub const MAX_TASK: usize = 16 << 10;
