//! The operating system's key store.

use super::Seeds;
use crate::clock::random;
use crate::failure::Failure;
use agenttrust_protocol::Id;
use agenttrust_protocol::door::Trouble;
use keyring::{Entry, Error};
use zeroize::Zeroizing;

/// Under this name the person finds the keys in the store's own window.
const SERVICE: &str = "AgentTrust device keys";

/// Puts the seeds under a fresh account name and returns it.
pub(super) fn save(seeds: &Seeds) -> Result<String, Failure> {
    let mut id = [0; 16];
    random(&mut id);
    let account = Id::from_bytes(id).to_string();
    entry(&account)?.set_secret(seeds.as_slice()).map_err(|error| told(&error))?;
    Ok(account)
}

/// The seeds under this account name.
pub(super) fn load(account: &str) -> Result<Seeds, Failure> {
    let secret = entry(account)?.get_secret().map(Zeroizing::new).map_err(|error| told(&error))?;
    super::seeds(&secret)
}

/// Takes the account out of the store.
pub(super) fn forget(account: &str) {
    let gone = entry(account).and_then(|entry| entry.delete_credential().map_err(|error| told(&error)));
    if let Err(failure) = gone {
        tracing::debug!(code = failure.code(), "unused keys stay in the key store");
    }
}

fn entry(account: &str) -> Result<Entry, Failure> {
    Entry::new(SERVICE, account).map_err(|error| told(&error))
}

/// A store that is locked, missing or has lost the keys: in every case the person has to look at it.
fn told(error: &Error) -> Failure {
    Failure::new(Trouble::KeystoreLocked, error.to_string())
}
