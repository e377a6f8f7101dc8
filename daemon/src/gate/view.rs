//! The trust in force, held in memory; it changes only after the change is on the disk.

use crate::api::reply::Refusal;
use agenttrust_protocol::Thumbprint;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::message::Device;
use agenttrust_protocol::trust::Trust;
use std::sync::{Arc, PoisonError, RwLock as Plain};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Trust as all doors see it; empty while no device is paired.
#[derive(Debug, Default)]
pub struct View {
    held: RwLock<Option<Arc<Trust>>>,
    /// The same, for callers that cannot wait.
    shown: Plain<Option<Arc<Trust>>>,
}

impl View {
    /// Trust as it was stored.
    pub fn new(trust: Option<Trust>) -> View {
        let trust = trust.map(Arc::new);
        View { held: RwLock::new(trust.clone()), shown: Plain::new(trust) }
    }

    /// Trust that does not change while the guard lives: hold it from a check to its commit, never while waiting for
    /// a person.
    ///
    /// # Errors
    /// `unpaired`.
    pub async fn hold(&self) -> Result<RwLockReadGuard<'_, Arc<Trust>>, Refusal> {
        let guard = self.held.read().await;
        RwLockReadGuard::try_map(guard, Option::as_ref).map_err(|_| Trouble::Unpaired.into())
    }

    /// Trust as it is just now; it may change at any moment.
    pub fn peek(&self) -> Option<Arc<Trust>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for everyone who holds trust, then lets one change it.
    pub async fn change(&self) -> Change<'_> {
        Change { view: self, guard: self.held.write().await }
    }
}

/// The right to change trust.
#[derive(Debug)]
pub struct Change<'v> {
    view: &'v View,
    guard: RwLockWriteGuard<'v, Option<Arc<Trust>>>,
}

impl Change<'_> {
    /// Trust until now.
    pub fn old(&self) -> Option<&Trust> {
        self.guard.as_deref()
    }

    /// Puts the new trust in force; call it once the change is stored.
    pub fn publish(mut self, trust: Trust) {
        let trust = Some(Arc::new(trust));
        *self.guard = trust.clone();
        *self.view.shown.write().unwrap_or_else(PoisonError::into_inner) = trust;
    }
}

/// The device that may use the device door with this transport key: of the current bundle, and not revoked.
pub fn admitted<'t>(trust: &'t Trust, transport: &Thumbprint) -> Option<&'t Device> {
    let device = trust.current().body().device_by_transport(transport)?;
    (!trust.is_device_revoked(&device.key.thumbprint())).then_some(device)
}
