//! Whether the data folder is this user's alone.

use super::Check;
use agenttrust_protocol::door::Trouble;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const NAME: &str = "folder";

/// A path to a Unix socket has at most so many bytes, its end mark not counted.
const MAX_SOCKET_PATH: usize = 107;

/// Looks at the folder and those above it.
pub(super) fn data_folder(data: &Path) -> Check {
    let shown = data.display().to_string();
    let found = match fs::metadata(data) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Check::ok(NAME, format!("{shown} does not exist yet; `agenttrust up` makes it"));
        }
        Err(error) => return Check::fail(NAME, Trouble::UnsafeFolder, &format!("{shown}: {error}")),
    };
    let me = rustix::process::geteuid().as_raw();
    let problem = if !found.is_dir() {
        Some("not a folder".to_owned())
    } else if found.uid() != me {
        Some(format!("it belongs to user {}, this is user {me}", found.uid()))
    } else if found.mode() & 0o077 != 0 {
        Some(format!("its mode is {:o}", found.mode() & 0o777))
    } else {
        fs::canonicalize(data).ok().and_then(|real| above(&real, me))
    };
    if let Some(problem) = problem {
        return Check::fail(NAME, Trouble::UnsafeFolder, &format!("{shown}: {problem}"));
    }
    let socket = data.join("agent.sock");
    if socket.as_os_str().len() > MAX_SOCKET_PATH {
        let message = format!("{shown} is too long a path for a socket");
        let hint = "Choose a shorter folder with `--data`, or AGENTTRUST_DATA.";
        return Check { level: super::Level::Fail, ..Check::warn(NAME, "path_too_long", message, hint) };
    }
    Check::ok(NAME, format!("{shown} is yours alone"))
}

/// A folder above it in which another user could put something in its place.
fn above(real: &Path, me: u32) -> Option<String> {
    real.ancestors().skip(1).find_map(|folder| {
        let data = fs::metadata(folder).ok()?;
        let sticky = data.mode() & 0o1000 != 0;
        let foreign = data.uid() != me && data.uid() != 0;
        let open = data.mode() & 0o002 != 0 && !sticky;
        (foreign || open).then(|| format!("{} can be changed by others", folder.display()))
    })
}
