//! Ed25519 keys, each for one role (rule 6), in their RFC 8037 form.

use crate::hash::{Thumbprint, base64, unbase64};
use crate::json::Value;
use crate::reason::Reason;
use crate::wire::{Wire, record};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::marker::PhantomData;
use zeroize::Zeroizing;

mod sealed {
    pub trait Sealed {}
}

/// What a key is for. A key of one role never signs what belongs to another.
pub trait Role: sealed::Sealed + 'static {
    /// The role's name, for messages to people.
    const NAME: &'static str;
}

macro_rules! roles {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Role for $name {
            const NAME: &'static str = $text;
        }
    )+};
}

roles! {
    /// Signs decisions, grants, bundles and statuses: the person's word, given on a device.
    Approval = "approval";
    /// Co-signs checkpoints of the log.
    Witness = "witness";
    /// Authenticates a device's or the daemon's connections; an iroh endpoint id is this key's `x`.
    Transport = "transport";
    /// The daemon's: signs checkpoints and events.
    Log = "log";
    /// An agent's: signs sessions, requests, claims and outcomes.
    Agent = "agent";
    /// The paper key that can replace lost devices.
    Recovery = "recovery";
}

/// A public key that was checked at the door: canonical, on the curve, not weak, without a torsion component.
pub struct PublicKey<R> {
    key: VerifyingKey,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> PublicKey<R> {
    /// The key with these 32 bytes.
    ///
    /// # Errors
    /// `None` for anything but the canonical encoding of a point of the prime-order subgroup other than its
    /// identity: for other keys strict verification differs between libraries, or more than one message verifies.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<PublicKey<R>> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        let sound = canonical && !key.is_weak() && key.to_edwards().is_torsion_free();
        sound.then_some(PublicKey { key, role: PhantomData })
    }

    /// The 32 bytes, the `x` of the JWK.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The RFC 7638 thumbprint.
    pub fn thumbprint(&self) -> Thumbprint {
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64(self.as_bytes()));
        Thumbprint::from_bytes(Sha256::digest(jwk).into())
    }

    /// Verifies as RFC 8032 with cofactorless equation, refusing small-order points (`verify_strict`).
    ///
    /// # Errors
    /// [`Reason::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Reason> {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| Reason::BadSignature)
    }
}

impl<R> Clone for PublicKey<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for PublicKey<R> {}

impl<R> PartialEq for PublicKey<R> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<R> Eq for PublicKey<R> {}

impl<R: Role> fmt::Debug for PublicKey<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", R::NAME, self.thumbprint())
    }
}

record! {
    /// An RFC 8037 JWK as it stands on the wire.
    pub struct Jwk {
        /// Always `OKP`.
        kty: String,
        /// Always `Ed25519`.
        crv: String,
        /// The 32 bytes, base64url.
        x: String,
    }
}

impl<R: Role> Wire for PublicKey<R> {
    fn read(value: &Value) -> Option<PublicKey<R>> {
        let jwk = Jwk::read(value).filter(|jwk| jwk.kty == "OKP" && jwk.crv == "Ed25519")?;
        PublicKey::from_bytes(&unbase64(jwk.x.as_bytes())?.try_into().ok()?)
    }
    fn write(&self, out: &mut String) {
        Jwk { kty: "OKP".into(), crv: "Ed25519".into(), x: base64(self.as_bytes()) }.write(out);
    }
}

/// A secret key of one role; wiped from memory when dropped, never printed.
pub struct SecretKey<R> {
    key: SigningKey,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> SecretKey<R> {
    /// The key with this RFC 8032 seed.
    pub fn from_seed(seed: &[u8; 32]) -> SecretKey<R> {
        SecretKey { key: SigningKey::from_bytes(seed), role: PhantomData }
    }

    /// The seed, to store it where keys are stored.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey<R> {
        PublicKey { key: self.key.verifying_key(), role: PhantomData }
    }

    /// Signs raw bytes; messages are signed through [`crate::Signed::sign`].
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl<R: Role> fmt::Debug for SecretKey<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret {} key", R::NAME)
    }
}
