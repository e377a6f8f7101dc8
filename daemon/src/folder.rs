//! The data folder: one daemon at a time, nobody else may write it, keys made once and kept.

use crate::failure::StartError;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{Log, Role, SecretKey, Transport};
use data_encoding::BASE64URL_NOPAD;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// An open data folder, locked for this process as long as the value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Folder {
    /// Makes the folder where there is none, checks that it is ours alone, and locks it.
    ///
    /// # Errors
    /// `unsafe_folder` if another user could write in it or move it away, `already_running` if a daemon holds it.
    pub fn open(path: &Path) -> Result<Folder, StartError> {
        let path = std::path::absolute(path).map_err(|error| StartError::io(path, &error))?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| StartError::io(parent, &error))?;
        }
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StartError::io(&path, &error)),
        }
        check_folder(&path)?;
        let lock = lock(&path.join("daemon.lock"))?;
        Ok(Folder { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the SQLite database.
    pub fn database(&self) -> PathBuf {
        self.path.join("agenttrust.db")
    }

    /// The key that signs the log, made on the first start.
    ///
    /// # Errors
    /// `unsafe_folder` for a key others could read, or what the system says.
    pub fn log_key(&self) -> Result<SecretKey<Log>, StartError> {
        self.key("log.key")
    }

    /// The key of the daemon's endpoint, made on the first start.
    ///
    /// # Errors
    /// As [`Folder::log_key`].
    pub fn transport_key(&self) -> Result<SecretKey<Transport>, StartError> {
        self.key("transport.key")
    }

    /// The UDP port of the last start.
    pub fn port(&self) -> Option<u16> {
        fs::read_to_string(self.path.join("link.port")).ok()?.trim().parse().ok()
    }

    /// Keeps the UDP port for the next start, so that devices find the daemon where it was.
    ///
    /// # Errors
    /// What the system says.
    pub fn remember_port(&self, port: u16) -> Result<(), StartError> {
        if self.port() == Some(port) {
            return Ok(());
        }
        self.write("link.port", format!("{port}\n").as_bytes())
    }

    /// Writes a file others cannot read, all of it or nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StartError> {
        let (path, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let failed = |error: std::io::Error| StartError::io(&path, &error);
        // One left over from a crash is nobody's: the folder is locked.
        let _absent = fs::remove_file(&new);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let descriptor =
            rustix::fs::open(&new, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?;
        let mut file = File::from(descriptor);
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Listens on a socket in the folder that only this user may open; one left by a dead daemon is replaced.
    ///
    /// # Errors
    /// What the system says: a path too long for a socket (107 bytes) above all.
    pub fn listen(&self, name: &str) -> Result<UnixListener, StartError> {
        let (path, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let failed = |error: std::io::Error| StartError::io(&path, &error);
        let _absent = fs::remove_file(&new);
        let listener = UnixListener::bind(&new).map_err(failed)?;
        // Made under another name: whoever finds the socket finds it with its final mode, whatever the umask.
        fs::set_permissions(&new, Permissions::from_mode(0o600)).map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)?;
        Ok(listener)
    }

    /// Takes the socket away, so that callers learn at once that nobody listens.
    pub fn unlisten(&self, name: &str) {
        let _absent = fs::remove_file(self.path.join(name));
    }

    fn key<R: Role>(&self, name: &str) -> Result<SecretKey<R>, StartError> {
        let path = self.path.join(name);
        match read_private(&path)? {
            Some(text) => {
                let seed =
                    BASE64URL_NOPAD.decode(text.trim_end().as_bytes()).ok().and_then(|seed| seed.try_into().ok());
                let seed: [u8; 32] = seed
                    .ok_or_else(|| StartError::new(Trouble::StoreCorrupt, format!("{}: not a key", path.display())))?;
                Ok(SecretKey::from_seed(&seed))
            }
            None => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed)
                    .map_err(|error| StartError::new(Trouble::Internal, format!("no random numbers: {error}")))?;
                self.write(name, format!("{}\n", BASE64URL_NOPAD.encode(&seed)).as_bytes())?;
                Ok(SecretKey::from_seed(&seed))
            }
        }
    }
}

/// Refuses a folder in which, or above which, another user could put things in our place.
fn check_folder(path: &Path) -> Result<(), StartError> {
    let me = rustix::process::geteuid().as_raw();
    let unsafe_folder =
        |path: &Path, what: &str| Err(StartError::new(Trouble::UnsafeFolder, format!("{}: {what}", path.display())));
    let real = fs::canonicalize(path).map_err(|error| StartError::io(path, &error))?;
    let own = fs::metadata(&real).map_err(|error| StartError::io(path, &error))?;
    if !own.is_dir() {
        return unsafe_folder(path, "not a folder");
    }
    if own.uid() != me {
        return unsafe_folder(path, "belongs to another user");
    }
    if own.mode() & 0o077 != 0 {
        return unsafe_folder(path, "open to others");
    }
    for above in real.ancestors().skip(1) {
        let data = fs::metadata(above).map_err(|error| StartError::io(above, &error))?;
        let sticky = data.mode() & 0o1000 != 0;
        if data.mode() & 0o002 != 0 && !sticky {
            return unsafe_folder(above, "anyone can change it");
        }
        if data.uid() != me && data.uid() != 0 {
            return unsafe_folder(above, "belongs to another user");
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<OwnedFd, StartError> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file =
        rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| StartError::io(path, &errno.into()))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StartError::new(Trouble::AlreadyRunning, path.display().to_string())),
        Err(errno) => Err(StartError::io(path, &errno.into())),
    }
}

/// A file's text; `None` if there is no such file.
fn read_private(path: &Path) -> Result<Option<String>, StartError> {
    let failed = |error: std::io::Error| StartError::io(path, &error);
    let mut file = match rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno.into())),
    };
    let data = file.metadata().map_err(failed)?;
    let private = data.is_file() && data.mode() & 0o077 == 0 && data.uid() == rustix::process::geteuid().as_raw();
    if !private {
        return Err(StartError::new(Trouble::UnsafeFolder, format!("{}: open to others", path.display())));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn everything_in_it_is_ours_alone() {
        let scratch = scratch();
        let folder = Folder::open(&scratch.path().join("a/data")).unwrap();
        folder.log_key().unwrap();
        folder.transport_key().unwrap();
        folder.remember_port(7).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        for name in ["log.key", "transport.key", "link.port", "daemon.lock"] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
        assert_eq!(folder.port(), Some(7));
    }

    #[test]
    fn a_key_is_made_once() {
        let scratch = scratch();
        let path = scratch.path().join("data");
        let keys = || {
            let folder = Folder::open(&path).unwrap();
            [folder.log_key().unwrap().public().thumbprint(), folder.transport_key().unwrap().public().thumbprint()]
        };
        let first = keys();
        assert_eq!(first, keys());
        assert_ne!(first[0], first[1]);
    }

    #[test]
    fn a_damaged_key_is_told_and_not_replaced() {
        let scratch = scratch();
        let folder = Folder::open(&scratch.path().join("data")).unwrap();
        folder.write("log.key", b"short\n").unwrap();
        assert_eq!(folder.log_key().unwrap_err().trouble, Trouble::StoreCorrupt);
        assert_eq!(fs::read(folder.path().join("log.key")).unwrap(), b"short\n");
    }

    #[test]
    fn what_others_could_change_is_refused() {
        let scratch = scratch();
        let path = scratch.path().join("data");
        drop(Folder::open(&path).unwrap());
        for bad in [0o770, 0o750, 0o705, 0o701] {
            fs::set_permissions(&path, Permissions::from_mode(bad)).unwrap();
            assert_eq!(Folder::open(&path).unwrap_err().trouble, Trouble::UnsafeFolder, "{bad:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o777)).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().trouble, Trouble::UnsafeFolder, "open above");
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o1777)).unwrap();
        let folder = Folder::open(&path).unwrap();
        folder.log_key().unwrap();
        fs::set_permissions(path.join("log.key"), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(folder.log_key().unwrap_err().trouble, Trouble::UnsafeFolder, "a readable key");
    }

    #[test]
    fn a_file_or_a_foreign_folder_is_refused() {
        let scratch = scratch();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(Folder::open(&file).unwrap_err().trouble, Trouble::UnsafeFolder);
        if rustix::process::geteuid().is_root() {
            let foreign = scratch.path().join("foreign");
            fs::DirBuilder::new().mode(0o700).create(&foreign).unwrap();
            std::os::unix::fs::chown(&foreign, Some(65534), None).unwrap();
            assert_eq!(Folder::open(&foreign).unwrap_err().trouble, Trouble::UnsafeFolder);
        }
    }

    #[test]
    fn one_daemon_at_a_time() {
        let scratch = scratch();
        let path = scratch.path().join("data");
        let first = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().trouble, Trouble::AlreadyRunning);
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[tokio::test]
    async fn a_socket_replaces_a_dead_one_and_is_private() {
        let scratch = scratch();
        let folder = Folder::open(&scratch.path().join("data")).unwrap();
        drop(folder.listen("agent.sock").unwrap());
        let _listener = folder.listen("agent.sock").unwrap();
        let path = folder.path().join("agent.sock");
        assert_eq!(mode(&path), 0o600);
        tokio::net::UnixStream::connect(&path).await.unwrap();
        folder.unlisten("agent.sock");
        assert!(!path.exists());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_told() {
        let scratch = scratch();
        let folder = Folder::open(&scratch.path().join("d".repeat(120))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let error = folder.listen("agent.sock").unwrap_err();
        assert!(error.detail.contains("agent.sock"), "{error}");
    }
}
