//! The caller's threads: one name, one session id, until closed.

use super::Store;
use crate::error::Refused;
use agenttrust_protocol::Time;
use rusqlite::{OptionalExtension, params};

/// A thread of the caller's, with its current turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) sid: String,
    /// The hash of the session it was started from.
    pub(crate) parent: Option<String>,
    /// The person's instruction of the current turn.
    pub(crate) task: Option<String>,
    /// The turn's signed session, once it was needed.
    pub(crate) message: Option<String>,
}

impl Store {
    /// The thread of this name; a new one begins with the session id that `new_sid` gives.
    pub(crate) fn thread(
        &mut self,
        name: &str,
        new_sid: impl FnOnce() -> String,
        now: Time,
    ) -> Result<Thread, Refused> {
        self.change(|change| {
            let sql = "SELECT sid, parent, task, message FROM threads WHERE name = ?1";
            if let Some(thread) = change.query_row(sql, [name], thread).optional()? {
                // Once a day is enough to tell what is still in use.
                let sql = "UPDATE threads SET used = ?2 WHERE name = ?1 AND used < ?2 - 86400";
                change.execute(sql, params![name, now.0])?;
                return Ok(thread);
            }
            let thread = Thread { sid: new_sid(), parent: None, task: None, message: None };
            let sql = "INSERT INTO threads (name, sid, used) VALUES (?1, ?2, ?3)";
            change.execute(sql, params![name, thread.sid, now.0])?;
            Ok(thread)
        })
    }

    /// Begins a turn of a thread: its session is signed anew.
    pub(crate) fn begin_turn(&self, name: &str, task: Option<&str>, parent: Option<&str>) -> Result<(), Refused> {
        let sql = "UPDATE threads SET task = ?2, parent = ?3, message = NULL WHERE name = ?1";
        self.db.execute(sql, params![name, task, parent])?;
        Ok(())
    }

    /// The thread as it stands; `None` once it is closed.
    pub(crate) fn known_thread(&self, name: &str, sid: &str) -> Result<Option<Thread>, Refused> {
        let sql = "SELECT sid, parent, task, message FROM threads WHERE name = ?1 AND sid = ?2";
        Ok(self.db.prepare_cached(sql)?.query_row([name, sid], thread).optional()?)
    }

    /// Records the turn's signed session.
    pub(crate) fn set_message(&self, name: &str, sid: &str, message: &str) -> Result<(), Refused> {
        let sql = "UPDATE threads SET message = ?3 WHERE name = ?1 AND sid = ?2";
        self.db.execute(sql, [name, sid, message])?;
        Ok(())
    }

    /// Forgets a thread: its name begins a new session from now on.
    pub(crate) fn close_thread(&self, name: &str) -> Result<(), Refused> {
        self.db.execute("DELETE FROM threads WHERE name = ?1", [name])?;
        Ok(())
    }
}

fn thread(row: &rusqlite::Row<'_>) -> rusqlite::Result<Thread> {
    Ok(Thread { sid: row.get(0)?, parent: row.get(1)?, task: row.get(2)?, message: row.get(3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_session_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(folder.path()).unwrap();
        let sid = |sid: &'static str| open().thread("thread-42", move || sid.to_owned(), Time(1)).unwrap().sid;
        assert_eq!(sid("a"), "a");
        open().begin_turn("thread-42", Some("pay Bob"), None).unwrap();
        open().set_message("thread-42", "a", "signed").unwrap();
        open().set_message("thread-42", "b", "of an older session of that name").unwrap();
        assert_eq!(sid("b"), "a");
        let thread = open().known_thread("thread-42", "a").unwrap().unwrap();
        assert_eq!((thread.task.as_deref(), thread.message.as_deref()), (Some("pay Bob"), Some("signed")));

        open().begin_turn("thread-42", None, None).unwrap();
        assert_eq!(open().known_thread("thread-42", "a").unwrap().unwrap().message, None, "a new turn is signed anew");
        open().close_thread("thread-42").unwrap();
        assert_eq!(open().known_thread("thread-42", "a").unwrap(), None);
        assert_eq!(sid("b"), "b");
    }
}
