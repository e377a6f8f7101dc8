//! The definitions under which calls were last approved, on the disk.

use agenttrust_protocol::Hash;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is known of a tool's definition from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// No call of it was approved yet.
    New,
    /// It is the one under which a call was last approved.
    Same,
    /// It is another one.
    Changed,
    /// The record cannot be read.
    Unknown,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Record {
    /// By server, then by tool.
    servers: BTreeMap<String, BTreeMap<String, String>>,
}

/// The record, shared by all gateways of one agent.
#[derive(Clone, Debug)]
pub(crate) struct Pins {
    file: PathBuf,
    server: String,
}

impl Pins {
    /// The pins for one server in an agent's folder.
    pub(crate) fn of(folder: &Path, server: &str) -> Pins {
        Pins { file: folder.join("tools.json"), server: server.to_owned() }
    }

    /// Holds a definition against the record.
    pub(crate) fn look(&self, tool: &str, digest: &Hash) -> Pin {
        let Ok(record) = self.read() else { return Pin::Unknown };
        match record.servers.get(&self.server).and_then(|tools| tools.get(tool)) {
            None => Pin::New,
            Some(known) if *known == digest.to_string() => Pin::Same,
            Some(_) => Pin::Changed,
        }
    }

    /// A call was approved under this definition.
    ///
    /// # Errors
    /// The file's.
    pub(crate) fn approve(&self, tool: &str, digest: &Hash) -> io::Result<()> {
        if self.look(tool, digest) == Pin::Same {
            return Ok(());
        }
        let folder = self.file.parent().ok_or(io::ErrorKind::NotFound)?;
        let turn = File::create(folder.join("tools.lock"))?;
        flock(&turn, FlockOperation::LockExclusive)?;
        // A record that cannot be read is begun anew: the person has just answered with that in view.
        let mut record = self.read().unwrap_or_default();
        record.servers.entry(self.server.clone()).or_default().insert(tool.to_owned(), digest.to_string());
        let mut next = tempfile::NamedTempFile::new_in(folder)?;
        next.write_all(serde_json::to_string_pretty(&record)?.as_bytes())?;
        next.persist(&self.file)?;
        Ok(())
    }

    fn read(&self) -> io::Result<Record> {
        match std::fs::read(&self.file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_kept_for_each_server_and_tool() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Pins::of(folder.path(), "one"), Pins::of(folder.path(), "two"));
        let (before, after) = (Hash::of(b"before"), Hash::of(b"after"));
        assert_eq!(one.look("t", &before), Pin::New);
        one.approve("t", &before).unwrap();
        assert_eq!((one.look("t", &before), one.look("t", &after)), (Pin::Same, Pin::Changed));
        assert_eq!((two.look("t", &before), one.look("u", &before)), (Pin::New, Pin::New));
        two.approve("t", &after).unwrap();
        assert_eq!(one.look("t", &before), Pin::Same);
        std::fs::write(folder.path().join("tools.json"), "{").unwrap();
        assert_eq!(one.look("t", &before), Pin::Unknown);
        one.approve("t", &after).unwrap();
        assert_eq!(one.look("t", &after), Pin::Same);
    }
}
