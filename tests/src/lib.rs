//! What tests of the whole share; the tests themselves are in `tests/`.

#![allow(clippy::string_slice, reason = "messages are ASCII, and a panic is a failed test")]
#![allow(clippy::missing_panics_doc, reason = "a panic is a failed test")]

pub mod cast;
pub mod forge;
pub mod hostile;
pub mod kit;
pub mod vectors;

use std::path::{Path, PathBuf};

/// Folders that hold what tools made or what tests read, not sources of ours.
const NOT_SOURCES: &[&str] = &[".git", ".venv", "dist", "fixtures", "gen", "node_modules", "target"];

/// The folder that holds the workspace's `Cargo.toml`.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// All source files under `folder` whose name ends in one of `extensions`, in a stable order.
///
/// # Errors
/// When a folder cannot be read.
pub fn sources_under(folder: &Path, extensions: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let is_named = |names: &[&str], part: Option<&std::ffi::OsStr>| {
                part.and_then(|part| part.to_str()).is_some_and(|part| names.contains(&part))
            };
            if entry.file_type()?.is_dir() {
                if !is_named(NOT_SOURCES, path.file_name()) {
                    folders.push(path);
                }
            } else if is_named(extensions, path.extension()) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
