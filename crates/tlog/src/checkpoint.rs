//! Checkpoints: the note text in which a log states its tree (C2SP tlog-checkpoint).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::hash::{Hash, TreeHead};
use crate::note::{Note, NoteError, Signer, Verifier, VerifyError, check_text};
use crate::text;

/// Why a checkpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The text cannot be that of a note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note lacks a valid signature of the log.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// Fewer than three lines.
    #[error("a checkpoint has at least three lines")]
    MissingLine,
    /// The origin is empty or is more than one line.
    #[error("the origin is not one non-empty line")]
    BadOrigin,
    /// The size is not a decimal without leading zeros.
    #[error("the tree size is not a canonical decimal")]
    BadSize,
    /// The root is not a hash, or not the empty tree's where the size is 0.
    #[error("the root hash is not a canonical base64 hash that fits the size")]
    BadRoot,
    /// An extension line is empty.
    #[error("an extension line is empty")]
    EmptyExtension,
    /// The origin is not the name of the signing key.
    #[error("the origin is not the name of the log's key")]
    WrongOrigin,
}

/// A log's statement of its tree: origin, size, root, and extension lines if another log wrote
/// some. Its text form is the note's text; parsing and formatting are inverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines, which the specification advises against.
    ///
    /// # Errors
    /// [`CheckpointError::BadOrigin`], or [`CheckpointError::BadRoot`] for an empty tree with
    /// another root than [`Hash::EMPTY`].
    pub fn new(origin: impl Into<String>, head: TreeHead) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        if origin.is_empty() || origin.bytes().any(|byte| byte < b' ') {
            return Err(CheckpointError::BadOrigin);
        }
        if head.size == 0 && head.root != Hash::EMPTY {
            return Err(CheckpointError::BadRoot);
        }
        Ok(Self { origin, head, extensions: Vec::new() })
    }

    /// Verifies a note by the log's key, then parses its text; the origin must be the key's name.
    ///
    /// # Errors
    /// [`CheckpointError::Signature`] before anything else, then any other.
    pub fn open(note: &Note, log: &Verifier) -> Result<Self, CheckpointError> {
        log.verify(note)?;
        let checkpoint: Self = note.text().parse()?;
        if checkpoint.origin != log.name().as_str() {
            return Err(CheckpointError::WrongOrigin);
        }
        Ok(checkpoint)
    }

    /// Signs the checkpoint as the log; the origin must be the key's name.
    ///
    /// # Errors
    /// [`CheckpointError::WrongOrigin`], or [`CheckpointError::Note`] where the note is too long.
    pub fn sign(&self, log: &Signer) -> Result<Note, CheckpointError> {
        if self.origin != log.name().as_str() {
            return Err(CheckpointError::WrongOrigin);
        }
        let text = self.to_string();
        let signature = log.sign(&text);
        Ok(Note::new(text, signature)?)
    }

    /// The log's identity.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The lines after the third; no witness vouches for them.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(checkpoint: &str) -> Result<Self, CheckpointError> {
        check_text(checkpoint)?;
        let mut lines = checkpoint.strip_suffix('\n').unwrap_or(checkpoint).split('\n');
        let mut line = || lines.next().ok_or(CheckpointError::MissingLine);
        let (origin, size, root) = (line()?, line()?, line()?);
        let size = text::from_decimal(size).ok_or(CheckpointError::BadSize)?;
        let root = root.parse().map_err(|_| CheckpointError::BadRoot)?;
        let mut checkpoint = Self::new(origin, TreeHead { size, root })?;
        checkpoint.extensions = lines.map(str::to_owned).collect();
        if checkpoint.extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::EmptyExtension);
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.head.size, self.head.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
