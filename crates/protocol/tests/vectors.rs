//! Replays the groups of `tests/vectors` that this crate alone decides.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_protocol::check::{Asked, check_decisions, check_grant, open_cert};
use agenttrust_protocol::constraint::{Constraint, Counters, Facts, Place, Truth};
use agenttrust_protocol::json::{self, Numbers, Object};
use agenttrust_protocol::key::{PublicKey, Role};
use agenttrust_protocol::message::{
    Action, AgentCert, Cancel, Claim, Decision, Enroll, Event, Message, Outcome, PairInit, Request, Session, Status,
};
use agenttrust_protocol::pairing::{PairSecret, Ticket, commit, digits, mac};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Opened, Reason, Received, Thumbprint, Time};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;
use std::path::Path;

fn replay(group: &str, run: impl Fn(&Value) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(group);
    let (mut count, mut wrong) = (0, Vec::new());
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let (found, expected) = (run(&case), case["expect"].as_str().unwrap());
        if found != expected {
            wrong.push(format!("{}: {found}, not {expected}", path.display()));
        }
        count += 1;
    }
    assert!(count > 0, "no case of {group}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn code<T>(result: Result<T, Reason>) -> String {
    result.map_or_else(|reason| reason.code().to_owned(), |_| "ok".to_owned())
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("{name} in {case}"))
}

fn texts<'a>(case: &'a Value, name: &str) -> Vec<&'a str> {
    case[name].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect()
}

fn now(case: &Value) -> Time {
    Time(case["now"].as_i64().unwrap())
}

fn arguments(text: &str) -> Object {
    json::parse(text.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone()
}

#[test]
fn json_vectors() {
    replay("json", |case| {
        let numbers = match text(case, "numbers") {
            "integers" => Numbers::Integers,
            "fractions" => Numbers::Fractions,
            _ => Numbers::Any,
        };
        let bytes = HEXLOWER.decode(text(case, "hex").as_bytes()).unwrap();
        code(json::parse(&bytes, numbers).map_err(|_| Reason::BadJson))
    });
}

fn pinned<R: Role>(case: &Value) -> Vec<PublicKey<R>> {
    let bytes = |jwk: &Value| BASE64URL_NOPAD.decode(text(jwk, "x").as_bytes()).unwrap().try_into().unwrap();
    case["keys"].as_array().unwrap().iter().map(|jwk| PublicKey::from_bytes(&bytes(jwk)).unwrap()).collect()
}

fn open<M: Message>(case: &Value) -> Result<(), Reason> {
    let keys = pinned::<M::Signer>(case);
    let received = Received::<M>::parse(text(case, "message"))?;
    full(received.open(|kid| keys.iter().copied().find(|key| key.thumbprint() == *kid))?)
}

fn full<M: Message>(opened: Opened<M>) -> Result<(), Reason> {
    opened.content().map(|_| ())
}

#[test]
fn message_vectors() {
    replay("message", |case| {
        let message = || text(case, "message");
        code(match text(case, "typ") {
            Enroll::TYP => Received::<Enroll>::parse(message()).and_then(Received::<Enroll>::open_own).and_then(full),
            PairInit::TYP => {
                Received::<PairInit>::parse(message()).and_then(Received::<PairInit>::open_own).and_then(full)
            }
            Session::TYP => open::<Session>(case),
            Request::TYP => open::<Request>(case),
            Claim::TYP => open::<Claim>(case),
            Outcome::TYP => open::<Outcome>(case),
            Cancel::TYP => open::<Cancel>(case),
            Decision::TYP => open::<Decision>(case),
            Status::TYP => open::<Status>(case),
            AgentCert::TYP => open::<AgentCert>(case),
            Event::TYP => open::<Event>(case),
            typ => panic!("no runner for {typ}"),
        })
    });
}

fn trust(case: &Value) -> Result<Trust, Reason> {
    let bundles = texts(case, "bundles");
    let pinned = case.get("pinned").and_then(Value::as_str).map(|text| text.parse().unwrap());
    let mut trust = Trust::enter(bundles[0], pinned.as_ref())?;
    for bundle in &bundles[1..] {
        trust.accept_bundle(bundle, now(case))?;
    }
    for status in texts(case, "statuses") {
        trust.accept_status(status)?;
    }
    Ok(trust)
}

#[test]
fn trust_vectors() {
    replay("trust", |case| {
        let found = trust(case);
        if let (Some(fresh), Ok(trust)) = (case.get("fresh"), &found) {
            assert_eq!(&code(trust.fresh_status(now(case)).map(|_| ())), fresh, "{case}");
        }
        if let (Some(settled), Ok(trust)) = (case.get("settled"), &found) {
            let mut trust = trust.clone();
            trust.settle(Time(settled[0].as_i64().unwrap()));
            assert_eq!(Some(trust.bundle_ref().version), settled[1].as_u64(), "{case}");
        }
        code(found)
    });
}

#[test]
fn constraint_vectors() {
    replay("constraint", |case| {
        let source = json::parse(text(case, "constraint").as_bytes(), Numbers::Any).unwrap();
        // A payload with exponents does not even parse where constraints stand.
        let parsed = json::parse(text(case, "constraint").as_bytes(), Numbers::Fractions);
        let Some(constraint) = parsed.ok().and_then(|_| Constraint::parse(&source)) else { return "bad".to_owned() };
        let place = if text(case, "place") == "rule" { Place::Rule } else { Place::Grant };
        let action =
            Action { tool: text(case, "tool").to_owned(), server: Some(text(case, "server").to_owned()), digest: None };
        let arguments = arguments(text(case, "arguments"));
        let session = text(case, "sid").parse().unwrap();
        let facts = Facts { action: &action, arguments: &arguments, session: &session, task: case["task"].as_str() };
        match constraint.holds(&facts, place) {
            Truth::True => "true",
            Truth::False => "false",
            Truth::Error => "error",
        }
        .to_owned()
    });
}

/// The agent opened its own request when it made it, under the trust of that time: what is checked is what it was
/// handed back.
fn asked(case: &Value, trust: &Trust) -> Result<Asked, Reason> {
    let opened = Time(1_800_000_000);
    let first = Trust::enter(texts(case, "bundles")[0], Some(&trust.tdid())).unwrap();
    open_request(case, &first, opened)
}

fn open_request(case: &Value, trust: &Trust, now: Time) -> Result<Asked, Reason> {
    Asked::open(trust, text(case, "cert"), text(case, "session"), text(case, "request"), now)
}

#[test]
fn asked_vectors() {
    replay("asked", |case| code(open_request(case, &trust(case).unwrap(), now(case))));
}

/// Whoever opened the messages one by one may have looked the keys up elsewhere than in this certificate.
#[test]
fn what_was_opened_before_is_held_against_the_certificate() {
    let case = |name: &str| -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/asked").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let other = case("cert-of-another-agent.json");
    let other = open_cert(&trust(&other).unwrap(), text(&other, "cert"), now(&other)).unwrap().body().cnf;
    for (name, expected) in [
        ("good.json", Ok(())),
        ("session-by-another-agent.json", Err(Reason::UnknownKey)),
        ("request-by-another-agent.json", Err(Reason::UnknownKey)),
        ("cert-by-approver.json", Err(Reason::UnknownKey)),
    ] {
        let case = case(name);
        let trust = trust(&case).unwrap();
        let device = |kid: &Thumbprint| trust.device(kid).map(|device| device.key);
        let cert = Received::<AgentCert>::parse(text(&case, "cert")).unwrap().open(device).unwrap();
        let agents = [cert.body().cnf, other];
        let agent = |kid: &Thumbprint| agents.into_iter().find(|key| key.thumbprint() == *kid);
        let session = Received::<Session>::parse(text(&case, "session")).unwrap().open(agent).unwrap();
        let request = Received::<Request>::parse(text(&case, "request")).unwrap().open(agent).unwrap();
        let assembled = Asked::assemble(&trust, cert, session, request, now(&case));
        assert_eq!(assembled.map(|_| ()), expected, "{name}");
    }
}

#[test]
fn check_vectors() {
    replay("check", |case| {
        let trust = trust(case).unwrap();
        let asked = asked(case, &trust).unwrap();
        let decisions = texts(case, "decisions");
        match check_decisions(&trust, &asked, &decisions, now(case), case["waited"].as_u64()) {
            Ok(release) => {
                assert_eq!(release.arguments, arguments(&case["arguments"].to_string()), "{case}");
                assert_eq!(release.edited, release.arguments != asked.content.arguments, "{case}");
                "ok".to_owned()
            }
            Err(refusal) => refusal.reason.code().to_owned(),
        }
    });
}

struct Used(Value);

impl Counters for Used {
    fn used(&self, constraint: usize, since: Option<Time>) -> u64 {
        let made = self.0.get(constraint).and_then(Value::as_array).cloned().unwrap_or_default();
        let counts = |entry: &&Value| since.is_none_or(|since| Time(entry[0].as_i64().unwrap()) > since);
        made.iter().filter(counts).map(|entry| entry[1].as_u64().unwrap()).sum()
    }
}

#[test]
fn grant_vectors() {
    replay("grant", |case| {
        let trust = trust(case).unwrap();
        let asked = asked(case, &trust).unwrap();
        let covered = check_grant(&trust, &asked, text(case, "grant"), now(case), &Used(case["used"].clone()));
        if let Ok(covered) = &covered {
            let made: Vec<Value> =
                covered.reservations.iter().map(|r| serde_json::json!([r.constraint, r.amount])).collect();
            assert_eq!(Value::from(made), case["reservations"], "{case}");
        }
        code(covered)
    });
}

#[test]
fn pairing_vectors() {
    let key = |text: &str| -> [u8; 32] { HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap() };
    replay("pairing", |case| {
        if let Some(ticket) = case.get("ticket") {
            let ticket = ticket.as_str().unwrap();
            return match ticket.parse::<Ticket>() {
                Ok(parsed) => {
                    assert_eq!(*parsed.to_text(), ticket);
                    "ok".to_owned()
                }
                Err(_) => "bad".to_owned(),
            };
        }
        if case.get("mac").is_some() {
            let secret: [u8; 16] = HEXLOWER.decode(text(case, "secret").as_bytes()).unwrap().try_into().unwrap();
            let made = mac(
                &PairSecret::from_bytes(secret),
                &PublicKey::from_bytes(&key(text(case, "daemon"))).unwrap(),
                &text(case, "transport").parse().unwrap(),
                &PublicKey::from_bytes(&key(text(case, "approval"))).unwrap(),
            );
            assert_eq!(made.to_string(), text(case, "mac"));
        } else {
            let id = |name: &str| text(case, name).parse().unwrap();
            let tdid = case["tdid"].as_str().map(|t| t.parse().unwrap());
            let shown = digits(&text(case, "joiner").parse().unwrap(), tdid.as_ref(), &id("c"), &id("r"));
            assert_eq!(shown.to_string(), text(case, "digits"));
            assert_eq!(commit(&id("r")).to_string(), text(case, "commit"));
        }
        "ok".to_owned()
    });
}
