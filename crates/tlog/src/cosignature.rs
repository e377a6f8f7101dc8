//! Witnesses' timestamped signatures over checkpoints (C2SP tlog-cosignature, `cosignature/v1`).

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::checkpoint::Checkpoint;
use crate::key::{Algorithm, KeyError, KeyName, NamedKey};
use crate::note::{Note, SignatureLine, VerifyError};

/// The latest time a cosignature may bear, in seconds since 1970.
pub const MAX_TIME: u64 = (1 << 63) - 1;

/// The time is above [`MAX_TIME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is beyond 2^63 - 1 seconds")]
pub struct TimeTooLarge;

fn message(time: u64, checkpoint_text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{checkpoint_text}")
}

/// Co-signs checkpoints with a named Ed25519 key (signature type 0x04).
///
/// A cosignature says: of all trees of this log I have seen, this consistent one is the largest.
/// The caller checks the consistency proof first and never co-signs a smaller tree later. The
/// signed message does not hold the name, so a key serves one name alone.
#[derive(Clone, Debug)]
pub struct Cosigner {
    key: SigningKey,
    verifier: CosignatureVerifier,
}

impl Cosigner {
    /// Gives a key a name.
    #[must_use]
    pub fn new(name: KeyName, key: SigningKey) -> Self {
        let verifier = CosignatureVerifier::new(name, key.verifying_key());
        Self { key, verifier }
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> CosignatureVerifier {
        self.verifier.clone()
    }

    /// The signature line for a checkpoint seen at `time`, in seconds since 1970.
    ///
    /// # Errors
    /// [`TimeTooLarge`].
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> Result<SignatureLine, TimeTooLarge> {
        if time > MAX_TIME {
            return Err(TimeTooLarge);
        }
        let signature = self.key.sign(message(time, &checkpoint.to_string()).as_bytes());
        Ok(SignatureLine {
            name: self.verifier.0.name.clone(),
            id: self.verifier.0.id,
            bytes: [time.to_be_bytes().as_slice(), &signature.to_bytes()].concat(),
        })
    }
}

/// Verifies one witness's cosignatures (signature type 0x04).
///
/// Its text form is the C2SP verifier key `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignatureVerifier(NamedKey);

impl CosignatureVerifier {
    /// Gives a public key a name.
    #[must_use]
    pub fn new(name: KeyName, key: VerifyingKey) -> Self {
        Self(NamedKey::new(name, Algorithm::CosignatureV1, key))
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.0.name
    }

    /// The time at which this witness co-signed the note, in seconds since 1970.
    ///
    /// # Errors
    /// [`VerifyError::NotSigned`] or [`VerifyError::BadSignature`].
    pub fn verify(&self, note: &Note) -> Result<u64, VerifyError> {
        let line = note.signature_by(&self.0).ok_or(VerifyError::NotSigned)?;
        self.check(note.text(), line)
    }

    /// The time of a single line that is said to co-sign the checkpoint, as a witness sends it.
    ///
    /// # Errors
    /// [`VerifyError::NotSigned`] where the line is another key's, [`VerifyError::BadSignature`].
    pub fn verify_line(&self, checkpoint: &Checkpoint, line: &SignatureLine) -> Result<u64, VerifyError> {
        if !line.is_by(&self.0) {
            return Err(VerifyError::NotSigned);
        }
        self.check(&checkpoint.to_string(), line)
    }

    fn check(&self, text: &str, line: &SignatureLine) -> Result<u64, VerifyError> {
        let (time, signature) = line.bytes.split_first_chunk().ok_or(VerifyError::BadSignature)?;
        let time = u64::from_be_bytes(*time);
        if time <= MAX_TIME && self.0.verifies(message(time, text).as_bytes(), signature) {
            Ok(time)
        } else {
            Err(VerifyError::BadSignature)
        }
    }
}

impl FromStr for CosignatureVerifier {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        NamedKey::parse(vkey, Algorithm::CosignatureV1).map(Self)
    }
}

impl fmt::Display for CosignatureVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
