//! How a command fails: one sentence, a next step, a stable code, and an exit code that scripts can use.

use agenttrust_protocol::Reason;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

/// What the process exits with. `agenttrust --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line itself is wrong.
    Usage = 2,
    /// The daemon is not running, or not reachable from this device.
    NoDaemon = 3,
    /// A person, a PIN or a door said no.
    Refused = 4,
    /// There is no device, or nobody answered.
    NoAnswer = 5,
    /// The history does not verify.
    Unsound = 6,
    /// `agenttrust run` was not allowed to run its command.
    NotRun = 77,
    /// Ended by the person at the keyboard.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Code, sentence and next step.
    pub body: ErrorBody,
    /// What the process exits with.
    pub exit: Exit,
}

/// What a command comes to.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A trouble with what exactly it is about.
    pub fn new(trouble: Trouble, detail: impl std::fmt::Display) -> Failure {
        let mut failure = Failure::from(trouble);
        failure.body.message = format!("{} [{detail}]", failure.body.message);
        failure
    }

    /// A failure in this command's own words.
    pub fn own(code: &str, exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        let hint = hint.into();
        let hint = (!hint.is_empty()).then_some(hint);
        Failure { body: ErrorBody { code: code.to_owned(), message: message.into(), hint, state: None }, exit }
    }

    /// The command line was understood and makes no sense.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::own("bad_usage", Exit::Usage, message, hint)
    }

    /// What the system said about a file.
    pub fn io(path: &Path, error: &std::io::Error) -> Failure {
        let text = format!("{}: {error}", path.display());
        if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            Failure::new(Trouble::DiskFull, text)
        } else {
            Failure::own("file_failed", Exit::Failed, text, "")
        }
    }

    /// The person pressed Ctrl-C.
    pub fn interrupted() -> Failure {
        Failure::own("interrupted", Exit::Interrupted, "Interrupted; nothing was signed.", "")
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.body.code
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::from(ErrorBody::from(trouble))
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Failure {
        Failure::from(ErrorBody::from(reason))
    }
}

impl From<ErrorBody> for Failure {
    fn from(body: ErrorBody) -> Failure {
        let exit = exit_for(&body.code);
        Failure { body, exit }
    }
}

/// The exit code that goes with a stable code.
pub fn exit_for(code: &str) -> Exit {
    if let Some(reason) = Reason::from_code(code) {
        return match reason {
            Reason::Denied | Reason::Revoked | Reason::Paused => Exit::Refused,
            Reason::Expired => Exit::NoAnswer,
            Reason::TooLarge
            | Reason::BadForm
            | Reason::BadHeader
            | Reason::WrongTyp
            | Reason::UnknownKey
            | Reason::BadSignature
            | Reason::BadJson
            | Reason::BadPayload
            | Reason::WrongRoot
            | Reason::StaleTrust
            | Reason::StatusExpired
            | Reason::WrongRequest
            | Reason::NotYetValid
            | Reason::BadDisclosure
            | Reason::NotCovered
            | Reason::Quorum
            | Reason::Spent
            | Reason::ClaimRefused
            | Reason::ToolChanged => Exit::Failed,
        };
    }
    let trouble = |t: Trouble| t.code() == code;
    if [Trouble::DaemonDown, Trouble::LinkLost].into_iter().any(trouble) {
        Exit::NoDaemon
    } else if [
        Trouble::WrongPin,
        Trouble::PinTooShort,
        Trouble::NoTerminal,
        Trouble::PeerRefused,
        Trouble::NotEnrolled,
        Trouble::DigitsWrong,
        Trouble::TicketInvalid,
    ]
    .into_iter()
    .any(trouble)
    {
        Exit::Refused
    } else if [Trouble::Unpaired, Trouble::NotADevice, Trouble::NoDevice, Trouble::TimedOut].into_iter().any(trouble) {
        Exit::NoAnswer
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_failures_apart() {
        for (code, exit) in [
            ("daemon_down", Exit::NoDaemon),
            ("link_lost", Exit::NoDaemon),
            ("wrong_pin", Exit::Refused),
            ("no_terminal", Exit::Refused),
            ("denied", Exit::Refused),
            ("no_device", Exit::NoAnswer),
            ("not_a_device", Exit::NoAnswer),
            ("expired", Exit::NoAnswer),
            ("bad_signature", Exit::Failed),
            ("never_heard_of", Exit::Failed),
        ] {
            assert_eq!(exit_for(code), exit, "{code}");
        }
    }

    #[test]
    fn a_detail_stands_in_brackets() {
        let failure = Failure::new(Trouble::DaemonDown, "/tmp/x/host.sock");
        assert_eq!(failure.body.message, "The AgentTrust daemon is not running. [/tmp/x/host.sock]");
        assert_eq!(failure.code(), "daemon_down");
    }
}
