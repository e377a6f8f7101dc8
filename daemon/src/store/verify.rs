//! The deep check: pages, hashes, signatures, and the tables against what the log says.

use super::log::{SqlHashes, wire};
use super::open::open_reader;
use super::replay::{Flaw, Leaf, Replay};
use super::schema::{Typ, corrupt, int};
use super::{Reader, Store, StoreError};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::{Hash, Time};
use agenttrust_tlog::{Checkpoint, Note, ReadHashes, Tree, TreeHead, WriteHashes};
use std::collections::BTreeMap;
use std::path::Path;

/// Findings after which the check says no more.
const MAX_FINDINGS: usize = 100;

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// What the deep check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many leaves were checked.
    pub leaves: u64,
    /// What does not fit; empty if all is well. At most 100.
    pub findings: Vec<Finding>,
}

impl Verified {
    fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { place: place.into(), what: what.into() });
        }
    }

    fn take(&mut self, place: impl Into<String>, result: Result<(), Flaw>) -> Result<(), StoreError> {
        match result {
            Ok(()) => Ok(()),
            Err(Flaw::Wrong(what)) => {
                self.add(place, what);
                Ok(())
            }
            Err(Flaw::Failed(error)) => Err(error),
        }
    }
}

impl Store {
    /// Checks everything, on a snapshot and a thread of its own while the store goes on: pages and indexes, the
    /// tree, every signature of the log, and whether the tables are what the log leads to. It takes about 0.1 ms a
    /// message.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        let path = self.inner.path.clone();
        let checked = tokio::task::spawn_blocking(move || verify_file(&path)).await;
        checked.unwrap_or(Err(StoreError::Trouble(Trouble::Internal)))
    }
}

fn verify_file(path: &Path) -> Result<Verified, StoreError> {
    let conn = open_reader(path)?;
    let snapshot = conn.unchecked_transaction()?;
    let reader = Reader { conn: &snapshot };
    let mut verified = Verified::default();
    check_pages(&reader, &mut verified)?;
    let head = check_leaves(&reader, &mut verified)?;
    check_checkpoint(&reader, &head, &mut verified)?;
    Ok(verified)
}

/// Pages, indexes and, through its own check, the text index.
fn check_pages(reader: &Reader<'_>, verified: &mut Verified) -> Result<(), StoreError> {
    let mut query = reader.conn.prepare("PRAGMA integrity_check(20)")?;
    let rows = query.query_map([], |row| row.get::<_, String>(0))?;
    for row in rows {
        let found = row?;
        if found != "ok" {
            verified.add("database", found);
        }
    }
    Ok(())
}

fn check_leaves(reader: &Reader<'_>, verified: &mut Verified) -> Result<TreeHead, StoreError> {
    let mut tree = Tree::new(Recomputed { stored: SqlHashes(reader.conn), edge: BTreeMap::new(), wrong: None }, 0);
    let mut replay = Replay::new(reader);
    let mut query = reader.conn.prepare(
        "SELECT m.idx, m.hash, m.typ, m.at, m.request, m.leaf, d.segments FROM message m
         LEFT JOIN disclosure d ON d.message = m.idx ORDER BY m.idx",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (text, typ): (String, i64) = (row.get(5)?, row.get(2)?);
        let index = tree.append(text.as_bytes())?;
        let leaf = Leaf {
            index: row.get(0)?,
            hash: Hash::from_bytes(row.get(1)?),
            typ: Typ::from_code(typ)?,
            at: Time(row.get(3)?),
            request: row.get(4)?,
            text: wire(typ, text, row.get(6)?)?,
        };
        if leaf.index != int(index) {
            verified.add(format!("leaf {index}"), "it is missing");
            break;
        }
        verified.take(format!("leaf {index}"), replay.read(&leaf))?;
        verified.leaves += 1;
    }
    for (place, result) in replay.finish() {
        verified.take(place, result)?;
    }
    let head = tree.head()?;
    if let Some((level, index)) = tree.into_store().wrong {
        verified.add("tree", format!("the hash at level {level}, index {index} is not that of its leaves"));
    }
    Ok(head)
}

fn check_checkpoint(reader: &Reader<'_>, head: &TreeHead, verified: &mut Verified) -> Result<(), StoreError> {
    let Some(note) = reader.checkpoint()? else {
        if head.size > 0 {
            verified.add("checkpoint", "there is none");
        }
        return Ok(());
    };
    let note: Note = note.parse().map_err(|_| corrupt("a stored checkpoint is not a note"))?;
    let stated = note.text().parse::<Checkpoint>();
    if stated.is_ok_and(|stated| stated.head() != head) {
        verified.add("checkpoint", "it does not state the tree of these leaves");
    }
    Ok(())
}

/// Tree hashes computed from the leaves alone, each compared with the stored one.
struct Recomputed<'c> {
    stored: SqlHashes<'c>,
    /// The newest left and right hash of each level: appending and the root need no others.
    edge: BTreeMap<(u8, bool), (u64, agenttrust_tlog::Hash)>,
    /// The first stored hash that is another one.
    wrong: Option<(u8, u64)>,
}

impl ReadHashes for Recomputed<'_> {
    type Error = rusqlite::Error;

    fn get(&self, level: u8, index: u64) -> Result<Option<agenttrust_tlog::Hash>, rusqlite::Error> {
        Ok(self.edge.get(&(level, index % 2 == 1)).filter(|(at, _)| *at == index).map(|(_, hash)| *hash))
    }
}

impl WriteHashes for Recomputed<'_> {
    fn put(&mut self, level: u8, index: u64, hash: agenttrust_tlog::Hash) -> Result<(), rusqlite::Error> {
        if self.wrong.is_none() && self.stored.get(level, index)? != Some(hash) {
            self.wrong = Some((level, index));
        }
        self.edge.insert((level, index % 2 == 1), (index, hash));
        Ok(())
    }
}
