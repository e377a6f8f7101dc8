//! What the person chose, in a file beside the device's folder.

use super::Settings;
use crate::failure::Failure;
use agenttrust_protocol::door::Trouble;
use std::fs;
use std::path::Path;

/// The file's choices; the usual ones if there is none, or it is none of ours.
pub(super) fn read(path: &Path) -> Settings {
    let Ok(bytes) = fs::read(path) else { return Settings::default() };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "the settings cannot be read; the usual ones are used");
        Settings::default()
    })
}

/// Writes them: after a crash it is the old file or the new one.
pub(super) fn write(path: &Path, settings: &Settings) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(settings);
    let json = json.map_err(|error| Failure::new(Trouble::Internal, error.to_string()))?;
    let new = path.with_extension("json.new");
    let written = fs::write(&new, json).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| Failure::io(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{Notifications, Theme};

    #[test]
    fn choices_are_kept_and_a_damaged_file_means_the_usual_ones() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("app.json");
        assert_eq!(read(&path), Settings::default());
        let chosen = Settings { notifications: Notifications::Full, theme: Theme::Dark, ..Settings::default() };
        write(&path, &chosen).unwrap();
        assert_eq!(read(&path), chosen);
        // A file of an earlier version names fewer choices.
        fs::write(&path, r#"{"theme":"light"}"#).unwrap();
        assert_eq!(read(&path), Settings { theme: Theme::Light, ..Settings::default() });
        fs::write(&path, "{").unwrap();
        assert_eq!(read(&path), Settings::default());
        assert!(write(&scratch.path().join("none").join("app.json"), &chosen).is_err());
    }
}
