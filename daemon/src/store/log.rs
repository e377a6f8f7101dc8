//! Appending to the log: the message, its leaf in the tree, what it discloses.

use super::schema::{Typ, corrupt, int, nat};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::envelope::{Head, Message, Nothing};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Log, SecretKey};
use agenttrust_protocol::message::{Event, EventKind};
use agenttrust_protocol::{Hash, Opened, Reason, Received, Signed, Time};
use agenttrust_tlog::{Checkpoint, ReadHashes, Signer, Tree, TreeError, WriteHashes};
use ed25519_dalek::SigningKey;
use rusqlite::{Connection, OptionalExtension};
use std::cell::RefCell;

/// The hashes of the tree, in the table `tree`.
#[derive(Clone, Copy)]
pub(super) struct SqlHashes<'c>(pub &'c Connection);

impl ReadHashes for SqlHashes<'_> {
    type Error = rusqlite::Error;

    fn get(&self, level: u8, index: u64) -> Result<Option<agenttrust_tlog::Hash>, rusqlite::Error> {
        let mut query = self.0.prepare_cached("SELECT hash FROM tree WHERE level = ?1 AND idx = ?2")?;
        let hash = query.query_row((level, int(index)), |row| row.get(0)).optional()?;
        Ok(hash.map(agenttrust_tlog::Hash::from_bytes))
    }

    fn get_run(&self, level: u8, start: u64, count: u16) -> Result<Vec<agenttrust_tlog::Hash>, rusqlite::Error> {
        let mut query =
            self.0.prepare_cached("SELECT idx, hash FROM tree WHERE level = ?1 AND idx >= ?2 ORDER BY idx LIMIT ?3")?;
        let rows = query.query_map((level, int(start), count), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        let mut run = Vec::new();
        for (row, expected) in rows.zip(start..) {
            let (index, hash) = row?;
            if nat(index) != expected {
                break;
            }
            run.push(agenttrust_tlog::Hash::from_bytes(hash));
        }
        Ok(run)
    }
}

impl WriteHashes for SqlHashes<'_> {
    fn put(&mut self, level: u8, index: u64, hash: agenttrust_tlog::Hash) -> Result<(), rusqlite::Error> {
        let mut insert = self.0.prepare_cached("INSERT INTO tree (level, idx, hash) VALUES (?1, ?2, ?3)")?;
        insert.execute((level, int(index), hash.as_bytes()))?;
        Ok(())
    }
}

impl From<TreeError<rusqlite::Error>> for StoreError {
    fn from(error: TreeError<rusqlite::Error>) -> StoreError {
        match error {
            TreeError::Store(error) => error.into(),
            TreeError::EntryTooLarge { .. } => StoreError::Refused(Reason::TooLarge),
            TreeError::BeyondTree { .. }
            | TreeError::NoSuchLeaf { .. }
            | TreeError::NoSuchTile
            | TreeError::NoSuchConsistency { .. } => StoreError::Trouble(Trouble::NotFound),
            TreeError::Missing { .. } | TreeError::Full => corrupt("the tree of the log has gaps"),
        }
    }
}

/// The log's key, and the signer made of it once the log has a name.
pub(super) struct LogKey {
    pub key: SecretKey<Log>,
    signer: RefCell<Option<Signer>>,
}

impl LogKey {
    pub fn new(key: SecretKey<Log>) -> LogKey {
        LogKey { key, signer: RefCell::new(None) }
    }

    /// Signs checkpoints under the log's name, which is made from bundle 1.
    pub fn signer(&self, tdid: &Tdid) -> Result<Signer, StoreError> {
        let name = origin(tdid);
        let known = self.signer.borrow().clone().filter(|signer| signer.name().as_str() == name);
        if let Some(signer) = known {
            return Ok(signer);
        }
        let name = name.parse().map_err(|_| corrupt("the log has no name"))?;
        let signer = Signer::new(name, SigningKey::from_bytes(&self.key.to_seed()));
        self.signer.replace(Some(signer.clone()));
        Ok(signer)
    }
}

/// A message ready for the log.
struct Leaf<'t> {
    typ: Typ,
    hash: Hash,
    leaf: &'t str,
    segments: &'t str,
}

impl Tx<'_> {
    /// Appends a message that is not known yet; `request` is the request it is about.
    pub(super) fn append<M: Message>(
        &mut self,
        message: &Opened<M>,
        request: Option<i64>,
        now: Time,
    ) -> Result<i64, StoreError> {
        let typ = Typ::of::<M>()?;
        let segments = segments_of(message);
        self.append_leaf(&Leaf { typ, hash: message.hash(), leaf: message.leaf(), segments }, request, now)
    }

    /// Signs an event and appends it.
    pub(super) fn append_event(&mut self, event: &Event, request: Option<i64>, now: Time) -> Result<i64, StoreError> {
        let tdid = self.tdid()?.ok_or(Trouble::Unpaired)?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| super::schema::busy(&error.to_string()))?;
        // The id is the only random part of a message that discloses nothing.
        let mut random = |buffer: &mut [u8]| buffer.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        let head = Head::new(&mut random, now, Some(tdid));
        let signed = Signed::sign(&self.key.key, &head, event, &Nothing {}, &mut random);
        let received = Received::<Event>::parse(signed.as_str())?;
        let leaf = Leaf { typ: Typ::EVENT, hash: received.hash(), leaf: received.leaf(), segments: "" };
        self.append_leaf(&leaf, request, now)
    }

    /// Notes something about a message, signed by the log key: evidence, never authority.
    ///
    /// # Errors
    /// `unpaired` before bundle 1.
    pub fn note(&mut self, of: &Hash, kind: EventKind, code: Option<&str>, now: Time) -> Result<(), StoreError> {
        let request = self.request_id(of)?;
        self.append_event(&Event { of: *of, kind, code: code.map(str::to_owned) }, request, now)?;
        Ok(())
    }

    fn append_leaf(&mut self, message: &Leaf<'_>, request: Option<i64>, now: Time) -> Result<i64, StoreError> {
        if self.size == 0 && message.typ != Typ::BUNDLE {
            return Err(Trouble::Unpaired.into());
        }
        let mut tree = Tree::new(SqlHashes(self.conn), self.size);
        let index = int(tree.append(message.leaf.as_bytes())?);
        self.size = tree.size();
        self.conn
            .prepare_cached("INSERT INTO message (idx, hash, typ, at, request, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute((index, message.hash.as_bytes(), message.typ.code, now.0, request, message.leaf))?;
        self.disclose(index, message.segments)?;
        Ok(index)
    }

    /// Stores what a message discloses, unless that is nothing.
    pub(super) fn disclose(&self, index: i64, segments: &str) -> Result<(), StoreError> {
        if !segments.is_empty() {
            self.conn
                .prepare_cached("INSERT OR IGNORE INTO disclosure (message, segments) VALUES (?1, ?2)")?
                .execute((index, segments))?;
        }
        Ok(())
    }

    /// Signs the tree as it is now; checkpoints that no device has co-signed make room for it.
    pub(super) fn sign_checkpoint(&self) -> Result<(), StoreError> {
        let head = Tree::new(SqlHashes(self.conn), self.size).head()?;
        let signer = self.key.signer(&self.tdid()?.ok_or(Trouble::Unpaired)?)?;
        let note = Checkpoint::new(signer.name().as_str(), head).and_then(|checkpoint| checkpoint.sign(&signer));
        let note = note.map_err(|error| corrupt(&error.to_string()))?;
        self.conn
            .prepare_cached(
                "DELETE FROM checkpoint WHERE NOT EXISTS (SELECT 1 FROM device WHERE cosigned = checkpoint.size)",
            )?
            .execute([])?;
        self.conn
            .prepare_cached("INSERT INTO checkpoint (size, note) VALUES (?1, ?2)")?
            .execute((int(self.size), note.to_string()))?;
        Ok(())
    }
}

/// What a message discloses, as the table has it: `segment~segment~`.
pub(super) fn segments_of<M: Message>(message: &Opened<M>) -> &str {
    let rest = message.as_str().get(message.leaf().len()..).unwrap_or_default();
    rest.strip_prefix('~').unwrap_or(rest)
}

/// The name under which this log signs checkpoints.
pub(super) fn origin(tdid: &Tdid) -> String {
    format!("agenttrust/{tdid}")
}

impl Reader<'_> {
    /// The leaf index of a message.
    pub(super) fn index_of(&self, hash: &Hash) -> Result<Option<i64>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT idx FROM message WHERE hash = ?1")?;
        Ok(query.query_row([hash.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// The leaf index of a request; `None` for other messages too.
    pub(super) fn request_id(&self, hash: &Hash) -> Result<Option<i64>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT idx FROM message WHERE hash = ?1 AND request = idx")?;
        Ok(query.query_row([hash.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// The hash of a message.
    pub(super) fn hash_of(&self, index: i64) -> Result<Hash, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT hash FROM message WHERE idx = ?1")?;
        Ok(Hash::from_bytes(query.query_row([index], |row| row.get(0))?))
    }

    /// The wire form of a message, without what was erased.
    pub(super) fn text_of(&self, index: i64) -> Result<String, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT m.typ, m.leaf, d.segments FROM message m LEFT JOIN disclosure d ON d.message = m.idx WHERE m.idx = ?1",
        )?;
        let (typ, leaf, segments) = query.query_row([index], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        wire(typ, leaf, segments)
    }
}

/// Puts leaf and disclosures together again.
pub(super) fn wire(typ: i64, leaf: String, segments: Option<String>) -> Result<String, StoreError> {
    let mut text = leaf;
    if Typ::from_code(typ)?.has_content {
        text.push('~');
        text.push_str(segments.as_deref().unwrap_or_default());
    }
    Ok(text)
}
