//! Why a device does not sign.

use agenttrust_protocol::Reason;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::RequiredUv;

/// Why a device does not sign; nothing was signed and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such request, or it was never verified.
    #[error("there is no such verified request on this device")]
    NotFound,
    /// What would be signed is not what was shown.
    #[error("the request has changed since it was shown")]
    Changed,
    /// The clock of this device, or the server's, is off.
    #[error("this device's clock differs from the server's by {seconds} s")]
    ClockOff {
        /// How far this device is ahead, in seconds; negative if it is behind.
        seconds: i64,
    },
    /// This device has answered it.
    #[error("this device has already answered the request")]
    AlreadyAnswered,
    /// It cannot be answered any more.
    #[error("the request is already {0}")]
    Closed(State),
    /// Whether it is still open is not known since the connection was lost.
    #[error("whether the request is still open is not known yet")]
    Unsure,
    /// A rule counts only answers of a verified person.
    #[error("a rule counts this answer only with user verification ({0})")]
    NeedsVerification(RequiredUv),
    /// The key is not this device's.
    #[error("the key is not the one of this device")]
    WrongKey,
    /// This device is not in the trust bundle any more, or may not do this.
    #[error("this device is not allowed to do that")]
    NotAllowed,
    /// An edit without a difference, or an agreement with nothing.
    #[error("nothing was changed")]
    Unchanged,
    /// The message would be larger than the protocol allows.
    #[error("the answer would be too large to send")]
    TooLarge,
    /// More admin devices must sign than this one.
    #[error("more than one admin device must sign this")]
    NeedsMoreAdmins,
    /// A trust bundle without this step makes no sense: the device is not there, is there already, or is the last.
    #[error("that does not fit the devices there are")]
    DoesNotFit,
    /// The arguments cannot stand in a trusted action.
    #[error("this action cannot be made a trusted one")]
    CannotGrant,
    /// What it rests on, or what it would make, is not worth anything.
    #[error("{}", .0.sentence())]
    Worthless(Reason),
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Refused {
        Refused::Worthless(reason)
    }
}

impl Refused {
    /// The stable code that programs switch on: a [`Reason`]'s or a [`Trouble`]'s.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::NotFound => Trouble::NotFound.code(),
            Refused::Changed | Refused::Unsure | Refused::Unchanged | Refused::DoesNotFit => Trouble::Conflict.code(),
            Refused::ClockOff { .. } => Trouble::ClockOff.code(),
            Refused::AlreadyAnswered | Refused::Closed(_) => Trouble::Closed.code(),
            Refused::NeedsVerification(_) | Refused::NeedsMoreAdmins => Reason::Quorum.code(),
            Refused::WrongKey | Refused::NotAllowed => Reason::UnknownKey.code(),
            Refused::TooLarge => Reason::TooLarge.code(),
            Refused::CannotGrant => Reason::NotCovered.code(),
            Refused::Worthless(reason) => reason.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Refused::NotFound | Refused::AlreadyAnswered | Refused::Closed(_) => "Nothing needs to be done.",
            Refused::Changed => "Look at it again, then answer.",
            Refused::Unsure => "Wait until this device is connected again.",
            Refused::ClockOff { .. } => Trouble::ClockOff.hint(),
            Refused::NeedsVerification(_) => "Answer with your PIN or fingerprint.",
            Refused::WrongKey | Refused::NotAllowed => "Use another device, or add this one again.",
            Refused::Unchanged => "Approve it as it is, or change something.",
            Refused::TooLarge => "Shorten it, or answer without editing.",
            Refused::NeedsMoreAdmins => "Lower the number of admins that must sign, or recover with the recovery key.",
            Refused::DoesNotFit => "Look at the list of devices again.",
            Refused::CannotGrant => "Approve it once instead.",
            Refused::Worthless(reason) => reason.hint(),
        }
    }
}

impl From<&Refused> for ErrorBody {
    fn from(refused: &Refused) -> ErrorBody {
        let mut message = refused.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if !message.ends_with('.') {
            message.push('.');
        }
        let state = if let Refused::Closed(state) = refused { Some(*state) } else { None };
        ErrorBody { code: refused.code().to_owned(), message, hint: Some(refused.hint().to_owned()), state }
    }
}
