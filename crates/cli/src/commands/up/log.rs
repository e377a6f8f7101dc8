//! What the daemon said in its log.

use crate::failure::{Exit, Failure};
use agenttrust_protocol::door::Trouble;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Why the daemon ended: the last lines it wrote from a place on, with the code they name; else what is said here.
pub fn last_words(log: &Path, from: u64, otherwise: &str) -> Failure {
    let said = read_from(log, from).unwrap_or_default();
    match trouble_in(&said) {
        Some((trouble, line)) => {
            let mut failure = Failure::from(trouble);
            failure.body.message = line;
            failure
        }
        None => {
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(otherwise);
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
}
