//! What went wrong, with a code, a sentence and a next step.

use agenttrust_approver::Refused;
use agenttrust_approver::edit::BadEdit;
use agenttrust_link::LinkError;
use agenttrust_protocol::Reason;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use agenttrust_protocol::pairing::{BadTicket, Ended};
use std::fmt;
use std::path::Path;

/// Why a device did not do what it was told; nothing is ever approved by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something around the messages.
    Trouble {
        /// Its code, sentence and next step.
        trouble: Trouble,
        /// What exactly, for the person; may name paths and seconds, never content.
        detail: Option<String>,
    },
    /// A message is not worth what it claims.
    Reason(Reason),
    /// This device does not sign it.
    Refused(Refused),
    /// What the daemon answered.
    Daemon(ErrorBody),
}

impl Failure {
    /// A trouble with its detail.
    pub fn new(trouble: Trouble, detail: impl Into<String>) -> Failure {
        Failure::Trouble { trouble, detail: Some(detail.into()) }
    }

    /// What the system said about a file.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Failure {
        use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, StorageFull};
        // The kinds are an open list; what matters of the rest is in the text.
        let trouble = if matches!(error.kind(), StorageFull | QuotaExceeded) {
            Trouble::DiskFull
        } else if error.kind() == PermissionDenied {
            Trouble::UnsafeFolder
        } else {
            Trouble::Internal
        };
        Failure::new(trouble, format!("{}: {error}", path.display()))
    }

    /// The stable code that programs switch on.
    pub fn code(&self) -> &str {
        match self {
            Failure::Trouble { trouble, .. } => trouble.code(),
            Failure::Reason(reason) => reason.code(),
            Failure::Refused(refused) => refused.code(),
            Failure::Daemon(body) => &body.code,
        }
    }

    /// Code, sentence and next step as every edge tells them.
    pub fn body(&self) -> ErrorBody {
        match self {
            Failure::Trouble { trouble, detail } => {
                let mut body = ErrorBody::from(*trouble);
                if let Some(detail) = detail {
                    body.message = format!("{} [{detail}]", body.message);
                }
                body
            }
            Failure::Reason(reason) => ErrorBody::from(*reason),
            Failure::Refused(refused) => ErrorBody::from(refused),
            Failure::Daemon(body) => body.clone(),
        }
    }

    /// Whether this is that trouble, found here or told by the daemon.
    pub fn is(&self, trouble: Trouble) -> bool {
        self.code() == trouble.code()
    }

    /// Whether the daemon may not have taken the call, so that it is worth trying again by itself.
    pub(crate) fn is_passing(&self) -> bool {
        let passing = [Trouble::LinkLost, Trouble::RateLimited, Trouble::StoreFailed, Trouble::DiskFull];
        passing.into_iter().any(|trouble| self.is(trouble))
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::Trouble { trouble, detail: None }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Failure {
        Failure::Reason(reason)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        Failure::Refused(refused)
    }
}

impl From<BadEdit> for Failure {
    fn from(bad: BadEdit) -> Failure {
        Failure::new(Trouble::BadRequest, bad.to_string())
    }
}

impl From<BadTicket> for Failure {
    fn from(bad: BadTicket) -> Failure {
        Failure::new(Trouble::TicketInvalid, bad.to_string())
    }
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Failure {
        let trouble = match ended {
            Ended::Expired | Ended::WrongMac | Ended::WrongIntent => Trouble::TicketInvalid,
            Ended::WrongReveal | Ended::WrongDigits => Trouble::DigitsWrong,
        };
        trouble.into()
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Failure {
        Failure::new(Trouble::LinkLost, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body().fmt(f)
    }
}

impl std::error::Error for Failure {}

impl serde::Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body().serialize(serializer)
    }
}
