//! Signed notes: text, a blank line, signature lines (C2SP signed-note).

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;

use crate::key::{Algorithm, KeyError, KeyId, KeyName, NamedKey};
use crate::text;

/// The longest note that is read or made, in bytes: room for 16 post-quantum signatures, as the
/// specification demands of a limit.
pub const MAX_NOTE_LEN: usize = 128 * 1024;

/// The most signature lines in a note.
pub const MAX_SIGNATURES: usize = 64;

/// Em dash and space, which begin each signature line.
const LINE_PREFIX: &str = "\u{2014} ";

/// Why bytes are not a note, or text and signatures cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_LEN`].
    #[error("the note is over {MAX_NOTE_LEN} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8,
    /// An ASCII control character other than newline.
    #[error("the note has a control character")]
    ControlCharacter,
    /// The text or the last line does not end in a newline.
    #[error("the note does not end in a newline")]
    NoFinalNewline,
    /// No empty line stands between text and signatures.
    #[error("the note has no empty line before its signatures")]
    NoSeparator,
    /// No line follows the empty line.
    #[error("the note has no signature")]
    NoSignature,
    /// More than [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// Not em dash, space, key name, space, canonical base64 of more than four bytes.
    #[error("a signature line is malformed")]
    BadSignatureLine,
    /// Two lines of one key.
    #[error("two signature lines have the same key")]
    DuplicateKey,
}

/// Why no trust follows from a note's signature lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// No line has the key's name and id.
    #[error("the note is not signed by this key")]
    NotSigned,
    /// The line with the key's name and id does not verify.
    #[error("the signature of this key is invalid")]
    BadSignature,
}

/// One signature line: key name, key id and the bytes whose meaning the key's type decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    pub(crate) name: KeyName,
    pub(crate) id: KeyId,
    pub(crate) bytes: Vec<u8>,
}

impl SignatureLine {
    /// The name of the signing key.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the signing key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn is_by(&self, key: &NamedKey) -> bool {
        self.id == key.id && self.name == key.name
    }

    fn same_key(&self, other: &Self) -> bool {
        self.id == other.id && self.name == other.name
    }
}

impl FromStr for SignatureLine {
    type Err = NoteError;

    /// Parses a line without its newline.
    fn from_str(line: &str) -> Result<Self, NoteError> {
        let (name, base64) =
            line.strip_prefix(LINE_PREFIX).and_then(|rest| rest.split_once(' ')).ok_or(NoteError::BadSignatureLine)?;
        let name = name.parse().map_err(|_| NoteError::BadSignatureLine)?;
        let bytes = text::from_base64(base64).ok_or(NoteError::BadSignatureLine)?;
        match bytes.split_first_chunk() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name, id: KeyId::from_bytes(*id), bytes: signature.to_vec() })
            }
            Some(_) | None => Err(NoteError::BadSignatureLine),
        }
    }
}

impl fmt::Display for SignatureLine {
    /// Writes the line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes().as_slice(), &self.bytes].concat();
        write!(f, "{LINE_PREFIX}{} {}", self.name, text::to_base64(&bytes))
    }
}

/// A text with one signature line or more. Formatting a parsed note gives the parsed bytes back.
///
/// Nothing in it is to be believed before a [`Verifier`] has accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// A note with one signature.
    ///
    /// # Errors
    /// [`NoteError::NoFinalNewline`], [`NoteError::ControlCharacter`] or [`NoteError::TooLong`].
    pub fn new(text: impl Into<String>, signature: SignatureLine) -> Result<Self, NoteError> {
        let note = Self { text: text.into(), signatures: vec![signature] };
        check_text(&note.text)?;
        note.check_limits()?;
        Ok(note)
    }

    /// Parses the bytes of a note.
    ///
    /// # Errors
    /// Any [`NoteError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        check_text(note)?;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSeparator)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignature)?;
        let mut signatures: Vec<SignatureLine> = Vec::new();
        for line in lines.split('\n') {
            let line: SignatureLine = line.parse()?;
            if signatures.iter().any(|other| other.same_key(&line)) {
                return Err(NoteError::DuplicateKey);
            }
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(line);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines in their order.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a signature line, in place of one by the same key if there is one; it is not verified.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] or [`NoteError::TooLong`]; the note is then unchanged.
    pub fn put_signature(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        let mut changed = self.clone();
        match changed.signatures.iter_mut().find(|old| old.same_key(&line)) {
            Some(old) => *old = line,
            None => changed.signatures.push(line),
        }
        changed.check_limits()?;
        *self = changed;
        Ok(())
    }

    pub(crate) fn signature_by(&self, key: &NamedKey) -> Option<&SignatureLine> {
        self.signatures.iter().find(|line| line.is_by(key))
    }

    fn check_limits(&self) -> Result<(), NoteError> {
        if self.signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        if self.to_string().len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong);
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        Self::parse(note.as_bytes())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Checks what holds for a note's text and for the note as a whole alike.
pub(crate) fn check_text(text: &str) -> Result<(), NoteError> {
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::ControlCharacter);
    }
    if !text.ends_with('\n') {
        return Err(NoteError::NoFinalNewline);
    }
    Ok(())
}

/// Signs note texts with a named Ed25519 key (signature type 0x01).
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

impl Signer {
    /// Gives a key a name.
    #[must_use]
    pub fn new(name: KeyName, key: SigningKey) -> Self {
        let verifier = Verifier::new(name, key.verifying_key());
        Self { key, verifier }
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        self.verifier.name()
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// The signature line for a text.
    #[must_use]
    pub fn sign(&self, text: &str) -> SignatureLine {
        SignatureLine {
            name: self.verifier.0.name.clone(),
            id: self.verifier.0.id,
            bytes: self.key.sign(text.as_bytes()).to_vec(),
        }
    }
}

/// Verifies notes signed by a named Ed25519 key (signature type 0x01).
///
/// Its text form is the C2SP verifier key `name+id+base64`, which strangers' tools take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(NamedKey);

impl Verifier {
    /// Gives a public key a name.
    #[must_use]
    pub fn new(name: KeyName, key: VerifyingKey) -> Self {
        Self(NamedKey::new(name, Algorithm::Ed25519, key))
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.0.name
    }

    /// Checks that this key signed the note; lines of other keys are ignored.
    ///
    /// # Errors
    /// [`VerifyError::NotSigned`] or [`VerifyError::BadSignature`].
    pub fn verify(&self, note: &Note) -> Result<(), VerifyError> {
        let line = note.signature_by(&self.0).ok_or(VerifyError::NotSigned)?;
        if self.0.verifies(note.text().as_bytes(), &line.bytes) { Ok(()) } else { Err(VerifyError::BadSignature) }
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        NamedKey::parse(vkey, Algorithm::Ed25519).map(Self)
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
