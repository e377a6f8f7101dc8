//! Everything of the log that comes as text: signed notes, checkpoints, their keys and lines, paths of tiles.

use agenttrust_tlog::{Checkpoint, CosignatureVerifier, Cosigner, Note, SignatureLine, Signer, TilePath, Verifier};
use ed25519_dalek::SigningKey;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Tries one text as all of them.
pub fn run(data: &[u8]) -> bool {
    let noted = note(data);
    let Ok(text) = std::str::from_utf8(data) else { return noted };
    let others = [
        inverse::<SignatureLine>(text),
        inverse::<Verifier>(text),
        inverse::<CosignatureVerifier>(text),
        inverse::<TilePath>(text),
        checkpoint(text),
    ];
    noted || others.contains(&true)
}

/// One value has one text.
fn inverse<T: FromStr + Display + Debug + PartialEq>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else { return false };
    assert_eq!(value.to_string(), text);
    true
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn note(data: &[u8]) -> bool {
    let Ok(note) = Note::parse(data) else { return false };
    assert_eq!(note.to_string().as_bytes(), data);
    assert!(note.text().ends_with('\n') && !note.signatures().is_empty());
    for line in note.signatures() {
        assert_eq!(line.to_string().parse().as_ref(), Ok(line));
    }
    let signer = Signer::new("fuzz.example/log".parse().expect("a name"), key());
    let mut signed = note.clone();
    if signed.put_signature(signer.sign(note.text())).is_ok() {
        assert_eq!(signer.verifier().verify(&signed), Ok(()));
        assert_eq!(Note::parse(signed.to_string().as_bytes()).as_ref(), Ok(&signed));
    }
    if let Ok(checkpoint) = note.text().parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), note.text());
    }
    true
}

fn checkpoint(text: &str) -> bool {
    let Ok(checkpoint) = text.parse::<Checkpoint>() else { return false };
    assert_eq!(checkpoint.to_string(), text);
    let cosigner = Cosigner::new("fuzz.example/witness".parse().expect("a name"), key());
    let line = cosigner.cosign(&checkpoint, 1_800_000_000).expect("a time");
    assert_eq!(cosigner.verifier().verify_line(&checkpoint, &line), Ok(1_800_000_000));
    // An origin may be what no key's name may be; then no key signs for it.
    let Ok(name) = checkpoint.origin().parse() else { return true };
    let signer = Signer::new(name, key());
    if let Ok(note) = checkpoint.sign(&signer) {
        let note = Note::parse(note.to_string().as_bytes()).expect("what was made can be read");
        assert_eq!(Checkpoint::open(&note, &signer.verifier()).as_ref(), Ok(&checkpoint));
    }
    true
}
