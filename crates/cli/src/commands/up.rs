//! `agenttrust up` and `agenttrust down`.

pub mod detached;
pub mod log;
pub mod unit;

use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Look, Out};
use agenttrust_device::HostDoor;
use agenttrust_device::Place;
use agenttrust_protocol::door::{DaemonStatus, Trouble};
use log::last_words;
use serde::Serialize;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unit::Unit;

/// The daemon's program.
const DAEMON: &str = "agenttrustd";

/// A large database is checked when it is opened; a start takes no longer than this.
const START: Duration = Duration::from_secs(60);

/// A daemon that was told to stop ends within this time.
const STOP: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(30);

#[derive(Serialize)]
struct Up {
    started: bool,
    pid: u32,
    data: String,
    log: String,
    /// Whether the service manager keeps it, over logins too.
    unit: bool,
}

/// Starts the daemon if it does not run.
///
/// # Errors
/// What the daemon says, or that it does not answer.
pub async fn up(place: &Place, out: &mut Out) -> Outcome {
    let host = HostDoor::new(place.host_socket());
    let (started, status) = match host.status().await {
        Ok(status) => (false, status),
        Err(failure) if failure.code() == Trouble::DaemonDown.code() => (true, start(place, &host).await?),
        Err(failure) => return Err(failure.into()),
    };
    let (pid, data) = (status.pid, place.data().display().to_string());
    let unit = unit::keeps(pid);
    if started {
        let done = out.paint(Look::Good, "The daemon is running.");
        out.line(format!("{done} (pid {pid}, data in {data})"));
    } else {
        out.line(format!("The daemon already runs. (pid {pid}, data in {data})"));
    }
    if started && unit {
        out.line("It starts again whenever you log in, until `agenttrust down`.");
    }
    if status.tdid.is_none() {
        out.line(
            "Next: pair a device with `agenttrust pair`, or this terminal with `agenttrust pair --this-terminal`.",
        );
    }
    out.document(&Up { started, pid, data, log: place.log_file().display().to_string(), unit });
    Ok(())
}

/// Stops the daemon, waits until it is gone, and keeps it from starting at the next login.
///
/// # Errors
/// If it does not end in time.
pub async fn down(place: &Place, out: &mut Out) -> Outcome {
    let host = HostDoor::new(place.host_socket());
    let stopped = match host.status().await {
        Ok(status) => {
            host.stop().await?;
            gone(status.pid).await?;
            true
        }
        Err(failure) if failure.code() == Trouble::DaemonDown.code() => false,
        Err(failure) => return Err(failure.into()),
    };
    if let Ok(daemon) = find_daemon()
        && let Some(unit) = Unit::find(&daemon, place).await
    {
        unit.disable().await.map_err(|said| {
            let message = format!("The daemon does not run, and may start again at the next login: {said}");
            Failure::own("still_enabled", Exit::Failed, message, "Try `systemctl --user disable agenttrustd`.")
        })?;
    }
    out.line(if stopped { "The daemon has stopped." } else { "The daemon does not run." });
    out.document(&serde_json::json!({ "stopped": stopped }));
    Ok(())
}

async fn gone(pid: u32) -> Outcome {
    let deadline = Instant::now() + STOP;
    while is_alive(pid) {
        if Instant::now() > deadline {
            let message = format!("The daemon (pid {pid}) was told to stop and still runs.");
            return Err(Failure::own("still_running", Exit::Failed, message, "Its log says why: `daemon.log`."));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Whether a process of this user runs.
pub fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let alive = pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
    alive && !is_zombie(pid)
}

/// A process that has ended and that its parent has not collected yet.
fn is_zombie(pid: Option<rustix::process::Pid>) -> bool {
    let stat = pid.and_then(|pid| fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok());
    stat.is_some_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

async fn start(place: &Place, host: &HostDoor) -> Outcome<DaemonStatus> {
    make_folder(place.data())?;
    let daemon = find_daemon()?;
    let log = place.log_file();
    let end = fs::metadata(&log).map_or(0, |data| data.len());
    if let Some(unit) = Unit::find(&daemon, place).await {
        let told = unit.start().await;
        return host.status().await.map_err(|failure| match told {
            Err(said) => last_words(&log, end, &said),
            Ok(()) => failure.into(),
        });
    }
    let mut child = detached::spawn(&daemon, place)?;
    let deadline = Instant::now() + START;
    loop {
        match host.status().await {
            Ok(status) => return Ok(status),
            Err(failure) if failure.code() != Trouble::DaemonDown.code() => return Err(failure.into()),
            Err(_) => {}
        }
        if child.try_wait().map_err(|error| Failure::io(&log, &error))?.is_some() {
            // Another one may have been faster: two `up` at the same time are both right.
            return host.status().await.map_err(|_| last_words(&log, end, "it said nothing"));
        }
        if Instant::now() > deadline {
            let message = "The daemon was started and does not answer.";
            let hint = format!("Its log may say why: {}", log.display());
            return Err(Failure::own(Trouble::DaemonDown.code(), Exit::NoDaemon, message, hint));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn make_folder(data: &Path) -> Outcome {
    let parent = data.parent().map_or(Ok(()), fs::create_dir_all);
    parent.map_err(|error| Failure::io(data, &error))?;
    match fs::DirBuilder::new().mode(0o700).create(data) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Failure::io(data, &error)),
    }
}

/// The daemon's program: beside this one, or in PATH.
fn find_daemon() -> Outcome<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|this| this.parent().map(|folder| folder.join(DAEMON)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = beside.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join(DAEMON)));
    places.find(|program| program.is_file()).ok_or_else(|| {
        let message = format!("The program `{DAEMON}` is not installed.");
        Failure::own("no_daemon_program", Exit::Failed, message, "Install it beside `agenttrust`, or put it in PATH.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        assert!(is_alive(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!is_alive(pid));
        assert!(!is_alive(0) && !is_alive(u32::MAX));
    }
}
