//! One run of a client.

use super::drive::Drive;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How long a client may take to say its version.
const SHORT: Duration = Duration::from_secs(15);

/// How much of what it printed is kept, in lines.
const TAIL: usize = 12;

/// The folder that a client runs in, by whose name some clients remember it.
pub(super) const FOLDER: &str = "agenttrust-doctor";

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) took: Duration,
    /// The last lines that it printed.
    pub(super) output: String,
}

/// The first executable file of this name in a search path.
pub(super) fn find(name: &str, search: Option<OsString>) -> Option<PathBuf> {
    let search = search?;
    let runs = |path: &PathBuf| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    std::env::split_paths(&search).map(|folder| folder.join(name)).find(runs)
}

/// What the client says its version is.
pub(super) async fn version(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(SHORT, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// Runs the client in its own folder below this one until it ends or its time is over.
pub(super) async fn run(
    program: &Path,
    drive: &Drive,
    root: &Path,
    env: &[(&str, &str)],
    limit: Duration,
) -> io::Result<Ran> {
    let work = root.join(FOLDER);
    std::fs::create_dir_all(&work)?;
    for (path, text) in &drive.files {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&work))?;
        std::fs::write(path, text)?;
    }
    // A file, because a pipe would stay open in whatever the client leaves behind.
    let output = root.join("output");
    let file = File::create(&output)?;
    let mut command = Command::new(program);
    command
        .args(&drive.args)
        .current_dir(&work)
        .env("PWD", &work)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0);
    for name in drive.unset {
        command.env_remove(name);
    }
    command.envs(drive.env.iter().map(|(name, value)| (name, value))).envs(env.iter().copied());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let group = Group::of(&child);
    let ended = tokio::time::timeout(limit, child.wait()).await;
    let took = began.elapsed();
    drop(group);
    let mut output = tail(&String::from_utf8_lossy(&std::fs::read(&output)?));
    if ended.is_err() {
        output.push_str(&format!("\n(ended by AgentTrust after {} s)", limit.as_secs()));
    }
    Ok(Ran { took, output: output.trim_start().to_owned() })
}

/// A client and all that it started; they end with the value, also where nobody waits for them any more.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group without members has ended.
        let _ended = self.0.map(|group| kill_process_group(group, Signal::KILL));
    }
}

/// The last lines with something in them, without colours.
fn tail(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    let plain = parts.fold(first, |plain, part| {
        let rest = part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
        plain + rest
    });
    let lines: Vec<&str> = plain.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_plain_text() {
        assert_eq!(tail("\x1b[91m\x1b[1mError: \x1b[0mno\r\n\n\n"), "Error: no");
        let many: String = (0..30).map(|n| format!("{n}\n")).collect();
        assert_eq!(tail(&many).lines().next(), Some("18"));
    }

    #[tokio::test]
    async fn what_does_not_end_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo begun; sleep 600 & echo $! > started; wait";
        let args = ["-c", script].map(str::to_owned).to_vec();
        let drive = Drive { args, ..Drive::default() };
        let ran = run(Path::new("/bin/sh"), &drive, folder.path(), &[], Duration::from_secs(1)).await.unwrap();
        assert_eq!(ran.output, "begun\n(ended by AgentTrust after 1 s)");
        let started = std::fs::read_to_string(folder.path().join(FOLDER).join("started")).unwrap();
        let is_there = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", started.trim())).unwrap_or_default();
            status.contains("sleep") && !status.contains("zombie")
        };
        let until = Instant::now() + Duration::from_secs(10);
        while is_there() {
            assert!(Instant::now() < until, "it still runs");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[test]
    fn only_a_program_that_can_run_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codex");
        std::fs::write(&path, "").unwrap();
        let search = || Some(OsString::from(folder.path()));
        assert_eq!(find("codex", search()), None);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("codex", search()), Some(path));
        assert_eq!(find("codex", None), None);
    }
}
