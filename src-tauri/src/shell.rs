//! What only the app can do for its console.

use crate::window::MAIN;
use agenttrust_device::console::{Answer, Shell};
use std::path::PathBuf;
use tauri::{AppHandle, Manager};
use tauri_plugin_autostart::ManagerExt;
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

/// The app, as its console sees it.
pub struct AppShell(pub AppHandle);

impl AppShell {
    fn dialog(&self, title: &str) -> FileDialogBuilder<tauri::Wry> {
        let mut dialog = self.0.dialog().file().set_title(title);
        let paths = self.0.path();
        if let Ok(folder) = paths.document_dir().or_else(|_| paths.home_dir()) {
            dialog = dialog.set_directory(folder);
        }
        match self.0.get_webview_window(MAIN) {
            Some(window) => dialog.set_parent(&window),
            None => dialog,
        }
    }
}

impl Shell for AppShell {
    fn choose_folder(&self) -> Answer<Option<PathBuf>> {
        let dialog = self.dialog("Where should the history go?");
        ask(|answer| dialog.pick_folder(answer))
    }

    fn choose_file(&self, name: &str) -> Answer<Option<PathBuf>> {
        let dialog = self.dialog("Where should the file go?").set_file_name(name);
        ask(|answer| dialog.save_file(answer))
    }

    fn set_autostart(&self, on: bool) -> Result<(), String> {
        let autostart = self.0.autolaunch();
        // One that is off already cannot be switched off again.
        if on == autostart.is_enabled().unwrap_or(false) {
            return Ok(());
        }
        let done = if on { autostart.enable() } else { autostart.disable() };
        done.map_err(|error| error.to_string())
    }
}

fn ask(dialog: impl FnOnce(Box<dyn FnOnce(Option<FilePath>) + Send>)) -> Answer<Option<PathBuf>> {
    let (tell, told) = oneshot::channel();
    dialog(Box::new(move |chosen| {
        // The console may have gone meanwhile.
        let _told = tell.send(chosen.and_then(|path| path.into_path().ok()));
    }));
    Box::pin(async move { told.await.ok().flatten() })
}
