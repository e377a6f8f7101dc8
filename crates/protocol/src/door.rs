//! What the daemon's three doors say around the signed messages: paths, replies, errors. Operational data, believed
//! by nobody: whatever counts is in the messages themselves.
//!
//! Signed messages travel as strings in `messages`, told apart by the `typ` in their header ([`typ_of`]). Bodies
//! that are one message are sent as `application/jose`, all else as `application/json`.

mod device;
mod host;
mod trouble;

pub use device::{
    AgentState, AgentView, ConsistencyReply, CountRow, CountsQuery, DeviceView, Erasures, GrantView, HistoryPage,
    HistoryQuery, HistoryRow, InboxEntry, InboxEvent, InboxPage, InclusionReply, LeafRef, LeavesReply, MAX_COUNTED,
    Mark, RequestDetail, Seen, SeenKind, SessionView, SessionsPage, SessionsQuery,
};
pub use host::{
    DaemonStatus, DigitsReply, DigitsTyped, EndpointView, FirstTrust, PairAnswer, PairReply, PairState, PairingOffer,
    PairingView, Reveal, StartPairing,
};
pub use trouble::{ErrorBody, Trouble};

use crate::hash::unbase64;

/// The media type of a body that is one signed message.
pub const JOSE: &str = "application/jose";

/// The longest time a door keeps a waiting call open, in seconds; longer waits are asked again.
pub const MAX_WAIT: u64 = 55;

/// The ALPN of paired devices.
pub const ALPN_DEVICE: &[u8] = b"agenttrust/1";

/// The ALPN of devices that are being paired.
pub const ALPN_PAIR: &[u8] = b"agenttrust-pair/1";

/// The answer to most calls: how things stand, and the signed messages that say so.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// A life cycle state ([`crate::lifecycle::State`]), or `ok`, `pending`, `enrolled`, `refused`.
    pub state: String,
    /// Signed messages: trust first (bundles, then statuses, ascending), then what was asked for.
    pub messages: Vec<String>,
}

impl Reply {
    /// A reply without messages.
    pub fn state(state: &str) -> Reply {
        Reply { state: state.to_owned(), messages: Vec::new() }
    }

    /// The messages of one type, in order.
    pub fn of_typ<'a>(&'a self, typ: &'a str) -> impl Iterator<Item = &'a str> {
        self.messages.iter().map(String::as_str).filter(move |text| typ_of(text).as_deref() == Some(typ))
    }
}

/// The `typ` in a message's header, unverified: it only chooses the parser, which checks the header again.
pub fn typ_of(message: &str) -> Option<String> {
    let header = unbase64(message.split('.').next()?.as_bytes())?;
    let header = std::str::from_utf8(&header).ok()?;
    let typ = header.split_once(r#""typ":""#)?.1.split_once('"')?.0;
    Some(typ.to_owned())
}

/// What a verifier already holds: the query of every call whose reply carries trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The bundle version held; 0 for none.
    #[serde(default)]
    pub version: u64,
    /// The status held, by `seq`; 0 for none, answered from the newest admin-signed one on.
    #[serde(default)]
    pub seq: u64,
    /// How long to wait for a change, in seconds, at most [`MAX_WAIT`].
    #[serde(default)]
    pub wait: u64,
    /// The agent whose certificate and grants are wanted, by key thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<crate::Thumbprint>,
}
