//! Puts the parts together and runs them.

use crate::follow::{Desktop, follow};
use crate::notices::{About, Notice};
use crate::notifier::Notifier;
use crate::shell::AppShell;
use crate::tray::Tray;
use crate::tray_icon::TrayIcon;
use crate::window::MAIN;
use crate::{door, link, window};
use agenttrust_device::console::{Console, Theme};
use agenttrust_device::{Config, Place, environment};
use std::time::Duration;
use tauri::async_runtime::block_on;
use tauri::{AppHandle, Manager, RunEvent};
use tauri_plugin_window_state::StateFlags;
use tracing_subscriber::EnvFilter;

/// Starts without a window: the person's session does.
const HIDDEN: &str = "--hidden";

/// How long the device may take to let go of its folder when the app ends.
const PARTING: Duration = Duration::from_secs(2);

/// Runs the app until the person quits it.
pub fn run() {
    let log = EnvFilter::try_from_env("AGENTTRUST_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(log).with_writer(std::io::stderr).init();
    let app = tauri::Builder::default()
        // The first of them: a second launch ends here.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| launched_again(app, &arguments)))
        .plugin(tauri_plugin_window_state::Builder::new().with_state_flags(REMEMBERED).build())
        .plugin(tauri_plugin_autostart::Builder::new().arg(HIDDEN).build())
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(tauri::generate_handler![door::call, door::listen])
        .setup(|app| Ok(start(app.handle())?));
    #[cfg(not(target_os = "linux"))]
    let app = app.plugin(tauri_plugin_notification::init());
    match app.build(tauri::generate_context!()) {
        Ok(app) => app.run(happen),
        Err(error) => {
            tracing::error!(%error, "the app cannot start");
            std::process::exit(1);
        }
    }
}

/// What of the window is as it was the last time.
const REMEMBERED: StateFlags = StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED);

fn start(app: &AppHandle) -> tauri::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let place = Place::find(environment("AGENTTRUST_DATA").as_deref(), environment);
    let place = place.ok_or_else(|| std::io::Error::other("neither HOME nor AGENTTRUST_DATA is set"))?;
    app.manage(door::Listener::default());
    app.manage(Notifier::default());
    let shell = Box::new(AppShell(app.clone()));
    let console = block_on(async { Console::start(place, None, Config::default(), shell) });
    app.manage(console.clone());
    window::open(app, arguments.iter().any(|argument| argument == HIDDEN))?;
    app.manage(TrayIcon::new(app));
    tauri::async_runtime::spawn(follow(console, AppDesktop(app.clone())));
    if let Some(target) = link::among(arguments.iter().map(String::as_str)) {
        door::show(app, target);
    }
    Ok(())
}

fn launched_again(app: &AppHandle, arguments: &[String]) {
    match link::among(arguments.iter().map(String::as_str)) {
        Some(target) => door::show(app, target),
        None if arguments.iter().any(|argument| argument == HIDDEN) => {}
        None => window::raise(app),
    }
}

fn happen(app: &AppHandle, event: RunEvent) {
    match event {
        // Without a code it was the last window, which is hidden and not gone.
        RunEvent::ExitRequested { api, code: None, .. } => api.prevent_exit(),
        RunEvent::Exit => {
            let console = app.state::<Console>().inner().clone();
            let parted = block_on(async { tokio::time::timeout(PARTING, console.close()).await });
            if parted.is_err() {
                tracing::warn!("the device did not end in time");
            }
        }
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => {
            if let Some(target) = link::among(urls.iter().map(tauri::Url::as_str)) {
                door::show(app, target);
            }
        }
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::raise(app),
        _ => {}
    }
}

/// The person's desktop, by way of Tauri.
struct AppDesktop(AppHandle);

impl Desktop for AppDesktop {
    fn set_tray(&self, tray: &Tray) {
        let shown = self.0.state::<Option<TrayIcon>>().as_ref().map(|icon| icon.show(tray));
        if let Some(Err(error)) = shown {
            tracing::warn!(%error, "the tray cannot be changed");
        }
    }

    fn set_title(&self, title: &str) {
        if let Some(Err(error)) = self.0.get_webview_window(MAIN).map(|window| window.set_title(title)) {
            tracing::warn!(%error, "the window's title cannot be changed");
        }
    }

    fn set_theme(&self, theme: Theme) {
        self.0.set_theme(window::theme(theme));
    }

    fn notify(&self, notice: Notice) {
        self.0.state::<Notifier>().show(&self.0, notice);
    }

    fn withdraw(&self, about: About) {
        self.0.state::<Notifier>().withdraw(about);
    }

    fn is_looked_at(&self) -> bool {
        window::is_looked_at(&self.0)
    }
}
