//! The single checks.

use super::{Check, Level, Scene};
use crate::commands::status::any_of;
use crate::commands::up::log::{read_from, trouble_in};
use crate::out::span;
use agenttrust_device::{Failure, Kept};
use agenttrust_device::{Place, environment};
use agenttrust_protocol::Time;
use agenttrust_protocol::door::{DaemonStatus, Trouble};
use agenttrust_protocol::message::{CLOCK_SKEW, MAX_STATUS_LIFE};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a daemon's database says whose it is: `AgTr`, in SQLite's header.
const APPLICATION_ID: [u8; 4] = *b"AgTr";

/// Clocks of one machine differ by no more than this, in seconds.
const SKEW: i64 = 5;

/// Whether the file in the data folder is a daemon's database (SQLite file format, section 1.3).
pub(super) fn database(scene: &Scene<'_>) -> Check {
    const NAME: &str = "database";
    let path = scene.place.database();
    let foreign = || Check::fail(NAME, Trouble::StoreForeign, &path.display().to_string());
    if scene.status.is_ok() {
        return Check::ok(NAME, "the daemon uses it");
    }
    let mut header = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(100).read_to_end(&mut header));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::ok(NAME, "there is none yet"),
        Err(error) => Check::fail(NAME, Trouble::StoreFailed, &format!("{}: {error}", path.display())),
        Ok(0) => Check::ok(NAME, "it is empty"),
        Ok(_) if !header.starts_with(b"SQLite format 3\0") => foreign(),
        // What was written last may stand in the file beside it, the header included.
        Ok(_) if header.get(68..72) != Some(&APPLICATION_ID) && !path.with_extension("db-wal").exists() => foreign(),
        Ok(_) => match last_refusal(scene) {
            Some((trouble, said)) => Check { message: said, ..Check::fail(NAME, trouble, "") },
            None => Check::ok(NAME, "it is an AgentTrust database"),
        },
    }
}

/// What the daemon said of its database when it did not start the last time.
fn last_refusal(scene: &Scene<'_>) -> Option<(Trouble, String)> {
    const STORE: [Trouble; 5] =
        [Trouble::StoreNewer, Trouble::StoreCorrupt, Trouble::StoreForeign, Trouble::StoreFailed, Trouble::DiskFull];
    let said = last_words(scene)?;
    STORE.contains(&said.0).then_some(said)
}

fn last_words(scene: &Scene<'_>) -> Option<(Trouble, String)> {
    // A daemon that runs now has got over what it said before.
    let log = scene.status.is_err().then(|| read_from(&scene.place.log_file(), 0).ok())??;
    let last = log.lines().rev().find(|line| !line.starts_with(' ') && !line.is_empty())?;
    trouble_in(last)
}

pub(super) fn daemon(scene: &Scene<'_>) -> Check {
    const NAME: &str = "daemon";
    match &scene.status {
        Ok(status) => {
            Check::ok(NAME, format!("running for {}, pid {}", span(status.now.since(status.started)), status.pid))
        }
        Err(failure) => {
            let mut check = Check::fail(NAME, Trouble::DaemonDown, "");
            check.message = failure.body.message.clone();
            check.hint.clone_from(&failure.body.hint);
            check.code = Some(failure.code().to_owned());
            if let Some((trouble, said)) = last_words(scene) {
                check.message = format!("{} The last start failed: {said}", check.message);
                check.hint = Some(trouble.hint().to_owned());
            }
            check
        }
    }
}

/// A clock that is off is found by those of devices.
pub(super) fn clock(status: &DaemonStatus, now: Time) -> Check {
    const NAME: &str = "clock";
    let apart = now.since(status.now);
    if apart.abs() > SKEW {
        let detail = format!("the daemon's clock differs from this program's by {apart} s");
        return Check::fail(NAME, Trouble::ClockOff, &detail);
    }
    match status.skew {
        Some(ahead) if ahead > CLOCK_SKEW => {
            let detail = format!("it is {} ahead of a device's", span(ahead));
            return Check::fail(NAME, Trouble::ClockOff, &detail);
        }
        Some(ahead) if ahead < -CLOCK_SKEW => {
            let detail = format!("it is {} behind a device's", span(ahead.saturating_neg()));
            return Check::fail(NAME, Trouble::ClockOff, &detail);
        }
        Some(_) | None => {}
    }
    // While none calls, what one signed before tells of a clock that is behind.
    let longest = now.plus(MAX_STATUS_LIFE).plus(60);
    match status.status_until {
        Some(until) if until > longest => {
            let behind = span(until.since(longest));
            Check::fail(NAME, Trouble::ClockOff, &format!("a device signed a status that begins {behind} from now"))
        }
        Some(_) | None => Check::ok(NAME, "it agrees with the daemon's and the devices'"),
    }
}

pub(super) fn version(status: &DaemonStatus) -> Check {
    const NAME: &str = "version";
    let mine = env!("CARGO_PKG_VERSION");
    if status.version == mine {
        return Check::ok(NAME, format!("{mine}, as the daemon"));
    }
    let message = format!("This is {mine}, the daemon is {}", status.version);
    Check::warn(NAME, "version_differs", message, "Restart it: `agenttrust down`, then `agenttrust up`.")
}

pub(super) fn trust(status: &DaemonStatus) -> Check {
    const NAME: &str = "trust";
    let (Some(tdid), until) = (status.tdid, status.status_until) else {
        return Check::fail(NAME, Trouble::Unpaired, "");
    };
    if status.paused {
        return Check::warn(NAME, "paused", "All agents are paused.", "Let them go on with `agenttrust pause --lift`.");
    }
    if until.is_none_or(|until| until <= status.now) {
        let since = until.map_or_else(String::new, |until| format!(" {} ago", span(status.now.since(until))));
        let message = format!("The trust status expired{since}: nothing can be approved.");
        let hint = format!("Open {} to renew it.", any_of(&status.admins));
        return Check { level: Level::Fail, ..Check::warn(NAME, "status_expired", message, hint) };
    }
    Check::ok(NAME, format!("{} · bundle {}", crate::commands::status::grouped(&tdid.fingerprint()), status.bundle))
}

pub(super) fn reachable(status: &DaemonStatus) -> Check {
    const NAME: &str = "devices";
    if status.connected > 0 || status.tdid.is_none() {
        return Check::ok(NAME, format!("{} of {} connected", status.connected, status.devices));
    }
    // A terminal is connected only while it is used, so this alone breaks nothing.
    Check::of(NAME, Level::Warn, Trouble::NoDevice, &format!("0 of {} connected", status.devices))
}

/// A device on this machine runs as the user that agents run as, or beside it.
pub(super) fn approvers(status: &DaemonStatus) -> Option<Check> {
    const NAME: &str = "approvers";
    status.tdid?;
    if !status.local_only {
        return Some(Check::ok(NAME, "one of them is not on this computer"));
    }
    let message = "Every approving device is on this computer, where agents run as the same user.";
    let hint = "Pair a phone with `agenttrust pair`; rules with `remote` then keep high risk away from this computer.";
    Some(Check::warn(NAME, "approver_local", message, hint))
}

pub(super) fn agents_socket(place: &Place) -> Check {
    const NAME: &str = "agents";
    let socket = environment("AGENTTRUST_SOCKET").unwrap_or_else(|| place.agent_socket());
    let shown = socket.display().to_string();
    match std::fs::metadata(&socket) {
        Ok(data) if data.mode() & 0o077 != 0 => {
            Check::fail(NAME, Trouble::UnsafeFolder, &format!("{shown} is open to other users"))
        }
        Ok(_) => Check::ok(NAME, format!("they ask at {shown}")),
        Err(error) => Check::fail(NAME, Trouble::DaemonDown, &format!("{shown}: {error}")),
    }
}

pub(super) fn pinned_root(status: &DaemonStatus) -> Option<Check> {
    const NAME: &str = "root";
    let pinned = std::env::var("AGENTTRUST_ROOT").ok().filter(|text| !text.is_empty())?;
    let known = status.tdid?.to_string();
    if pinned == known {
        return Some(Check::ok(NAME, "AGENTTRUST_ROOT is this daemon's trust root"));
    }
    let message = "AGENTTRUST_ROOT names another trust root than this daemon's: agents will refuse everything.";
    let hint = format!("If you trust this daemon, set it to {known}.");
    Some(Check { level: Level::Fail, ..Check::warn(NAME, "wrong_root", message, hint) })
}

/// Whether this terminal is a device, and whether an agent of the same user could use its key.
pub(super) fn terminal(place: &Place) -> Check {
    const NAME: &str = "terminal";
    match kept(&place.terminal()) {
        None => Check::ok(NAME, "this terminal is no device; `agenttrust pair --this-terminal` makes it one"),
        Some(Kept::Pin) => Check::ok(
            NAME,
            "its key is sealed by a PIN; agents run as the same user, so keep high risk for a device elsewhere",
        ),
        Some(Kept::File | Kept::Platform) => {
            let message = "An approving key lies open to every program of this user: an agent could answer itself.";
            let hint = "Remove that device on another one, then `agenttrust pair --this-terminal`.";
            Check { level: Level::Fail, ..Check::warn(NAME, "key_open", message, hint) }
        }
    }
}

/// How a device's keys are kept, read without taking the device's lock.
fn kept(folder: &Path) -> Option<Kept> {
    let text = std::fs::read(folder.join("keys.json")).ok()?;
    let json: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let keys = json.get("keys")?;
    match (keys.get("pin"), keys.get("file")) {
        (Some(_), _) => Some(Kept::Pin),
        (None, Some(_)) => Some(Kept::File),
        (None, None) => Some(Kept::Platform),
    }
}

/// Desktop devices keep their keys in the platform's store.
pub(super) fn key_store(ready: &Result<(), Failure>) -> Check {
    const NAME: &str = "key store";
    match ready {
        Ok(()) => Check::ok(NAME, "this computer's key store is there and open"),
        Err(failure) => {
            let hint = "Unlock it and try again. Terminals seal their keys by a PIN and do without it.";
            Check::warn(NAME, failure.code(), failure.body().message, hint)
        }
    }
}
