//! What we remember of a file that we changed: what it was before, what we put in, and what it was then.

use crate::edit::{Edit, Format, apply, strip};
use crate::files;
use crate::refusal::{Outcome, Refusal};
use agenttrust_hooks::Client;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The form of a record.
const FORM: u32 = 1;

/// What is put in together and taken out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The hook in front of the client's tools.
    Hooks,
    /// The gateway in front of its MCP servers.
    Mcp,
}

/// One part and its edits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub part: Part,
    pub edits: Vec<Edit>,
}

/// Everything about one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    form: u32,
    pub client: String,
    pub file: PathBuf,
    pub format: Format,
    pub layers: Vec<Layer>,
    /// Whether there was a file before us.
    pub existed: bool,
    /// The folders that were made for it.
    pub folders: Vec<PathBuf>,
    /// The file as we left it.
    pub after: String,
}

/// A record and the bytes it goes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub record: Record,
    pub base: Vec<u8>,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the record of this client's file is; its backup is beside it.
pub(crate) fn place(records: &Path, client: Client, file: &Path) -> PathBuf {
    let tag: String = digest(file.as_os_str().as_encoded_bytes()).chars().take(12).collect();
    records.join(format!("{}-{tag}.json", client.name()))
}

pub(crate) fn backup(place: &Path) -> PathBuf {
    place.with_extension("before")
}

/// The record, if there is one that can be used.
pub(crate) fn load(place: &Path) -> Option<Kept> {
    let record: Record = serde_json::from_slice(&fs::read(place).ok()?).ok()?;
    let base = if record.existed { fs::read(backup(place)).ok()? } else { Vec::new() };
    (record.form == FORM).then_some(Kept { record, base })
}

pub(crate) fn save(place: &Path, kept: &Kept) -> Outcome<()> {
    if kept.record.existed {
        files::keep(&backup(place), &kept.base)?;
    }
    let text = serde_json::to_vec_pretty(&kept.record).map_err(|error| Refusal::unreadable(error).about(place))?;
    files::keep(place, &text)
}

/// Nothing of ours is in that file any more.
pub(crate) fn forget(place: &Path) {
    for path in [place, &backup(place)] {
        // What is left over describes a file that is not so any more, and is not believed then.
        drop(fs::remove_file(path));
    }
}

impl Kept {
    pub(crate) fn new(client: Client, file: &Path, format: Format, base: Option<Vec<u8>>) -> Kept {
        let record = Record {
            form: FORM,
            client: client.name().to_owned(),
            file: file.to_path_buf(),
            format,
            layers: Vec::new(),
            existed: base.is_some(),
            folders: files::missing_folders(file),
            after: String::new(),
        };
        Kept { record, base: base.unwrap_or_default() }
    }

    /// Whether the file still is what we made of it.
    pub(crate) fn is_as_left(&self, bytes: Option<&[u8]>) -> bool {
        bytes.is_some_and(|bytes| digest(bytes) == self.record.after)
    }

    pub(crate) fn base_text(&self) -> Outcome<&str> {
        text(&self.base)
    }

    /// The base with every layer on it.
    pub(crate) fn text(&self) -> Outcome<String> {
        let base = self.base_text()?.to_owned();
        self.record.layers.iter().try_fold(base, |text, layer| apply(self.record.format, &text, &layer.edits))
    }

    /// Another text without these layers of ours.
    pub(crate) fn without(&self, client: Client, text: &str, part: Option<Part>) -> Outcome<String> {
        let mut layers = self.record.layers.iter().rev().filter(|layer| part.is_none_or(|part| part == layer.part));
        let base = self.base_text()?;
        layers
            .try_fold(text.to_owned(), |text, layer| strip(client, self.record.format, &text, &layer.edits, Some(base)))
    }
}

/// The text of a file.
pub(crate) fn text(bytes: &[u8]) -> Outcome<&str> {
    std::str::from_utf8(bytes).map_err(|_| Refusal::unreadable("it is not UTF-8"))
}
