//! The reasons of refusal, in the order in which checks are made: a stable code, a sentence, a next step.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $sentence:literal, $hint:expr;)+) => {
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

            /// What to do next, for whoever can do something.
            pub const fn hint(self) -> &'static str {
                match self { $(Reason::$name => $hint),+ }
            }
        }
    };
}

/// No person can do more about a message that no program of ours should make.
const AT_FAULT: &str = "The program that made it is at fault: update AgentTrust on both sides.";

reasons! {
    /// The message, or its payload segment, is over its limit.
    TooLarge = "too_large", "The message is larger than the protocol allows.", "Shorten it, or do it in smaller steps.";
    /// Not the compact form: segments, alphabet, order of signatures, or a stray disclosure mark.
    BadForm = "bad_form", "The message is not in the form the protocol prescribes.", AT_FAULT;
    /// The header is not byte-exactly the one prescribed.
    BadHeader = "bad_header", "The message header is not the one the protocol prescribes.", AT_FAULT;
    /// The header names another type than the one expected here.
    WrongTyp = "wrong_typ", "The message is of another type than the one expected.", AT_FAULT;
    /// No pinned key has this thumbprint in this role.
    UnknownKey = "unknown_key", "The message is signed by a key that is not trusted for it.", "If that device or agent is to be trusted, pair or accept it again.";
    /// The signature does not verify strictly.
    BadSignature = "bad_signature", "The signature does not match the message.", "It was changed on its way, or forged: check the history with `agenttrust log verify`.";
    /// The payload is not strict JSON.
    BadJson = "bad_json", "The content is not strict JSON.", "The agent's program has to write every name once, and only numbers that every language can hold.";
    /// The payload's members are not those of its type.
    BadPayload = "bad_payload", "The content is not what a message of this type holds.", AT_FAULT;
    /// The message belongs to another trust domain.
    WrongRoot = "wrong_root", "The message belongs to another trust root than the one pinned here.", "Compare the root with the one your device shows; if you made a new one, give it to the agent as AGENTTRUST_ROOT, with a new folder.";
    /// Bundle or status is not the current one, or does not follow from it.
    StaleTrust = "stale_trust", "The message rests on an outdated trust bundle or status.", "Wait until trust is up to date, or open AgentTrust on an admin device; then try again.";
    /// No unexpired status: nothing can be approved until an admin device renews it.
    StatusExpired = "status_expired", "The trust status has expired.", "Open AgentTrust on an admin device, which renews it.";
    /// The agent, a counted device or the grant is revoked.
    Revoked = "revoked", "The agent, device or grant has been revoked.", "If that was a mistake, let the agent enrol under another name, or pair the device again.";
    /// The kill switch is on for this agent.
    Paused = "paused", "The person has paused this agent.", "Lift the pause on an admin device, or with `agenttrust pause --lift`.";
    /// The message speaks of another request.
    WrongRequest = "wrong_request", "The decision belongs to another request.", "It has to be asked again: an answer counts for one request alone.";
    /// The message is from the future by more than the allowed skew.
    NotYetValid = "not_yet_valid", "The message is dated in the future.", "Set the clocks of this computer and of the device, then try again.";
    /// The message, or the request it answers, is past its time.
    Expired = "expired", "The message has expired.", "It has to be asked again, and answered in time.";
    /// Disclosures are missing, doubled, foreign, altered or not allowed for the type.
    BadDisclosure = "bad_disclosure", "The disclosed content does not match what was signed.", "Content was changed or withheld on its way: ask again; if it stays so, update AgentTrust on both sides.";
    /// A device said no.
    Denied = "denied", "The person denied this action.", "Choose another way, or ask the person what they want instead.";
    /// The grant does not cover this action.
    NotCovered = "not_covered", "No trusted action covers this.", "It has to be asked as a single action.";
    /// Too few, or disagreeing, approvals for what the rules demand.
    Quorum = "quorum", "The approvals do not add up to what the rules require.", "Let another device approve as well, as the rules require it.";
    /// This request was already used.
    Spent = "spent", "This approval was already used.", "It has to be asked again: one approval lets one action run once.";
    /// The daemon did not grant the claim.
    ClaimRefused = "claim_refused", "The approval could not be claimed.", "Nothing was run; it has to be asked again.";
    /// The tool is not the one that was approved.
    ToolChanged = "tool_changed", "The tool has changed since it was approved.", "Look at how the tool has changed; then it has to be asked again.";
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
