//! The daemon of this computer: whether it runs, whether it is this device's, and starting it.

use super::call::{DaemonView, News};
use super::{Shared, lock};
use crate::device::Device;
use crate::event::Connection;
use crate::failure::Failure;
use crate::store::Daemon;
use agenttrust_protocol::door::{DaemonStatus, ErrorBody, Trouble};
use std::sync::Arc;
use std::time::Duration;

/// A daemon that comes back is noticed within this time; it is looked for only while the line is down.
const LOOK: Duration = Duration::from_secs(2);

/// This program's version, which the daemon of the same package has too.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Shared {
    /// Looks for the daemon, tells if it is different, points the device at it, and attends to it from then on.
    pub(super) async fn look(self: &Arc<Shared>) -> DaemonView {
        let view = self.see().await;
        if is_here(&view) || lock(&self.life).device().is_some_and(|device| is_stale(device, &view)) {
            self.spawn(Arc::clone(self).attend());
        }
        view
    }

    async fn see(&self) -> DaemonView {
        let device = lock(&self.life).device().cloned();
        let view = self.daemon_view(device.as_ref()).await;
        let is_news = std::mem::replace(&mut *lock(&self.daemon), view.clone()) != view;
        if is_news {
            self.tell(News::Daemon { daemon: view.clone() });
        }
        view
    }

    /// Notices the end of the daemon that runs here the moment it ends, long before the device's line would.
    async fn attend(self: Arc<Shared>) {
        let Ok(_one_at_a_time) = self.attending.try_lock() else { return };
        loop {
            // If there is none to wait for, it has ended already.
            let _ended = self.host.ended().await;
            if let Some(Err(failure)) = lock(&self.life).device().map(Device::redial) {
                tracing::debug!(code = failure.code(), "the line to the daemon that ended is kept");
            }
            if !is_here(&self.see().await) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn daemon_view(&self, device: Option<&Device>) -> DaemonView {
        let status = match self.host.status().await {
            Ok(status) => status,
            // Without a database the daemon lives on another computer.
            Err(failure) if failure.is(Trouble::DaemonDown) => {
                let elsewhere = device.is_some() && !self.place.database().exists();
                return if elsewhere { DaemonView::Elsewhere } else { DaemonView::Down };
            }
            Err(failure) => return DaemonView::Foreign { why: failure.body() },
        };
        match device {
            Some(device) => self.of_device(device, &status).await,
            None => running(&status),
        }
    }

    async fn of_device(&self, device: &Device, status: &DaemonStatus) -> DaemonView {
        match status.tdid {
            Some(tdid) if tdid == device.tdid() => {}
            None if !device.is_local() => return DaemonView::Elsewhere,
            Some(_) | None => return DaemonView::Foreign { why: foreign() },
        }
        match self.host.endpoint().await.map(|endpoint| Daemon::at(&endpoint)) {
            Ok(Some(daemon)) => match device.reach(daemon) {
                Ok(()) => running(status),
                Err(failure) => DaemonView::Foreign { why: failure.body() },
            },
            Ok(None) | Err(_) => running(status),
        }
    }

    /// Starts the daemon; one of another version is stopped first.
    pub(super) async fn start_daemon(self: &Arc<Shared>) -> Result<(), Failure> {
        let _one_at_a_time = self.starting.lock().await;
        if let DaemonView::OtherVersion { .. } = self.look().await {
            self.programs.down().await?;
        }
        self.programs.up().await?;
        self.look().await;
        if let Some(device) = lock(&self.life).device() {
            device.wake();
        }
        Ok(())
    }

    /// Looks for the daemon again and again as long as the device's line is down, or goes nowhere.
    pub(super) async fn watch_daemon(self: Arc<Shared>, device: Device) {
        let Ok(_one_at_a_time) = self.watching.try_lock() else { return };
        loop {
            let before = lock(&self.daemon).clone();
            let now = self.look().await;
            match device.connection() {
                Connection::Connected { .. } if is_stale(&device, &now) => {}
                Connection::Connected { .. } | Connection::Refused => return,
                Connection::Connecting | Connection::Lost { .. } => {}
            }
            if now != before && matches!(now, DaemonView::Running { .. }) {
                device.wake();
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A line that still stands when this computer's daemon does not is the line to one that has just ended.
fn is_stale(device: &Device, daemon: &DaemonView) -> bool {
    *daemon == DaemonView::Down && device.is_local() && device.connection().is_up()
}

/// Whether something answers at the host door of this computer.
fn is_here(view: &DaemonView) -> bool {
    match view {
        DaemonView::Running { .. } | DaemonView::OtherVersion { .. } | DaemonView::Foreign { .. } => true,
        DaemonView::Down | DaemonView::Elsewhere => false,
    }
}

fn running(status: &DaemonStatus) -> DaemonView {
    if status.version == VERSION {
        return DaemonView::Running { paired: status.tdid.is_some() };
    }
    DaemonView::OtherVersion { older: is_older(&status.version, VERSION), version: status.version.clone() }
}

/// Whether a version comes before another; words in them, such as `-rc`, do not count.
fn is_older(version: &str, than: &str) -> bool {
    let parts = |text: &str| -> Vec<u64> { text.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect() };
    parts(version) < parts(than)
}

fn foreign() -> ErrorBody {
    ErrorBody {
        code: "foreign_daemon".to_owned(),
        message: "The daemon on this computer does not belong to this device.".to_owned(),
        hint: Some(
            "Start the one it was paired with, or remove this device's folder and pair it with the new one.".to_owned(),
        ),
        state: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, than, older) in [
            ("0.1.0", "0.2.0", true),
            ("0.9.0", "0.10.0", true),
            ("1.0", "1.0.1", true),
            ("0.1.0", "0.1.0", false),
            ("2.0.0-rc1", "1.9.9", false),
            ("", "0.1.0", true),
        ] {
            assert_eq!(is_older(version, than), older, "{version} {than}");
        }
    }
}
