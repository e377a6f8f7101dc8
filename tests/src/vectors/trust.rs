//! `trust`: a verifier takes bundles and statuses in order; where does it stop, and why?
//!
//! `bundles[0]` enters the domain (`pinned` may demand another one), the rest follow; then the statuses. `expect` is
//! `ok` or the reason of the first refusal; `fresh` is whether approvals may rest on the status at `now`. Where there is
//! `settled`, `[time, version]`, all was first seen at `now`, and that bundle is the current one at that time.

mod recovery;

use super::Case;
use crate::cast::{Cast, DeviceKeys, NOW, hash, sign};
use crate::forge::{Parts, key};
use agenttrust_protocol::Hash;
use agenttrust_protocol::key::{Approval, SecretKey};
use agenttrust_protocol::message::{
    Bundle, BundleRef, Nothing, Paused, Require, Revocation, RevokedKind, Rule, Status,
};
use serde_json::json;

struct Line<'a> {
    bundles: Vec<&'a str>,
    statuses: Vec<&'a str>,
}

fn case(name: &str, why: &str, line: &Line<'_>, expect: &str) -> Case {
    Case::new(
        "trust",
        name,
        why,
        json!({"bundles": line.bundles, "statuses": line.statuses, "now": NOW, "expect": expect}),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let cast = Cast::new();
    let mut cases = first(&cast);
    cases.extend(chain(&cast));
    cases.extend(recovery::cases(&cast));
    cases.extend(malformed(&cast));
    cases.extend(statuses(&cast));
    cases.extend(freshness(&cast));
    cases
}

fn first(cast: &Cast) -> Vec<Case> {
    fn own(bundles: Vec<&str>) -> Line<'_> {
        Line { bundles, statuses: vec![] }
    }
    let by_laptop = sign("by laptop", &cast.laptop.approval, None, &cast.bundle_body(), &Nothing {});
    let two = Bundle { threshold: 2, ..cast.bundle_body() };
    let one_of_two = sign("one of two", &cast.phone.approval, None, &two, &Nothing {});
    let second = next(cast, "second", |_| ());
    let mut cases = vec![
        case("first", "the first bundle makes the domain", &own(vec![&cast.bundle]), "ok"),
        case("first-by-approver", "an approver that is no admin", &own(vec![&by_laptop]), "unknown_key"),
        case("first-below-threshold", "two admins must sign, one did", &own(vec![&one_of_two]), "quorum"),
        case("not-the-first", "a chain starts at version 1", &own(vec![&second]), "stale_trust"),
        case(
            "first-altered",
            "signed by nobody",
            &own(vec![&Parts::of(&cast.bundle).swap("\"threshold\":1", "\"threshold\":2").present(&resigned(cast))]),
            "bad_signature",
        ),
    ];
    let pinned = Hash::of(b"another domain");
    cases.push(Case::new(
        "trust",
        "first-not-pinned",
        "another domain was pinned",
        json!({"bundles": [cast.bundle], "statuses": [], "pinned": pinned, "now": NOW, "expect": "wrong_root"}),
    ));
    cases
}

/// The altered first bundle under the signature of the original.
fn resigned(cast: &Cast) -> String {
    let altered = Parts::of(&cast.bundle).swap("\"threshold\":1", "\"threshold\":2").sign(&cast.phone.approval);
    let mut altered: Vec<&str> = altered.split('.').collect();
    let original: Vec<&str> = cast.bundle.split('.').collect();
    altered[2] = original[2];
    altered.join(".")
}

/// The second bundle, signed by the phone.
fn next(cast: &Cast, name: &str, change: impl FnOnce(&mut Bundle)) -> String {
    next_by(cast, name, &[&cast.phone.approval], change)
}

fn next_by(cast: &Cast, name: &str, by: &[&SecretKey<Approval>], change: impl FnOnce(&mut Bundle)) -> String {
    let mut body = Bundle { version: 2, prev: Some(hash::<Bundle>(&cast.bundle)), ..cast.bundle_body() };
    change(&mut body);
    cast.sign_bundle(name, &body, by)
}

fn chain(cast: &Cast) -> Vec<Case> {
    let watch = DeviceKeys::new("watch", "first", &["admin", "approver"], false);
    let add = |bundle: &mut Bundle| bundle.devices.push(watch.entry.clone());
    let only_new = |bundle: &mut Bundle| bundle.devices = vec![watch.entry.clone()];
    let good = next(cast, "add", add);
    let third = {
        let body = Bundle { version: 3, prev: Some(hash::<Bundle>(&good)), ..cast.bundle_body() };
        cast.sign_bundle("third", &body, &[&cast.phone.approval])
    };
    let by_new = next_by(cast, "by new", &[&watch.approval], add);
    let replaced = next_by(cast, "replaced", &[&cast.phone.approval], only_new);
    let handed_over = next_by(cast, "handed over", &[&cast.phone.approval, &watch.approval], only_new);
    let skipped = next(cast, "skipped", |b| b.version = 3);
    let fork = next(cast, "fork", |b| b.prev = Some(Hash::of(b"another")));
    let stranger: SecretKey<Approval> = key("stranger approval");
    let by_stranger = next_by(cast, "stranger", &[&cast.phone.approval, &stranger], add);
    let by_laptop = next_by(cast, "laptop", &[&cast.laptop.approval], add);
    let other = {
        let parts = Parts::of(&good);
        let tdid = format!("\"tdid\":\"{}\"", cast.tdid().expect("a domain"));
        parts.swap(&tdid, &format!("\"tdid\":\"{}\"", Hash::of(b"elsewhere"))).sign(&cast.phone.approval)
    };
    let both = next_by(cast, "both", &[&cast.phone.approval, &cast.tablet.approval], add);
    let swapped = both.split(',').rev().collect::<Vec<_>>().join(",");
    let twice = format!("{good},{good}");
    let mixed = format!("{},{}", both.split(',').next().unwrap_or_default(), cast.bundle);
    let b1 = cast.bundle.as_str();
    let run = |name, why, bundles: Vec<&str>, expect| case(name, why, &Line { bundles, statuses: vec![] }, expect);
    vec![
        run("second", "a device is added by an admin", vec![b1, &good], "ok"),
        run("second-again", "one already held changes nothing", vec![b1, &good, &good, b1], "ok"),
        run("third", "and removed again", vec![b1, &good, &third], "ok"),
        run("gap", "version 2 is missing", vec![b1, &third], "stale_trust"),
        run("second-by-new-device", "the new device lets itself in", vec![b1, &by_new], "quorum"),
        run("second-without-new-admins", "signed for the old version only", vec![b1, &replaced], "quorum"),
        run("second-handed-over", "signed for both versions", vec![b1, &handed_over], "ok"),
        run("second-skips", "versions step by one", vec![b1, &skipped], "stale_trust"),
        run("second-forks", "another predecessor", vec![b1, &fork], "stale_trust"),
        run("second-with-stranger", "one signature too many", vec![b1, &by_stranger], "unknown_key"),
        run("second-by-approver", "an approver that is no admin", vec![b1, &by_laptop], "unknown_key"),
        run("second-of-other-domain", "the domain is named in every version", vec![b1, &other], "wrong_root"),
        run("second-by-two", "more signatures than needed", vec![b1, &both], "ok"),
        run("signers-descending", "thumbprints ascend", vec![b1, &swapped], "bad_form"),
        run("signer-twice", "thumbprints are distinct", vec![b1, &twice], "bad_form"),
        run("payloads-differ", "all sign the identical payload", vec![b1, &mixed], "bad_form"),
    ]
}

/// Bundles whose members do not fit together.
fn malformed(cast: &Cast) -> Vec<Case> {
    let rule = |approvers: u64, matches: &str| Rule {
        matches: crate::cast::constraints(matches),
        require: Require { approvers, ..Require::ONE },
    };
    let change = |name: &str, f: &dyn Fn(&mut Bundle)| {
        let mut body = cast.bundle_body();
        f(&mut body);
        sign(name, &cast.phone.approval, None, &body, &Nothing {})
    };
    let parts = Parts::of(&change("ruled", &|b| b.rules = vec![rule(2, r#"[{"c":"tool","name":"pay*"}]"#)]));
    let swap = |from: &str, to: &str| parts.clone().swap(from, to).sign(&cast.phone.approval);
    let table = [
        ("threshold-zero", "at least one admin", change("t0", &|b| b.threshold = 0)),
        ("threshold-too-high", "more than there are admins", change("t3", &|b| b.threshold = 3)),
        ("version-zero", "counted from 1", change("v0", &|b| b.version = 0)),
        ("first-with-prev", "the first has no predecessor", change("prev", &|b| b.prev = Some(Hash::of(b"x")))),
        (
            "key-twice",
            "a key occurs once",
            change("twice", &|b| {
                let d = b.devices[0].clone();
                b.devices.push(d);
            }),
        ),
        (
            "key-in-two-roles",
            "one key, one role",
            change("roles", &|b| b.devices[1].transport = b.devices[0].transport),
        ),
        (
            "log-key-is-a-device's",
            "one key, one role",
            change("log", &|b| b.transport = b.devices[0].witness.thumbprint()),
        ),
        ("no-devices", "nobody could sign the next one", change("none", &|b| b.devices.clear())),
        (
            "rule-for-nobody",
            "at least one approver",
            change("r0", &|b| b.rules = vec![rule(0, r#"[{"c":"tool","name":"x"}]"#)]),
        ),
        (
            "rule-with-use",
            "rules know tool, server and args",
            change("use", &|b| b.rules = vec![rule(1, r#"[{"c":"use","max":1}]"#)]),
        ),
        (
            "rule-unknown-constraint",
            "an unknown constraint refuses the bundle whole",
            swap(r#""c":"tool""#, r#""c":"time""#),
        ),
        (
            "rule-constraint-extra",
            "an unknown member refuses the bundle whole",
            swap(r#""name":"pay*""#, r#""name":"pay*","glob":true"#),
        ),
        ("fraction-outside-rules", "fractions stand in constraints only", swap("\"threshold\":1", "\"threshold\":1.0")),
        (
            "role-name",
            "lower-case letters, digits and `-`",
            Parts::of(&cast.bundle).swap(r#"["approver"]"#, r#"["Approver"]"#).sign(&cast.phone.approval),
        ),
    ];
    table
        .iter()
        .map(|(name, why, text)| {
            case(&format!("bundle-{name}"), why, &Line { bundles: vec![text], statuses: vec![] }, "bad_payload")
        })
        .collect()
}

fn revoke(kind: RevokedKind, id: &[u8; 32]) -> Revocation {
    Revocation { kind, id: Hash::from_bytes(*id), until: NOW.plus(30 * 86_400) }
}

fn statuses(cast: &Cast) -> Vec<Case> {
    let one = cast.status.as_str();
    let step = |name: &str, by: &DeviceKeys, f: &dyn Fn(&mut Status)| {
        let mut body = Status { seq: 2, prev: Some(hash::<Status>(one)), ..cast.status_body() };
        f(&mut body);
        sign(name, &by.approval, cast.tdid(), &body, &Nothing {})
    };
    let lost_phone = revoke(RevokedKind::Device, cast.phone.id().as_bytes());
    let lost_laptop = revoke(RevokedKind::Device, cast.laptop.id().as_bytes());
    let agent = cast.agent.public().thumbprint();
    let revoked = step("revoked", &cast.laptop, &|s| s.revoked = vec![revoke(RevokedKind::Agent, agent.as_bytes())]);
    let paused = step("paused", &cast.laptop, &|s| s.paused = Paused::All);
    let third = |name: &str, by: &DeviceKeys, prev: &str, f: &dyn Fn(&mut Status)| {
        let mut body = Status { seq: 3, prev: Some(hash::<Status>(prev)), ..cast.status_body() };
        f(&mut body);
        sign(name, &by.approval, cast.tdid(), &body, &Nothing {})
    };
    let laptop_lost = step("laptop lost", &cast.phone, &|s| s.revoked = vec![lost_laptop.clone()]);
    let phone_lost = step("phone lost", &cast.laptop, &|s| s.revoked = vec![lost_phone.clone()]);
    let renewed = step("renewed", &cast.phone, &|s| s.exp = NOW.plus(72 * 3600));
    let again = sign("first by laptop", &cast.laptop.approval, cast.tdid(), &cast.status_body(), &Nothing {});
    let elsewhere = step("elsewhere", &cast.phone, &|s| s.bundle = BundleRef { version: 1, hash: Hash::of(b"x") });
    let other_domain = {
        let tdid = format!("\"tdid\":\"{}\"", cast.tdid().expect("a domain"));
        Parts::of(&renewed).swap(&tdid, &format!("\"tdid\":\"{}\"", Hash::of(b"elsewhere"))).sign(&cast.phone.approval)
    };
    let watch = DeviceKeys::new("watch", "first", &["admin", "approver"], false);
    let run = |name: &str, why: &str, statuses: Vec<&str>, expect: &str| {
        case(&format!("status-{name}"), why, &Line { bundles: vec![&cast.bundle], statuses }, expect)
    };
    let dropped = third("dropped", &cast.phone, &revoked, &|_| ());
    let kept = third("kept", &cast.phone, &revoked, &|s| {
        s.revoked = vec![revoke(RevokedKind::Agent, agent.as_bytes())];
        s.exp = NOW.plus(86_500);
    });
    vec![
        run("first", "signed by an admin", vec![one], "ok"),
        run("first-by-approver", "a new verifier starts from an admin's", vec![&again], "stale_trust"),
        run("again", "the one already held changes nothing", vec![one, one], "ok"),
        run("renewed", "an admin extends it", vec![one, &renewed], "ok"),
        run("revoked-by-approver", "any device may revoke", vec![one, &revoked], "ok"),
        run("paused-by-approver", "any device may pull the kill switch", vec![one, &paused], "ok"),
        run(
            "extended-by-approver",
            "only an admin extends it",
            vec![
                one,
                &step("ext", &cast.laptop, &|s| {
                    s.exp = NOW.plus(90_000);
                    s.paused = Paused::All;
                }),
            ],
            "stale_trust",
        ),
        run(
            "nothing-by-approver",
            "a step of an approver adds something",
            vec![one, &step("nothing", &cast.laptop, &|_| ())],
            "stale_trust",
        ),
        run(
            "unpaused-by-approver",
            "only an admin lifts a pause",
            vec![one, &paused, &third("lift", &cast.laptop, &paused, &|s| s.revoked = vec![lost_phone.clone()])],
            "stale_trust",
        ),
        run(
            "unpaused-by-admin",
            "an admin lifts it",
            vec![one, &paused, &third("lift2", &cast.phone, &paused, &|_| ())],
            "ok",
        ),
        run("dropped", "no entry goes before its time", vec![one, &revoked, &dropped], "stale_trust"),
        run("kept", "entries stay", vec![one, &revoked, &kept], "ok"),
        run(
            "shortened",
            "nor is its time cut",
            vec![
                one,
                &revoked,
                &third("short", &cast.phone, &revoked, &|s| {
                    s.revoked = vec![Revocation { until: NOW.plus(10), ..revoke(RevokedKind::Agent, agent.as_bytes()) }]
                }),
            ],
            "stale_trust",
        ),
        run(
            "by-revoked-approver",
            "a revoked device revokes no more",
            vec![
                one,
                &laptop_lost,
                &third("rev", &cast.laptop, &laptop_lost, &|s| {
                    s.revoked = vec![lost_laptop.clone(), lost_phone.clone()];
                }),
            ],
            "revoked",
        ),
        run(
            "by-revoked-admin",
            "an admin's signatures end by a bundle only",
            vec![
                one,
                &phone_lost,
                &third("adm", &cast.phone, &phone_lost, &|s| {
                    s.revoked = vec![lost_phone.clone()];
                    s.exp = NOW.plus(90_000);
                }),
            ],
            "ok",
        ),
        run("gap", "number 2 is missing", vec![one, &kept], "stale_trust"),
        run(
            "fork",
            "another predecessor",
            vec![one, &step("fork", &cast.phone, &|s| s.prev = Some(Hash::of(b"x")))],
            "stale_trust",
        ),
        run("rollback", "back to the first", vec![one, &renewed, one], "stale_trust"),
        run("of-unknown-bundle", "it names a bundle of the chain", vec![one, &elsewhere], "stale_trust"),
        run(
            "by-stranger",
            "a device outside the bundle",
            vec![one, &step("str", &watch, &|s| s.paused = Paused::All)],
            "unknown_key",
        ),
        run("of-other-domain", "it names its domain", vec![one, &other_domain], "wrong_root"),
    ]
}

fn freshness(cast: &Cast) -> Vec<Case> {
    let second = next(cast, "second", |_| ());
    let stale = Line { bundles: vec![&cast.bundle, &second], statuses: vec![&cast.status] };
    let own = Line { bundles: vec![&cast.bundle], statuses: vec![&cast.status] };
    let none = Line { bundles: vec![&cast.bundle], statuses: vec![] };
    [
        ("fresh", "within its time", &own, NOW, "ok"),
        ("fresh-within-skew", "60 seconds after it", &own, NOW.plus(86_460), "ok"),
        ("expired", "61 seconds after it", &own, NOW.plus(86_461), "status_expired"),
        ("from-the-future", "61 seconds before it was made", &own, NOW.plus(-61), "not_yet_valid"),
        ("none", "no status at all", &none, NOW, "status_expired"),
        ("of-older-bundle", "the bundle has moved on", &stale, NOW, "stale_trust"),
    ]
    .into_iter()
    .map(|(name, why, line, now, fresh)| {
        let content =
            json!({"bundles": line.bundles, "statuses": line.statuses, "now": now, "expect": "ok", "fresh": fresh});
        Case::new("trust", &format!("fresh-{name}"), why, content)
    })
    .collect()
}
