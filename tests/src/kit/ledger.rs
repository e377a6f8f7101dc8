//! A file of lines that outlives whoever writes it: what a process saw happen before it was killed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// Lines of words, appended by any number of processes.
#[derive(Debug)]
pub struct Ledger {
    file: File,
}

impl Ledger {
    /// Opens or makes the file.
    #[must_use]
    pub fn open(path: &Path) -> Ledger {
        Ledger { file: OpenOptions::new().create(true).append(true).open(path).expect("a ledger") }
    }

    /// Appends one line in one system call, so that a kill leaves all of it or nothing.
    pub fn note(&self, line: &str) {
        (&self.file).write_all(format!("{line}\n").as_bytes()).expect("a line fits");
    }

    /// The words behind `kind` of every line that begins with it.
    #[must_use]
    pub fn read(path: &Path, kind: &str) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let lines = text.lines().map(words).filter(|words| words.first().is_some_and(|first| first == kind));
        lines.map(|words| words.into_iter().skip(1).collect()).collect()
    }
}
