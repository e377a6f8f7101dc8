//! What a device remembers over restarts: its approver's state and where its daemon is, in `state.json`.
//!
//! It is on the disk before anything that rests on it is sent: a decision count that went back would let two
//! decisions carry one number.

use crate::failure::Failure;
use crate::folder::Folder;
use agenttrust_approver::DeviceState;
use agenttrust_approver::state::FORMAT;
use agenttrust_link::{Address, EndpointKey};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The file.
pub(crate) const STATE: &str = "state.json";

/// Where the daemon is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// The 32 bytes of its transport key, base64url; whoever answers elsewhere is refused.
    pub endpoint: Hash,
    /// Direct socket addresses to try.
    pub addresses: Vec<SocketAddr>,
    /// The relay it listens on, if any.
    pub relay: Option<String>,
}

impl Daemon {
    pub(crate) fn address(&self) -> Address {
        let key = EndpointKey::from_bytes(*self.endpoint.as_bytes());
        Address { key, direct: self.addresses.clone(), relay: self.relay.clone() }
    }
}

impl From<&Address> for Daemon {
    fn from(address: &Address) -> Daemon {
        Daemon {
            endpoint: Hash::from_bytes(*address.key.as_bytes()),
            addresses: address.direct.clone(),
            relay: address.relay.clone(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename = "State")]
struct Written<'a> {
    daemon: &'a Daemon,
    device: &'a DeviceState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    daemon: Daemon,
    device: DeviceState,
}

/// The file in its folder.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Folder,
    daemon: Daemon,
}

impl Store {
    /// Begins to remember in a folder that holds no device yet.
    ///
    /// # Errors
    /// What the system says; the folder comes back.
    pub(crate) fn create(folder: Folder, daemon: Daemon, device: &DeviceState) -> Result<Store, (Failure, Folder)> {
        let store = Store { folder, daemon };
        match store.save(device) {
            Ok(()) => Ok(store),
            Err(failure) => Err((failure, store.folder)),
        }
    }

    /// Reads what was remembered.
    ///
    /// # Errors
    /// `unpaired` if there is nothing, `store_newer`, `store_corrupt`.
    pub(crate) fn open(folder: Folder) -> Result<(Store, DeviceState), Failure> {
        let bytes = folder.read(STATE)?.ok_or(Trouble::Unpaired)?;
        let corrupt = |error: serde_json::Error| Failure::new(Trouble::StoreCorrupt, format!("{STATE}: {error}"));
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(corrupt)?;
        let format = value.pointer("/device/format").and_then(serde_json::Value::as_u64);
        if format.is_some_and(|format| format > u64::from(FORMAT)) {
            return Err(Failure::new(Trouble::StoreNewer, STATE));
        }
        let read: Read = serde_json::from_value(value).map_err(corrupt)?;
        Ok((Store { folder, daemon: read.daemon }, read.device))
    }

    /// Remembers a new state: on return it survives a crash.
    pub(crate) fn save(&self, device: &DeviceState) -> Result<(), Failure> {
        let json = serde_json::to_vec(&Written { daemon: &self.daemon, device });
        let json = json.map_err(|error| Failure::new(Trouble::Internal, error.to_string()))?;
        self.folder.write(STATE, &json)
    }

    /// Remembers where the daemon is now.
    pub(crate) fn moved(&mut self, daemon: Daemon, device: &DeviceState) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.daemon, daemon);
        let saved = self.save(device);
        if saved.is_err() {
            self.daemon = before;
        }
        saved
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    pub(crate) fn into_folder(self) -> Folder {
        self.folder
    }
}
