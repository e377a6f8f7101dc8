//! The inbox of devices: what happened, in order, resumable.

use super::schema::{code_of, int, nat, state_of};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::door::{InboxEntry, InboxEvent, InboxPage};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::PairInit;
use agenttrust_protocol::{Hash, Opened, Thumbprint, Time};
use rusqlite::Row;

/// How many are forgotten at a time.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

/// How long a device that wants to join is worth showing, in seconds: as long as its ticket lives.
const PAIRING_LIFE: i64 = 120;

/// The bytes of messages after which a page ends.
const PAGE_BYTES: usize = 4 << 20;

/// The rows after which a page ends, whether or not they were worth telling.
const MAX_READ: usize = 20_000;

const REQUEST: i64 = 0;
const MOVED: i64 = 1;
const ENROLL: i64 = 2;
const ENROLLED: i64 = 3;
const TRUST: i64 = 4;
const PAIRING: i64 = 5;

/// Something to put into the inbox.
pub(super) struct Event<'e> {
    kind: i64,
    subject: i64,
    state: Option<i64>,
    by: Option<i64>,
    code: Option<&'e str>,
}

impl<'e> Event<'e> {
    const fn new(kind: i64, subject: i64) -> Event<'e> {
        Event { kind, subject, state: None, by: None, code: None }
    }
    pub const fn request(request: i64) -> Event<'e> {
        Event::new(REQUEST, request)
    }
    pub const fn moved(request: i64, state: State, by: Option<i64>, code: Option<&'e str>) -> Event<'e> {
        Event { state: Some(code_of(state)), by, code, ..Event::new(MOVED, request) }
    }
    pub const fn enroll(enroll: i64) -> Event<'e> {
        Event::new(ENROLL, enroll)
    }
    pub const fn enrolled(enroll: i64, accepted: bool) -> Event<'e> {
        Event { state: Some(accepted as i64), ..Event::new(ENROLLED, enroll) }
    }
    pub const fn trust(message: i64) -> Event<'e> {
        Event::new(TRUST, message)
    }
}

impl Tx<'_> {
    /// Puts an event into the inbox and answers its number.
    pub(super) fn push(&mut self, event: &Event<'_>, now: Time) -> Result<i64, StoreError> {
        self.conn
            .prepare_cached("INSERT INTO inbox (at, kind, subject, state, by, code) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute((now.0, event.kind, event.subject, event.state, event.by, event.code))?;
        let seq = self.conn.last_insert_rowid();
        self.newest = Some(nat(seq));
        Ok(seq)
    }

    /// Appends the message of a device that wants to join and puts it into the inbox.
    ///
    /// # Errors
    /// `unpaired` before bundle 1: the first device is confirmed on the host.
    pub fn announce_pairing(&mut self, joiner: &Opened<PairInit>, now: Time) -> Result<(), StoreError> {
        if self.index_of(&joiner.hash())?.is_none() {
            let message = self.append(joiner, None, now)?;
            self.push(&Event::new(PAIRING, message), now)?;
        }
        Ok(())
    }

    /// Forgets the oldest entries. What is still open among them is told anew first, so that everything open always
    /// has a place that a device can resume from.
    pub(super) fn trim_inbox(&mut self) -> Result<(), StoreError> {
        let Some(newest) = self.newest else { return Ok(()) };
        let cut = self.oldest()? + FORGOTTEN_AT_ONCE;
        if int(newest) - cut >= self.kept {
            self.forget(cut)?;
        }
        Ok(())
    }

    fn forget(&mut self, cut: i64) -> Result<(), StoreError> {
        for (table, key, event) in
            [("request", "id", Event::request as fn(i64) -> Event<'static>), ("enrollment", "message", Event::enroll)]
        {
            let sql = format!("SELECT {key}, inbox FROM {table} WHERE state = 0 AND inbox < ?1 ORDER BY inbox");
            let open: Vec<(i64, i64)> = {
                let mut query = self.conn.prepare_cached(&sql)?;
                let rows = query.query_map([cut], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<Result<_, _>>()?
            };
            for (subject, seq) in open {
                let at = self.conn.query_row("SELECT at FROM inbox WHERE seq = ?1", [seq], |row| row.get(0))?;
                let seq = self.push(&event(subject), Time(at))?;
                let sql = format!("UPDATE {table} SET inbox = ?2 WHERE {key} = ?1");
                self.conn.prepare_cached(&sql)?.execute((subject, seq))?;
            }
        }
        self.conn.prepare_cached("DELETE FROM inbox WHERE seq < ?1")?.execute([cut])?;
        Ok(())
    }
}

/// A row of the inbox.
struct Entry {
    seq: i64,
    at: Time,
    kind: i64,
    subject: i64,
    state: Option<i64>,
    by: Option<[u8; 32]>,
    code: Option<String>,
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at: Time(row.get(1)?),
        kind: row.get(2)?,
        subject: row.get(3)?,
        state: row.get(4)?,
        by: row.get(5)?,
        code: row.get(6)?,
    })
}

/// Where everything that is open stands: the first requests and enrolments without an answer, and joiners of late.
const OPEN: &str = "
    SELECT * FROM (SELECT inbox FROM request WHERE state = 0 ORDER BY inbox LIMIT ?2) UNION ALL
    SELECT * FROM (SELECT inbox FROM enrollment WHERE state = 0 ORDER BY inbox LIMIT ?2) UNION ALL
    SELECT * FROM (SELECT seq FROM inbox WHERE kind = 5 AND seq > (SELECT max(seq) FROM inbox) - 1000)";

const ENTRIES: &str = "SELECT i.seq, i.at, i.kind, i.subject, i.state, v.key, i.code
    FROM inbox i LEFT JOIN device v ON v.id = i.by";

impl Reader<'_> {
    /// What happened since `after`, at most `limit` entries; everything open now, with `reset`, where `after` is
    /// absent or forgotten. What is no longer open is left out: that it moved is told by itself. Trust is not part
    /// of what is open: it has a call of its own.
    ///
    /// # Errors
    /// Those of the database.
    pub fn inbox(&self, after: Option<u64>, limit: usize, now: Time) -> Result<InboxPage, StoreError> {
        let newest = self.newest_seq()?;
        let known = after.map(int).filter(|after| *after + 1 >= self.oldest().unwrap_or(i64::MAX) && *after <= newest);
        let sql = match known {
            Some(_) => format!("{ENTRIES} WHERE i.seq > ?1 ORDER BY i.seq"),
            None => format!("{ENTRIES} WHERE i.seq IN ({OPEN}) AND i.seq > ?1 ORDER BY i.seq"),
        };
        let mut query = self.conn.prepare_cached(&sql)?;
        let mut rows = match known {
            Some(after) => query.query([after])?,
            None => query.query((0, int((limit as u64).saturating_add(1))))?,
        };
        let mut page = InboxPage { reset: known.is_none(), entries: Vec::new(), next: nat(newest) };
        let (mut bytes, mut read, mut last) = (0, 0, 0);
        while let Some(row) = rows.next()? {
            if page.entries.len() >= limit.max(1) || bytes >= PAGE_BYTES || read >= MAX_READ {
                page.next = nat(last);
                break;
            }
            let row = entry(row)?;
            (read, last) = (read + 1, row.seq);
            if let Some(event) = self.event(&row, now)? {
                bytes += size_of_messages(&event);
                page.entries.push(InboxEntry { seq: nat(row.seq), at: row.at, event });
            }
        }
        Ok(page)
    }

    /// The newest inbox number; 0 for none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest(&self) -> Result<u64, StoreError> {
        Ok(nat(self.newest_seq()?))
    }

    fn newest_seq(&self) -> Result<i64, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM inbox")?;
        Ok(query.query_row([], |row| row.get(0))?)
    }

    /// The oldest number that is kept.
    fn oldest(&self) -> Result<i64, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT coalesce(min(seq), 1) FROM inbox")?;
        Ok(query.query_row([], |row| row.get(0))?)
    }

    /// What an entry says now; `None` if it is not worth telling any more.
    fn event(&self, entry: &Entry, now: Time) -> Result<Option<InboxEvent>, StoreError> {
        let subject = self.hash_of(entry.subject)?;
        let text = || Ok::<_, StoreError>(vec![self.text_of(entry.subject)?]);
        Ok(match entry.kind {
            REQUEST if self.is_newest("request", "id", entry)? => {
                Some(InboxEvent::Request { request: subject, messages: self.question(entry.subject)? })
            }
            MOVED => Some(self.moved(subject, entry)?),
            ENROLL if self.is_newest("enrollment", "message", entry)? => {
                Some(InboxEvent::Enroll { enroll: subject, messages: text()?, process: self.process(entry.subject)? })
            }
            ENROLLED => Some(InboxEvent::Enrolled { enroll: subject, accepted: entry.state == Some(1) }),
            TRUST => Some(InboxEvent::Trust { messages: text()? }),
            PAIRING if now.since(entry.at) <= PAIRING_LIFE => {
                Some(InboxEvent::Pairing { pairing: subject, messages: text()? })
            }
            _ => None,
        })
    }

    fn moved(&self, request: Hash, entry: &Entry) -> Result<InboxEvent, StoreError> {
        Ok(InboxEvent::Moved {
            request,
            state: state_of(entry.state.unwrap_or(-1))?,
            by: entry.by.map(Thumbprint::from_bytes),
            code: entry.code.clone(),
        })
    }

    /// Whether something still waits for an answer and this entry is the last that says so.
    fn is_newest(&self, table: &str, key: &str, entry: &Entry) -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM {table} WHERE {key} = ?1 AND state = 0 AND inbox = ?2");
        let mut query = self.conn.prepare_cached(&sql)?;
        Ok(query.exists((entry.subject, entry.seq))?)
    }

    fn process(&self, enroll: i64) -> Result<Option<String>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT process FROM enrollment WHERE message = ?1")?;
        Ok(query.query_row([enroll], |row| row.get(0))?)
    }
}

fn size_of_messages(event: &InboxEvent) -> usize {
    match event {
        InboxEvent::Request { messages, .. }
        | InboxEvent::Enroll { messages, .. }
        | InboxEvent::Trust { messages }
        | InboxEvent::Pairing { messages, .. } => messages.iter().map(String::len).sum(),
        InboxEvent::Moved { .. } | InboxEvent::Enrolled { .. } => 0,
    }
}
