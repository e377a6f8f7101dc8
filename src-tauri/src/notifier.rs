//! The desktop's notifications.

use crate::notices::{About, Notice};
use tauri::AppHandle;

/// Where the desktop's own interface tells what was clicked, it is spoken to directly.
#[cfg(target_os = "linux")]
pub use linux::Notifier;

/// Elsewhere the plugin shows them, and a click brings the app to the front.
#[cfg(not(target_os = "linux"))]
pub use other::Notifier;

#[cfg(target_os = "linux")]
mod linux {
    use super::{About, AppHandle, Notice};
    use crate::door;
    use notify_rust::{Hint, Notification, NotificationResponse, Timeout, Urgency};
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use tokio::sync::oneshot;

    /// Shows notifications and takes them back.
    #[derive(Default)]
    pub struct Notifier {
        /// A notification stays as long as its sender is kept here.
        live: Mutex<BTreeMap<About, oneshot::Sender<()>>>,
    }

    impl Notifier {
        /// Shows one, in place of an earlier one about the same.
        pub fn show(&self, app: &AppHandle, notice: Notice) {
            let (stays, gone) = oneshot::channel();
            self.live().insert(notice.about, stays);
            tauri::async_runtime::spawn(shown(app.clone(), notice, gone));
        }

        /// Takes one back.
        pub fn withdraw(&self, about: About) {
            self.live().remove(&about);
        }

        fn live(&self) -> MutexGuard<'_, BTreeMap<About, oneshot::Sender<()>>> {
            self.live.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// Shows a notification until it is clicked, closed by the person, or over.
    async fn shown(app: AppHandle, notice: Notice, gone: oneshot::Receiver<()>) {
        let shown = Notification::new()
            .appname("AgentTrust ID")
            .icon("agenttrust-app")
            .summary(&notice.summary)
            .body(notice.body)
            .action("default", "Open")
            .hint(Hint::DesktopEntry("agenttrust-app".to_owned()))
            .hint(Hint::Category("im.received".to_owned()))
            .urgency(if notice.urgent { Urgency::Critical } else { Urgency::Normal })
            // What waits for the person stays until they look; where the app has gone is told in passing.
            .timeout(if notice.about == About::Tray { Timeout::Default } else { Timeout::Never })
            .show_async()
            .await;
        let handle = match shown {
            Ok(handle) => handle,
            Err(error) => {
                tracing::warn!(%error, "the desktop takes no notifications");
                return;
            }
        };
        let mut is_clicked = false;
        let answer = handle.wait_for_action_async(|response| {
            is_clicked = matches!(response, NotificationResponse::Default | NotificationResponse::Action(_));
        });
        tokio::select! {
            () = answer => {}
            _ = gone => handle.close_async().await,
        }
        if is_clicked {
            door::show(&app, notice.target);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{About, AppHandle, Notice};
    use tauri_plugin_notification::NotificationExt;

    /// Shows notifications.
    #[derive(Default)]
    pub struct Notifier;

    impl Notifier {
        /// Shows one.
        pub fn show(&self, app: &AppHandle, notice: Notice) {
            let shown = app.notification().builder().title(notice.summary).body(notice.body).show();
            if let Err(error) = shown {
                tracing::warn!(%error, "the desktop takes no notifications");
            }
        }

        /// The desktop clears them away by itself.
        pub fn withdraw(&self, _: About) {}
    }
}
