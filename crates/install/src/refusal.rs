//! Why nothing was changed.

use std::fmt::{self, Display};
use std::path::Path;

/// A stable code, a sentence and a next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// What can be refused.
pub type Outcome<T = ()> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), hint: hint.into() }
    }

    /// A configuration that cannot be understood, and so is left alone.
    pub(crate) fn unreadable(detail: impl Display) -> Refusal {
        let hint = "Nothing was changed. Correct the file, or move it away, and install again.";
        Refusal::new("config_unreadable", format!("The client's configuration cannot be understood: {detail}."), hint)
    }

    /// What the system said about a file.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Refusal {
        let hint = "Check who may write there and whether there is room, then try again.";
        Refusal::new("file_failed", format!("{}: {error}", path.display()), hint)
    }

    /// The same, with the file it is about.
    pub(crate) fn about(mut self, path: &Path) -> Refusal {
        self.message = format!("{} [{}]", self.message, path.display());
        self
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
