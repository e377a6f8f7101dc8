//! What the host door and the pairing door say.

use crate::hash::{Hash, Id, Tdid, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// `GET /v1/status` on the host door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct DaemonStatus {
    /// The daemon's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Since when it runs.
    pub started: Time,
    /// Its clock now, so that callers notice a skew.
    pub now: Time,
    /// By how many seconds its clock is ahead of the devices', as the last call of one tells; negative for behind.
    pub skew: Option<i64>,
    /// The data folder.
    pub data: String,
    /// The trust domain, once there is one.
    pub tdid: Option<Tdid>,
    /// The current bundle's version; 0 for none.
    pub bundle: u64,
    /// Until when the status lasts.
    pub status_until: Option<Time>,
    /// The admin devices, by name: one of them renews the status.
    pub admins: Vec<String>,
    /// How many devices are paired.
    pub devices: u64,
    /// How many are connected.
    pub connected: u64,
    /// Whether every approving device is on the daemon's machine.
    pub local_only: bool,
    /// How many requests wait.
    pub pending: u64,
    /// How many leaves the log has.
    pub log_size: u64,
    /// Whether the kill switch is on for all agents.
    pub paused: bool,
}

/// `GET /v1/endpoint`: how devices reach the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    /// The 32 bytes of the daemon's transport key, base64url.
    pub endpoint: Hash,
    /// Direct socket addresses, loopback first.
    pub addresses: Vec<String>,
    /// The relay, if one is configured.
    pub relay: Option<String>,
}

/// `POST /v1/pairings` on the host door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartPairing {
    /// The device is on this machine: no digits while no bundle exists, loopback address only.
    pub local: bool,
}

/// The ticket to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct PairingOffer {
    /// The ticket's text, what the QR code holds.
    pub ticket: String,
    /// Until when it can be used.
    pub expires: Time,
    /// Whether digits will have to be typed on this machine.
    pub digits: bool,
}

/// How a pairing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairState {
    /// Nobody used the ticket yet.
    Offered,
    /// A device knocked; the confirmer has not answered it.
    Joined,
    /// The confirmer answered; the device has not revealed its number.
    Challenged,
    /// The digits can be compared.
    Revealed,
    /// The digits were right: the first device may sign bundle 1, a further one waits for the admin's bundle.
    Confirmed,
    /// The device is part of the bundle.
    Paired,
    /// Wrong digits, a wrong reveal, or refused by the person.
    Refused,
    /// Too late.
    Expired,
}

/// `GET /v1/pairings` on the host door; `GET /v1/pairings/{hash}` on the device door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingView {
    /// How it stands.
    pub state: PairState,
    /// The joiner's message, once there is one.
    pub message: Option<String>,
    /// The joiner's number, once it is revealed.
    pub r: Option<Id>,
    /// The device's name, once known.
    pub name: Option<String>,
}

/// `POST /v1/pairings/digits` on the host door: what the person typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitsTyped {
    /// Six digits.
    pub digits: String,
}

/// Its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigitsReply {
    /// How the pairing stands now.
    pub state: PairState,
}

/// `POST /v1/pair/{hash}` by the joiner, and `POST /v1/pairings/{hash}` by the confirming admin device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// The joiner's number, in its second call; absent in the first, which waits for the confirmer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r: Option<Id>,
}

/// What an admin device sends to `POST /v1/pairings/{hash}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum PairAnswer {
    /// Go on: the admin's number.
    Challenge {
        /// 16 random bytes.
        c: Id,
    },
    /// The digits were wrong, or the person said no.
    Refuse,
}

/// The reply to the joiner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairReply {
    /// How it stands.
    pub state: PairState,
    /// The trust domain to be joined; 32 zero bytes on the first pairing.
    pub tdid: Option<Tdid>,
    /// The confirmer's number.
    pub c: Option<Id>,
    /// The daemon's log key, 32 bytes, for bundle 1.
    pub log: Option<Hash>,
    /// The daemon's transport thumbprint.
    pub transport: Option<Thumbprint>,
    /// Whether digits have to be shown.
    pub digits: bool,
    /// Bundles and statuses, once paired.
    pub messages: Vec<String>,
}

/// `POST /v1/pair/{hash}/trust`: the first device founds the trust domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstTrust {
    /// Bundle 1 and status 1.
    pub messages: Vec<String>,
}
