//! Everything that can go wrong around the messages: a stable code, a sentence, a next step.

use crate::reason::Reason;

macro_rules! troubles {
    ($($(#[$doc:meta])+ $name:ident = $code:literal, $status:literal, $sentence:literal, $hint:literal;)+) => {
        /// A failure at an edge that is not about one message's worth.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Trouble { $($(#[$doc])+ $name,)+ }

        impl Trouble {
            /// Every trouble.
            pub const ALL: &'static [Trouble] = &[$(Trouble::$name),+];

            /// The stable code that programs switch on.
            pub const fn code(self) -> &'static str {
                match self { $(Trouble::$name => $code),+ }
            }

            /// The HTTP status a door answers with.
            pub const fn status(self) -> u16 {
                match self { $(Trouble::$name => $status),+ }
            }

            /// One sentence for a person.
            pub const fn sentence(self) -> &'static str {
                match self { $(Trouble::$name => $sentence),+ }
            }

            /// What to do next.
            pub const fn hint(self) -> &'static str {
                match self { $(Trouble::$name => $hint),+ }
            }
        }
    };
}

troubles! {
    /// Nobody listens on the socket.
    DaemonDown = "daemon_down", 503, "The AgentTrust daemon is not running.", "Start it with `agenttrust up`.";
    /// No trust bundle exists.
    Unpaired = "unpaired", 409, "No device is paired yet, so nothing can be approved.", "Pair one with `agenttrust pair`.";
    /// No device is connected or can be woken.
    NoDevice = "no_device", 503, "No approving device is reachable.", "Open AgentTrust on a paired device, or run `agenttrust requests` on this computer.";
    /// Nobody answered in time.
    TimedOut = "timed_out", 504, "Nobody answered in time; nothing was run.", "Ask again when someone is at an approving device.";
    /// The agent is not enrolled.
    NotEnrolled = "not_enrolled", 403, "This agent has not been accepted on an approving device yet.", "Accept it on an approving device.";
    /// The clocks of two machines differ by too much.
    ClockOff = "clock_off", 409, "This computer's clock is off by more than a minute.", "Set the clock, then try again.";
    /// No space is left.
    DiskFull = "disk_full", 507, "The disk is full, so nothing can be recorded and nothing is approved.", "Free some space on the disk that holds the data folder.";
    /// The store cannot be written or read.
    StoreFailed = "store_failed", 500, "The database cannot be used.", "Run `agenttrust doctor`; the log says what failed.";
    /// The database is damaged.
    StoreCorrupt = "store_corrupt", 500, "The database is damaged.", "Restore its folder from a backup; do not delete it, the history may be needed. A device can be removed and paired anew.";
    /// The database belongs to another program.
    StoreForeign = "store_foreign", 500, "The file in the data folder is not an AgentTrust database.", "Choose another data folder.";
    /// The database was written by a newer version.
    StoreNewer = "store_newer", 500, "The database was written by a newer version of AgentTrust.", "Install that version or a later one.";
    /// Another daemon holds the data folder.
    AlreadyRunning = "already_running", 409, "Another daemon already uses this data folder.", "Use that one, or choose another folder with `--data`.";
    /// The platform key store does not open.
    KeystoreLocked = "keystore_locked", 503, "The key store of this computer is locked or missing.", "Unlock it and try again.";
    /// The terminal approver's PIN was wrong.
    WrongPin = "wrong_pin", 403, "That is not the PIN.", "Try again; after several wrong ones the wait grows.";
    /// The terminal approver's new PIN is too short.
    PinTooShort = "pin_too_short", 400, "A PIN has at least six characters.", "Choose a longer one; more than six are better.";
    /// This terminal holds no device key.
    NotADevice = "not_a_device", 409, "This terminal is not one of your devices yet.", "Make it one with `agenttrust pair --this-terminal`.";
    /// No person sits at a terminal of this process.
    NoTerminal = "no_terminal", 403, "This needs a person at a terminal: the PIN is read from there and from nowhere else.", "Run it in a terminal of your own.";
    /// The caller may not use this door.
    PeerRefused = "peer_refused", 403, "This door is not for you.", "Run the command as the user who started the daemon.";
    /// A browser knocked.
    BrowserRefused = "browser_refused", 403, "Web pages may not use this door.", "Use the AgentTrust app or command line.";
    /// Too much at once.
    RateLimited = "rate_limited", 429, "Too many calls at once.", "Wait a moment and try again.";
    /// A body or header is over its limit.
    BodyTooLarge = "body_too_large", 413, "The message is larger than this door takes.", "Send less.";
    /// The call itself is malformed.
    BadRequest = "bad_request", 400, "The call is not one this door understands.", "Update AgentTrust on both sides.";
    /// There is no such thing.
    NotFound = "not_found", 404, "There is no such thing here.", "Check the id.";
    /// It does not follow from how things stand.
    Conflict = "conflict", 409, "That no longer fits how things stand.", "Load the current state and try again.";
    /// The request is already answered, cancelled or expired.
    Closed = "closed", 409, "This request can no longer be answered.", "Nothing needs to be done.";
    /// The pairing ticket is used up, wrong or too old.
    TicketInvalid = "ticket_invalid", 403, "This pairing code is used up or too old.", "Show a new one with `agenttrust pair`.";
    /// The digits differ.
    DigitsWrong = "digits_wrong", 403, "The digits do not match: somebody may be in between.", "Start the pairing again with a new code.";
    /// The connection is lost.
    LinkLost = "link_lost", 503, "The daemon cannot be reached from this device.", "Check that both are online; it reconnects by itself.";
    /// A path, a folder or permissions are unsafe.
    UnsafeFolder = "unsafe_folder", 500, "The data folder can be changed by other users.", "Give it to your user alone: `chmod 700`.";
    /// The configuration file is wrong.
    BadConfig = "bad_config", 500, "The configuration file has a mistake.", "Correct the line named; `agenttrustd --print-config` shows every key.";
    /// Anything not foreseen.
    Internal = "internal", 500, "Something failed inside AgentTrust; nothing was approved.", "Try again; `agenttrust doctor` helps to find the cause.";
}

/// The body of every error reply.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[error("{message} ({code})")]
pub struct ErrorBody {
    /// A stable code: a [`Trouble`]'s or a [`Reason`]'s.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// With `closed`: the state the request is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<crate::lifecycle::State>,
}

impl From<Trouble> for ErrorBody {
    fn from(trouble: Trouble) -> ErrorBody {
        ErrorBody {
            code: trouble.code().to_owned(),
            message: trouble.sentence().to_owned(),
            hint: Some(trouble.hint().to_owned()),
            state: None,
        }
    }
}

impl From<Reason> for ErrorBody {
    fn from(reason: Reason) -> ErrorBody {
        ErrorBody {
            code: reason.code().to_owned(),
            message: reason.sentence().to_owned(),
            hint: Some(reason.hint().to_owned()),
            state: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_code_means_one_thing() {
        let troubles = Trouble::ALL.iter().map(|t| t.code());
        let codes: Vec<&str> = troubles.chain(Reason::ALL.iter().map(|r| r.code())).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
    }
}
