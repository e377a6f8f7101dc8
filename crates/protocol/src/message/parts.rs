//! Small values that several messages share.

use crate::hash::{BadText, Hash};
use crate::json::Value;
use crate::wire::{Wire, quote, record, words};
use std::fmt;

record! {
    /// What is to be called.
    pub struct Action {
        /// The tool's name as the agent's framework calls it.
        tool: String,
        /// The server that offers the tool, where it has one.
        server: Option<String>,
        /// The digest of the tool's definition, where it is pinned.
        digest: Option<Hash>,
    }
}

record! {
    /// Names one version of the trust bundle.
    pub struct BundleRef {
        /// The version, counted from 1.
        version: u64,
        /// The hash of its payload segment.
        hash: Hash,
    }
}

record! {
    /// A state of the log that a device has verified.
    pub struct LogRef {
        /// How many leaves.
        size: u64,
        /// The RFC 6962 root.
        root: Hash,
    }
}

record! {
    /// What it takes to approve.
    pub struct Require {
        /// How many approvers, at least 1.
        approvers: u64,
        /// Whether they must belong to different owners.
        distinct_owners: Option<bool>,
        /// Only devices with this role count.
        role: Option<RoleName>,
        /// Only decisions with at least this user verification count.
        uv: Option<RequiredUv>,
        /// At least one approver must not live on the agents' machine.
        remote: Option<bool>,
    }
}

impl Require {
    /// The default: one approver.
    pub const ONE: Require = Require { approvers: 1, distinct_owners: None, role: None, uv: None, remote: None };
}

words! {
    /// How sure the device is that its owner answered.
    pub enum Uv {
        /// Nobody checked.
        None = "none",
        /// Somebody was there.
        Presence = "presence",
        /// The owner was verified: PIN, fingerprint, face.
        Verified = "verified",
    }
}

words! {
    /// The user verification that a rule may demand.
    pub enum RequiredUv {
        /// At least [`Uv::Presence`].
        Presence = "presence",
        /// At least [`Uv::Verified`].
        Verified = "verified",
    }
}

impl RequiredUv {
    /// Whether `uv` is enough.
    pub fn met_by(self, uv: Uv) -> bool {
        match self {
            RequiredUv::Presence => uv >= Uv::Presence,
            RequiredUv::Verified => uv >= Uv::Verified,
        }
    }
}

words! {
    /// How risky the agent says the action is.
    pub enum Risk {
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// Critical.
        Critical = "critical",
    }
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadText;
            fn from_str(text: &str) -> Result<$name, BadText> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok($name(text.to_owned())) } else { Err(BadText(stringify!($name))) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Wire for $name {
            fn read(value: &Value) -> Option<$name> {
                value.as_str()?.parse().ok()
            }
            fn write(&self, out: &mut String) {
                quote(out, &self.0);
            }
        }
    };
}

text_newtype!(
    /// A device's role: `admin`, `approver`, or one of the person's own; lower-case letters, digits and `-`.
    RoleName,
    |text| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.len() <= 32
    }
);

text_newtype!(
    /// A session's id: a UUID of version 7 (RFC 9562), lower case with hyphens.
    SessionId,
    |text| {
        text.len() == 36
            && text.bytes().enumerate().all(|(at, b)| match at {
                8 | 13 | 18 | 23 => b == b'-',
                14 => b == b'7',
                19 => matches!(b, b'8' | b'9' | b'a' | b'b'),
                _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
            })
    }
);

impl RoleName {
    /// May change the trust bundle and extend the status.
    pub const ADMIN: &'static str = "admin";
    /// May approve.
    pub const APPROVER: &'static str = "approver";
}
