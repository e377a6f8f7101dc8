//! The real database of a stopped daemon is changed, and signed anew with the daemon's real key: whoever asks
//! `agenttrust log verify` of a terminal that has seen the history before is told, and which rule it breaks.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_daemon::folder::Folder;
use agenttrust_gate::{Action, Session};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::{Decision, Message};
use agenttrust_tests::kit::{Daemon, Desk, PIN, Terminal, outcome, program};
use agenttrust_tlog::{Checkpoint, ReadHashes, Signer, Tree, WriteHashes};
use ed25519_dalek::SigningKey;
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

/// The exit code of a history that is not sound.
const UNSOUND: i32 = 6;

/// The tables whose row id is the leaf's place.
const BY_PLACE: [&str; 8] = ["message", "bundle", "status", "enrollment", "cert", "session", "request", "grants"];

/// A stopped daemon's database in the hands of whoever holds its folder.
struct Forger {
    db: Connection,
    key: SigningKey,
}

/// The hashes of a tree.
#[derive(Default)]
struct Hashes(BTreeMap<(u8, u64), agenttrust_tlog::Hash>);

impl ReadHashes for Hashes {
    type Error = Infallible;

    fn get(&self, level: u8, index: u64) -> Result<Option<agenttrust_tlog::Hash>, Infallible> {
        Ok(self.0.get(&(level, index)).copied())
    }
}

impl WriteHashes for Hashes {
    fn put(&mut self, level: u8, index: u64, hash: agenttrust_tlog::Hash) -> Result<(), Infallible> {
        self.0.insert((level, index), hash);
        Ok(())
    }
}

impl Forger {
    fn open(data: &Path) -> Forger {
        let key = Folder::open(data).unwrap().log_key().unwrap();
        let db = Connection::open(data.join("agenttrust.db")).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        Forger { db, key: SigningKey::from_bytes(&key.to_seed()) }
    }

    fn leaves(&self) -> Vec<String> {
        let mut query = self.db.prepare("SELECT leaf FROM message ORDER BY idx").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The places of all decisions.
    fn decisions(&self) -> Vec<usize> {
        let is_one = |leaf: &String| typ_of(leaf).as_deref() == Some(Decision::TYP);
        self.leaves().iter().enumerate().filter(|(_, leaf)| is_one(leaf)).map(|(place, _)| place).collect()
    }

    /// Every column that holds a leaf's place.
    fn columns(&self) -> Vec<(String, String)> {
        let mut columns = vec![("message".to_owned(), "idx".to_owned()), ("message".to_owned(), "request".to_owned())];
        let mut query = self
            .db
            .prepare(
                "SELECT t.name, f.\"from\", f.\"table\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f \
                 WHERE t.type = 'table'",
            )
            .unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))).unwrap();
        for (table, column, refers) in rows.map(Result::unwrap) {
            if BY_PLACE.contains(&refers.as_str()) {
                columns.push((table, column));
            }
        }
        columns
    }

    /// Takes one leaf out; what comes after it moves up.
    fn drop_leaf(&self, place: usize) {
        for (table, column) in self.columns() {
            let sql = |text: &str| text.replace("TABLE", &table).replace("COLUMN", &column);
            self.db.execute(&sql("DELETE FROM TABLE WHERE COLUMN = ?1"), [place]).unwrap();
            self.db.execute(&sql("UPDATE TABLE SET COLUMN = -(COLUMN - 1) WHERE COLUMN > ?1"), [place]).unwrap();
            self.db.execute(&sql("UPDATE TABLE SET COLUMN = -COLUMN WHERE COLUMN < 0"), []).unwrap();
        }
    }

    /// Forgets everything from one leaf on.
    fn cut(&self, place: usize) {
        for (table, column) in self.columns() {
            self.db.execute(&format!("DELETE FROM {table} WHERE {column} >= ?1"), [place]).unwrap();
        }
    }

    /// Changes one character of a leaf.
    fn flip(&self, place: usize) {
        let mut leaf = self.leaves()[place].clone().into_bytes();
        let last = leaf.len() - 20;
        leaf[last] = if leaf[last] == b'A' { b'B' } else { b'A' };
        let leaf = String::from_utf8(leaf).unwrap();
        let hash = Hash::of(leaf.as_bytes());
        let update = "UPDATE message SET leaf = ?1, hash = ?2 WHERE idx = ?3";
        self.db.execute(update, (&leaf, hash.as_bytes(), place)).unwrap();
    }

    /// Makes the tree of the leaves there are now, and signs it.
    fn sign(self) {
        let leaves = self.leaves();
        let mut tree = Tree::new(Hashes::default(), 0);
        for leaf in &leaves {
            tree.append(leaf.as_bytes()).unwrap();
        }
        let first = self.db.query_row("SELECT hash FROM message WHERE idx = 0", [], |row| row.get(0)).unwrap();
        let name = format!("agenttrust/{}", Tdid::from(Hash::from_bytes(first)));
        let signer = Signer::new(name.parse().unwrap(), self.key);
        let note = Checkpoint::new(name, tree.head().unwrap()).unwrap().sign(&signer).unwrap().to_string();
        let reset = "DELETE FROM tree; DELETE FROM checkpoint; UPDATE device SET cosigned = NULL, line = NULL";
        self.db.execute_batch(reset).unwrap();
        for ((level, index), hash) in tree.into_store().0 {
            let insert = "INSERT INTO tree (level, idx, hash) VALUES (?1, ?2, ?3)";
            self.db.execute(insert, (level, i64::try_from(index).unwrap(), hash.as_bytes())).unwrap();
        }
        self.db.execute("INSERT INTO checkpoint (size, note) VALUES (?1, ?2)", (leaves.len(), note)).unwrap();
    }
}

/// Its name, what is done, and what `log verify` has to say of it.
type Attack<'a> = (&'a str, fn(&Forger), &'a [&'a str]);

/// A folder with everything below it, once more.
fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn verify(data: &Path) -> Terminal {
    let env = [("AGENTTRUST_DATA", data.as_os_str())];
    let mut terminal = Terminal::start(&program("agenttrust"), &["log", "verify"], &env);
    terminal.wait_for("PIN of this terminal: ").line(PIN);
    terminal
}

/// Three requests, the second one denied, as the person at the desk answers them.
async fn work(desk: &Desk, session: &Session) {
    let mut terminal = desk.open(&["approver"]);
    terminal.wait_for("Waiting for requests");
    for (amount, key, end) in [(1, "y", "done"), (2, "n", "the agent is told no"), (3, "y", "done")] {
        let session = session.clone();
        let asked =
            tokio::spawn(async move { outcome(&session, Action::new("pay", &json!({"amount": amount}))).await });
        terminal.wait_for("[y]es [n]o").answer(key).wait_for(end);
        assert_eq!(asked.await.unwrap().is_ok(), key == "y");
    }
    terminal.wait_for("Waiting for requests").send("q");
    assert_eq!(terminal.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_changed_behind_the_terminals_back_is_found_out() {
    let mut desk = Desk::new();
    let session = desk.session().await;
    work(&desk, &session).await;
    drop(session);
    // The terminal sees everything and remembers it.
    assert!(desk.done(&["log", "verify"]).plain().contains("The history is sound."));
    desk.daemon.stop();
    let copies = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
    let attacks: [Attack; 4] = [
        ("untouched", |_| {}, &[]),
        ("flipped", |forger| forger.flip(forger.decisions()[1]), &["bad_signature", "rewritten"]),
        ("dropped", |forger| forger.drop_leaf(forger.decisions()[1]), &["sequence_gap", "projection", "rewritten"]),
        // As if the last request had never been made.
        ("rewritten", |forger| forger.cut(forger.decisions()[2] - 1), &["rewritten"]),
    ];
    for (name, attack, codes) in attacks {
        let data = copies.path().join(name);
        copy(desk.daemon.data(), &data);
        let forger = Forger::open(&data);
        attack(&forger);
        forger.sign();
        let daemon = Daemon::start(&data, &[]);
        let mut verify = verify(&data);
        let code = verify.end();
        let said = verify.plain();
        assert_eq!(code, if codes.is_empty() { 0 } else { UNSOUND }, "{name}: {said}");
        for code in codes {
            assert!(said.contains(&format!("({code})")), "{name}: {code} is missing: {said}");
        }
        drop(daemon);
    }
}
