//! Keys sealed by a PIN.
//!
//! ```json
//! {"kdf":"argon2id","memory_kib":65536,"passes":3,"lanes":1,"salt":"…16 bytes…",
//!  "cipher":"xchacha20poly1305","nonce":"…24 bytes…","sealed":"…96 + 16 bytes…","failed":0,"last":0}
//! ```
//!
//! Argon2id (RFC 9106, version 0x13) makes a 32-byte key of the PIN's UTF-8 bytes and the salt; XChaCha20-Poly1305
//! seals the seeds under it. Bytes are unpadded base64url. The associated data is
//! `agenttrust-keys-v1 argon2id M T P` with the three costs in decimal, so a file with other costs does not open.
//!
//! `failed` and `last` count wrong PINs and slow the next try down. They stand outside the seal: they keep whoever
//! sits at this program from guessing. Against whoever copies the file only the costs and the PIN's length help.

use super::Seeds;
use crate::clock::random;
use crate::failure::Failure;
use agenttrust_protocol::Time;
use agenttrust_protocol::door::Trouble;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// The fewest characters of a PIN.
pub const MIN_PIN: usize = 6;

/// A file that asks for more memory than this, in KiB, is not one of ours.
const MAX_MEMORY: u32 = 1 << 20;

/// A file that asks for more passes or lanes than this is not one of ours.
const MAX_PASSES: u32 = 64;

/// So many wrong PINs are free.
const FREE: u32 = 3;

/// The wait after the first one that is not, in seconds; it doubles.
const FIRST_WAIT: i64 = 5;

/// No wait is longer, in seconds.
const LONGEST_WAIT: i64 = 3600;

/// What one try at a PIN costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for PinCost {
    /// 64 MiB, three passes: RFC 9106's second recommendation with one lane.
    fn default() -> PinCost {
        PinCost { memory_kib: 64 << 10, passes: 3 }
    }
}

/// A PIN as the person typed it; wiped from memory when dropped, never printed.
pub struct Pin {
    text: Zeroizing<String>,
    cost: PinCost,
}

impl Pin {
    /// A PIN at the usual cost.
    pub fn new(text: impl Into<String>) -> Pin {
        Pin::with_cost(text, PinCost::default())
    }

    /// A PIN that costs what is said when keys are sealed with it; opening costs what the file says.
    pub fn with_cost(text: impl Into<String>, cost: PinCost) -> Pin {
        Pin { text: Zeroizing::new(text.into()), cost }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    kdf: Kdf,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    cipher: Cipher,
    nonce: String,
    sealed: String,
    failed: u32,
    last: Time,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kdf {
    Argon2id,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Cipher {
    XChaCha20Poly1305,
}

/// Seals the seeds.
pub(super) fn seal(pin: &Pin, seeds: &Seeds) -> Result<Sealed, Failure> {
    if pin.text.chars().count() < MIN_PIN {
        return Err(Trouble::PinTooShort.into());
    }
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    random(&mut salt);
    random(&mut nonce);
    let mut file = Sealed {
        kdf: Kdf::Argon2id,
        memory_kib: pin.cost.memory_kib,
        passes: pin.cost.passes,
        lanes: 1,
        salt: BASE64URL_NOPAD.encode(&salt),
        cipher: Cipher::XChaCha20Poly1305,
        nonce: BASE64URL_NOPAD.encode(&nonce),
        sealed: String::new(),
        failed: 0,
        last: Time(0),
    };
    let cipher = cipher(pin, file.params()?, &salt)?;
    let associated = file.associated();
    let payload = Payload { msg: seeds.as_slice(), aad: associated.as_bytes() };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
    file.sealed = BASE64URL_NOPAD.encode(&sealed.map_err(|_| Trouble::Internal)?);
    Ok(file)
}

/// Opens the seal. A try is counted by `keep` before it is made, so that ending the process does not undo it.
pub(super) fn open(
    pin: &Pin,
    mut file: Sealed,
    now: Time,
    keep: impl Fn(Sealed) -> Result<(), Failure>,
) -> Result<Seeds, Failure> {
    let corrupt = || Failure::new(Trouble::StoreCorrupt, super::KEYS);
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| corrupt());
    let salt = bytes(&file.salt)?;
    let nonce: [u8; 24] = bytes(&file.nonce)?.try_into().map_err(|_| corrupt())?;
    let sealed = bytes(&file.sealed)?;
    let params = file.params()?;
    let wait = file.wait(now);
    if wait > 0 {
        return Err(Failure::new(Trouble::WrongPin, format!("wait {wait} s before the next try")));
    }
    file.failed = file.failed.saturating_add(1);
    file.last = now;
    keep(file.clone())?;
    let cipher = cipher(pin, params, &salt)?;
    let associated = file.associated();
    let payload = Payload { msg: &sealed, aad: associated.as_bytes() };
    let Ok(opened) = cipher.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new) else {
        let wait = file.wait(now);
        let detail = (wait > 0).then(|| format!("wait {wait} s before the next try"));
        return Err(Failure::Trouble { trouble: Trouble::WrongPin, detail });
    };
    file.failed = 0;
    keep(file)?;
    super::seeds(&opened)
}

impl Sealed {
    fn associated(&self) -> String {
        format!("agenttrust-keys-v1 argon2id {} {} {}", self.memory_kib, self.passes, self.lanes)
    }

    fn params(&self) -> Result<Params, Failure> {
        let corrupt = || Failure::new(Trouble::StoreCorrupt, super::KEYS);
        let bounded = self.memory_kib <= MAX_MEMORY && self.passes <= MAX_PASSES && self.lanes <= MAX_PASSES;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        params.ok().filter(|_| bounded).ok_or_else(corrupt)
    }

    /// Seconds until the next try is taken.
    fn wait(&self, now: Time) -> i64 {
        let over = match self.failed.checked_sub(FREE) {
            Some(over) if over < 16 => over,
            Some(_) => 16,
            None => return 0,
        };
        let wait = (FIRST_WAIT << over).min(LONGEST_WAIT);
        // A clock that was set back starts the wait over rather than making it longer.
        wait - now.since(self.last).clamp(0, wait)
    }
}

fn cipher(pin: &Pin, params: Params, salt: &[u8]) -> Result<XChaCha20Poly1305, Failure> {
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(pin.text.as_bytes(), salt, key.as_mut_slice())
        .map_err(|error| Failure::new(Trouble::StoreCorrupt, format!("{}: {error}", super::KEYS)))?;
    XChaCha20Poly1305::new_from_slice(key.as_slice()).map_err(|_| Trouble::Internal.into())
}
