//! The daemon as a unit of the user's own service manager, as the package installs it.

use super::START;
use agenttrust_device::Place;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const UNIT: &str = "agenttrustd.service";

/// A service manager that is there answers a question within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The unit, which is started now and at every login until it is stopped.
pub struct Unit(());

impl Unit {
    /// The unit that runs this very program on this very folder. Nothing else will do: a daemon that is tried out
    /// must not be mistaken for the one that is installed.
    pub async fn find(daemon: &Path, place: &Place) -> Option<Unit> {
        let shown = systemctl(&["show", "--property=ExecStart", "--value", UNIT], PATIENCE).await.ok()?;
        runs(&shown, daemon, place.data()).then_some(Unit(()))
    }

    /// Starts it and waits until its doors answer.
    ///
    /// # Errors
    /// What the service manager says.
    pub async fn start(&self) -> Result<(), String> {
        systemctl(&["enable", "--quiet", "--now", UNIT], START + PATIENCE).await.map(|_| ())
    }

    /// Leaves it out at the next login.
    ///
    /// # Errors
    /// What the service manager says.
    pub async fn disable(&self) -> Result<(), String> {
        systemctl(&["disable", "--quiet", UNIT], PATIENCE).await.map(|_| ())
    }
}

/// Whether a running process belongs to the unit.
pub fn keeps(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| is_in(&groups))
}

fn is_in(groups: &str) -> bool {
    groups.lines().any(|group| group.ends_with(&format!("/{UNIT}")))
}

/// Whether `systemctl show` tells of this program and folder; flags that somebody added behind them do no harm.
fn runs(shown: &str, daemon: &Path, data: &Path) -> bool {
    shown.contains(&format!(" argv[]={} --data {} ", daemon.display(), data.display()))
}

async fn systemctl(arguments: &[&str], patience: Duration) -> Result<String, String> {
    let mut command = Command::new("systemctl");
    command.arg("--user").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(patience, command.output()).await;
    let output = output.map_err(|_| "systemctl does not answer".to_owned())?.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_program_on_this_folder() {
        let shown = "{ path=/usr/bin/agenttrustd ; argv[]=/usr/bin/agenttrustd --data /home/ann/.local/share/agenttrust ; \
                     ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }";
        let (daemon, data) = (Path::new("/usr/bin/agenttrustd"), Path::new("/home/ann/.local/share/agenttrust"));
        assert!(runs(shown, daemon, data));
        assert!(runs(&shown.replace("agenttrust ;", "agenttrust --log debug ;"), daemon, data));
        assert!(!runs(shown, Path::new("/build/agenttrustd"), data));
        assert!(!runs(shown, daemon, Path::new("/home/ann/.local/share")));
        assert!(!runs(shown, daemon, Path::new("/tmp/trial")));
        assert!(!runs("", daemon, data));
    }

    #[test]
    fn a_process_of_the_unit_is_known_by_its_group() {
        let of = |group: &str| format!("1:name=systemd:{group}\n0::{group}\n");
        let ours = "/user.slice/user-1000.slice/user@1000.service/app.slice/agenttrustd.service";
        assert!(is_in(&of(ours)));
        assert!(!is_in(&of("/user.slice/user-1000.slice/session-1.scope")));
        assert!(!is_in(&of(&format!("{ours}/below"))));
    }
}
