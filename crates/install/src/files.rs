//! Files of other programs: read as they are, replaced as a whole or not at all.

use crate::refusal::{Outcome, Refusal};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The largest configuration that is read, in bytes.
const MAX: u64 = 16 << 20;

/// The mode of a file that was not there before: it may come to hold secrets.
const PRIVATE: u32 = 0o600;

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The file itself, where the path is a link to it.
    pub path: PathBuf,
    /// Its bytes; nothing if there is none.
    pub bytes: Option<Vec<u8>>,
}

/// Reads the file that this path leads to.
pub(crate) fn find(path: &Path) -> Outcome<Found> {
    let path = target(path)?;
    let bytes = match fs::metadata(&path) {
        Ok(meta) if !meta.is_file() => {
            return Err(Refusal::unreadable("it is not a file").about(&path));
        }
        Ok(meta) if meta.len() > MAX => return Err(Refusal::unreadable("it is too large").about(&path)),
        Ok(_) => Some(fs::read(&path).map_err(|error| Refusal::io(&path, &error))?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Refusal::io(&path, &error)),
    };
    Ok(Found { path, bytes })
}

/// Where a chain of links ends, also where nothing is there yet.
fn target(path: &Path) -> Outcome<PathBuf> {
    let mut at = path.to_path_buf();
    for _ in 0..40 {
        match fs::read_link(&at) {
            Ok(next) => at = at.parent().map_or_else(|| next.clone(), |folder| folder.join(&next)),
            Err(_) => return Ok(at),
        }
    }
    Err(Refusal::unreadable("its links lead in a circle").about(path))
}

/// The folders above this path that are missing, the outermost first.
pub(crate) fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let mut missing: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
    missing.reverse();
    missing
}

/// Puts these bytes there, if the file still is what was found. Whoever reads it meanwhile sees the old bytes or the
/// new ones; its mode stays.
pub(crate) fn replace(found: &Found, bytes: &[u8]) -> Outcome<()> {
    let folder = found.path.parent().unwrap_or(Path::new("."));
    let fail = |error: std::io::Error| unwritable(&found.path, &error);
    fs::create_dir_all(folder).map_err(fail)?;
    let mode = fs::metadata(&found.path).map_or(PRIVATE, |meta| meta.permissions().mode() & 0o7777);
    let mut file = tempfile::Builder::new().prefix(".agenttrust-").tempfile_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    unchanged(found)?;
    file.persist(&found.path).map_err(|error| fail(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Takes the file away, if it still is what was found, and with it those of our folders that are empty.
pub(crate) fn remove(found: &Found, folders: &[PathBuf]) -> Outcome<()> {
    unchanged(found)?;
    match fs::remove_file(&found.path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(&found.path, &error)),
        Ok(()) | Err(_) => {}
    }
    // One that holds something by now is somebody's.
    folders.iter().rev().take_while(|folder| fs::remove_dir(folder).is_ok()).for_each(drop);
    Ok(())
}

fn unchanged(found: &Found) -> Outcome<()> {
    if find(&found.path)? == *found {
        return Ok(());
    }
    let message = "The file was changed by somebody else in the meantime, so it was left alone.";
    Err(Refusal::new("config_changed", message, "Run the same command again.").about(&found.path))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Refusal {
    if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        let hint = "Make the file and its folder writable for you, or run this as the user whose client it is.";
        return Refusal::new("config_not_writable", format!("{}: {error}", path.display()), hint);
    }
    Refusal::io(path, error)
}

/// Best effort: a file that was renamed is there either way once the system writes its folder.
fn sync_folder(folder: &Path) {
    drop(File::open(folder).and_then(|folder| folder.sync_all()));
}

/// Writes a file of our own, private, as a whole.
pub(crate) fn keep(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fail = |error: std::io::Error| Refusal::io(path, &error);
    fs::create_dir_all(folder).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
