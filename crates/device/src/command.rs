//! What a shell tells a device, and what comes back.
//!
//! Both sides are plain data: the desktop app sends them as JSON, the terminal approver and the tests call them.

use crate::history::{AgentInfo, Counts, HistoryList};
use crate::qr::QrPath;
use crate::record::RecordView;
use crate::sessions::SessionList;
use agenttrust_approver::display::Display;
use agenttrust_approver::edit::Field;
use agenttrust_protocol::door::{CountsQuery, DeviceView, GrantView, HistoryQuery, PairingOffer};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{RequiredUv, Uv};
use agenttrust_protocol::{Hash, Thumbprint, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something for a device to do. What fails changes nothing and approves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Shows what an edit would make of a card; nothing is signed.
    Preview {
        /// The request.
        card: Hash,
        /// The edit; absent for the card as it is.
        #[serde(default)]
        edit: Option<Edits>,
    },
    /// The person approves what they saw, as asked or edited. Answers `answered`.
    Approve {
        /// The request.
        card: Hash,
        /// `shown` of the [`CardView`](crate::CardView) or preview that was on the screen.
        shown: Hash,
        /// The edit that was previewed.
        #[serde(default)]
        edit: Option<Edits>,
        /// The person's words to the agent.
        #[serde(default)]
        note: Option<String>,
        /// How sure the shell is of the person.
        uv: Uv,
        /// Whether folded texts were opened.
        #[serde(default)]
        unfolded: bool,
    },
    /// The person approves a card as another device changed it. Answers `answered`.
    Agree {
        /// The request.
        card: Hash,
        /// `shown` of the change that was on the screen.
        shown: Hash,
        /// The other device's decision.
        first: Hash,
        /// How sure the shell is of the person.
        uv: Uv,
    },
    /// The person says no. Answers `answered`.
    Deny {
        /// The request.
        card: Hash,
        /// `shown` of what was on the screen.
        shown: Hash,
        /// The person's words to the agent.
        #[serde(default)]
        note: Option<String>,
    },
    /// A card is on the screen.
    Opened {
        /// The request.
        card: Hash,
    },
    /// Says in one sentence what a trusted action made from a card would allow. Answers `sentence`.
    PreviewGrant {
        /// The request.
        card: Hash,
        /// How far it would reach.
        scope: Scope,
    },
    /// Makes a trusted action from a card: the same call need not be asked again. It does not answer the card.
    Grant {
        /// The request.
        card: Hash,
        /// What the person calls it.
        title: String,
        /// How far it reaches.
        scope: Scope,
        /// How sure the shell is of the person.
        uv: Uv,
    },
    /// Voids everything a device signed and will sign.
    RevokeDevice {
        /// Its approval key.
        device: Thumbprint,
    },
    /// An agent may not ask any more, ever.
    RevokeAgent {
        /// Its key.
        agent: Thumbprint,
    },
    /// Ends a trusted action.
    RevokeGrant {
        /// Its hash.
        grant: Hash,
        /// Its own end: the entry is kept until then.
        exp: Time,
    },
    /// The kill switch: nobody runs anything until it is lifted.
    PauseAll,
    /// Stops one agent for now.
    Pause {
        /// Its key.
        agent: Thumbprint,
    },
    /// Lets one agent go on, or all.
    Resume {
        /// Its key; absent for all.
        #[serde(default)]
        agent: Option<Thumbprint>,
    },
    /// The person knows this agent: it may ask.
    AcceptAgent {
        /// Its enrolment.
        enroll: Hash,
        /// What it is to be called; its own name if absent.
        #[serde(default)]
        name: Option<String>,
    },
    /// The person does not know this agent.
    RefuseAgent {
        /// Its enrolment.
        enroll: Hash,
    },
    /// Asks for a pairing code to add another device. Answers `offer`; events tell how it goes on.
    OfferPairing,
    /// Takes the pairing code back that this device shows: nobody can join with it any more.
    WithdrawPairing,
    /// The person typed the digits that the new device shows. There is one try.
    ConfirmPairing {
        /// The joiner's message.
        joiner: Hash,
        /// Six digits; spaces between them are ignored.
        digits: String,
        /// What the device is to be called; its own name if absent.
        #[serde(default)]
        name: Option<String>,
        /// Whose it is.
        owner: String,
        /// Whether it may change the trust bundle.
        admin: bool,
        /// Whether it lives on the agents' machine.
        local: bool,
    },
    /// The person does not want this device.
    RefusePairing {
        /// The joiner's message.
        joiner: Hash,
    },
    /// Takes a device out of the trust bundle.
    RemoveDevice {
        /// Its approval key.
        device: Thumbprint,
    },
    /// Gives a device another name.
    RenameDevice {
        /// Its approval key.
        device: Thumbprint,
        /// What it is called from now on.
        name: String,
    },
    /// The requests of the past. Answers `history`.
    History {
        /// Filters and cursor.
        #[serde(default)]
        query: HistoryQuery,
    },
    /// How many requests came to which state over time. Answers `counts`.
    Counts {
        /// Which, and in which spans of time.
        query: CountsQuery,
    },
    /// Everything about one request, verified. Answers `detail`.
    Detail {
        /// The request.
        request: Hash,
    },
    /// Deletes the content of these requests everywhere; the proof stays.
    Erase {
        /// The requests.
        requests: Vec<Hash>,
    },
    /// The agents. Answers `agents`.
    Agents,
    /// What an agent was told to do, newest first. Answers `sessions`.
    Sessions {
        /// The agent's key.
        agent: Thumbprint,
        /// The `next` of the page before.
        #[serde(default)]
        before: Option<u64>,
        /// How many turns, at most 200; 50 unless told.
        #[serde(default)]
        limit: Option<u64>,
    },
    /// The devices. Answers `devices`.
    Devices,
    /// The trusted actions. Answers `grants`.
    Grants,
    /// Checks every signature of a request's messages, and proves that they are in the log this device has verified.
    /// Answers `verified`.
    Verify {
        /// The request.
        request: Hash,
    },
    /// Signs a new trust status now rather than at half of its life.
    Renew,
}

impl Command {
    /// How sure the caller says to be of the person, where that is signed.
    pub(crate) fn uv_mut(&mut self) -> Option<&mut Uv> {
        match self {
            Command::Approve { uv, .. } | Command::Agree { uv, .. } | Command::Grant { uv, .. } => Some(uv),
            Command::Preview { .. }
            | Command::Deny { .. }
            | Command::Opened { .. }
            | Command::PreviewGrant { .. }
            | Command::RevokeDevice { .. }
            | Command::RevokeAgent { .. }
            | Command::RevokeGrant { .. }
            | Command::PauseAll
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::AcceptAgent { .. }
            | Command::RefuseAgent { .. }
            | Command::OfferPairing
            | Command::WithdrawPairing
            | Command::ConfirmPairing { .. }
            | Command::RefusePairing { .. }
            | Command::RemoveDevice { .. }
            | Command::RenameDevice { .. }
            | Command::History { .. }
            | Command::Counts { .. }
            | Command::Detail { .. }
            | Command::Erase { .. }
            | Command::Agents
            | Command::Sessions { .. }
            | Command::Devices
            | Command::Grants
            | Command::Verify { .. }
            | Command::Renew => None,
        }
    }
}

/// A change to the arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Edits {
    /// What was typed into fields, by their paths.
    Fields(BTreeMap<String, String>),
    /// All arguments anew, as JSON text.
    Json(String),
}

/// How far a trusted action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Only within the session it was asked in.
    pub session_only: bool,
    /// How often at most.
    pub uses: Option<u64>,
    /// For how long, in seconds.
    pub seconds: u32,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// It is done, and the daemon has it.
    Ok,
    /// What an edit makes of a card.
    Preview(Box<Preview>),
    /// The answer is signed and stored on this device.
    Answered {
        /// The decision.
        decision: Hash,
        /// The request's state when the daemon stored it; absent if the daemon could not be reached, and then it is
        /// sent again as soon as it can be.
        stored: Option<State>,
    },
    /// One sentence.
    Sentence {
        /// The sentence.
        text: String,
    },
    /// The pairing code to show.
    Offer {
        /// Its text, and until when it can be used.
        offer: PairingOffer,
        /// The same as a picture.
        qr: QrPath,
    },
    /// Requests.
    History(HistoryList),
    /// Counts over time.
    Counts(Counts),
    /// One request.
    Detail(Box<RecordView>),
    /// The agents.
    Agents {
        /// The list.
        agents: Vec<AgentInfo>,
    },
    /// An agent's sessions.
    Sessions(SessionList),
    /// The devices.
    Devices {
        /// The list.
        devices: Vec<DeviceInfo>,
    },
    /// The trusted actions.
    Grants {
        /// The list.
        grants: Vec<GrantView>,
    },
    /// Every signature is right, and every message is in the log.
    Verified {
        /// How many leaves the verified log has.
        size: u64,
        /// Its root.
        root: Hash,
        /// Which leaves were proved, in the order of the log.
        leaves: Vec<u64>,
        /// How many signatures were checked.
        signatures: u64,
        /// Whether the daemon has this device's cosignature over this very root.
        cosigned: bool,
    },
}

/// A card as an edit would make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Preview {
    /// What is shown.
    pub display: Display,
    /// Its digest, to be handed back with the answer.
    pub shown: Hash,
    /// The fields of the form.
    pub fields: Vec<Field>,
    /// The arguments as JSON text.
    pub json: String,
    /// The user verification without which an approval would not count.
    pub required_uv: Option<RequiredUv>,
}

/// A device: what the trust bundle says of it, and, where the daemon was asked, what the daemon says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct DeviceInfo {
    /// Its approval key.
    pub device: Thumbprint,
    /// Its name, in a safe line.
    pub name: String,
    /// Whose it is, in a safe line.
    pub owner: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whether it lives on the agents' machine.
    pub local: bool,
    /// How its key is kept.
    pub protection: String,
    /// Whether it is the one that answers.
    pub is_me: bool,
    /// Whether it is revoked.
    pub revoked: bool,
    /// What the daemon says.
    pub daemon: Option<DeviceView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_json_and_what_is_unknown_is_refused() {
        let hash = Hash::of(b"");
        let json = format!(r#"{{"command":"deny","card":"{hash}","shown":"{hash}"}}"#);
        let deny = Command::Deny { card: hash, shown: hash, note: None };
        assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), deny);
        let edit = Some(Edits::Fields(BTreeMap::from([("/amount".to_owned(), "9.50".to_owned())])));
        let preview = Command::Preview { card: hash, edit };
        let json = format!(r#"{{"command":"preview","card":"{hash}","edit":{{"fields":{{"/amount":"9.50"}}}}}}"#);
        assert_eq!(serde_json::to_string(&preview).unwrap(), json);
        assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), preview);
        for bad in [
            format!(r#"{{"command":"deny","card":"{hash}","shown":"{hash}","force":true}}"#),
            format!(r#"{{"command":"approve","card":"{hash}"}}"#),
            r#"{"command":"approve_all"}"#.to_owned(),
        ] {
            assert!(serde_json::from_str::<Command>(&bad).is_err(), "{bad}");
        }
    }
}
