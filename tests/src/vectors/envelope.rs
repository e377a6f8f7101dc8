//! `message`, first half: size, form, header, keys, signature, disclosures of one message.
//!
//! A case names the keys that are pinned for its role; self-keyed types need none.

use super::Case;
use crate::cast::Cast;
use crate::forge::{Parts, base64, disclosure, header, jws, key};
use agenttrust_protocol::Hash;
use agenttrust_protocol::key::{Agent, Approval, PublicKey, Role, SecretKey};
use agenttrust_protocol::message::Verdict;
use serde_json::{Value, json};

/// A case of one message; `keys` are those pinned for the role.
pub(super) fn message(name: &str, why: &str, typ: &str, keys: &[Value], text: &str, expect: &str) -> Case {
    let content = json!({"typ": format!("agenttrust-{typ}-v1"), "keys": keys, "message": text, "expect": expect});
    Case::new("message", name, why, content)
}

/// A JWK.
pub(super) fn jwk<R: Role>(key: &PublicKey<R>) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": base64(key.as_bytes())})
}

pub(super) fn cases() -> Vec<Case> {
    let cast = Cast::new();
    let agent = [jwk(&cast.agent.public())];
    let request = cast.pay();
    let parts = Parts::of(&request);
    let jws_of = |text: &str| text.split('~').next().unwrap_or_default().to_owned();
    let signed = jws_of(&request);
    let [head, payload, signature] = signed.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    let kid = cast.agent.public().thumbprint();
    let with_header = |h: &str| parts.present(&jws(&cast.agent, h, &parts.payload));
    let mut cases = Vec::new();
    let mut case = |name: &str, why: &str, text: &str, expect: &str| {
        cases.push(message(name, why, "request", &agent, text, expect));
    };

    case("request-good", "a request with one disclosure", &request, "ok");
    case(
        "no-final-tilde",
        "types with disclosures always end in `~`",
        &format!("{signed}~{}", parts.disclosures[0]),
        "bad_form",
    );
    case("no-tilde-at-all", "types with disclosures always end in `~`", &signed, "bad_form");
    case("empty-disclosure", "nothing between two `~`", &format!("{signed}~~"), "bad_form");
    case("two-segments", "a JWS has three", &format!("{head}.{payload}~{}~", parts.disclosures[0]), "bad_form");
    case("four-segments", "a JWS has three", &format!("{signed}.AAAA~{}~", parts.disclosures[0]), "bad_form");
    case("padded", "base64url without padding", &parts.present(&format!("{head}.{payload}.{signature}==")), "bad_form");
    case(
        "standard-alphabet",
        "base64url, not base64",
        &parts.present(&format!("{head}.{payload}.{}+", &signature[..85])),
        "bad_form",
    );
    case(
        "non-canonical-base64",
        "the last character's spare bits are zero",
        &parts.present(&format!("{head}.{payload}.{}", spare_bits(signature))),
        "bad_form",
    );
    case("short-signature", "64 bytes", &parts.present(&format!("{head}.{payload}.{}", base64(&[0; 63]))), "bad_form");
    case("white-space", "no character beside the form", &format!("{request}\n"), "bad_form");
    case("two-signers", "a request has one signer", &two_signers(&cast, &parts), "bad_form");
    case("too-large", "a message has at most 1 MiB", &format!("{request}{}~", "A".repeat(1 << 20)), "too_large");
    case(
        "leaf-too-large",
        "without disclosures a message has at most 65,535 bytes",
        &parts.clone().append(&format!("\"x\":\"{}\"", "y".repeat(50_000))).sign(&cast.agent),
        "too_large",
    );

    case(
        "header-spaced",
        "the header is byte-exact",
        &with_header(&header(&parts.typ, &kid).replace(':', ": ")),
        "bad_header",
    );
    case(
        "header-order",
        "the header is byte-exact",
        &with_header(&format!(r#"{{"typ":"{}","alg":"Ed25519","kid":"{kid}"}}"#, parts.typ)),
        "bad_header",
    );
    case(
        "header-eddsa",
        "the deprecated name of RFC 8037",
        &with_header(&header(&parts.typ, &kid).replace("Ed25519", "EdDSA")),
        "bad_header",
    );
    case(
        "header-none",
        "the algorithm is fixed by the type",
        &with_header(&header(&parts.typ, &kid).replace("Ed25519", "none")),
        "bad_header",
    );
    case(
        "header-extra",
        "no further member",
        &with_header(&header(&parts.typ, &kid).replace('}', r#","crit":["x"]}"#)),
        "bad_header",
    );
    case(
        "header-kid-short",
        "a thumbprint has 43 characters",
        &with_header(&header(&parts.typ, &kid).replace(&kid.to_string(), "AAAA")),
        "bad_header",
    );
    case("wrong-typ", "one typ, one message type", &with_header(&header("agenttrust-claim-v1", &kid)), "wrong_typ");
    case(
        "wrong-version",
        "a new version is a new typ",
        &with_header(&header("agenttrust-request-v2", &kid)),
        "wrong_typ",
    );

    let stranger: SecretKey<Agent> = key("stranger");
    case("unknown-key", "no pinned key has this thumbprint", &parts.sign(&stranger), "unknown_key");
    case("other-role", "a device key signs no request", &parts.sign(&cast.phone.approval), "unknown_key");
    case(
        "kid-of-another",
        "the pinned key's name over a stranger's signature",
        &parts.present(&jws(&stranger, &header(&parts.typ, &kid), &parts.payload)),
        "bad_signature",
    );
    case(
        "flipped-payload",
        "one bit of the payload",
        &parts.present(&format!("{head}.{}.{signature}", flip(payload))),
        "bad_signature",
    );
    case(
        "flipped-signature",
        "one bit of the signature",
        &parts.present(&format!("{head}.{payload}.{}", flip(signature))),
        "bad_signature",
    );
    case(
        "zero-signature",
        "R and S are zero",
        &parts.present(&format!("{head}.{payload}.{}", base64(&[0; 64]))),
        "bad_signature",
    );
    case(
        "signature-of-other-message",
        "cut from another message",
        &parts.present(&format!("{head}.{payload}.{}", jws_of(&cast.session).split('.').nth(2).unwrap_or_default())),
        "bad_signature",
    );
    case(
        "signature-malleable",
        "S plus the group order",
        &parts.present(&format!("{head}.{payload}.{}", add_order(signature))),
        "bad_signature",
    );

    case(
        "payload-not-json",
        "signed, but not JSON",
        &Parts { payload: "{".into(), ..parts.clone() }.sign(&cast.agent),
        "bad_json",
    );
    case(
        "payload-duplicate",
        "signed, with a doubled member",
        &parts.clone().append(r#""exp":1800000300"#).sign(&cast.agent),
        "bad_json",
    );
    case(
        "payload-fraction",
        "signed, with a fraction",
        &parts.clone().swap(r#""exp":1800000300"#, r#""exp":1800000300.0"#).sign(&cast.agent),
        "bad_json",
    );
    case(
        "payload-array",
        "the payload is an object",
        &Parts { payload: "[]".into(), ..parts.clone() }.sign(&cast.agent),
        "bad_payload",
    );

    cases.extend(disclosures(&cast, &parts, &agent));
    cases
}

fn disclosures(cast: &Cast, parts: &Parts, agent: &[Value]) -> Vec<Case> {
    let signed = parts.sign(&cast.agent);
    let leaf = signed.split('~').next().unwrap_or_default().to_owned();
    let arguments = parts.disclosures[0].clone();
    let title = disclosure("title", "title", "\"Pay\"");
    let both = parts.clone().disclose(vec![arguments.clone(), title.clone()]);
    let reversed = Parts { disclosures: both.disclosures.iter().rev().cloned().collect(), ..both.clone() };
    let again = disclosure("again", "arguments", "{}");
    let table = [
        ("disclosure-withheld", "to decide, everything is disclosed", format!("{leaf}~")),
        (
            "disclosure-altered",
            "another value under the same digest",
            format!("{leaf}~{}~", disclosure("pay", "arguments", r#"{"payee":"DE89","amount":1}"#)),
        ),
        ("disclosure-doubled", "each digest has exactly one", format!("{leaf}~{arguments}~{arguments}~")),
        ("disclosure-foreign", "a disclosure without a digest", format!("{leaf}~{arguments}~{title}~")),
        ("disclosure-order", "disclosures stand in the order of `_sd`", reversed.sign(&cast.agent)),
        (
            "disclosure-name-twice",
            "names are distinct",
            parts.clone().disclose(vec![arguments.clone(), again]).sign(&cast.agent),
        ),
        (
            "disclosure-not-allowed",
            "the type does not know this name",
            parts.clone().disclose(vec![arguments.clone(), disclosure("s", "shown", "[]")]).sign(&cast.agent),
        ),
        (
            "disclosure-member",
            "the name of a member",
            parts.clone().disclose(vec![arguments.clone(), disclosure("s", "exp", "1")]).sign(&cast.agent),
        ),
        (
            "disclosure-required",
            "a request without arguments",
            parts.clone().disclose(vec![title.clone()]).sign(&cast.agent),
        ),
        (
            "disclosure-salt-short",
            "a salt has 22 characters",
            parts.clone().disclose(vec![base64(br#"["AAAA","arguments",{}]"#)]).sign(&cast.agent),
        ),
        (
            "disclosure-two-elements",
            "salt, name, value",
            parts.clone().disclose(vec![base64(br#"["AAAAAAAAAAAAAAAAAAAAAA",{}]"#)]).sign(&cast.agent),
        ),
        (
            "disclosure-not-json",
            "strict JSON inside",
            parts
                .clone()
                .disclose(vec![base64(br#"["AAAAAAAAAAAAAAAAAAAAAA","arguments",{"a":1,"a":2}]"#)])
                .sign(&cast.agent),
        ),
        (
            "disclosure-wrong-type",
            "arguments are an object",
            parts.clone().disclose(vec![disclosure("s", "arguments", "[1]")]).sign(&cast.agent),
        ),
        (
            "disclosure-fraction-in-title",
            "fractions stand in arguments and output only",
            parts.clone().disclose(vec![arguments.clone(), disclosure("s", "title", "1.5")]).sign(&cast.agent),
        ),
    ];
    let mut cases: Vec<Case> =
        table.iter().map(|(name, why, text)| message(name, why, "request", agent, text, "bad_disclosure")).collect();
    cases.push(message(
        "disclosures-good",
        "two disclosures, ascending by digest",
        "request",
        agent,
        &both.sign(&cast.agent),
        "ok",
    ));
    let fraction = cast.sign_request("fraction", &cast.request_body("set"), r#"{"amount":1.5e3,"__proto__":null}"#);
    cases.push(message(
        "arguments-fraction",
        "arguments may hold fractions, exponents and any name",
        "request",
        agent,
        &fraction,
        "ok",
    ));
    for (name, why, list, expect) in [
        ("sd-empty", "absent if empty", "[]".to_owned(), "bad_payload"),
        ("sd-unordered", "ascending", unordered(&both), "bad_payload"),
        ("sd-doubled", "distinct", doubled(parts), "bad_payload"),
        ("sd-null", "absent, never null", "null".to_owned(), "bad_payload"),
    ] {
        let start = parts.payload.find("\"_sd\":").expect("digests");
        let payload = format!("{}\"_sd\":{list}}}", &parts.payload[..start]);
        let text = Parts { payload, ..parts.clone() }.sign(&cast.agent);
        cases.push(message(name, why, "request", agent, &text, expect));
    }
    let phone: PublicKey<Approval> = cast.phone.approval.public();
    let decision = cast.sign_decision(
        "edit",
        &cast.phone,
        &cast.decision_body(&cast.pay(), Verdict::Modify),
        Some(r#"{"amount":1}"#),
    );
    cases.push(message("modify-good", "a decision with new arguments", "decision", &[jwk(&phone)], &decision, "ok"));
    let status = &cast.status;
    cases.push(message("status-good", "a type without disclosures", "status", &[jwk(&phone)], status, "ok"));
    cases.push(message(
        "status-tilde",
        "types without disclosures have no `~`",
        "status",
        &[jwk(&phone)],
        &format!("{status}~"),
        "bad_form",
    ));
    cases
}

fn unordered(both: &Parts) -> String {
    let list: Vec<String> = both.disclosures.iter().rev().map(|s| format!("\"{}\"", Hash::of(s.as_bytes()))).collect();
    format!("[{}]", list.join(","))
}

fn doubled(parts: &Parts) -> String {
    let digest = Hash::of(parts.disclosures[0].as_bytes());
    format!("[\"{digest}\",\"{digest}\"]")
}

fn two_signers(cast: &Cast, parts: &Parts) -> String {
    let second: SecretKey<Agent> = key("second agent");
    let mut signed: Vec<(String, String)> = [&cast.agent, &second]
        .map(|k| {
            let kid = k.public().thumbprint();
            (kid.to_string(), jws(k, &header(&parts.typ, &kid), &parts.payload))
        })
        .to_vec();
    signed.sort();
    parts.present(&signed.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
}

/// Changes the first character: another byte, still canonical.
fn flip(segment: &str) -> String {
    let first = if segment.starts_with('A') { "B" } else { "A" };
    format!("{first}{}", &segment[1..])
}

/// Sets a spare bit of the last character: the same bytes, spelled otherwise.
fn spare_bits(segment: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = segment.chars().last().and_then(|c| ALPHABET.find(c)).expect("base64url");
    format!("{}{}", &segment[..segment.len() - 1], &ALPHABET[last + 1..last + 2])
}

/// S + L: the same equation for lax verifiers (RFC 8032 section 5.1.7 forbids it).
fn add_order(segment: &str) -> String {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = data_encoding::BASE64URL_NOPAD.decode(segment.as_bytes()).expect("base64url");
    let mut carry = 0;
    for (byte, add) in bytes[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    base64(&bytes)
}
