//! The window. It is hidden rather than closed, shows the app's own pages alone, and opens no other.

use crate::notices::{About, Notices};
use crate::notifier::Notifier;
use crate::tray_icon::TrayIcon;
use agenttrust_device::console::{Call, Console, Notifications, Settings, Theme};
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

/// The window's label, which the capability names.
pub const MAIN: &str = "main";

/// What a new window measures, and the least that it can be made: a phone's width.
const SIZE: (f64, f64) = (1100.0, 760.0);
const LEAST: (f64, f64) = (360.0, 560.0);

/// Makes the window. It appears once its page is there, unless it is to stay hidden.
///
/// # Errors
/// What the system says.
pub fn open(app: &AppHandle, hidden: bool) -> tauri::Result<WebviewWindow> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title("AgentTrust ID")
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(LEAST.0, LEAST.1)
        .visible(false)
        .zoom_hotkeys_enabled(true)
        .devtools(cfg!(debug_assertions))
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(move |window, _| {
            if !hidden {
                show(&window);
            }
        })
        .build()?;
    let closing = window.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            // A window that cannot be hidden stays, which is no harm.
            if closing.hide().is_ok() {
                tell_of_tray(closing.app_handle());
            }
        }
    });
    Ok(window)
}

/// Tells once where the app has gone, unless the person wants no notifications or there is no tray.
fn tell_of_tray(app: &AppHandle) {
    let console = app.state::<Console>().inner().clone();
    let settings = console.settings();
    if settings.told_of_tray
        || settings.notifications == Notifications::Off
        || app.state::<Option<TrayIcon>>().is_none()
    {
        return;
    }
    app.state::<Notifier>().show(app, Notices::stays_in_tray());
    tauri::async_runtime::spawn(async move {
        let settings = Settings { told_of_tray: true, ..settings };
        if let Err(error) = console.call(Call::SetSettings { settings }).await {
            tracing::warn!(code = error.code, "that the tray was told of is not remembered");
        }
    });
}

/// Brings the window before the person.
pub fn raise(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        show(&window);
        app.state::<Notifier>().withdraw(About::Tray);
    }
}

fn show(window: &WebviewWindow) {
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window cannot be shown");
    }
}

/// Whether the person looks at the window.
pub fn is_looked_at(app: &AppHandle) -> bool {
    let window = app.get_webview_window(MAIN);
    window.is_some_and(|window| window.is_visible().unwrap_or(false) && window.is_focused().unwrap_or(false))
}

/// The theme as Tauri calls it; `None` follows the system.
pub fn theme(theme: Theme) -> Option<tauri::Theme> {
    match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    }
}

/// Whether an address is one of the app's own pages: `tauri://localhost`, which Windows calls `http://tauri.localhost`.
fn is_ours(url: &Url) -> bool {
    let (scheme, host) = (url.scheme(), url.host_str());
    match scheme {
        "tauri" => host == Some("localhost"),
        "http" | "https" => cfg!(windows) && host == Some("tauri.localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_goes_nowhere_else() {
        assert!(is_ours(&"tauri://localhost/index.html".parse().unwrap()));
        for elsewhere in [
            "https://example.com/",
            "http://localhost/",
            "tauri://example.com/",
            "file:///etc/passwd",
            "data:text/html,hello",
            "about:blank",
            "javascript:alert(1)",
        ] {
            assert!(!is_ours(&elsewhere.parse().unwrap()), "{elsewhere}");
        }
    }
}
