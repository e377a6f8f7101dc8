//! Why the daemon does not start.

use agenttrust_protocol::door::Trouble;
use std::fmt;
use std::path::Path;

/// A reason not to start: a trouble, and where it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// Its code, sentence and next step.
    pub trouble: Trouble,
    /// What exactly, for the person at the terminal; may name paths.
    pub detail: String,
}

impl StartError {
    /// A trouble with its detail.
    pub fn new(trouble: Trouble, detail: impl Into<String>) -> StartError {
        StartError { trouble, detail: detail.into() }
    }

    /// What the system said about a file.
    pub fn io(path: &Path, error: &std::io::Error) -> StartError {
        use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, StorageFull};
        let trouble = if matches!(error.kind(), StorageFull | QuotaExceeded) {
            Trouble::DiskFull
        } else if error.kind() == PermissionDenied {
            Trouble::UnsafeFolder
        } else {
            Trouble::Internal
        };
        StartError::new(trouble, format!("{}: {error}", path.display()))
    }
}

/// Two lines: the sentence with detail and code, then the next step.
impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.trouble.sentence())?;
        if !self.detail.is_empty() {
            write!(f, " [{}]", self.detail)?;
        }
        write!(f, " ({})\n  {}", self.trouble.code(), self.trouble.hint())
    }
}

impl std::error::Error for StartError {}
