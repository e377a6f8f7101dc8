//! Couriers repeat themselves: what a verifier holds already is no step, whoever is gone in the meantime.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{SecretKey, Transport};
use agenttrust_protocol::message::{Bundle, Device, Nothing};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Reason};
use common::{NOW, head, key, random};

fn admin(name: &str) -> Device {
    Device {
        key: key(name).public(),
        witness: key(&format!("{name} witness")).public(),
        transport: key::<Transport>(&format!("{name} transport")).public().thumbprint(),
        name: name.to_owned(),
        owner: "first".to_owned(),
        roles: vec!["admin".parse().unwrap()],
        local: false,
        protection: "keystore".to_owned(),
    }
}

fn bundle(version: u64, prev: Option<(Tdid, Hash)>, admins: &[&str], by: &[&str]) -> String {
    let body = Bundle {
        version,
        prev: prev.map(|(_, hash)| hash),
        threshold: 1,
        devices: admins.iter().map(|name| admin(name)).collect(),
        rules: Vec::new(),
        log: key("log").public(),
        transport: key::<Transport>("daemon").public().thumbprint(),
        recovery: None,
    };
    let name = format!("bundle {version}");
    let keys: Vec<SecretKey<_>> = by.iter().map(|name| key(name)).collect();
    let head = head(&name, prev.map(|(tdid, _)| tdid));
    Unsigned::new(&head, &body, &Nothing {}, &mut random(&name)).sign(&keys).into_string()
}

#[test]
fn a_held_bundle_is_not_judged_by_todays_keys() {
    let first = bundle(1, None, &["phone"], &["phone"]);
    let mut trust = Trust::enter(&first, None).unwrap();
    let mut texts = vec![first];
    // The phone hands over to the tablet, and the tablet to a new phone: nobody of the step before is left.
    for (version, admins, by) in [(2, ["tablet"], ["phone", "tablet"]), (3, ["new phone"], ["tablet", "new phone"])] {
        let text = bundle(version, Some((trust.tdid(), trust.current().hash())), &admins, &by);
        trust.accept_bundle(&text, NOW).unwrap();
        texts.push(text);
    }
    let held = trust.bundle_ref();
    for text in &texts {
        assert_eq!(trust.accept_bundle(text, NOW), Ok(()));
        assert_eq!(trust.bundle_ref(), held);
    }
    // The same payload under a signature that was never accepted is not what is held.
    let resigned = bundle(1, None, &["phone"], &["stranger"]);
    assert_eq!(trust.accept_bundle(&resigned, NOW), Err(Reason::UnknownKey));
}
