//! Couriers repeat themselves: what a verifier holds already is no step, whoever is gone in the meantime. And the
//! recovery key has to wait.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Approval, SecretKey, Transport};
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
    bundle_by(version, prev, admins, by, false)
}

fn bundle_by(version: u64, prev: Option<(Tdid, Hash)>, admins: &[&str], by: &[&str], recovery: bool) -> String {
    let body = Bundle {
        version,
        prev: prev.map(|(_, hash)| hash),
        threshold: 1,
        devices: admins.iter().map(|name| admin(name)).collect(),
        rules: Vec::new(),
        log: key("log").public(),
        transport: key::<Transport>("daemon").public().thumbprint(),
        recovery: Some(key("recovery").public()),
    };
    let name = format!("bundle {version} {admins:?}");
    let keys: Vec<SecretKey<_>> = by.iter().map(|name| key(name)).collect();
    let head = head(&name, prev.map(|(tdid, _)| tdid));
    let unsigned = Unsigned::new(&head, &body, &Nothing {}, &mut random(&name));
    let parts = keys.iter().map(|key| unsigned.part(key));
    unsigned.join(parts.chain(recovery.then(|| unsigned.recovery_part(&key("recovery")))).collect()).into_string()
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

const HOUR: i64 = 3600;

/// A domain of one phone, and what its recovery key and a new phone sign when the old one is lost.
fn lost() -> (Trust, String) {
    let trust = Trust::enter(&bundle(1, None, &["phone"], &["phone"]), None).unwrap();
    let recovery = bundle_by(2, next(&trust), &["new phone"], &["new phone"], true);
    (trust, recovery)
}

fn next(trust: &Trust) -> Option<(Tdid, Hash)> {
    Some((trust.tdid(), trust.current().hash()))
}

fn lists(trust: &Trust, name: &str) -> bool {
    trust.device(&key::<Approval>(name).public().thumbprint()).is_some()
}

#[test]
fn a_recovery_bundle_waits_72_hours_from_its_first_sight() {
    let (mut trust, recovery) = lost();
    trust.accept_bundle(&recovery, NOW).unwrap();
    // To hear of it again makes it neither older nor younger.
    for hours in [1, 71] {
        trust.accept_bundle(&recovery, NOW.plus(hours * HOUR)).unwrap();
        assert_eq!(trust.recovery().map(|pending| pending.first_seen), Some(NOW));
        assert!(!trust.settle(NOW.plus(hours * HOUR)));
        assert_eq!(trust.bundle_ref().version, 1);
    }
    assert!(!trust.settle(NOW.plus(72 * HOUR - 1)));
    let (mut restarted, _) = lost();
    restarted.resume_recovery(&recovery, NOW).unwrap();
    for mut trust in [trust, restarted] {
        assert!(trust.settle(NOW.plus(72 * HOUR)));
        assert_eq!((trust.bundle_ref().version, trust.recovery().is_none()), (2, true));
        assert!(lists(&trust, "new phone"));
        assert!(!trust.settle(NOW.plus(1000 * HOUR)), "once");
    }
}

#[test]
fn an_admin_who_still_has_a_device_stops_the_recovery() {
    let (mut trust, recovery) = lost();
    trust.accept_bundle(&recovery, NOW).unwrap();
    let objection = bundle(2, next(&trust), &["phone", "tablet"], &["phone"]);
    trust.accept_bundle(&objection, NOW.plus(71 * HOUR)).unwrap();
    assert_eq!((trust.bundle_ref().version, trust.recovery().is_none()), (2, true));
    assert!(!trust.settle(NOW.plus(100 * HOUR)));
    assert_eq!(trust.accept_bundle(&recovery, NOW.plus(100 * HOUR)), Err(Reason::StaleTrust), "the rival");
    assert!(!lists(&trust, "new phone"));
}

#[test]
fn a_recovery_bundle_in_place_of_another_waits_anew() {
    let (mut trust, recovery) = lost();
    trust.accept_bundle(&recovery, NOW).unwrap();
    let other = bundle_by(2, next(&trust), &["tablet"], &["tablet"], true);
    trust.accept_bundle(&other, NOW.plus(71 * HOUR)).unwrap();
    assert!(!trust.settle(NOW.plus(72 * HOUR)));
    assert!(trust.settle(NOW.plus((71 + 72) * HOUR)));
    assert!(lists(&trust, "tablet"));
}
