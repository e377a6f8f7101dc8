//! A device's folder: one process at a time, nobody else may look in, and a file is there whole or not at all.
//!
//! Two processes that ran one device would count their decisions twice from the same number; the lock keeps the
//! second one out.

use crate::failure::Failure;
use agenttrust_protocol::door::Trouble;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Larger files are none of ours.
const MAX_FILE: u64 = 64 << 20;

/// An open folder, locked for this process as long as the value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where there is none, checks that it is ours alone, and locks it.
    ///
    /// # Errors
    /// `unsafe_folder` if another user could look or write into it, `already_running` if another process runs the
    /// device that lives here.
    pub fn open(path: &Path) -> Result<Folder, Failure> {
        let failed = |error: std::io::Error| Failure::io(path, &error);
        let path = std::path::absolute(path).map_err(failed)?;
        private::create_folder(&path)?;
        private::check_folder(&path)?;
        let lock = path.join("device.lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        private::only_ours(&mut options);
        let file = options.open(&lock).map_err(|error| Failure::io(&lock, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Folder { path, _lock: file }),
            Err(fs::TryLockError::WouldBlock) => {
                Err(Failure::new(Trouble::AlreadyRunning, format!("{} is in use", path.display())))
            }
            Err(fs::TryLockError::Error(error)) => Err(Failure::io(&lock, &error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only we can read: after a return it is on the disk, after a crash it is the old or the
    /// new one.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (path, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let failed = |error: std::io::Error| Failure::io(&path, &error);
        // One left over from a crash is nobody's: the folder is locked.
        let _absent = fs::remove_file(&new);
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        private::only_ours(&mut options);
        let written = options.open(&new).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written {
            let _half = fs::remove_file(&new);
            return Err(failed(error));
        }
        fs::rename(&new, &path).map_err(failed)?;
        private::sync_folder(&self.path).map_err(failed)
    }

    /// A file's bytes; `None` if there is no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.path.join(name);
        let failed = |error: std::io::Error| Failure::io(&path, &error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        private::check_file(&path, &file)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Where a file is that only we can read and that a library writes; made empty where there is none.
    pub(crate) fn private(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        private::only_ours(&mut options);
        let file = options.open(&path).map_err(|error| Failure::io(&path, &error))?;
        private::check_file(&path, &file)?;
        Ok(path)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    /// Takes the folder's files away, best effort, and lets go of it: for a pairing that came to nothing.
    pub(crate) fn discard(self, names: &[&str]) {
        for name in names {
            let _absent = fs::remove_file(self.path.join(name));
        }
        let _absent = fs::remove_file(self.path.join("device.lock"));
        // Not empty means that it holds what is not ours to delete.
        let _kept = fs::remove_dir(&self.path);
    }
}

#[cfg(unix)]
mod private {
    use super::*;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    pub(super) fn create_folder(path: &Path) -> Result<(), Failure> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| Failure::io(path, &error))
    }

    pub(super) fn check_folder(path: &Path) -> Result<(), Failure> {
        let data = fs::metadata(path).map_err(|error| Failure::io(path, &error))?;
        if !data.is_dir() || data.uid() != me() || data.mode() & 0o077 != 0 {
            return Err(Failure::new(Trouble::UnsafeFolder, path.display().to_string()));
        }
        Ok(())
    }

    pub(super) fn check_file(path: &Path, file: &File) -> Result<(), Failure> {
        let data = file.metadata().map_err(|error| Failure::io(path, &error))?;
        if !data.is_file() || data.uid() != me() || data.mode() & 0o077 != 0 {
            return Err(Failure::new(Trouble::UnsafeFolder, format!("{}: open to others", path.display())));
        }
        Ok(())
    }

    pub(super) fn only_ours(options: &mut OpenOptions) {
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }

    pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

/// Where there are no modes, the user's own profile folder is what keeps others out.
#[cfg(not(unix))]
mod private {
    use super::*;

    pub(super) fn create_folder(path: &Path) -> Result<(), Failure> {
        fs::create_dir_all(path).map_err(|error| Failure::io(path, &error))
    }

    pub(super) fn check_folder(_path: &Path) -> Result<(), Failure> {
        Ok(())
    }

    pub(super) fn check_file(_path: &Path, _file: &File) -> Result<(), Failure> {
        Ok(())
    }

    pub(super) fn only_ours(_options: &mut OpenOptions) {}

    pub(super) fn sync_folder(_path: &Path) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn one_process_at_a_time() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("phone");
        let first = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().code(), "already_running");
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn what_others_could_read_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("phone");
        let folder = Folder::open(&path).unwrap();
        folder.write("state.json", b"{}").unwrap();
        assert_eq!(fs::metadata(path.join("state.json")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(path.join("state.json"), fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(folder.read("state.json").unwrap_err().code(), "unsafe_folder");
        drop(folder);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().code(), "unsafe_folder");
    }

    #[test]
    fn a_file_is_the_old_or_the_new_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::open(&scratch.path().join("phone")).unwrap();
        assert_eq!(folder.read("state.json").unwrap(), None);
        folder.write("state.json", b"old").unwrap();
        // What a crash in the middle of a write leaves behind.
        fs::write(folder.path().join("state.json.new"), b"ha").unwrap();
        assert_eq!(folder.read("state.json").unwrap().unwrap(), b"old");
        folder.write("state.json", b"new").unwrap();
        assert_eq!(folder.read("state.json").unwrap().unwrap(), b"new");
        assert!(!folder.has("state.json.new"));
        // A write that fails leaves the old one.
        fs::create_dir(folder.path().join("state.json.new")).unwrap();
        assert!(folder.write("state.json", b"lost").is_err());
        assert_eq!(folder.read("state.json").unwrap().unwrap(), b"new");
    }

    #[test]
    fn discarding_leaves_what_is_not_ours() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("phone");
        let folder = Folder::open(&path).unwrap();
        folder.write("keys.json", b"{}").unwrap();
        folder.discard(&["keys.json"]);
        assert!(!path.exists());
        let folder = Folder::open(&path).unwrap();
        fs::write(path.join("letter.txt"), "mine").unwrap();
        folder.discard(&["keys.json"]);
        assert_eq!(fs::read_to_string(path.join("letter.txt")).unwrap(), "mine");
    }
}
