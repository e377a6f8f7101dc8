//! Names and ids of note keys, and their text form (C2SP signed-note, "verifier keys").

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::text;

/// A key's name: not empty, without Unicode white space, `+` and ASCII control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let allowed = |c: char| !c.is_whitespace() && c >= ' ' && c != '+';
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(KeyError::BadName);
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first four bytes of SHA-256(name ‖ 0x0A ‖ signature type ‖ public key). It tells keys of
/// one name apart; it proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LEN]);

impl KeyId {
    pub(crate) const LEN: usize = 4;

    pub(crate) const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    fn compute(name: &KeyName, algorithm: Algorithm, key: &VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', algorithm as u8])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a key's name or text form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The name is empty or has white space, `+` or a control character.
    #[error("a key name is not empty and has no white space, '+' or control character")]
    BadName,
    /// Not `name+id+key` with eight lower-case hex digits and canonical base64.
    #[error("not a verifier key of the form name+hex+base64")]
    BadForm,
    /// The key is for another signature type.
    #[error("the key is of another signature type")]
    WrongAlgorithm,
    /// The 32 bytes are not a usable Ed25519 public key.
    #[error("not a usable Ed25519 public key")]
    BadKey,
    /// The id does not belong to this name and key.
    #[error("the key id does not belong to this name and key")]
    WrongId,
}

/// The signature types of C2SP signed-note this crate speaks; both are Ed25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// A signature over the note's text.
    Ed25519 = 0x01,
    /// A timestamped signature over a checkpoint.
    CosignatureV1 = 0x04,
}

/// A public key with its name, id and signature type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedKey {
    pub(crate) name: KeyName,
    pub(crate) id: KeyId,
    algorithm: Algorithm,
    key: VerifyingKey,
}

impl NamedKey {
    pub(crate) fn new(name: KeyName, algorithm: Algorithm, key: VerifyingKey) -> Self {
        let id = KeyId::compute(&name, algorithm, &key);
        Self { name, id, algorithm, key }
    }

    /// Parses `name+id+base64(type ‖ public key)`.
    pub(crate) fn parse(vkey: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        let (name, rest) = vkey.split_once('+').ok_or(KeyError::BadForm)?;
        let (id, key) = rest.split_once('+').ok_or(KeyError::BadForm)?;
        let bytes = text::from_base64(key).ok_or(KeyError::BadForm)?;
        let (kind, key) = bytes.split_first().ok_or(KeyError::BadForm)?;
        if *kind != algorithm as u8 {
            return Err(KeyError::WrongAlgorithm);
        }
        let key = key.try_into().map_err(|_| KeyError::BadKey)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::BadKey)?;
        if key.is_weak() {
            return Err(KeyError::BadKey);
        }
        let named = Self::new(name.parse()?, algorithm, key);
        if named.id.to_string() != id {
            return Err(KeyError::WrongId);
        }
        Ok(named)
    }

    /// Whether the bytes are this key's signature of the message, by `verify_strict`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.algorithm as u8];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, text::to_base64(&bytes))
    }
}
