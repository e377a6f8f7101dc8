//! Hashes, thumbprints, random ids and times: the small typed values that messages are made of.

use crate::json::Value;
use crate::wire::Wire;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// The text is not a value of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {0}")]
pub struct BadText(pub &'static str);

/// Decodes canonical, unpadded base64url (RFC 4648 section 5): one text, one value.
pub(crate) fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text).ok()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
        pub struct $name([u8; $len]);

        impl $name {
            /// From its raw bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> $name {
                $name(bytes)
            }

            /// Its raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadText;
            fn from_str(text: &str) -> Result<$name, BadText> {
                unbase64(text.as_bytes())
                    .and_then(|bytes| bytes.try_into().ok())
                    .map($name)
                    .ok_or(BadText(stringify!($name)))
            }
        }

        impl Wire for $name {
            fn read(value: &Value) -> Option<$name> {
                value.as_str()?.parse().ok()
            }
            fn write(&self, out: &mut String) {
                out.push('"');
                out.push_str(&self.to_string());
                out.push('"');
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

bytes_newtype!(
    /// A SHA-256 value, written as 43 characters of base64url: the name of a message, a digest, a tree root.
    Hash,
    32
);
bytes_newtype!(
    /// The RFC 7638 thumbprint of an Ed25519 key in its RFC 8037 JWK form; it only looks up a pinned key.
    Thumbprint,
    32
);
bytes_newtype!(
    /// The trust domain: the hash of its first bundle.
    Tdid,
    32
);
bytes_newtype!(
    /// 128 random bits, written as 22 characters of base64url.
    Id,
    16
);

impl Hash {
    /// SHA-256 over these bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

impl Tdid {
    /// The first 80 bits as 16 base32 characters (RFC 4648), for a person to compare.
    pub fn fingerprint(&self) -> String {
        BASE32_NOPAD.encode(self.0.first_chunk::<10>().map_or(&[][..], |c| c))
    }
}

impl From<Hash> for Tdid {
    fn from(hash: Hash) -> Tdid {
        Tdid(hash.0)
    }
}

/// Whole seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "number"))]
pub struct Time(pub i64);

impl Time {
    /// This time and so many seconds more.
    pub const fn plus(self, seconds: i64) -> Time {
        Time(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this time; negative if it is the other way round.
    pub const fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Wire for Time {
    fn read(value: &Value) -> Option<Time> {
        value.as_integer().filter(|seconds| *seconds >= 0).map(Time)
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.0.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_text() {
        let hash = Hash::of(b"");
        assert_eq!(hash.to_string(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(hash.to_string().parse::<Hash>(), Ok(hash));
        for bad in [
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF",
            "",
        ] {
            assert!(bad.parse::<Hash>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_sixteen_characters() {
        assert_eq!(Tdid::from_bytes([0xff; 32]).fingerprint(), "7777777777777777");
    }
}
