//! The operating system's key store.

use super::Seeds;
use crate::clock::random;
use crate::failure::Failure;
use agenttrust_protocol::Id;
use agenttrust_protocol::door::Trouble;
use keyring::{Entry, Error};
#[cfg(target_os = "linux")]
use secret_service::{EncryptionType, blocking::SecretService};
use zeroize::Zeroizing;

/// Under this name the person finds the keys in the store's own window.
const SERVICE: &str = "AgentTrust device keys";

/// Whether there is a store and it is open; no window asks the person to open it.
pub(super) fn ready() -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    {
        let service = service()?;
        let is_locked = service.get_default_collection().and_then(|keys| keys.is_locked());
        if is_locked.map_err(|error| missing(&error))? {
            return Err(Failure::new(Trouble::KeystoreLocked, "it is locked"));
        }
    }
    Entry::store_status().as_ref().map_err(told).copied()
}

/// Opens the store, for which it may ask the person. Stores of other systems ask when the keys are read.
pub(super) fn unlock() -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    {
        let service = service()?;
        let opened =
            service.get_default_collection().and_then(|keys| if keys.is_locked()? { keys.unlock() } else { Ok(()) });
        opened.map_err(|error| missing(&error))?;
    }
    ready()
}

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
    // `keyring` looks for a store once in a process, so it is not asked before there is one: the person may start it
    // and try again.
    #[cfg(target_os = "linux")]
    service()?;
    Entry::new(SERVICE, account).map_err(|error| told(&error))
}

#[cfg(target_os = "linux")]
fn service() -> Result<SecretService<'static>, Failure> {
    SecretService::connect(EncryptionType::Plain).map_err(|error| missing(&error))
}

#[cfg(target_os = "linux")]
fn missing(error: &secret_service::Error) -> Failure {
    Failure::new(Trouble::KeystoreLocked, error.to_string())
}

/// A store that is locked, missing or has lost the keys: in every case the person has to look at it.
fn told(error: &Error) -> Failure {
    Failure::new(Trouble::KeystoreLocked, error.to_string())
}
