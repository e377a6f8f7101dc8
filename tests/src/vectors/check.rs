//! `check`: an agent's side holds a request and is handed decisions; what may run?
//!
//! `expect` is `ok`, with the arguments that run, or the first reason of refusal.

mod quorum;

use super::{Case, PAID};
use crate::cast::{Cast, DeviceKeys, NOW, hash, object, sign};
use crate::forge::Parts;
use agenttrust_protocol::message::{
    Bundle, BundleRef, Decision, DecisionContent, Nothing, Paused, Revocation, RevokedKind, Status, Verdict,
};
use agenttrust_protocol::{Hash, Time};
use serde_json::{Value, json};

/// What a case consists of, before one thing about it goes wrong.
struct Scene<'a> {
    cast: &'a Cast,
    request: String,
    bundles: Vec<String>,
    statuses: Vec<String>,
    decisions: Vec<String>,
    now: Time,
    waited: Option<u64>,
}

impl<'a> Scene<'a> {
    fn new(cast: &'a Cast) -> Scene<'a> {
        let request = cast.pay();
        let decision = cast.sign_decision("yes", &cast.phone, &cast.decision_body(&request, Verdict::Approve), None);
        Scene {
            cast,
            request,
            bundles: vec![cast.bundle.clone()],
            statuses: vec![cast.status.clone()],
            decisions: vec![decision],
            now: NOW,
            waited: None,
        }
    }

    fn deciding(cast: &'a Cast, decisions: Vec<String>) -> Scene<'a> {
        Scene { decisions, ..Scene::new(cast) }
    }

    fn case(&self, name: &str, why: &str, expect: &str, arguments: Option<&str>) -> Case {
        let content = json!({
            "bundles": self.bundles, "statuses": self.statuses, "cert": self.cast.cert, "session": self.cast.session,
            "request": self.request, "decisions": self.decisions, "now": self.now, "waited": self.waited,
            "expect": expect, "arguments": arguments.map(|text| serde_json::from_str::<Value>(text).expect("JSON")),
        });
        Case::new("check", name, why, content)
    }
}

const LESS: &str = r#"{"payee":"DE02120300000000202051","amount":20}"#;

pub(super) fn cases() -> Vec<Case> {
    let cast = Cast::new();
    let mut cases = answers(&cast);
    cases.push(cert_without_admin(&cast));
    cases.extend(messages(&cast));
    cases.extend(standing(&cast));
    cases.extend(times(&cast));
    cases.extend(quorum::cases());
    cases
}

fn decide(cast: &Cast, name: &str, by: &DeviceKeys, outcome: Verdict, f: impl FnOnce(&mut Decision)) -> String {
    let mut body = cast.decision_body(&cast.pay(), outcome);
    f(&mut body);
    cast.sign_decision(name, by, &body, None)
}

fn edit(cast: &Cast, name: &str, by: &DeviceKeys, arguments: &str) -> String {
    cast.sign_decision(name, by, &cast.decision_body(&cast.pay(), Verdict::Modify), Some(arguments))
}

fn answers(cast: &Cast) -> Vec<Case> {
    let yes = |by: &DeviceKeys| decide(cast, &format!("yes {}", by.entry.name), by, Verdict::Approve, |_| ());
    let no = |by: &DeviceKeys| decide(cast, &format!("no {}", by.entry.name), by, Verdict::Deny, |_| ());
    let less = edit(cast, "less", &cast.phone, LESS);
    let agree = |first: &str| {
        let first = hash::<Decision>(first);
        decide(cast, "agree", &cast.tablet, Verdict::Modify, |d| d.first = Some(first))
    };
    let run = |name: &str, why: &str, decisions: Vec<String>, expect: &str, arguments: Option<&str>| {
        Scene::deciding(cast, decisions).case(name, why, expect, arguments)
    };
    let free = {
        let body = DecisionContent { arguments: Some(object(LESS)), shown: None, note: None };
        let decision =
            Decision { first: Some(hash::<Decision>(&less)), ..cast.decision_body(&cast.pay(), Verdict::Modify) };
        sign("both", &cast.tablet.approval, cast.tdid(), &decision, &body)
    };
    let argued = {
        let body = DecisionContent { arguments: Some(object(LESS)), shown: None, note: None };
        sign("argued", &cast.phone.approval, cast.tdid(), &cast.decision_body(&cast.pay(), Verdict::Approve), &body)
    };
    vec![
        run("approve", "one approver", vec![yes(&cast.phone)], "ok", Some(PAID)),
        run("approve-by-two", "more than needed", vec![yes(&cast.phone), yes(&cast.laptop)], "ok", Some(PAID)),
        run("modify", "the edited arguments run", vec![less.clone()], "ok", Some(LESS)),
        run(
            "modify-agreed",
            "a second device agrees with the edit",
            vec![less.clone(), agree(&less)],
            "ok",
            Some(LESS),
        ),
        run("deny", "a person said no", vec![no(&cast.phone)], "denied", None),
        run("deny-wins", "any no wins", vec![yes(&cast.phone), no(&cast.laptop)], "denied", None),
        run("deny-by-same-device", "also its own", vec![yes(&cast.phone), no(&cast.phone)], "denied", None),
        run("nobody", "no decision at all", vec![], "quorum", None),
        run("mixed", "one approves, one edits", vec![yes(&cast.tablet), less.clone()], "quorum", None),
        run(
            "two-edits",
            "two different edits",
            vec![less.clone(), edit(cast, "other", &cast.tablet, r#"{"amount":1}"#)],
            "quorum",
            None,
        ),
        run("agrees-with-nothing", "the edit it names is not there", vec![agree(&less)], "quorum", None),
        run(
            "agrees-with-another",
            "it names another edit",
            vec![less.clone(), agree(&edit(cast, "unseen", &cast.phone, "{}"))],
            "quorum",
            None,
        ),
        run("edit-and-first", "new arguments or another's, not both", vec![less.clone(), free], "bad_disclosure", None),
        run("approve-with-arguments", "an approval edits nothing", vec![argued], "bad_disclosure", None),
        run(
            "modify-with-nothing",
            "neither arguments nor another's",
            vec![decide(cast, "empty", &cast.phone, Verdict::Modify, |_| ())],
            "bad_disclosure",
            None,
        ),
    ]
}

/// Faults of the messages themselves, found in this place of the order.
fn messages(cast: &Cast) -> Vec<Case> {
    let yes = Scene::new(cast).decisions.remove(0);
    let watch = DeviceKeys::new("watch", "first", &["admin", "approver"], false);
    let run = |name: &str, why: &str, decision: String, expect: &str| {
        Scene::deciding(cast, vec![decision]).case(name, why, expect, None)
    };
    let other = cast.sign_request("other", &cast.request_body("pay_invoice"), PAID);
    let for_other = cast.sign_decision("for other", &cast.phone, &cast.decision_body(&other, Verdict::Approve), None);
    let tdid = format!("\"tdid\":\"{}\"", cast.tdid().expect("a domain"));
    let elsewhere =
        Parts::of(&yes).swap(&tdid, &format!("\"tdid\":\"{}\"", Hash::of(b"elsewhere"))).sign(&cast.phone.approval);
    let less = edit(cast, "less", &cast.phone, LESS);
    let altered = {
        let more = edit(cast, "less", &cast.phone, r#"{"payee":"DE02120300000000202051","amount":2000}"#);
        Parts { disclosures: Parts::of(&more).disclosures, ..Parts::of(&less) }
            .present(less.split('~').next().unwrap_or_default())
    };
    let leaf = less.split('~').next().unwrap_or_default();
    let disclosure = Parts::of(&less).disclosures[0].clone();
    vec![
        run(
            "by-stranger",
            "a device outside the bundle",
            decide(cast, "watch", &watch, Verdict::Approve, |_| ()),
            "unknown_key",
        ),
        run("by-agent", "the agent approves itself", Parts::of(&yes).sign(&cast.agent), "unknown_key"),
        run("by-log-key", "the daemon approves", Parts::of(&yes).sign(&cast.log), "unknown_key"),
        run("by-witness-key", "one key, one role", Parts::of(&yes).sign(&cast.phone.witness), "unknown_key"),
        run(
            "forged",
            "the phone's name over the agent's signature",
            Parts::of(&yes).present(&crate::forge::jws(
                &cast.agent,
                &crate::forge::header("agenttrust-decision-v1", &cast.phone.id()),
                &Parts::of(&yes).payload,
            )),
            "bad_signature",
        ),
        run("outcome-flipped", "a no turned into a yes", flipped(cast), "bad_signature"),
        run("typ-swapped", "another message of the same device", cast.status.clone(), "bad_form"),
        run("request-as-decision", "a message with disclosures of another type", cast.pay(), "wrong_typ"),
        run("replayed", "a decision on another request", for_other, "wrong_request"),
        run("other-domain", "a decision of another trust domain", elsewhere, "wrong_root"),
        run(
            "other-bundle",
            "a bundle outside the chain",
            decide(cast, "b", &cast.phone, Verdict::Approve, |d| {
                d.bundle = BundleRef { version: 1, hash: Hash::of(b"x") }
            }),
            "stale_trust",
        ),
        run("arguments-altered", "another amount under the same digest", altered, "bad_disclosure"),
        run("arguments-withheld", "to run, everything is disclosed", format!("{leaf}~"), "bad_disclosure"),
        run(
            "arguments-doubled",
            "each digest has exactly one",
            format!("{leaf}~{disclosure}~{disclosure}~"),
            "bad_disclosure",
        ),
        {
            let mut scene = Scene::new(cast);
            scene.decisions.push(decide(cast, "watch", &watch, Verdict::Approve, |_| ()));
            scene.case("one-invalid-refuses-the-set", "a good one beside a stranger's", "unknown_key", None)
        },
    ]
}

fn flipped(cast: &Cast) -> String {
    let no = decide(cast, "no", &cast.phone, Verdict::Deny, |_| ());
    let signature = no.trim_end_matches('~').rsplit('.').next().unwrap_or_default().to_owned();
    let yes = Parts::of(&no).swap("\"deny\"", "\"approve\"").sign(&cast.phone.approval);
    let (unsigned, _) = yes.trim_end_matches('~').rsplit_once('.').expect("three segments");
    format!("{unsigned}.{signature}~")
}

fn standing(cast: &Cast) -> Vec<Case> {
    let with = |name: &str, f: &dyn Fn(&mut Status)| {
        let mut body = cast.status_body();
        f(&mut body);
        Scene { statuses: vec![cast.sign_status(name, &body)], ..Scene::new(cast) }
    };
    let entry = |kind, id: &[u8; 32]| Revocation { kind, id: Hash::from_bytes(*id), until: NOW.plus(86_400) };
    let agent = cast.agent.public().thumbprint();
    let stranger = cast.phone.witness.public().thumbprint();
    let second = {
        let body = Bundle { version: 2, prev: Some(hash::<Bundle>(&cast.bundle)), ..cast.bundle_body() };
        cast.sign_bundle("second", &body, &[&cast.phone.approval])
    };
    let current = BundleRef { version: 2, hash: hash::<Bundle>(&second) };
    let mut moved = Scene::new(cast);
    moved.bundles.push(second.clone());
    moved.statuses = vec![cast.sign_status("s2", &Status { bundle: current.clone(), ..cast.status_body() })];
    let mut left_behind = Scene::new(cast);
    left_behind.bundles.push(second);
    left_behind.decisions = vec![decide(cast, "new", &cast.phone, Verdict::Approve, |d| d.bundle = current)];
    vec![
        with("revoked agent", &|s| s.revoked = vec![entry(RevokedKind::Agent, agent.as_bytes())]).case(
            "agent-revoked",
            "the agent is revoked",
            "revoked",
            None,
        ),
        with("revoked device", &|s| s.revoked = vec![entry(RevokedKind::Device, cast.phone.id().as_bytes())]).case(
            "device-revoked",
            "the device that answered is revoked",
            "revoked",
            None,
        ),
        with("revoked other", &|s| s.revoked = vec![entry(RevokedKind::Device, cast.tablet.id().as_bytes())]).case(
            "other-device-revoked",
            "another device is revoked",
            "ok",
            Some(PAID),
        ),
        with("paused", &|s| s.paused = Paused::All).case("all-paused", "the kill switch", "paused", None),
        with("paused one", &|s| s.paused = Paused::Agents(vec![agent])).case(
            "agent-paused",
            "this agent is paused",
            "paused",
            None,
        ),
        with("paused other", &|s| s.paused = Paused::Agents(vec![stranger])).case(
            "other-agent-paused",
            "another agent is paused",
            "ok",
            Some(PAID),
        ),
        with("expired", &|s| s.exp = NOW.plus(-61)).case(
            "status-expired",
            "no approval rests on an expired status",
            "status_expired",
            None,
        ),
        Scene { statuses: vec![], ..Scene::new(cast) }.case("status-missing", "nor on none", "status_expired", None),
        moved.case("decision-of-older-bundle", "the bundle has moved on", "stale_trust", None),
        left_behind.case("status-of-older-bundle", "the status has not followed the bundle", "stale_trust", None),
    ]
}

/// The certificate was signed by the phone, which is no admin any more.
fn cert_without_admin(cast: &Cast) -> Case {
    let demote = |bundle: &mut Bundle| bundle.devices[0].roles.retain(|role| role.as_str() != "admin");
    let mut body = Bundle { version: 2, prev: Some(hash::<Bundle>(&cast.bundle)), ..cast.bundle_body() };
    demote(&mut body);
    let second = cast.sign_bundle("demoted", &body, &[&cast.phone.approval, &cast.tablet.approval]);
    let current = BundleRef { version: 2, hash: hash::<Bundle>(&second) };
    let status = Status { bundle: current.clone(), ..cast.status_body() };
    let mut scene = Scene::new(cast);
    scene.bundles.push(second);
    scene.statuses = vec![sign("by tablet", &cast.tablet.approval, cast.tdid(), &status, &Nothing {})];
    scene.decisions = vec![decide(cast, "tablet", &cast.tablet, Verdict::Approve, |d| d.bundle = current)];
    scene.case("cert-without-admin", "whoever certified the agent is no admin any more", "unknown_key", None)
}

fn times(cast: &Cast) -> Vec<Case> {
    let at = |seconds: i64, waited: Option<u64>| Scene { now: NOW.plus(seconds), waited, ..Scene::new(cast) };
    let short =
        Scene::deciding(cast, vec![decide(cast, "short", &cast.phone, Verdict::Approve, |d| d.exp = NOW.plus(30))]);
    let long =
        Scene::deciding(cast, vec![decide(cast, "long", &cast.phone, Verdict::Approve, |d| d.exp = NOW.plus(3600))]);
    vec![
        at(360, None).case("within-skew", "60 seconds after the end", "ok", Some(PAID)),
        at(361, None).case("expired", "61 seconds after the end", "expired", None),
        at(-60, None).case("early-within-skew", "60 seconds before it was made", "ok", Some(PAID)),
        at(-61, None).case("not-yet-valid", "61 seconds before it was made", "not_yet_valid", None),
        at(-3600, None).case("clock-back", "the clock went back an hour", "not_yet_valid", None),
        Scene { now: NOW.plus(91), ..short }.case(
            "decision-expired",
            "the decision ends before the request",
            "expired",
            None,
        ),
        Scene { now: NOW.plus(361), ..long }.case(
            "request-expired",
            "the request ends before the decision",
            "expired",
            None,
        ),
        at(0, Some(360)).case("waited-within-skew", "so long it has really been", "ok", Some(PAID)),
        at(0, Some(361)).case("waited-too-long", "the clock was set back while waiting", "expired", None),
    ]
}
