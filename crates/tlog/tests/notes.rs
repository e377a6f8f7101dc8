//! Notes and their keys against the reference implementation's examples and malformed variants.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use agenttrust_tlog::note::{MAX_NOTE_LEN, MAX_SIGNATURES};
use agenttrust_tlog::{
    Checkpoint, Hash, KeyError, KeyName, Note, NoteError, SignatureLine, Signer, Verifier, VerifyError,
};
use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const PETER_LINE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const ENOCH_LINE: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=";

fn name(name: &str) -> KeyName {
    name.parse().unwrap()
}

/// A signing key in the Go encoding: base64 of a type byte and the seed.
fn secret(base64: &str) -> SigningKey {
    let bytes = BASE64.decode(base64.as_bytes()).unwrap();
    SigningKey::from_bytes(bytes[1..].try_into().unwrap())
}

/// The examples of Go's golang.org/x/mod/sumdb/note, which signed-note was written from.
#[test]
fn the_notes_of_the_reference_implementation() {
    let signer = Signer::new(name("PeterNeumann"), secret(PETER_SECRET));
    assert_eq!(signer.verifier().to_string(), PETER);
    assert_eq!(signer.sign(PETER_TEXT).to_string(), PETER_LINE);

    let text = format!("{PETER_TEXT}\n{PETER_LINE}\n{ENOCH_LINE}\n");
    let note: Note = text.parse().unwrap();
    assert_eq!(note.text(), PETER_TEXT);
    assert_eq!(note.to_string(), text);
    for vkey in [PETER, ENOCH] {
        let verifier: Verifier = vkey.parse().unwrap();
        assert_eq!(verifier.to_string(), vkey);
        assert_eq!(verifier.verify(&note), Ok(()));
    }
    let changed: Note = text.replace("answer", "Answer").parse().unwrap();
    let peter: Verifier = PETER.parse().unwrap();
    assert_eq!(peter.verify(&changed), Err(VerifyError::BadSignature));
    let only_enoch: Note = format!("{PETER_TEXT}\n{ENOCH_LINE}\n").parse().unwrap();
    assert_eq!(peter.verify(&only_enoch), Err(VerifyError::NotSigned));
}

/// Example texts of the specifications, whose keys are not published.
#[test]
fn the_examples_of_the_specifications_parse() {
    let poem = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n";
    let line = "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=";
    let note: Note = format!("{poem}\n{line}\n").parse().unwrap();
    assert_eq!(note.text(), poem);
    assert_eq!(note.signatures().len(), 1);
    assert_eq!(note.signatures()[0].id().to_string(), "367ba04b");

    let line: SignatureLine = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
        .parse()
        .unwrap();
    assert_eq!(line.id().to_string(), "8d66cf3f");
}

#[test]
fn malformed_notes_are_refused() {
    const LINE: &str = PETER_LINE;
    let (line_start, base64) = LINE.rsplit_once(' ').unwrap();
    let line = |line: &str| format!("text\n\n{line}\n");
    let many: String = (0..=MAX_SIGNATURES).map(|index| format!("— key{index} AAAAAAA=\n")).collect();
    let cases = [
        (format!("{}\n\n{LINE}\n", "a".repeat(MAX_NOTE_LEN)), NoteError::TooLong),
        (format!("te\txt\n\n{LINE}\n"), NoteError::ControlCharacter),
        (format!("text\r\n\r\n{LINE}\r\n"), NoteError::ControlCharacter),
        (format!("text\0\n\n{LINE}\n"), NoteError::ControlCharacter),
        (format!("text\n\n{LINE}"), NoteError::NoFinalNewline),
        (String::new(), NoteError::NoFinalNewline),
        (format!("text\n{LINE}\n"), NoteError::NoSeparator),
        (format!("\n{LINE}\n"), NoteError::NoSeparator),
        ("text\n\n".to_owned(), NoteError::NoSignature),
        (format!("text\n\n{LINE}\n\n"), NoteError::NoSignature),
        (format!("text\n\n{many}"), NoteError::TooManySignatures),
        (format!("text\n\n{LINE}\n{LINE}\n"), NoteError::DuplicateKey),
        (line("text"), NoteError::BadSignatureLine),
        (line(&LINE.replace('—', "-")), NoteError::BadSignatureLine),
        (line(&LINE.replace('—', "–")), NoteError::BadSignatureLine),
        (line(&LINE.replace('—', "--")), NoteError::BadSignatureLine),
        (line(&LINE.replacen("— ", "—", 1)), NoteError::BadSignatureLine),
        (line(&LINE.replacen("— ", "—  ", 1)), NoteError::BadSignatureLine),
        (line(&format!(" {LINE}")), NoteError::BadSignatureLine),
        (line(&format!("{LINE} ")), NoteError::BadSignatureLine),
        (line(&format!("{LINE} more")), NoteError::BadSignatureLine),
        (line(line_start), NoteError::BadSignatureLine),
        (line(&format!("—  {base64}")), NoteError::BadSignatureLine),
        (line(&format!("— a+b {base64}")), NoteError::BadSignatureLine),
        (line(&format!("— a\u{a0}b {base64}")), NoteError::BadSignatureLine),
        (line(LINE.trim_end_matches('=')), NoteError::BadSignatureLine),
        (line(&LINE.replace("AM=", "AN=")), NoteError::BadSignatureLine),
        (line(&LINE.replace('/', "_")), NoteError::BadSignatureLine),
        (line("— key AAAAAA=="), NoteError::BadSignatureLine),
        (line("— key AAAA"), NoteError::BadSignatureLine),
        (line("— key "), NoteError::BadSignatureLine),
    ];
    for (note, reason) in cases {
        assert_eq!(note.parse::<Note>(), Err(reason), "{note:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n\xe2\x80\x94 key AAAAAAA=\n"), Err(NoteError::NotUtf8));
}

#[test]
fn the_longest_note_is_read_and_no_longer_one_is_made() {
    let rest = format!("\n\n{PETER_LINE}\n");
    let text = "a".repeat(MAX_NOTE_LEN - rest.len());
    let note: Note = format!("{text}{rest}").parse().unwrap();
    let line = note.signatures()[0].clone();
    assert_eq!(Note::new(format!("{text}a\n"), line.clone()), Err(NoteError::TooLong));
    assert_eq!(Note::new("text", line.clone()), Err(NoteError::NoFinalNewline));
    assert_eq!(Note::new("te\rxt\n", line.clone()), Err(NoteError::ControlCharacter));

    let mut full = note.clone();
    let extra: SignatureLine = "— key AAAAAAA=".parse().unwrap();
    assert_eq!(full.put_signature(extra), Err(NoteError::TooLong));
    assert_eq!(full, note);

    let mut note = Note::new("text\n", line).unwrap();
    for index in 1..MAX_SIGNATURES {
        let line = format!("— key{index} AAAAAAA=").parse().unwrap();
        assert_eq!(note.put_signature(line), Ok(()));
    }
    let extra: SignatureLine = "— key AAAAAAA=".parse().unwrap();
    assert_eq!(note.put_signature(extra), Err(NoteError::TooManySignatures));
    assert_eq!(note.to_string().parse(), Ok(note));
}

#[test]
fn malformed_verifier_keys_are_refused() {
    let (front, base64) = PETER.rsplit_once('+').unwrap();
    let weak = BASE64.encode(&[&[1][..], &[1], &[0; 31]].concat());
    for (vkey, reason) in [
        (String::new(), KeyError::BadForm),
        ("PeterNeumann".to_owned(), KeyError::BadForm),
        ("PeterNeumann+c74f20a3".to_owned(), KeyError::BadForm),
        (format!("{front}+"), KeyError::BadForm),
        (format!("{PETER}="), KeyError::BadForm),
        (format!("{front}+AQ=="), KeyError::BadKey),
        (format!("{front}+{weak}"), KeyError::BadKey),
        (PETER.replace("Neumann", " Neumann"), KeyError::BadName),
        (format!("+c74f20a3+{base64}"), KeyError::BadName),
        (PETER.replace("Neumann", "Newmann"), KeyError::WrongId),
        (PETER.replace("c74f20a3", "C74F20A3"), KeyError::WrongId),
        (PETER.replace("c74f20a3", "c74f20a4"), KeyError::WrongId),
    ] {
        assert_eq!(vkey.parse::<Verifier>(), Err(reason), "{vkey:?}");
    }
}

/// Random texts of mostly structural characters, so that many come near to being notes.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("— ".to_owned()),
        Just("log ".to_owned()),
        Just("AAAAAAA=".to_owned()),
        Just(format!("{PETER_LINE}\n")),
        Just(format!("{}\n", Hash::EMPTY)),
        Just("0\n".to_owned()),
        "[a-z+ ]{0,3}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_parses_formats_to_itself(text in fragments()) {
        if let Ok(note) = text.parse::<Note>() {
            prop_assert_eq!(note.to_string(), text.clone());
        }
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text.clone());
        }
        if let Ok(line) = text.parse::<SignatureLine>() {
            prop_assert_eq!(line.to_string(), text);
        }
    }

    #[test]
    fn whatever_is_signed_verifies(text in "[^\\x00-\\x09\\x0b-\\x1f]{0,80}\n", seed: [u8; 32]) {
        let signer = Signer::new(name("example.com/log"), SigningKey::from_bytes(&seed));
        let note = Note::new(text.clone(), signer.sign(&text)).unwrap();
        let sent: Note = note.to_string().parse().unwrap();
        prop_assert_eq!(sent.text(), text);
        prop_assert_eq!(signer.verifier().verify(&sent), Ok(()));
    }
}
