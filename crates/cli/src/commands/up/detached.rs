//! The daemon as a process of its own, where no service manager keeps it.

use crate::failure::{Failure, Outcome};
use agenttrust_device::Place;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the daemon through `agenttrust detached`, which leaves this terminal's session first.
///
/// # Errors
/// If the log cannot be opened or the program not started.
pub fn spawn(daemon: &Path, place: &Place) -> Outcome<Child> {
    let log = &place.log_file();
    let this = std::env::current_exe().map_err(|error| Failure::io(Path::new("agenttrust"), &error))?;
    let failed = |error: std::io::Error| Failure::io(log, &error);
    let mut options = OpenOptions::new();
    let options = options.create(true).append(true).mode(0o600);
    let file = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(log).map_err(failed)?;
    let errors = file.try_clone().map_err(failed)?;
    let mut command = Command::new(this);
    command.arg("detached").arg("--").arg(daemon).arg("--data").arg(place.data());
    // Else the daemon would keep the folder busy in which it happened to be started.
    command.current_dir("/").stdin(Stdio::null()).stdout(file).stderr(errors);
    command.spawn().map_err(|error| Failure::io(daemon, &error))
}

/// What `agenttrust detached` does: leaves the session and terminal of whoever called, and becomes the program.
///
/// # Errors
/// If the program cannot be started; there is no other return.
pub fn become_detached(command: &[std::ffi::OsString]) -> Outcome<std::convert::Infallible> {
    use std::os::unix::process::CommandExt;
    let (program, arguments) = command.split_first().ok_or_else(|| Failure::usage("No program is named.", ""))?;
    // It fails where this process leads a session already, which is all that is wanted.
    let _leads = rustix::process::setsid();
    Err(Failure::io(Path::new(program), &Command::new(program).args(arguments).exec()))
}
