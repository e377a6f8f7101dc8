//! What can go wrong with the store.

use agenttrust_protocol::Reason;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use agenttrust_protocol::lifecycle::State;
use rusqlite::ErrorCode;
use std::cell::RefCell;

/// Why an operation had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The message does not fit what is stored.
    #[error("{}", .0.code())]
    Refused(Reason),
    /// The request is in a state from which this does not lead anywhere; [`Trouble::Closed`] at a door.
    #[error("the request is {0} already")]
    Closed(State),
    /// Not found, a conflict, too much at once.
    #[error("{}", .0.code())]
    Trouble(Trouble),
    /// The database failed; the detail is for the program's log.
    #[error("{}: {detail}", .trouble.code())]
    Failed {
        /// `disk_full`, `store_corrupt` or `store_failed`.
        trouble: Trouble,
        /// What SQLite said.
        detail: String,
    },
}

impl StoreError {
    /// The trouble a door answers with; `None` where the message itself is refused.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            StoreError::Refused(_) => None,
            StoreError::Closed(_) => Some(Trouble::Closed),
            StoreError::Trouble(trouble) | StoreError::Failed { trouble, .. } => Some(*trouble),
        }
    }
}

impl From<&StoreError> for ErrorBody {
    fn from(error: &StoreError) -> ErrorBody {
        match (error, error.trouble()) {
            (StoreError::Refused(reason), _) => (*reason).into(),
            (_, trouble) => trouble.unwrap_or(Trouble::Internal).into(),
        }
    }
}

impl From<Reason> for StoreError {
    fn from(reason: Reason) -> StoreError {
        StoreError::Refused(reason)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> StoreError {
        StoreError::Trouble(trouble)
    }
}

thread_local! {
    static LAST_FAILURE: RefCell<Option<StoreError>> = const { RefCell::new(None) };
}

/// What the database said last on this thread, since this was asked before. An operation's own error may hide it,
/// and after a full disk it is what every operation of the batch must be told.
pub(super) fn last_failure() -> Option<StoreError> {
    LAST_FAILURE.with(RefCell::take)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let failed = StoreError::Failed { trouble: trouble_of(&error), detail: error.to_string() };
        LAST_FAILURE.with(|last| last.replace(Some(failed.clone())));
        failed
    }
}

/// The trouble behind an SQLite error.
pub(super) fn trouble_of(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Trouble::DiskFull,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Trouble::StoreCorrupt,
        // The codes are an open list; all others mean that the database cannot be used just now.
        _ => Trouble::StoreFailed,
    }
}

/// Why the store does not open: `store_foreign`, `store_newer`, `store_corrupt`, `disk_full` or `store_failed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} [{detail}] ({})", .trouble.sentence(), .trouble.code())]
pub struct OpenError {
    /// Its code, sentence and next step.
    pub trouble: Trouble,
    /// What exactly, for the person at the terminal.
    pub detail: String,
}

impl OpenError {
    pub(super) fn new(trouble: Trouble, detail: impl Into<String>) -> OpenError {
        OpenError { trouble, detail: detail.into() }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        OpenError::new(trouble_of(&error), error.to_string())
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> OpenError {
        OpenError::new(error.trouble().unwrap_or(Trouble::StoreCorrupt), error.to_string())
    }
}
