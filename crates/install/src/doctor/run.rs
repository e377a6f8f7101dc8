//! One run of a client.

use super::LIMIT;
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
pub(super) async fn run(program: &Path, drive: &Drive, root: &Path, env: &[(&str, &str)]) -> io::Result<Ran> {
    let work = root.join(FOLDER);
    for (path, text) in &drive.files {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&work))?;
        std::fs::write(path, text)?;
    }
    std::fs::create_dir_all(&work)?;
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
        .process_group(0)
        .kill_on_drop(true);
    for name in drive.unset {
        command.env_remove(name);
    }
    command.envs(drive.env.iter().map(|(name, value)| (name, value))).envs(env.iter().copied());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let group = child.id();
    let ended = tokio::time::timeout(LIMIT, child.wait()).await;
    end(&mut child, group).await;
    let mut output = tail(&String::from_utf8_lossy(&std::fs::read(&output)?));
    if ended.is_err() {
        output.push_str(&format!("\n(ended after {} s)", LIMIT.as_secs()));
    }
    Ok(Ran { took: began.elapsed(), output })
}

/// Ends the client, if it runs, and what it has left behind.
async fn end(child: &mut Child, group: Option<u32>) {
    if let Some(group) = group.and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
        // A group without members has ended.
        let _ended = kill_process_group(group, Signal::KILL);
    }
    drop(child.wait().await);
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
