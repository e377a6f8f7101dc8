//! The agent's folder and the key in it, shared by every process of that agent.

use crate::error::Refused;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{Agent, SecretKey};
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

const DAMAGED: &str = "The agent's key file (agent.key) is damaged.";
const UNSAFE: &str = "The agent's folder or key can be read or changed by other users.";

/// Fills a buffer from the system's random number generator.
#[allow(
    clippy::expect_used,
    reason = "without random numbers nothing may be signed, and there is nothing to go on with"
)]
pub(crate) fn random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the system's random number generator works");
}

/// Makes the agent's folder, for this user alone, or checks the one that is there.
///
/// # Errors
/// `unsafe_folder`, or what the file system says.
pub(crate) fn secure_folder(folder: &Path) -> Result<(), Refused> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = fs::metadata(folder)?;
    let ours = found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
    if ours { Ok(()) } else { Err(Refused::own(Trouble::UnsafeFolder, UNSAFE)) }
}

/// Reads the agent's key, making one where there is none. Of several processes that make one at once, all use the
/// first.
///
/// # Errors
/// `unsafe_folder`, `store_corrupt`, or what the file system says.
pub(crate) fn load_or_make(folder: &Path) -> Result<SecretKey<Agent>, Refused> {
    let path = folder.join("agent.key");
    match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(folder, &path)?,
        Err(error) => return Err(error.into()),
        Ok(found) => return found,
    }
    read(&path)?
}

fn read(path: &Path) -> Result<Result<SecretKey<Agent>, Refused>, std::io::Error> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(no_follow).open(path)?;
    let found = file.metadata()?;
    let ours = found.is_file() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if !ours {
        return Ok(Err(Refused::own(Trouble::UnsafeFolder, UNSAFE)));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    // A seed is 32 bytes of base64url, as a hash is.
    let seed: Result<Hash, _> = text.trim_end().parse();
    let damaged = Refused::own(Trouble::StoreCorrupt, DAMAGED);
    Ok(seed.map(|seed| SecretKey::from_seed(seed.as_bytes())).map_err(|_| damaged))
}

/// Writes a new key beside its place and links it there, which fails if another process was first: nobody ever reads
/// half a key.
fn make(folder: &Path, path: &Path) -> Result<(), Refused> {
    let (mut seed, mut tag) = ([0; 32], [0; 32]);
    random(&mut seed);
    random(&mut tag);
    let draft = folder.join(format!(".agent.key.{}", Hash::from_bytes(tag)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = writeln!(file, "{}", Hash::from_bytes(seed)).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        Err(_) | Ok(()) => Ok(File::open(folder)?.sync_all()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn all_processes_get_the_key_that_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| load_or_make(folder.path()).unwrap().public().thumbprint())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files, ["agent.key"]);
        assert_eq!(fs::metadata(folder.path().join("agent.key")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_others_could_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        load_or_make(folder.path()).unwrap();
        let path = folder.path().join("agent.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load_or_make(folder.path()).unwrap_err().code(), Trouble::UnsafeFolder.into());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "not a key\n").unwrap();
        assert_eq!(load_or_make(folder.path()).unwrap_err().code(), Trouble::StoreCorrupt.into());
    }

    #[test]
    fn a_folder_others_could_change_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents/bot");
        secure_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(secure_folder(&path).unwrap_err().code(), Trouble::UnsafeFolder.into());
    }
}
