//! The bytes of every message, fixed: whoever changes a format changes a snapshot, the text and the vectors too.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use agenttrust_protocol::Received;
use agenttrust_protocol::constraint::{Constraint, Decimal, Pattern};
use agenttrust_protocol::door::{ALPN_DEVICE, ALPN_PAIR, JOSE};
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::json::{Numbers, Value, parse};
use agenttrust_protocol::key::{Agent, Approval, Log, PublicKey, Recovery, Role, SecretKey, Transport, Witness};
use agenttrust_protocol::lifecycle::{State, Transition};
use agenttrust_protocol::message::*;
use common::{NOW, hash, head, key, object, random, shown, tdid, thumbprint};
use std::fmt::Display;

/// Signs a message, takes it apart for the snapshot, and demands that its own door gives back what went in.
fn made<M: Message>(
    name: &str,
    by: &[SecretKey<M::Signer>],
    tdid: Option<Tdid>,
    body: &M,
    content: &M::Content,
) -> String {
    let head = head(name, tdid);
    let text = Unsigned::new(&head, body, content, &mut random(name)).sign(by).into_string();
    let keys: Vec<PublicKey<M::Signer>> = by.iter().map(SecretKey::public).collect();
    let opened = Received::<M>::parse(&text)
        .and_then(|m| m.open(|kid| keys.iter().copied().find(|key| key.thumbprint() == *kid)))
        .unwrap_or_else(|reason| panic!("{name} is refused at its own door: {reason}\n{}", shown::<M>(&text)));
    assert_eq!((opened.head(), opened.body(), opened.content().as_ref()), (&head, body, Ok(content)), "{name}");
    format!("# {name}\n{}", shown::<M>(&text))
}

fn public<R: Role>(name: &str) -> PublicKey<R> {
    key::<R>(name).public()
}

fn phone() -> [SecretKey<Approval>; 1] {
    [key("phone")]
}

fn agent() -> [SecretKey<Agent>; 1] {
    [key("agent")]
}

fn bundle_ref() -> BundleRef {
    BundleRef { version: 1, hash: hash("bundle 1") }
}

fn device(name: &str, roles: &[&str], local: bool) -> Device {
    Device {
        key: public(name),
        witness: public(&format!("{name} witness")),
        transport: public::<Transport>(&format!("{name} transport")).thumbprint(),
        name: format!("{name} “of the first owner”"),
        owner: "first".to_owned(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        local,
        protection: "keystore".to_owned(),
    }
}

fn every_requirement() -> Require {
    Require {
        approvers: 2,
        distinct_owners: Some(true),
        role: Some("finance".parse().unwrap()),
        uv: Some(RequiredUv::Verified),
        remote: Some(true),
    }
}

fn decimal(text: &str) -> Decimal {
    let value = parse(text.as_bytes(), Numbers::Fractions).unwrap();
    let Value::Number(number) = value else { panic!("{value} is not a number") };
    Decimal::of(&number).unwrap()
}

fn every_pattern() -> Vec<(String, Pattern)> {
    let value = |text: &str| parse(text.as_bytes(), Numbers::Fractions).unwrap();
    [
        ("true", Pattern::True),
        ("eq", Pattern::Eq(value(r#"{"a":[1,1.50,null,true,"x"]}"#))),
        ("in", Pattern::In(vec![value("\"EUR\""), value("\"CHF\"")])),
        ("le", Pattern::Le(decimal("120.50"))),
        ("ge", Pattern::Ge(decimal("-0.000001"))),
        ("like", Pattern::Like("*@example.com".to_owned())),
        ("under", Pattern::Under("/home/user/invoices".parse().unwrap())),
        ("host", Pattern::Host(vec!["api.example.com".parse().unwrap(), "127.0.0.1:8080".parse().unwrap()])),
        ("named", Pattern::Named),
        ("all", Pattern::All(Box::new(Pattern::All(Box::new(Pattern::True))))),
    ]
    .map(|(name, pattern)| (name.to_owned(), pattern))
    .to_vec()
}

#[test]
fn pair_init() {
    let body = |intent| PairInit {
        key: public("phone"),
        witness: public("phone witness"),
        transport: public::<Transport>("phone transport").thumbprint(),
        name: "Phone".to_owned(),
        protection: "keystore".to_owned(),
        intent,
        mac: hash("mac"),
        commit: hash("commit"),
    };
    let texts = [
        made("first device", &phone(), None, &body(Intent::First), &Nothing {}),
        made("one more device", &phone(), None, &body(Intent::Add), &Nothing {}),
    ];
    insta::assert_snapshot!("pair_init", texts.join("\n\n"));
}

#[test]
fn bundle() {
    let bare = Bundle {
        version: 1,
        prev: None,
        threshold: 1,
        devices: vec![device("phone", &["admin", "approver"], false)],
        rules: Vec::new(),
        log: public("log"),
        transport: public::<Transport>("daemon").thumbprint(),
        recovery: None,
    };
    let rules = vec![
        Rule { matches: Vec::new(), require: Require::ONE },
        Rule {
            matches: vec![
                Constraint::Tool { name: "pay_*".to_owned(), digest: None },
                Constraint::Server { is: "bank".to_owned() },
                Constraint::Args { keys: vec![("amount".to_owned(), Pattern::Ge(decimal("99.99")))] },
            ],
            require: every_requirement(),
        },
    ];
    let full = Bundle {
        version: 2,
        prev: Some(hash("bundle 1")),
        threshold: 2,
        devices: vec![device("phone", &["admin", "approver"], false), device("laptop", &["admin", "finance"], true)],
        rules,
        recovery: Some(public::<Recovery>("recovery")),
        ..bare.clone()
    };
    let texts = [
        made("bundle 1", &phone(), None, &bare, &Nothing {}),
        made("bundle 2 by two", &[key("phone"), key("laptop")], Some(tdid()), &full, &Nothing {}),
    ];
    insta::assert_snapshot!("bundle", texts.join("\n\n"));
}

#[test]
fn status() {
    let first = Status {
        seq: 1,
        prev: None,
        bundle: bundle_ref(),
        revoked: Vec::new(),
        paused: Paused::Agents(Vec::new()),
        exp: NOW.plus(MAX_STATUS_LIFE),
    };
    let revoked = RevokedKind::ALL.iter().map(|kind| Revocation { kind: *kind, id: hash(kind.as_str()), until: NOW });
    let second = Status {
        seq: 2,
        prev: Some(hash("status 1")),
        revoked: revoked.collect(),
        paused: Paused::Agents(vec![thumbprint("agent"), thumbprint("another agent")]),
        ..first.clone()
    };
    let third = Status { seq: 3, prev: Some(hash("status 2")), paused: Paused::All, ..first.clone() };
    let texts = [
        made("status 1", &phone(), Some(tdid()), &first, &Nothing {}),
        made("revocations and paused agents", &phone(), Some(tdid()), &second, &Nothing {}),
        made("all paused", &phone(), Some(tdid()), &third, &Nothing {}),
    ];
    insta::assert_snapshot!("status", texts.join("\n\n"));
}

#[test]
fn enroll() {
    let body = Enroll {
        key: public("agent"),
        name: "Invoice agent".to_owned(),
        program: "python3 invoices.py".to_owned(),
        kind: AgentKind::Sdk,
    };
    insta::assert_snapshot!("enroll", made("enrolment", &agent(), None, &body, &Nothing {}));
}

#[test]
fn agent_cert() {
    let body = AgentCert {
        enroll: hash("enroll"),
        cnf: public("agent"),
        name: "Invoice agent".to_owned(),
        exp: NOW.plus(86_400),
    };
    insta::assert_snapshot!("agent_cert", made("certificate", &phone(), Some(tdid()), &body, &Nothing {}));
}

#[test]
fn session() {
    let bare =
        Session { cert: hash("cert"), sid: "0198c2f0-7a00-7000-8000-000000000001".parse().unwrap(), parent: None };
    let facts = Facts { cwd: "/home/user".into(), host: "workstation".into(), program: "/usr/bin/python3".into() };
    let full = Session { parent: Some(hash("parent")), ..bare.clone() };
    let task = "Pay the open invoices — \"all\" of them\n\u{1}\u{1f9fe}".to_owned();
    let texts = [
        made("bare", &agent(), Some(tdid()), &bare, &SessionContent { facts: facts.clone(), task: None }),
        made("full", &agent(), Some(tdid()), &full, &SessionContent { facts, task: Some(task) }),
    ];
    insta::assert_snapshot!("session", texts.join("\n\n"));
}

#[test]
fn request() {
    let bare = Request {
        cert: hash("cert"),
        session: hash("session"),
        action: Action { tool: "pay_invoice".to_owned(), server: None, digest: None },
        risk: None,
        grant: None,
        group: None,
        call: None,
        exp: NOW.plus(300),
    };
    let full = Request {
        action: Action {
            tool: "pay_invoice".to_owned(),
            server: Some("bank".to_owned()),
            digest: Some(hash("definition")),
        },
        risk: Some(Risk::High),
        grant: Some(hash("grant")),
        group: Some("turn-1".to_owned()),
        call: Some("call_0001".to_owned()),
        ..bare.clone()
    };
    let no_words =
        |arguments: &str| RequestContent { arguments: object(arguments), title: None, target: None, reason: None };
    let words = RequestContent {
        title: Some("Pay invoice 17".to_owned()),
        target: Some("Example Ltd".to_owned()),
        reason: Some("It is due today".to_owned()),
        ..no_words(r#"{"amount":120.50,"rate":1e-3,"__proto__":{"x":[]},"note":"\u00e9\/","when":null}"#)
    };
    let texts = [
        made("bare", &agent(), Some(tdid()), &bare, &no_words("{}")),
        made("full", &agent(), Some(tdid()), &full, &words),
    ];
    insta::assert_snapshot!("request", texts.join("\n\n"));
}

#[test]
fn decision() {
    let bare = Decision {
        req: hash("request"),
        outcome: Verdict::Approve,
        first: None,
        requires: None,
        uv: Uv::None,
        seq: 1,
        bundle: bundle_ref(),
        log: None,
        exp: NOW.plus(DEFAULT_DECISION_LIFE),
    };
    let deny = Decision { outcome: Verdict::Deny, uv: Uv::Presence, ..bare.clone() };
    let modify = Decision {
        outcome: Verdict::Modify,
        requires: Some(every_requirement()),
        uv: Uv::Verified,
        seq: 9_007_199_254_740_991,
        log: Some(LogRef { size: 17, root: hash("root") }),
        ..bare.clone()
    };
    let agree = Decision { outcome: Verdict::Modify, first: Some(hash("modify")), ..bare.clone() };
    let nothing = DecisionContent { arguments: None, shown: None, note: None };
    let note = DecisionContent { note: Some("Not this supplier".to_owned()), ..nothing.clone() };
    let edit = DecisionContent {
        arguments: Some(object(r#"{"amount":100.00}"#)),
        shown: Some(vec!["pay_invoice".to_owned(), "amount 100.00".to_owned(), String::new()]),
        note: Some("Only the first instalment".to_owned()),
    };
    let texts = [
        made("approve", &phone(), Some(tdid()), &bare, &nothing),
        made("deny with words", &phone(), Some(tdid()), &deny, &note),
        made("modify, all members", &phone(), Some(tdid()), &modify, &edit),
        made("agree with a modify", &phone(), Some(tdid()), &agree, &nothing),
    ];
    insta::assert_snapshot!("decision", texts.join("\n\n"));
}

#[test]
fn grant() {
    let bare = Grant {
        agents: vec![thumbprint("agent")],
        constraints: vec![Constraint::Tool { name: "read_file".to_owned(), digest: None }],
        uv: Uv::None,
        bundle: bundle_ref(),
        offline: true,
        exp: NOW.plus(3600),
    };
    let constraints = vec![
        Constraint::Tool { name: "pay_invoice".to_owned(), digest: Some(hash("definition")) },
        Constraint::Server { is: "bank".to_owned() },
        Constraint::Session { sid: "0198c2f0-7a00-7000-8000-000000000001".parse().unwrap() },
        Constraint::Use { max: 3, per: None },
        Constraint::Use { max: 1, per: Some(60) },
        Constraint::Budget { key: "amount".to_owned(), scale: 2, max: 100_000, per: 86_400 },
        Constraint::Args { keys: every_pattern() },
    ];
    let full = Grant {
        agents: vec![thumbprint("agent"), thumbprint("another agent")],
        constraints,
        uv: Uv::Verified,
        offline: false,
        ..bare.clone()
    };
    let title = |text: &str| GrantContent { title: text.to_owned() };
    let texts = [
        made("offline, one device", &phone(), Some(tdid()), &bare, &title("")),
        made("every constraint, two devices", &[key("phone"), key("laptop")], Some(tdid()), &full, &title("Invoices")),
    ];
    insta::assert_snapshot!("grant", texts.join("\n\n"));
}

#[test]
fn claim() {
    let mut decisions = vec![hash("decision 1"), hash("decision 2")];
    decisions.sort_by_key(ToString::to_string);
    let body = Claim { req: hash("request"), decisions };
    insta::assert_snapshot!("claim", made("claim of two decisions", &agent(), Some(tdid()), &body, &Nothing {}));
}

#[test]
fn outcome() {
    let body = |result| Outcome { req: hash("request"), result };
    let output = parse(br#"[{"rate":0.5e-3},-0.0,null]"#, Numbers::Any).unwrap();
    let texts = [
        made("failed", &agent(), Some(tdid()), &body(ExecutionResult::Failed), &OutcomeContent { output: None }),
        made(
            "executed",
            &agent(),
            Some(tdid()),
            &body(ExecutionResult::Executed),
            &OutcomeContent { output: Some(output) },
        ),
    ];
    insta::assert_snapshot!("outcome", texts.join("\n\n"));
}

#[test]
fn cancel() {
    let body = Cancel { req: hash("request") };
    insta::assert_snapshot!("cancel", made("cancel", &agent(), Some(tdid()), &body, &Nothing {}));
}

#[test]
fn event() {
    let by: [SecretKey<Log>; 1] = [key("log")];
    let body = |kind, code: Option<&str>| Event { of: hash("request"), kind, code: code.map(str::to_owned) };
    let texts = [
        made("expired", &by, Some(tdid()), &body(EventKind::Expired, None), &Nothing {}),
        made("refused", &by, Some(tdid()), &body(EventKind::Refused, Some("revoked")), &Nothing {}),
    ];
    insta::assert_snapshot!("event", texts.join("\n\n"));
}

/// Every fixed word and name that travels; the codes of failures are with the doors.
#[test]
fn words() {
    fn line<T: Display>(name: &str, words: &[T]) -> String {
        format!("{name}: {}", words.iter().map(T::to_string).collect::<Vec<_>>().join(" "))
    }
    let lines = [
        line("agent kind", AgentKind::ALL),
        line("result", ExecutionResult::ALL),
        line("intent", Intent::ALL),
        line("verdict", Verdict::ALL),
        line("revoked kind", RevokedKind::ALL),
        line("event kind", EventKind::ALL),
        line("uv", Uv::ALL),
        line("required uv", RequiredUv::ALL),
        line("risk", Risk::ALL),
        line("state", State::ALL),
        line("transition", Transition::ALL),
        line("role", &[RoleName::ADMIN, RoleName::APPROVER]),
        line("key", &[Approval::NAME, Witness::NAME, Transport::NAME, Log::NAME, Agent::NAME, Recovery::NAME]),
        line("media type", &[JOSE]),
        line("alpn", &[ALPN_DEVICE, ALPN_PAIR].map(|name| String::from_utf8(name.to_vec()).unwrap())),
    ];
    insta::assert_snapshot!("words", lines.join("\n"));
}
