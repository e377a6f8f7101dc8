//! The spent table: `asked → spent`, once, by whoever is first.

use super::Store;
use crate::error::{Code, Refused};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::{Hash, Reason, Time};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// How long a finished request stays on record, in seconds: its call id is answered that long.
const KEPT: i64 = 30 * 24 * 3600;

/// A request with what it rests on, as signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) hash: Hash,
    pub(crate) text: String,
    pub(crate) session: String,
    pub(crate) cert: String,
    pub(crate) sid: String,
    pub(crate) call: Option<String>,
    pub(crate) exp: Time,
}

/// A request on record, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was sent, or is about to be.
    Asked(Row),
    /// Its approval was used.
    Spent,
    /// It will never run, for this reason.
    Ended(Code, Option<String>),
}

/// What became of a new request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is on record now.
    New,
    /// The same call is on record already.
    Known(Known),
}

impl Store {
    /// Where this request stands.
    pub(crate) fn request(&self, hash: &Hash) -> Result<Option<Known>, Refused> {
        let sql = "SELECT hash, text, session, cert, sid, call, exp, state, code, note FROM requests WHERE hash = ?1";
        Ok(self.db.prepare_cached(sql)?.query_row([hash.to_string()], known).optional()?)
    }

    /// Puts a request on record as `asked`, unless the same call is there already.
    pub(crate) fn ask(&mut self, row: &Row, same: impl Fn(&str) -> bool, now: Time) -> Result<Placed, Refused> {
        self.change(|change| match find_call(change, row, same, now)? {
            Some(known) => Ok(Placed::Known(known)),
            None => {
                insert(change, row, "asked", None)?;
                Ok(Placed::New)
            }
        })
    }

    /// The one change that lets a request run: `asked → spent`, with the claim. Only the caller that is answered
    /// `true` may go on.
    pub(crate) fn spend(&self, hash: &Hash, claim: &str) -> Result<bool, Refused> {
        let sql = "UPDATE requests SET state = 'spent', claim = ?2 WHERE hash = ?1 AND state = 'asked'";
        Ok(self.db.execute(sql, [&hash.to_string(), claim])? == 1)
    }

    /// The daemon asks the person about a request sent under a grant, so it has yet to be approved.
    pub(crate) fn unspend(&self, hash: &Hash) -> Result<bool, Refused> {
        let sql = "UPDATE requests SET state = 'asked', granted = NULL
                   WHERE hash = ?1 AND state = 'spent' AND claim IS NULL AND granted IS NOT NULL";
        Ok(self.db.execute(sql, [hash.to_string()])? == 1)
    }

    /// It will never run; answers whether it could have until now.
    pub(crate) fn end(&self, hash: &Hash, code: Code, note: Option<&str>) -> Result<bool, Refused> {
        let sql = "UPDATE requests SET state = 'ended', code = ?2, note = ?3 WHERE hash = ?1 AND state = 'asked'";
        Ok(self.db.execute(sql, params![hash.to_string(), code.as_str(), note])? == 1)
    }

    /// The newest request of this call that was used, in the thread of this name.
    pub(crate) fn spent_call(&self, thread: &str, call: &str) -> Result<Option<Hash>, Refused> {
        let sql = "SELECT hash FROM requests JOIN threads USING (sid)
                   WHERE name = ?1 AND call = ?2 AND state = 'spent' ORDER BY requests.rowid DESC LIMIT 1";
        let found = self.db.query_row(sql, [thread, call], |row| row.get::<_, String>(0)).optional()?;
        found.map(|hash| hash.parse()).transpose().map_err(|_| rusqlite::Error::InvalidQuery.into())
    }

    /// Forgets what is long over. A request that is not on record cannot run, so this releases nothing.
    pub(crate) fn prune(&self, now: Time) -> Result<(), Refused> {
        let before = now.plus(-KEPT).0;
        self.db.execute("DELETE FROM requests WHERE exp < ?1", [before])?;
        self.db.execute("DELETE FROM threads WHERE used < ?1", [before])?;
        Ok(())
    }
}

/// The newest request of this call that still has something to say: an expired or withdrawn one is asked anew.
pub(super) fn find_call(
    change: &Transaction<'_>,
    new: &Row,
    same: impl Fn(&str) -> bool,
    now: Time,
) -> Result<Option<Known>, Refused> {
    let Some(call) = &new.call else { return Ok(None) };
    let sql = "SELECT hash, text, session, cert, sid, call, exp, state, code, note FROM requests
               WHERE sid = ?1 AND call = ?2 ORDER BY rowid DESC";
    let mut query = change.prepare_cached(sql)?;
    let mut rows = query.query([&new.sid, call])?;
    while let Some(row) = rows.next()? {
        if !same(&row.get::<_, String>("text")?) {
            continue;
        }
        match known(row)? {
            Known::Asked(row) if now <= row.exp => return Ok(Some(Known::Asked(row))),
            Known::Asked(row) => {
                let sql = "UPDATE requests SET state = 'ended', code = ?2 WHERE hash = ?1";
                change.execute(sql, [&row.hash.to_string(), Reason::Expired.code()])?;
            }
            Known::Spent => return Ok(Some(Known::Spent)),
            Known::Ended(Code::Reason(Reason::Denied), note) => {
                return Ok(Some(Known::Ended(Reason::Denied.into(), note)));
            }
            Known::Ended(..) => {}
        }
    }
    Ok(None)
}

pub(super) fn insert(db: &Connection, row: &Row, state: &str, granted: Option<&Hash>) -> Result<(), Refused> {
    let sql = "INSERT INTO requests (hash, state, text, session, cert, sid, call, exp, granted)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let (hash, granted) = (row.hash.to_string(), granted.map(Hash::to_string));
    let values = params![hash, state, row.text, row.session, row.cert, row.sid, row.call, row.exp.0, granted];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<Known> {
    let state: String = row.get("state")?;
    match state.as_str() {
        "asked" => {
            let hash: String = row.get("hash")?;
            let bad = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error));
            Ok(Known::Asked(Row {
                hash: hash.parse().map_err(bad)?,
                text: row.get("text")?,
                session: row.get("session")?,
                cert: row.get("cert")?,
                sid: row.get("sid")?,
                call: row.get("call")?,
                exp: Time(row.get("exp")?),
            }))
        }
        "ended" => {
            let code = Code::from_text(&row.get::<_, String>("code")?).unwrap_or(Code::Trouble(Trouble::Closed));
            Ok(Known::Ended(code, row.get("note")?))
        }
        _ => Ok(Known::Spent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000);

    fn row(text: &str, call: Option<&str>) -> Row {
        Row {
            hash: Hash::of(text.as_bytes()),
            text: text.to_owned(),
            session: "session".to_owned(),
            cert: "cert".to_owned(),
            sid: "sid".to_owned(),
            call: call.map(str::to_owned),
            exp: NOW.plus(300),
        }
    }

    fn open() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn asked(store: &mut Store, row: &Row) -> Placed {
        store.ask(row, |text| text.starts_with('a'), NOW).unwrap()
    }

    #[test]
    fn of_many_that_spend_one_wins() {
        let (folder, mut store) = open();
        let row = row("a", None);
        assert_eq!(asked(&mut store, &row), Placed::New);
        let wins: usize = std::thread::scope(|scope| {
            let spend = || {
                let other = Store::open(folder.path()).unwrap();
                (0..20).filter(|n| other.spend(&row.hash, &n.to_string()).unwrap()).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
        assert_eq!(store.request(&row.hash).unwrap(), Some(Known::Spent));
        assert!(!store.end(&row.hash, Reason::Denied.into(), None).unwrap());
        assert!(!store.unspend(&row.hash).unwrap());
    }

    #[test]
    fn without_a_row_nothing_is_spent() {
        let (_folder, store) = open();
        assert!(!store.spend(&Hash::of(b"never asked"), "claim").unwrap());
        assert_eq!(store.request(&Hash::of(b"never asked")).unwrap(), None);
    }

    #[test]
    fn what_has_ended_is_not_spent() {
        let (_folder, mut store) = open();
        let row = row("a", None);
        asked(&mut store, &row);
        assert!(store.end(&row.hash, Reason::Denied.into(), Some("no")).unwrap());
        assert!(!store.spend(&row.hash, "claim").unwrap());
        let ended = Known::Ended(Reason::Denied.into(), Some("no".to_owned()));
        assert_eq!(store.request(&row.hash).unwrap(), Some(ended));
    }

    #[test]
    fn a_call_is_asked_once_while_it_is_of_use() {
        let (_folder, mut store) = open();
        let (first, again) = (row("a1", Some("call-1")), row("a2", Some("call-1")));
        assert_eq!(asked(&mut store, &first), Placed::New);
        assert_eq!(asked(&mut store, &again), Placed::Known(Known::Asked(first.clone())));
        assert_eq!(store.ask(&again, |_| false, NOW).unwrap(), Placed::New, "other arguments");
        assert_eq!(asked(&mut store, &row("a3", Some("call-2"))), Placed::New, "another call");
        assert_eq!(asked(&mut store, &Row { sid: "other".into(), ..row("a4", Some("call-1")) }), Placed::New);

        assert!(store.spend(&first.hash, "claim").unwrap());
        store.end(&again.hash, Trouble::Closed.into(), None).unwrap();
        assert_eq!(asked(&mut store, &row("a5", Some("call-1"))), Placed::Known(Known::Spent));
    }

    #[test]
    fn an_expired_call_is_asked_anew_and_a_denied_one_is_not() {
        let (_folder, mut store) = open();
        let old = Row { exp: NOW.plus(-1), ..row("a1", Some("call-1")) };
        asked(&mut store, &old);
        let new = row("a2", Some("call-1"));
        assert_eq!(asked(&mut store, &new), Placed::New);
        assert!(!store.spend(&old.hash, "claim").unwrap(), "the old one is over");
        store.end(&new.hash, Reason::Denied.into(), Some("no")).unwrap();
        let denied = Known::Ended(Reason::Denied.into(), Some("no".to_owned()));
        assert_eq!(asked(&mut store, &row("a3", Some("call-1"))), Placed::Known(denied));
    }

    #[test]
    fn what_is_forgotten_cannot_run() {
        let (_folder, mut store) = open();
        let row = row("a", Some("call-1"));
        asked(&mut store, &row);
        store.prune(NOW.plus(KEPT + 301)).unwrap();
        assert!(!store.spend(&row.hash, "claim").unwrap());
    }
}
