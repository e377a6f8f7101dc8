//! A history written as files: the layout of C2SP tlog-tiles, which strangers' tools verify, and what a device
//! remembers.
//!
//! | file | what |
//! |---|---|
//! | `checkpoint` | the signed note |
//! | `tile/entries/…` | the leaves |
//! | `tile/<level>/…` | the tree's hashes |
//! | `remembered.json` | the last root the exporting device had verified |

use crate::device::Device;
use crate::failure::Failure;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use agenttrust_tlog::tile::entry_bundle;
use agenttrust_tlog::{Extent, MemoryHashes, TILE_WIDTH, TileError, TilePath, Tree};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The file of the signed note; it is written last.
pub const CHECKPOINT: &str = "checkpoint";

/// The file of what the exporting device remembers.
pub const REMEMBERED: &str = "remembered.json";

/// Leaves asked for at a time: as many as the daemon hands out.
const PAGE: u64 = 1000;

/// Why a history was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The system refused.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The folder holds something else.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// The daemon handed out what cannot stand in a log.
    #[error(transparent)]
    Entry(#[from] TileError),
    /// The tree could not be built.
    #[error("{0}")]
    Tree(String),
    /// The daemon did not hand it out.
    #[error(transparent)]
    Device(#[from] Failure),
}

/// The last root a device verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The device's name.
    pub device: String,
    /// How many entries.
    pub size: u64,
    /// Their root.
    pub root: Hash,
}

/// A history that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Where.
    pub folder: PathBuf,
    /// How many entries.
    pub leaves: u64,
}

/// Writes a history into a folder, entry by entry; the checkpoint comes last.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    tree: Tree<MemoryHashes>,
    /// The entries of the bundle that is not full yet.
    bundle: Vec<String>,
}

impl ExportError {
    /// The stable code of everything that keeps files from being written.
    pub const CODE: &str = "export_failed";

    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ExportError::NotEmpty(_) => Some("Name a folder that is new or empty."),
            ExportError::File { .. } | ExportError::Entry(_) | ExportError::Tree(_) | ExportError::Device(_) => None,
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Failure {
        match error {
            ExportError::Device(failure) => failure,
            ExportError::File { .. } | ExportError::NotEmpty(_) | ExportError::Entry(_) | ExportError::Tree(_) => {
                let (message, hint) = (error.to_string(), error.hint().map(str::to_owned));
                Failure::Daemon(ErrorBody { code: ExportError::CODE.to_owned(), message, hint, state: None })
            }
        }
    }
}

impl Device {
    /// Writes the whole history into a folder that is new or empty, with what this device remembers of it. Nothing is
    /// verified: whoever reads it does that.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export(&self, folder: &Path) -> Result<Exported, ExportError> {
        // A history that does not verify is worth exporting all the more, with the last root that did.
        let _verified = self.shared.cosign().await;
        let snapshot = self.snapshot();
        let device = snapshot.me.map_or_else(|| "this device".to_owned(), |me| me.name);
        let remembered = snapshot.log.map(|log| Remembered { device, size: log.size, root: log.root });
        let note = self.checkpoint(0).await?.checkpoint;
        let size = note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
        let path = folder.to_owned();
        let mut writer = on_disk(move || Writer::new(&path)).await?;
        while writer.size() < size {
            let from = writer.size();
            let leaves = self.leaves(from, from.saturating_add(PAGE).min(size)).await?;
            if leaves.is_empty() {
                // The checkpoint counts what the daemon does not hand out: the reader finds that.
                break;
            }
            writer = on_disk(move || writer.push_all(leaves)).await?;
        }
        let leaves = writer.size();
        on_disk(move || writer.finish(&note, remembered.as_ref())).await?;
        Ok(Exported { folder: folder.to_owned(), leaves })
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::from(Trouble::Internal))?
}

impl Writer {
    /// Begins in a folder that is new or empty.
    ///
    /// # Errors
    /// [`ExportError::NotEmpty`], or what the system says.
    pub fn new(folder: &Path) -> Result<Writer, ExportError> {
        let failed = |error| ExportError::File { path: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(ExportError::NotEmpty(folder.to_owned()));
        }
        Ok(Writer { folder: folder.to_owned(), tree: Tree::new(MemoryHashes::default(), 0), bundle: Vec::new() })
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn push(&mut self, leaf: String) -> Result<(), ExportError> {
        self.tree.append(leaf.as_bytes()).map_err(|error| ExportError::Tree(error.to_string()))?;
        self.bundle.push(leaf);
        if self.bundle.len() == usize::from(TILE_WIDTH) { self.write_bundle() } else { Ok(()) }
    }

    fn push_all(mut self, leaves: Vec<String>) -> Result<Writer, ExportError> {
        for leaf in leaves {
            self.push(leaf)?;
        }
        Ok(self)
    }

    /// Writes what is left, the hash tiles, what the device remembers, and the checkpoint.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn finish(mut self, note: &str, remembered: Option<&Remembered>) -> Result<(), ExportError> {
        if !self.bundle.is_empty() {
            self.write_bundle()?;
        }
        for path in TilePath::all(self.tree.size()) {
            if let TilePath::Hashes { level, extent } = path {
                write_file(&self.folder.join(path.to_string()), &hash_tile(&self.tree, level, extent)?)?;
            }
        }
        if let Some(remembered) = remembered {
            let json = serde_json::to_vec_pretty(remembered).map_err(|error| ExportError::Tree(error.to_string()))?;
            write_file(&self.folder.join(REMEMBERED), &json)?;
        }
        write_file(&self.folder.join(CHECKPOINT), note.as_bytes())
    }

    fn write_bundle(&mut self) -> Result<(), ExportError> {
        let entries = std::mem::take(&mut self.bundle);
        let width = u16::try_from(entries.len()).unwrap_or(TILE_WIDTH);
        let index = self.tree.size().saturating_sub(1) / u64::from(TILE_WIDTH);
        match Extent::new(index, width) {
            Some(extent) => {
                let path = self.folder.join(TilePath::Entries(extent).to_string());
                write_file(&path, &entry_bundle(&entries)?)
            }
            None => Err(ExportError::Tree("the log is too large".to_owned())),
        }
    }
}

/// Writes a history into a folder that is new or empty.
///
/// # Errors
/// [`ExportError`].
pub fn write(folder: &Path, leaves: &[String], note: &str, remembered: Option<&Remembered>) -> Result<(), ExportError> {
    let mut writer = Writer::new(folder)?;
    for leaf in leaves {
        writer.push(leaf.clone())?;
    }
    writer.finish(note, remembered)
}

/// One tile of a tree's hashes.
///
/// # Errors
/// [`ExportError::Tree`].
pub fn hash_tile(tree: &Tree<MemoryHashes>, level: u8, extent: Extent) -> Result<Vec<u8>, ExportError> {
    tree.hash_tile(level, extent).map_err(|error| ExportError::Tree(error.to_string()))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let failed = |error| ExportError::File { path: path.to_owned(), error };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
