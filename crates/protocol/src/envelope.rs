//! The envelope: SD-JWT compact form (RFC 9901) over JWS (RFC 7515, 8037, 9864), one strict reading of it.
//!
//! A message's body is reachable only through [`Opened`], and an [`Opened`] only through a verified signature.
//! The bytes that were verified are the bytes that are parsed (rule 1).

mod disclosure;
mod open;
mod sign;

pub use disclosure::Disclosure;
pub use open::{Opened, Received};
pub use sign::{Head, Random, Signed, Unsigned};

use crate::key::Role;
use crate::wire::{Record, record};

/// The most bytes a whole message may have.
pub const MAX_MESSAGE: usize = 1 << 20;

/// The most bytes a message may have without its disclosures: what a `tlog-tiles` entry bundle can hold.
pub const MAX_LEAF: usize = 65_535;

/// Whether a message names the trust domain it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rooted {
    /// Always.
    Yes,
    /// Never: it is made before there is one, or is what enters it.
    No,
    /// Decided by [`Message::fits`]: the first bundle makes the domain.
    Bundle,
}

/// One type of message: one `typ`, one body, one role of signers.
pub trait Message: Record + Clone + std::fmt::Debug + PartialEq {
    /// The `typ` in the header.
    const TYP: &'static str;
    /// Whether several devices may sign the identical payload.
    const JOINT: bool = false;
    /// Whether the payload names the trust domain.
    const ROOTED: Rooted = Rooted::Yes;
    /// Whether constraints stand in the payload, so that plain fractions may.
    const FRACTIONS: bool = false;
    /// The role of those who sign it.
    type Signer: Role;
    /// What is disclosed beside the payload.
    type Content: Record + Clone + std::fmt::Debug + PartialEq;

    /// What must hold between members; otherwise the payload is `bad_payload`.
    fn fits(&self, head: &Head) -> bool {
        let _ = head;
        true
    }

    /// What must hold between payload and full content; otherwise it is `bad_disclosure`.
    fn content_fits(&self, content: &Self::Content) -> bool {
        let _ = content;
        true
    }
}

record! {
    /// The content of messages that have no disclosures.
    pub struct Nothing {}
}

pub(crate) fn header(typ: &str, kid: &crate::Thumbprint) -> String {
    format!(r#"{{"alg":"Ed25519","typ":"{typ}","kid":"{kid}"}}"#)
}
