//! Reading an exported history back, and checking it; `agenttrust_device::export` writes it and tells its layout.

use crate::verify::{Expected, Fault, Finding, Report, Verification};
use agenttrust_device::export::{CHECKPOINT, REMEMBERED, Remembered, hash_tile};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::LogRef;
use agenttrust_tlog::tile::parse_entry_bundle;
use agenttrust_tlog::{MemoryHashes, Note, TilePath, Tree};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why an exported history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The tree could not be built.
    #[error("{0}")]
    Tree(String),
    /// The folder is no export.
    #[error("{0} is not an exported history: it holds no checkpoint")]
    NotAnExport(PathBuf),
}

/// The root that a device remembers, as the check takes it.
pub fn known(remembered: Remembered) -> (String, LogRef) {
    (remembered.device, LogRef { size: remembered.size, root: remembered.root })
}

/// A history read back, with what was wrong with its files.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The entries.
    pub leaves: Vec<String>,
    /// The signed note.
    pub note: String,
    /// What the exporting device remembered.
    pub remembered: Option<Remembered>,
    /// Files that are missing, or do not fit the entries.
    pub findings: Vec<Finding>,
}

/// Reads what is there; what is missing or damaged is a finding, so that the rest is still checked.
///
/// # Errors
/// [`ReadError::NotAnExport`], or what the system says.
pub fn read(folder: &Path) -> Result<Exported, ReadError> {
    let mut leaves = Vec::new();
    let mut exported = walk(folder, |leaf| leaves.push(leaf))?;
    exported.leaves = leaves;
    Ok(exported)
}

/// Checks an exported folder offline; `tdid` pins the trust domain it must belong to.
///
/// # Errors
/// As [`read`].
pub fn verify(folder: &Path, tdid: Option<Tdid>) -> Result<Report, ReadError> {
    let mut verification = Verification::new(Expected { tdid, remembered: Vec::new() });
    let exported = walk(folder, |leaf| verification.push(&leaf))?;
    verification.remember(exported.remembered.map(known));
    for finding in exported.findings {
        verification.find(finding);
    }
    Ok(verification.finish(&exported.note))
}

/// Hands on every entry, one after the other, and checks the files around them.
fn walk(folder: &Path, mut take: impl FnMut(String)) -> Result<Exported, ReadError> {
    let path = folder.join(CHECKPOINT);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(ReadError::NotAnExport(folder.to_owned())),
        Err(error) => return Err(ReadError::File { path, error }),
    };
    let size = stated_size(&note).unwrap_or(0);
    let mut exported = Exported { leaves: Vec::new(), note, remembered: None, findings: Vec::new() };
    let mut tree = Tree::new(MemoryHashes::default(), 0);
    for path in TilePath::all(size) {
        if let TilePath::Entries(extent) = path {
            let Some(bytes) = exported.file(folder, path) else { continue };
            let entries = parse_entry_bundle(&bytes, extent.width()).map_or_else(
                |error| {
                    exported.fault(path, error.to_string());
                    as_many_as_there_are(&bytes)
                },
                |entries| entries.into_iter().map(<[u8]>::to_vec).collect(),
            );
            for entry in entries {
                let leaf = String::from_utf8_lossy(&entry).into_owned();
                tree.append(leaf.as_bytes()).map_err(|error| ReadError::Tree(error.to_string()))?;
                take(leaf);
            }
        }
    }
    exported.check_tiles(folder, &tree, size)?;
    exported.read_remembered(folder)?;
    Ok(exported)
}

impl Exported {
    fn file(&mut self, folder: &Path, path: TilePath) -> Option<Vec<u8>> {
        match fs::read(folder.join(path.to_string())) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.fault(path, error.to_string());
                None
            }
        }
    }

    /// The hash tiles must be those of the entries: strangers' tools read them instead of the entries.
    fn check_tiles(&mut self, folder: &Path, tree: &Tree<MemoryHashes>, size: u64) -> Result<(), ReadError> {
        for path in TilePath::all(size) {
            let TilePath::Hashes { level, extent } = path else { continue };
            let Some(bytes) = self.file(folder, path) else { continue };
            if !path.is_in(tree.size())
                || hash_tile(tree, level, extent).map_err(|error| ReadError::Tree(error.to_string()))? != bytes
            {
                self.fault(path, "not the hashes of these entries".to_owned());
            }
        }
        Ok(())
    }

    fn read_remembered(&mut self, folder: &Path) -> Result<(), ReadError> {
        let path = folder.join(REMEMBERED);
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(remembered) => self.remembered = Some(remembered),
                Err(error) => self.find(REMEMBERED, error.to_string()),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(ReadError::File { path, error }),
        }
        Ok(())
    }

    fn fault(&mut self, path: TilePath, detail: String) {
        self.find(&path.to_string(), detail);
    }

    fn find(&mut self, file: &str, detail: String) {
        let detail = format!("{file}: {detail}");
        self.findings.push(Finding { fault: Fault::BadExport, leaf: None, message: None, detail });
    }
}

/// The entries of a bundle that is not of the width its path says.
fn as_many_as_there_are(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let Some((entry, tail)) = tail.split_at_checked(u16::from_be_bytes(*length).into()) else { break };
        entries.push(entry.to_vec());
        rest = tail;
    }
    entries
}

/// The size in a note nobody has verified yet: it only says which files to look for.
fn stated_size(note: &str) -> Option<u64> {
    note.parse::<Note>().ok()?.text().lines().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_device::export::{ExportError, write};
    use agenttrust_protocol::Hash;

    fn leaves(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("leaf {n}")).collect()
    }

    fn note(size: usize) -> String {
        format!("agenttrust/x\n{size}\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— agenttrust/x AAAAAAAA\n")
    }

    #[test]
    fn what_is_written_is_read_back() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("history");
        let remembered = Remembered { device: "phone".to_owned(), size: 7, root: Hash::from_bytes([7; 32]) };
        write(&folder, &leaves(600), &note(600), Some(&remembered)).unwrap();
        for file in ["checkpoint", "tile/entries/001", "tile/entries/002.p/88", "tile/0/000", "tile/1/000.p/2"] {
            assert!(folder.join(file).is_file(), "{file}");
        }
        let read = read(&folder).unwrap();
        assert_eq!((read.leaves, read.note, read.remembered), (leaves(600), note(600), Some(remembered)));
        assert_eq!(read.findings, []);
        assert!(matches!(write(&folder, &leaves(1), &note(1), None), Err(ExportError::NotEmpty(_))));
    }

    #[test]
    fn damage_is_found_and_the_rest_still_read() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("history");
        write(&folder, &leaves(3), &note(3), None).unwrap();
        let bundle = folder.join("tile/entries/000.p/3");
        let bytes = fs::read(&bundle).unwrap();
        fs::write(&bundle, &bytes[8..]).unwrap();
        let found = read(&folder).unwrap();
        assert_eq!(found.leaves, leaves(3)[1..]);
        let details: Vec<&str> = found.findings.iter().map(|finding| finding.detail.as_str()).collect();
        assert_eq!(details.len(), 2, "{details:?}");
        assert!(details[0].starts_with("tile/entries/000.p/3: "), "{details:?}");
        assert!(details[1].starts_with("tile/0/000.p/3: "), "{details:?}");
        fs::remove_file(&bundle).unwrap();
        assert!(read(&folder).unwrap().leaves.is_empty());
    }

    #[test]
    fn any_other_folder_is_no_export() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(matches!(verify(scratch.path(), None), Err(ReadError::NotAnExport(_))));
    }
}
