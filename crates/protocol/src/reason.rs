//! The reasons of refusal, one stable code each, in the order in which checks are made.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $sentence:literal;)+) => {
        /// Why a message, a set of decisions or a grant was refused; the first failing check gives the reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),+];

            /// The stable code that programs switch on.
            pub const fn code(self) -> &'static str {
                match self { $(Reason::$name => $code),+ }
            }

            /// One sentence for a person.
            pub const fn sentence(self) -> &'static str {
                match self { $(Reason::$name => $sentence),+ }
            }
        }
    };
}

reasons! {
    /// The message, or its payload segment, is over its limit.
    TooLarge = "too_large", "The message is larger than the protocol allows.";
    /// Not the compact form: segments, alphabet, order of signatures, or a stray disclosure mark.
    BadForm = "bad_form", "The message is not in the form the protocol prescribes.";
    /// The header is not byte-exactly the one prescribed.
    BadHeader = "bad_header", "The message header is not the one the protocol prescribes.";
    /// The header names another type than the one expected here.
    WrongTyp = "wrong_typ", "The message is of another type than the one expected.";
    /// No pinned key has this thumbprint in this role.
    UnknownKey = "unknown_key", "The message is signed by a key that is not trusted for it.";
    /// The signature does not verify strictly.
    BadSignature = "bad_signature", "The signature does not match the message.";
    /// The payload is not strict JSON.
    BadJson = "bad_json", "The content is not strict JSON.";
    /// The payload's members are not those of its type.
    BadPayload = "bad_payload", "The content is not what a message of this type holds.";
    /// The message belongs to another trust domain.
    WrongRoot = "wrong_root", "The message belongs to another trust root than the one pinned here.";
    /// Bundle or status is not the current one, or does not follow from it.
    StaleTrust = "stale_trust", "The message rests on an outdated trust bundle or status.";
    /// No unexpired status: nothing can be approved until an admin device renews it.
    StatusExpired = "status_expired", "The trust status has expired; open an admin device to renew it.";
    /// The agent, a counted device or the grant is revoked.
    Revoked = "revoked", "The agent, device or grant has been revoked.";
    /// The kill switch is on for this agent.
    Paused = "paused", "The person has paused this agent.";
    /// The message speaks of another request.
    WrongRequest = "wrong_request", "The decision belongs to another request.";
    /// The message is from the future by more than the allowed skew.
    NotYetValid = "not_yet_valid", "The message is dated in the future; check this computer's clock.";
    /// The message, or the request it answers, is past its time.
    Expired = "expired", "The message has expired.";
    /// Disclosures are missing, doubled, foreign, altered or not allowed for the type.
    BadDisclosure = "bad_disclosure", "The disclosed content does not match what was signed.";
    /// A device said no.
    Denied = "denied", "The person denied this action.";
    /// The grant does not cover this action.
    NotCovered = "not_covered", "No trusted action covers this.";
    /// Too few, or disagreeing, approvals for what the rules demand.
    Quorum = "quorum", "The approvals do not add up to what the rules require.";
    /// This request was already used.
    Spent = "spent", "This approval was already used.";
    /// The daemon did not grant the claim.
    ClaimRefused = "claim_refused", "The approval could not be claimed.";
    /// The tool is not the one that was approved.
    ToolChanged = "tool_changed", "The tool has changed since it was approved.";
}

impl Reason {
    /// The reason with this code, if there is one.
    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Reason {}
