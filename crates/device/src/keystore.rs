//! Where a device keeps its three secret keys.
//!
//! `keys.json` says how, in one line of JSON, version 1:
//!
//! | `keys` | what the file holds |
//! |---|---|
//! | `{"file":{"seeds":S}}` | the seeds themselves; the file's mode 0600 is all that protects them |
//! | `{"pin":{…}}` | the seeds, sealed by a PIN: see [`pin`] |
//! | `{"platform":{"account":A}}` | the name under which the operating system's key store keeps them |
//!
//! The seeds (RFC 8032) are 96 bytes: approval, witness, transport; S is their unpadded base64url.

mod pin;
mod platform;

pub use pin::{MIN_PIN, Pin, PinCost};

use crate::clock::random;
use crate::failure::Failure;
use crate::folder::Folder;
use agenttrust_protocol::Time;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{Approval, SecretKey, Transport, Witness};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The file.
pub(crate) const KEYS: &str = "keys.json";

/// The version written and read.
const VERSION: u32 = 1;

/// A device's secret keys, one for each role.
#[derive(Debug)]
pub struct Keys {
    /// Signs what the person decides.
    pub approval: SecretKey<Approval>,
    /// Co-signs the log.
    pub witness: SecretKey<Witness>,
    /// Authenticates the connection to the daemon.
    pub transport: SecretKey<Transport>,
}

/// The three seeds, wiped from memory when dropped.
type Seeds = Zeroizing<[u8; 96]>;

impl Keys {
    /// Fresh keys.
    ///
    /// # Panics
    /// If the operating system gives no random bytes.
    pub fn generate() -> Keys {
        let mut seeds = Seeds::new([0; 96]);
        random(seeds.as_mut_slice());
        Keys::from_seeds(&seeds)
    }

    fn from_seeds(seeds: &Seeds) -> Keys {
        let mut parts = seeds.chunks_exact(32).map(|part| {
            let mut seed = Zeroizing::new([0; 32]);
            seed.copy_from_slice(part);
            seed
        });
        let mut next = || parts.next().unwrap_or_default();
        let (approval, witness, transport) = (next(), next(), next());
        Keys {
            approval: SecretKey::from_seed(&approval),
            witness: SecretKey::from_seed(&witness),
            transport: SecretKey::from_seed(&transport),
        }
    }

    fn to_seeds(&self) -> Seeds {
        let mut seeds = Seeds::new([0; 96]);
        let parts = [self.approval.to_seed(), self.witness.to_seed(), self.transport.to_seed()];
        for (to, from) in seeds.chunks_exact_mut(32).zip(&parts) {
            to.copy_from_slice(from.as_slice());
        }
        seeds
    }
}

/// How the keys are kept.
#[derive(Debug)]
pub enum KeyStore {
    /// In the operating system's key store: Secret Service, Keychain, Credential Manager.
    Platform,
    /// In a file that any program of this user can read. Shells say so loudly.
    File,
    /// In a file, sealed by a PIN that only the person knows.
    Pin(Pin),
}

/// What a folder's keys need to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The operating system's key store.
    Platform,
    /// Nothing.
    File,
    /// The PIN.
    Pin,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    keys: Stored,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Stored {
    File { seeds: Zeroizing<String> },
    Pin(pin::Sealed),
    Platform { account: String },
}

impl KeyStore {
    /// Whether the operating system's key store is there and open, found out without asking the person anything.
    /// Blocks for a moment.
    ///
    /// # Errors
    /// `keystore_locked`, with what is in the way.
    pub fn platform_ready() -> Result<(), Failure> {
        platform::ready()
    }

    /// Opens the operating system's key store; it may ask the person, and blocks until they have answered.
    ///
    /// # Errors
    /// `keystore_locked`, with what is in the way.
    pub fn unlock_platform() -> Result<(), Failure> {
        platform::unlock()
    }

    /// The word for it in the trust bundle: `keystore`, `file` or `pin`.
    pub fn protection(&self) -> &'static str {
        match self {
            KeyStore::Platform => "keystore",
            KeyStore::File => "file",
            KeyStore::Pin(_) => "pin",
        }
    }

    /// What it takes to open the keys in this folder.
    ///
    /// # Errors
    /// `unpaired` if there are none, `store_newer` or `store_corrupt` if they cannot be read.
    pub fn kept(folder: &Folder) -> Result<Kept, Failure> {
        Ok(match read(folder)? {
            Stored::File { .. } => Kept::File,
            Stored::Pin(_) => Kept::Pin,
            Stored::Platform { .. } => Kept::Platform,
        })
    }

    /// Keeps these keys in the folder, in place of those it held.
    ///
    /// # Errors
    /// `keystore_locked`, `pin_too_short`, or what the system says.
    pub fn save(&self, folder: &Folder, keys: &Keys) -> Result<(), Failure> {
        let seeds = keys.to_seeds();
        let stored = match self {
            KeyStore::Platform => Stored::Platform { account: platform::save(&seeds)? },
            KeyStore::File => Stored::File { seeds: Zeroizing::new(BASE64URL_NOPAD.encode(seeds.as_slice())) },
            KeyStore::Pin(pin) => Stored::Pin(pin::seal(pin, &seeds)?),
        };
        write(folder, stored)
    }

    /// Takes the keys of this folder out of the operating system's key store, best effort: nobody will need them.
    pub(crate) fn forget(&self, folder: &Folder) {
        match read(folder) {
            Ok(Stored::Platform { account }) => platform::forget(&account),
            Ok(Stored::File { .. } | Stored::Pin(_)) | Err(_) => {}
        }
    }

    /// The keys in this folder.
    ///
    /// # Errors
    /// `unpaired` if there are none, `wrong_pin`, with the seconds to wait where there were several,
    /// `keystore_locked`, `store_newer` or `store_corrupt` if they cannot be read, `bad_request` if they are kept in
    /// another way.
    pub fn load(&self, folder: &Folder, now: Time) -> Result<Keys, Failure> {
        let seeds = match (self, read(folder)?) {
            (KeyStore::Platform, Stored::Platform { account }) => platform::load(&account)?,
            (KeyStore::File, Stored::File { seeds }) => decode(&seeds)?,
            (KeyStore::Pin(pin), Stored::Pin(sealed)) => {
                pin::open(pin, sealed, now, |counted| write(folder, Stored::Pin(counted)))?
            }
            (_, Stored::Platform { .. } | Stored::File { .. } | Stored::Pin(_)) => {
                return Err(Failure::new(Trouble::BadRequest, "the keys are kept in another way"));
            }
        };
        Ok(Keys::from_seeds(&seeds))
    }
}

fn write(folder: &Folder, stored: Stored) -> Result<(), Failure> {
    let json = serde_json::to_vec(&KeyFile { version: VERSION, keys: stored });
    let json = Zeroizing::new(json.map_err(|error| Failure::new(Trouble::Internal, error.to_string()))?);
    folder.write(KEYS, &json)
}

fn read(folder: &Folder) -> Result<Stored, Failure> {
    let bytes = Zeroizing::new(folder.read(KEYS)?.ok_or(Trouble::Unpaired)?);
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let corrupt = |error: serde_json::Error| Failure::new(Trouble::StoreCorrupt, format!("{KEYS}: {error}"));
    let versioned: Versioned = serde_json::from_slice(&bytes).map_err(corrupt)?;
    if versioned.version > VERSION {
        return Err(Failure::new(Trouble::StoreNewer, KEYS));
    }
    Ok(serde_json::from_slice::<KeyFile>(&bytes).map_err(corrupt)?.keys)
}

fn decode(text: &str) -> Result<Seeds, Failure> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| Failure::new(Trouble::StoreCorrupt, KEYS))?;
    seeds(&bytes)
}

fn seeds(bytes: &[u8]) -> Result<Seeds, Failure> {
    let mut seeds = Seeds::new([0; 96]);
    if bytes.len() != seeds.len() {
        return Err(Failure::new(Trouble::StoreCorrupt, KEYS));
    }
    seeds.copy_from_slice(bytes);
    Ok(seeds)
}

#[cfg(test)]
mod tests;
