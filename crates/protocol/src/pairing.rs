//! Pairing: how a new device and those who let it in make sure of each other.
//!
//! A QR code gives the new device a secret that never crosses a network ([`Ticket`]); a MAC with it proves that the
//! device saw the code ([`Offer`]). Six digits, read from the new device and typed by the person, then prove that
//! nobody sits between the two ([`Challenged`], [`Revealed`]): whoever sits there would have to fix all random
//! numbers before knowing the others', and so hits the same digits once in a million.
//!
//! Who may be let in, and over which door, is not decided here.

mod digits;
mod run;
mod ticket;

pub use digits::{Digits, commit, digits};
pub use run::{Challenged, Ended, Knock, LIFETIME, Offer, Revealed, WRONG_MACS};
pub use ticket::{BadTicket, MAX_DIRECT, MAX_RELAY, PREFIX, RelayUrl, Ticket, VERSION};

use crate::hash::{Hash, Thumbprint};
use crate::key::{Approval, PublicKey, Transport};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The one-time secret: 128 bits, wiped from memory when dropped, never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PairSecret([u8; 16]);

impl PairSecret {
    /// From 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> PairSecret {
        PairSecret(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for PairSecret {
    fn eq(&self, other: &PairSecret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PairSecret {}

impl fmt::Debug for PairSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairSecret(…)")
    }
}

/// The proof that the new device saw the QR code: HMAC-SHA-256 over the daemon's endpoint key, the thumbprint of the
/// device's transport key and its approval key.
pub fn mac(
    secret: &PairSecret,
    daemon: &PublicKey<Transport>,
    transport: &Thumbprint,
    approval: &PublicKey<Approval>,
) -> Hash {
    Hash::from_bytes(keyed(secret, daemon, transport, approval).finalize().into_bytes().into())
}

/// Whether this is that proof, in constant time.
pub fn verify_mac(
    secret: &PairSecret,
    daemon: &PublicKey<Transport>,
    transport: &Thumbprint,
    approval: &PublicKey<Approval>,
    mac: &Hash,
) -> bool {
    keyed(secret, daemon, transport, approval).verify_slice(mac.as_bytes()).is_ok()
}

fn keyed(
    secret: &PairSecret,
    daemon: &PublicKey<Transport>,
    transport: &Thumbprint,
    approval: &PublicKey<Approval>,
) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes())
        .expect("HMAC takes keys of any length")
        .chain_update(b"agenttrust-pair-v1\0")
        .chain_update(daemon.as_bytes())
        .chain_update(transport.as_bytes())
        .chain_update(approval.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn public<R: crate::key::Role>(seed: u8) -> PublicKey<R> {
        SecretKey::from_seed(&[seed; 32]).public()
    }

    #[test]
    fn the_mac_is_fixed_and_binds_every_input() {
        let (secret, daemon, approval) = (PairSecret::from_bytes([7; 16]), public(1), public(2));
        let transport = Thumbprint::from_bytes([3; 32]);
        let found = mac(&secret, &daemon, &transport, &approval);
        assert_eq!(found.to_string(), "n-loNEftjN42fZBQpU4IXAf591eh_FToPc_eC5b6akc");
        assert!(verify_mac(&secret, &daemon, &transport, &approval, &found));
        let other = Thumbprint::from_bytes([4; 32]);
        assert!(!verify_mac(&PairSecret::from_bytes([8; 16]), &daemon, &transport, &approval, &found));
        assert!(!verify_mac(&secret, &public(5), &transport, &approval, &found));
        assert!(!verify_mac(&secret, &daemon, &other, &approval, &found));
        assert!(!verify_mac(&secret, &daemon, &transport, &public(5), &found));
        assert!(!verify_mac(&secret, &daemon, &transport, &approval, &Hash::from_bytes([0; 32])));
    }
}
