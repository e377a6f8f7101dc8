//! Checkpoints and cosignatures against real ones of running logs and witnesses, and malformed
//! variants.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use agenttrust_tlog::cosignature::{MAX_TIME, TimeTooLarge};
use agenttrust_tlog::{
    Checkpoint, CheckpointError, CosignatureVerifier, Cosigner, Hash, KeyError, KeyName, Note, NoteError, Signer,
    TreeHead, Verifier, VerifyError,
};
use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

fn name(name: &str) -> KeyName {
    name.parse().unwrap()
}

/// A signing key in the Go encoding: base64 of a type byte and the seed.
fn secret(base64: &str) -> SigningKey {
    let bytes = BASE64.decode(base64.as_bytes()).unwrap();
    SigningKey::from_bytes(bytes[1..].try_into().unwrap())
}

fn head(size: u64) -> TreeHead {
    TreeHead { size, root: Hash::leaf(b"some root") }
}

/// A tree head of the Go checksum database; tlog-checkpoint's example borrows its signature.
#[test]
fn a_tree_head_of_the_go_checksum_database() {
    let text = "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let note: Note = text.parse().unwrap();
    let log: Verifier = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8".parse().unwrap();
    assert_eq!(log.verify(&note), Ok(()));
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    assert_eq!(checkpoint.origin(), "go.sum database tree");
    assert_eq!(checkpoint.head().size, 20_852_163);
    assert_eq!(Checkpoint::open(&note, &log), Err(CheckpointError::WrongOrigin));
}

/// A checkpoint of a public log with the cosignatures of public witnesses.
#[test]
fn a_witnessed_checkpoint_of_a_public_log() {
    let text = "arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
";
    let note: Note = text.parse().unwrap();
    assert_eq!(note.to_string(), text);
    let log: Verifier = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
        .parse()
        .unwrap();
    let checkpoint = Checkpoint::open(&note, &log).unwrap();
    assert_eq!(checkpoint.head().size, 1_432_088_532);
    assert_eq!(checkpoint.to_string(), note.text());

    let seen = 0x6a12_2120;
    for vkey in [
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    ] {
        let witness: CosignatureVerifier = vkey.parse().unwrap();
        assert_eq!(witness.to_string(), vkey);
        assert_eq!(witness.verify(&note), Ok(seen));
        let line = note.signatures().iter().find(|line| line.name() == witness.name()).unwrap();
        assert_eq!(witness.verify_line(&checkpoint, line), Ok(seen));

        let other: Note = text.replacen("1432088532", "1432088533", 1).parse().unwrap();
        assert_eq!(witness.verify(&other), Err(VerifyError::BadSignature));
        let early: Note = text.replace("AABqEiEg", "AABqEiEf").parse().unwrap();
        assert_eq!(witness.verify(&early), Err(VerifyError::BadSignature));
        let other = &note.signatures()[0];
        assert_eq!(witness.verify_line(&checkpoint, other), Err(VerifyError::NotSigned));
    }
}

/// Key ids of the witnesses in the tests of github.com/transparency-dev/tessera.
#[test]
fn cosigner_key_ids() {
    for (witness, seed, vkey) in [
        (
            "Wit1",
            "AVq3ou1kOLb/aTkJLoMwbMULJQNr8EQVGbpyZxMEZMyT",
            "Wit1+4dd489c8+BDd/u4KCwMnyfkbOqopYZJIGSuMxMnjGav6Pjb9W8Y3c",
        ),
        (
            "Wit2",
            "AXLjVp1/sY1o5exVavpVt8zWIVFAD7ejqaMBU38CoYgg",
            "Wit2+ef71459d+BJ1w/MdWovBzZtRD4pNwmb9SHl1U+hZzCMsgx6MmMJ0L",
        ),
    ] {
        let cosigner = Cosigner::new(name(witness), secret(seed));
        assert_eq!(cosigner.verifier().to_string(), vkey);
        assert_eq!(vkey.parse(), Ok(cosigner.verifier()));
    }
}

#[test]
fn signing_and_cosigning_round_trip() {
    let log = Signer::new(name("example.com/log"), SigningKey::from_bytes(&[1; 32]));
    let witness = Cosigner::new(name("example.com/w1"), SigningKey::from_bytes(&[2; 32]));
    let checkpoint = Checkpoint::new("example.com/log", head(7)).unwrap();
    let mut note = checkpoint.sign(&log).unwrap();
    assert_eq!(witness.verifier().verify(&note), Err(VerifyError::NotSigned));
    for time in [0, 1_679_315_147, MAX_TIME] {
        let line = witness.cosign(&checkpoint, time).unwrap();
        assert_eq!(witness.verifier().verify_line(&checkpoint, &line), Ok(time));
        note.put_signature(line.to_string().parse().unwrap()).unwrap();
        assert_eq!(note.signatures().len(), 2, "a newer line replaces the older");
        assert_eq!(witness.verifier().verify(&note), Ok(time));
    }
    let sent: Note = note.to_string().parse().unwrap();
    assert_eq!(sent, note);
    assert_eq!(Checkpoint::open(&sent, &log.verifier()), Ok(checkpoint.clone()));

    let other = Checkpoint::new("example.com/log", head(8)).unwrap();
    let line = witness.cosign(&checkpoint, 5).unwrap();
    assert_eq!(witness.verifier().verify_line(&other, &line), Err(VerifyError::BadSignature));
    assert_eq!(witness.cosign(&checkpoint, MAX_TIME + 1), Err(TimeTooLarge));
    let elsewhere = Checkpoint::new("example.com/other", head(7)).unwrap();
    assert_eq!(elsewhere.sign(&log), Err(CheckpointError::WrongOrigin));
}

/// One key used for both types must not let one kind of signature pass for the other.
#[test]
fn a_signature_is_not_a_cosignature() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let log = Signer::new(name("example.com/log"), key.clone());
    let witness = Cosigner::new(name("example.com/log"), key);
    let checkpoint = Checkpoint::new("example.com/log", head(7)).unwrap();
    let signed = checkpoint.sign(&log).unwrap();
    assert_eq!(witness.verifier().verify(&signed), Err(VerifyError::NotSigned));
    let line = witness.cosign(&checkpoint, 9).unwrap();
    let cosigned = Note::new(checkpoint.to_string(), line).unwrap();
    assert_eq!(log.verifier().verify(&cosigned), Err(VerifyError::NotSigned));
    assert_eq!(log.verifier().to_string().parse::<CosignatureVerifier>(), Err(KeyError::WrongAlgorithm));
    assert_eq!(witness.verifier().to_string().parse::<Verifier>(), Err(KeyError::WrongAlgorithm));
}

#[test]
fn malformed_checkpoints_are_refused() {
    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let cases = [
        (String::new(), CheckpointError::Note(NoteError::NoFinalNewline)),
        (format!("log\n1\n{ROOT}"), CheckpointError::Note(NoteError::NoFinalNewline)),
        (format!("log\n1\n{ROOT}\r\n"), CheckpointError::Note(NoteError::ControlCharacter)),
        ("log\n1\n".to_owned(), CheckpointError::MissingLine),
        (format!("\n1\n{ROOT}\n"), CheckpointError::BadOrigin),
        (format!("log\n\n{ROOT}\n"), CheckpointError::BadSize),
        (format!("log\n01\n{ROOT}\n"), CheckpointError::BadSize),
        (format!("log\n+1\n{ROOT}\n"), CheckpointError::BadSize),
        (format!("log\n1 \n{ROOT}\n"), CheckpointError::BadSize),
        (format!("log\n18446744073709551616\n{ROOT}\n"), CheckpointError::BadSize),
        (format!("log\n0\n{ROOT}\n"), CheckpointError::BadRoot),
        ("log\n1\n\n".to_owned(), CheckpointError::BadRoot),
        ("log\n1\nAAAA\n".to_owned(), CheckpointError::BadRoot),
        (format!("log\n1\n{}\n", ROOT.replace("2I=", "2J=")), CheckpointError::BadRoot),
        (format!("log\n1\n{}\n", ROOT.trim_end_matches('=')), CheckpointError::BadRoot),
        (format!("log\n1\n{ROOT}\n\n"), CheckpointError::EmptyExtension),
        (format!("log\n1\n{ROOT}\n\nmore\n"), CheckpointError::EmptyExtension),
    ];
    for (text, reason) in cases {
        assert_eq!(text.parse::<Checkpoint>(), Err(reason), "{text:?}");
    }
    let with_extensions: Checkpoint = format!("log\n1\n{ROOT}\nmore\n").parse().unwrap();
    assert_eq!(with_extensions.extensions(), ["more"]);
    let empty: Checkpoint = format!("log\n0\n{}\n", Hash::EMPTY).parse().unwrap();
    assert_eq!(empty.head().root, Hash::EMPTY);
    assert_eq!(Checkpoint::new("two\nlines", head(1)), Err(CheckpointError::BadOrigin));
    assert_eq!(Checkpoint::new("log", head(0)), Err(CheckpointError::BadRoot));
}

#[test]
fn an_unsigned_or_forged_checkpoint_is_not_parsed() {
    let log = Signer::new(name("log"), SigningKey::from_bytes(&[4; 32]));
    let line = log.sign("not a checkpoint\n");
    let note = Note::new("not a checkpoint\n", line.clone()).unwrap();
    assert_eq!(Checkpoint::open(&note, &log.verifier()), Err(CheckpointError::MissingLine));
    let forged = Note::new("not a checkpoint either\n", line).unwrap();
    assert_eq!(Checkpoint::open(&forged, &log.verifier()), Err(CheckpointError::Signature(VerifyError::BadSignature)));
    let impostor = Signer::new(name("log"), SigningKey::from_bytes(&[5; 32]));
    let checkpoint = Checkpoint::new("log", head(1)).unwrap();
    assert_eq!(
        Checkpoint::open(&checkpoint.sign(&impostor).unwrap(), &log.verifier()),
        Err(CheckpointError::Signature(VerifyError::NotSigned))
    );
}

#[test]
fn a_time_beyond_the_limit_is_refused_even_if_signed() {
    let key = SigningKey::from_bytes(&[8; 32]);
    let witness = Cosigner::new(name("w"), key.clone());
    let checkpoint = Checkpoint::new("log", head(1)).unwrap();
    let line = |time: u64| {
        let id = witness.cosign(&checkpoint, 0).unwrap().id();
        let signature = key.sign(format!("cosignature/v1\ntime {time}\n{checkpoint}").as_bytes());
        let bytes = [&id.as_bytes()[..], &time.to_be_bytes(), &signature.to_bytes()].concat();
        format!("— w {}", BASE64.encode(&bytes)).parse().unwrap()
    };
    let verify = |time| witness.verifier().verify_line(&checkpoint, &line(time));
    assert_eq!(verify(MAX_TIME), Ok(MAX_TIME));
    assert_eq!(verify(MAX_TIME + 1), Err(VerifyError::BadSignature));
}

proptest! {
    #[test]
    fn a_flipped_bit_breaks_a_checkpoint(bit: prop::sample::Index) {
        let log = Signer::new(name("example.com/log"), SigningKey::from_bytes(&[6; 32]));
        let witness = Cosigner::new(name("example.com/w1"), SigningKey::from_bytes(&[7; 32]));
        let checkpoint = Checkpoint::new("example.com/log", head(1_000_003)).unwrap();
        let mut note = checkpoint.sign(&log).unwrap();
        note.put_signature(witness.cosign(&checkpoint, 1_679_315_147).unwrap()).unwrap();
        let mut bytes = note.to_string().into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let both_hold = Note::parse(&bytes).is_ok_and(|note| {
            Checkpoint::open(&note, &log.verifier()).is_ok()
                && witness.verifier().verify(&note).is_ok()
        });
        prop_assert!(!both_hold);
    }
}
