//! `pairing`: the ticket's bytes, its MAC and the six digits.

use super::Case;
use crate::forge::{id, key};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Approval, Transport};
use agenttrust_protocol::message::Intent;
use agenttrust_protocol::pairing::{PairSecret, Ticket, commit, digits, mac};
use agenttrust_protocol::{Hash, Id};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::json;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = tickets();
    cases.push(mac_case());
    cases.extend(digit_cases());
    cases
}

fn secret() -> PairSecret {
    PairSecret::from_bytes(*id("pair secret").as_bytes())
}

fn ticket(intent: Intent, relay: Option<&str>, direct: &[&str]) -> String {
    let direct = direct.iter().map(|text| text.parse().expect("a socket address")).collect();
    let relay = relay.map(|text| text.parse().expect("a relay"));
    let ticket = Ticket::new(intent, key::<Transport>("daemon").public(), secret(), relay, direct).expect("a ticket");
    ticket.to_text().to_string()
}

fn tickets() -> Vec<Case> {
    let plain = ticket(Intent::First, None, &["127.0.0.1:4433"]);
    let full = ticket(Intent::Add, Some("https://relay.example"), &["192.168.1.20:4433", "[fd00::1]:4433"]);
    let bytes = BASE32_NOPAD.decode(plain.trim_start_matches("agenttrust://pair/").as_bytes()).expect("base32");
    let edit = |f: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        f(&mut bytes);
        format!("agenttrust://pair/{}", BASE32_NOPAD.encode(&bytes))
    };
    [
        ("ticket-first", "one direct address", plain.clone(), "ok"),
        ("ticket-add", "a relay and two direct addresses", full, "ok"),
        ("ticket-version", "an unknown version", edit(&|b| b[0] = 2), "bad"),
        ("ticket-intent", "an unknown intent", edit(&|b| b[1] = 2), "bad"),
        ("ticket-trailing", "bytes after the end", edit(&|b| b.push(0)), "bad"),
        ("ticket-short", "bytes are missing", edit(&|b| b.truncate(40)), "bad"),
        ("ticket-weak-key", "the daemon's key is a small-order point", edit(&|b| b[2..34].fill(0)), "bad"),
        ("ticket-lower-case", "one spelling", plain.replace("pair/A", "pair/a"), "bad"),
        ("ticket-prefix", "another scheme", plain.replace("agenttrust:", "https:"), "bad"),
    ]
    .into_iter()
    .map(|(name, why, text, expect)| Case::new("pairing", name, why, json!({"ticket": text, "expect": expect})))
    .collect()
}

fn mac_case() -> Case {
    let daemon = key::<Transport>("daemon").public();
    let transport = key::<Transport>("phone transport").public().thumbprint();
    let approval = key::<Approval>("phone approval").public();
    let content = json!({
        "secret": HEXLOWER.encode(secret().as_bytes()),
        "daemon": HEXLOWER.encode(daemon.as_bytes()),
        "transport": transport,
        "approval": HEXLOWER.encode(approval.as_bytes()),
        "mac": mac(&secret(), &daemon, &transport, &approval),
        "expect": "ok",
    });
    Case::new("pairing", "mac", "HMAC-SHA-256 over raw inputs", content)
}

fn digit_cases() -> Vec<Case> {
    let joiner = Hash::of(b"a joiner's message");
    let domain = Tdid::from(Hash::of(b"a domain"));
    let case = |name: &str, why: &str, tdid: Option<&Tdid>, c: Id, r: Id| {
        let content = json!({
            "joiner": joiner, "tdid": tdid, "c": c, "r": r, "commit": commit(&r),
            "digits": digits(&joiner, tdid, &c, &r).to_string(), "expect": "ok",
        });
        Case::new("pairing", name, why, content)
    };
    vec![
        case("digits-first", "the first pairing has no domain yet: 32 zero bytes", None, id("c"), id("r")),
        case("digits-add", "a further device", Some(&domain), id("c"), id("r")),
        case("digits-other-r", "another number, other digits", Some(&domain), id("c"), id("r2")),
    ]
}
