//! The tray itself.

use crate::door;
use crate::notices::{Change, Notices};
use crate::notifier::Notifier;
use crate::tray::{Icon, Pause, Tray};
use crate::window;
use agenttrust_device::Command;
use agenttrust_device::console::{Call, Console, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use tauri::image::Image;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Wry, include_image};

const OPEN: &str = "open";
const WAITING: &str = "waiting";
const PAUSE: &str = "pause";
const QUIT: &str = "quit";

/// The app's place in the tray.
pub struct TrayIcon {
    icon: tauri::tray::TrayIcon,
    waiting: MenuItem<Wry>,
    pause: MenuItem<Wry>,
    offered: Mutex<Pause>,
}

impl TrayIcon {
    /// Puts the app into the tray. A desktop without one, or without the library for it, does without.
    pub fn new(app: &AppHandle) -> Option<TrayIcon> {
        // The library is looked for at run time, and what binds it panics if there is none.
        match catch_unwind(AssertUnwindSafe(|| TrayIcon::build(app))) {
            Ok(Ok(tray)) => Some(tray),
            Ok(Err(error)) => {
                tracing::warn!(%error, "there is no tray");
                None
            }
            Err(_) => {
                tracing::warn!("there is no tray: its library is not installed");
                None
            }
        }
    }

    fn build(app: &AppHandle) -> tauri::Result<TrayIcon> {
        let item = |id: &str, text: &str, enabled| MenuItem::with_id(app, id, text, enabled, None::<&str>);
        let open = item(OPEN, "Open AgentTrust ID", true)?;
        let waiting = item(WAITING, "Starting", false)?;
        let pause = item(PAUSE, Pause::Unavailable.words(), false)?;
        let quit = item(QUIT, "Quit", true)?;
        let line = || PredefinedMenuItem::separator(app);
        let menu = Menu::with_items(app, &[&waiting, &open, &line()?, &pause, &line()?, &quit])?;
        let mut builder = TrayIconBuilder::with_id("main")
            .icon(picture(Icon::Off))
            .icon_as_template(cfg!(target_os = "macos"))
            .menu(&menu)
            .show_menu_on_left_click(cfg!(not(windows)))
            .on_menu_event(|app, event| chosen(app, event.id().as_ref()))
            .on_tray_icon_event(|tray, event| {
                let (button, button_state) = (MouseButton::Left, MouseButtonState::Up);
                if matches!(event, TrayIconEvent::Click { button: b, button_state: s, .. } if (b, s) == (button, button_state))
                    && cfg!(windows)
                {
                    window::raise(tray.app_handle());
                }
            });
        if let Ok(folder) = app.path().app_cache_dir() {
            builder = builder.temp_dir_path(folder.join("tray"));
        }
        Ok(TrayIcon { icon: builder.build(app)?, waiting, pause, offered: Mutex::new(Pause::Unavailable) })
    }

    /// Shows how things stand.
    ///
    /// # Errors
    /// What the desktop says.
    pub fn show(&self, tray: &Tray) -> tauri::Result<()> {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = tray.pause;
        self.waiting.set_text(&tray.status)?;
        self.waiting.set_enabled(tray.waits)?;
        self.pause.set_text(tray.pause.words())?;
        self.pause.set_enabled(tray.pause != Pause::Unavailable)?;
        self.icon.set_tooltip(Some(&tray.tooltip))?;
        self.icon.set_title(Some(&tray.title))?;
        self.icon.set_icon_with_as_template(Some(picture(tray.icon)), cfg!(target_os = "macos"))
    }

    fn offered(&self) -> Pause {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn chosen(app: &AppHandle, item: &str) {
    match item {
        OPEN => window::raise(app),
        WAITING => door::show(app, Target::Inbox),
        PAUSE => pause(app),
        QUIT => app.exit(0),
        _ => {}
    }
}

/// Pauses all agents, or lets them go on: a message that the device signs.
fn pause(app: &AppHandle) {
    let command = match app.try_state::<Option<TrayIcon>>().and_then(|tray| tray.as_ref().map(TrayIcon::offered)) {
        Some(Pause::Offer) => Command::PauseAll,
        Some(Pause::Lift) => Command::Resume { agent: None },
        Some(Pause::Unavailable) | None => return,
    };
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let console = app.state::<Console>().inner().clone();
        if let Err(error) = console.call(Call::Device { command }).await
            && let Change::Show(notice) = Notices::trouble(error.message)
        {
            app.state::<Notifier>().show(&app, notice);
        }
    });
}

/// macOS draws a template in the menu bar's own colour; elsewhere the colours stand out on light and dark alike.
#[cfg(target_os = "macos")]
fn picture(icon: Icon) -> Image<'static> {
    match icon {
        Icon::Calm => include_image!("./src-tauri/icons/tray/calm-template.png"),
        Icon::Waiting => include_image!("./src-tauri/icons/tray/waiting-template.png"),
        Icon::Paused => include_image!("./src-tauri/icons/tray/paused-template.png"),
        Icon::Off => include_image!("./src-tauri/icons/tray/off-template.png"),
    }
}

#[cfg(not(target_os = "macos"))]
fn picture(icon: Icon) -> Image<'static> {
    match icon {
        Icon::Calm => include_image!("./src-tauri/icons/tray/calm.png"),
        Icon::Waiting => include_image!("./src-tauri/icons/tray/waiting.png"),
        Icon::Paused => include_image!("./src-tauri/icons/tray/paused.png"),
        Icon::Off => include_image!("./src-tauri/icons/tray/off.png"),
    }
}
