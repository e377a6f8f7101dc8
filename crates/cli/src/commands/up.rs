//! `agenttrust up` and `agenttrust down`.

use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Look, Out};
use agenttrust_device::HostDoor;
use agenttrust_device::Place;
use agenttrust_protocol::door::{DaemonStatus, Trouble};
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    if started {
        let done = out.paint(Look::Good, "The daemon is running.");
        out.line(format!("{done} (pid {pid}, data in {data})"));
    } else {
        out.line(format!("The daemon already runs. (pid {pid}, data in {data})"));
    }
    if status.tdid.is_none() {
        out.line(
            "Next: pair a device with `agenttrust pair`, or this terminal with `agenttrust pair --this-terminal`.",
        );
    }
    out.document(&Up { started, pid, data, log: place.log_file().display().to_string() });
    Ok(())
}

/// Stops the daemon and waits until it is gone.
///
/// # Errors
/// If it does not end in time.
pub async fn down(place: &Place, out: &mut Out) -> Outcome {
    let host = HostDoor::new(place.host_socket());
    let pid = match host.status().await {
        Ok(status) => status.pid,
        Err(failure) if failure.code() == Trouble::DaemonDown.code() => {
            out.line("The daemon does not run.");
            out.document(&serde_json::json!({ "stopped": false }));
            return Ok(());
        }
        Err(failure) => return Err(failure.into()),
    };
    host.stop().await?;
    let deadline = Instant::now() + STOP;
    while is_alive(pid) {
        if Instant::now() > deadline {
            let message = format!("The daemon (pid {pid}) was told to stop and still runs.");
            return Err(Failure::own("still_running", Exit::Failed, message, "Its log says why: `daemon.log`."));
        }
        tokio::time::sleep(POLL).await;
    }
    out.line("The daemon has stopped.");
    out.document(&serde_json::json!({ "stopped": true }));
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
    let log = place.log_file();
    let end = fs::metadata(&log).map_or(0, |data| data.len());
    let mut child = spawn(place, &log)?;
    let deadline = Instant::now() + START;
    loop {
        match host.status().await {
            Ok(status) => return Ok(status),
            Err(failure) if failure.code() != Trouble::DaemonDown.code() => return Err(failure.into()),
            Err(_) => {}
        }
        if child.try_wait().map_err(|error| Failure::io(&log, &error))?.is_some() {
            // Another one may have been faster: two `up` at the same time are both right.
            return host.status().await.map_err(|_| last_words(&log, end));
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

/// Starts the daemon through `agenttrust detached`, which leaves this terminal's session first.
fn spawn(place: &Place, log: &Path) -> Outcome<Child> {
    let daemon = find_daemon()?;
    let this = std::env::current_exe().map_err(|error| Failure::io(Path::new("agenttrust"), &error))?;
    let failed = |error: std::io::Error| Failure::io(log, &error);
    let mut options = OpenOptions::new();
    let options = options.create(true).append(true).mode(0o600);
    let file = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(log).map_err(failed)?;
    let errors = file.try_clone().map_err(failed)?;
    let mut command = Command::new(this);
    command.arg("detached").arg("--").arg(&daemon).arg("--data").arg(place.data());
    // Else the daemon would keep the folder busy in which it happened to be started.
    command.current_dir("/").stdin(Stdio::null()).stdout(file).stderr(errors);
    command.spawn().map_err(|error| Failure::io(&daemon, &error))
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

/// Why the daemon ended: the last lines it wrote, with the code they name.
fn last_words(log: &Path, from: u64) -> Failure {
    let said = read_from(log, from).unwrap_or_default();
    match trouble_in(&said) {
        Some((trouble, line)) => {
            let mut failure = Failure::from(trouble);
            failure.body.message = line;
            failure
        }
        None => {
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            let hint = format!("Its log: {}", log.display());
            let message = format!("The daemon did not start: {last}");
            Failure::own(Trouble::DaemonDown.code(), Exit::NoDaemon, message, hint)
        }
    }
}

/// The last trouble that a daemon's log tells: `agenttrustd: sentence [detail] (code)`.
pub fn trouble_in(log: &str) -> Option<(Trouble, String)> {
    log.lines().rev().find_map(|line| {
        let line = line.strip_prefix("agenttrustd: ")?;
        let (sentence, code) = line.strip_suffix(')')?.rsplit_once(" (")?;
        let trouble = Trouble::ALL.iter().copied().find(|trouble| trouble.code() == code)?;
        Some((trouble, sentence.to_owned()))
    })
}

/// The end of a log file from a place on, at most 64 KiB of it.
pub fn read_from(log: &Path, from: u64) -> std::io::Result<String> {
    let mut file = fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(64 << 10))))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What `agenttrust detached` does: leaves the session and terminal of whoever called, and becomes the program.
///
/// # Errors
/// If the program cannot be started; there is no other return.
pub fn detached(command: &[std::ffi::OsString]) -> Outcome<std::convert::Infallible> {
    use std::os::unix::process::CommandExt;
    let (program, arguments) = command.split_first().ok_or_else(|| Failure::usage("No program is named.", ""))?;
    // It fails where this process leads a session already, which is all that is wanted.
    let _leads = rustix::process::setsid();
    Err(Failure::io(Path::new(program), &Command::new(program).args(arguments).exec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_trouble_of_a_log_counts() {
        let log = "2026 INFO ready\nagenttrustd: The disk is full. (disk_full)\n  Free some.\n\
                   agenttrustd: Another daemon already uses this data folder. [/d/daemon.lock] (already_running)\n  Use it.\n";
        let (trouble, line) = trouble_in(log).unwrap();
        assert_eq!(trouble, Trouble::AlreadyRunning);
        assert_eq!(line, "Another daemon already uses this data folder. [/d/daemon.lock]");
        assert_eq!(trouble_in("agenttrustd: something (else)\n"), None);
        assert_eq!(trouble_in(""), None);
    }

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        assert!(is_alive(std::process::id()));
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!is_alive(pid));
        assert!(!is_alive(0) && !is_alive(u32::MAX));
    }
}
