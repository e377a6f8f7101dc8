//! One honest trust domain, every message of which its own door accepts, and the doors.

use agenttrust_protocol::check::{Asked, check_decisions, check_grant, open_cert};
use agenttrust_protocol::constraint::Counters;
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::message::{
    Action, Cancel, Claim, Enroll, Event, EventKind, ExecutionResult, Grant, GrantContent, Intent, Message, Nothing,
    Outcome, OutcomeContent, PairInit, Paused, Request, RequestContent, Require, Rule, Status, Uv, Verdict,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Head, Reason, Received, Time};
use agenttrust_tests::cast::{Cast, NOW, constraints, hash, object, sign};
use agenttrust_tests::forge::{id, key, random};

/// How many requests wait at the same time, each with its own decision.
pub const REQUESTS: usize = 50;

/// Where a message is offered: the strictest check that its type meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    PairInit,
    Bundle,
    Status,
    Enroll,
    Cert,
    Session,
    Request,
    /// On the request with this number.
    Decision(usize),
    Grant,
    Claim,
    Outcome,
    Cancel,
    Event,
}

/// One message, the door that it is meant for, and its name in a failure.
#[derive(Clone)]
pub struct Honest {
    pub name: String,
    pub door: Door,
    pub text: String,
}

/// The domain as its agent sees it.
pub struct Scene {
    pub cast: Cast,
    /// Bundle 1 and nothing else.
    entered: Trust,
    /// Bundle 1 and status 1.
    pub trust: Trust,
    pub asked: Vec<Asked>,
    /// The request that names the grant.
    granted: Asked,
    pub messages: Vec<Honest>,
}

struct NothingUsed;

impl Counters for NothingUsed {
    fn used(&self, _constraint: usize, _since: Option<Time>) -> u64 {
        0
    }
}

/// The domain's only rule: this tool takes two devices.
pub fn rules() -> Vec<Rule> {
    let require = Require { approvers: 2, ..Require::ONE };
    vec![Rule { matches: constraints(r#"[{"c":"tool","name":"transfer"}]"#), require }]
}

impl Scene {
    pub fn new(cast: Cast) -> Scene {
        let entered = Trust::enter(&cast.bundle, cast.tdid().as_ref()).expect("bundle 1 is sound");
        let mut trust = entered.clone();
        trust.accept_status(&cast.status).expect("status 1 is sound");
        let open = |request: &str| Asked::open(&trust, &cast.cert, &cast.session, request, NOW).expect("it is sound");
        let grant = grant(&cast);
        let granted = request(&cast, "granted", "transfer", Some(hash::<Grant>(&grant)));
        let requests: Vec<String> =
            (0..REQUESTS).map(|n| request(&cast, &format!("request {n}"), "pay_invoice", None)).collect();
        let mut messages = alone(&cast);
        messages.push(Honest { name: "grant".to_owned(), door: Door::Grant, text: grant });
        messages.extend(around(&cast, &requests));
        Scene {
            asked: requests.iter().map(|r| open(r)).collect(),
            granted: open(&granted),
            entered,
            trust,
            cast,
            messages,
        }
    }

    /// Offers a message; `Ok` means that whoever stands there would act on it.
    pub fn offer(&self, door: Door, text: &str, now: Time) -> Result<(), Reason> {
        let cast = &self.cast;
        match door {
            Door::PairInit => Received::<PairInit>::parse(text)?.open_own().map(drop),
            Door::Enroll => Received::<Enroll>::parse(text)?.open_own().map(drop),
            Door::Bundle => Trust::enter(text, cast.tdid().as_ref()).map(drop).or_else(|_| self.step(text, now)),
            Door::Status => {
                self.entered.clone().accept_status(text).or_else(|_| self.trust.clone().accept_status(text))
            }
            Door::Cert => open_cert(&self.trust, text, now).map(drop),
            Door::Session => Asked::open(&self.trust, &cast.cert, text, self.asked[0].request.as_str(), now).map(drop),
            Door::Request => Asked::open(&self.trust, &cast.cert, &cast.session, text, now).map(drop),
            Door::Decision(n) => self.decide(n, &[text], now),
            Door::Grant => check_grant(&self.trust, &self.granted, text, now, &NothingUsed).map(drop),
            Door::Claim => self.open_agents::<Claim>(text),
            Door::Outcome => self.open_agents::<Outcome>(text),
            Door::Cancel => self.open_agents::<Cancel>(text),
            Door::Event => self.open::<Event>(text, &cast.log.public()),
        }
    }

    /// A bundle that is already held is waved through, whoever signed it: only one that changes something counts.
    fn step(&self, text: &str, now: Time) -> Result<(), Reason> {
        let mut trust = self.entered.clone();
        trust.accept_bundle(text, now)?;
        let moved = trust.bundles().len() > 1 || trust.recovery().is_some();
        if moved { Ok(()) } else { Err(Reason::StaleTrust) }
    }

    /// Offers decisions on the request with this number.
    pub fn decide(&self, n: usize, texts: &[&str], now: Time) -> Result<(), Reason> {
        check_decisions(&self.trust, &self.asked[n], texts, now, None).map(drop).map_err(|refusal| refusal.reason)
    }

    fn open_agents<M: Message<Signer = agenttrust_protocol::key::Agent>>(&self, text: &str) -> Result<(), Reason> {
        self.open::<M>(text, &self.cast.agent.public())
    }

    fn open<M: Message>(&self, text: &str, key: &agenttrust_protocol::key::PublicKey<M::Signer>) -> Result<(), Reason> {
        let opened = Received::<M>::parse(text)?.open(|kid| (*kid == key.thumbprint()).then_some(*key))?;
        if opened.head().tdid != self.cast.tdid() {
            return Err(Reason::WrongRoot);
        }
        opened.content().map(drop)
    }
}

fn request(cast: &Cast, name: &str, tool: &str, grant: Option<Hash>) -> String {
    let body = Request {
        grant,
        action: Action { tool: tool.to_owned(), server: None, digest: None },
        ..cast.request_body(tool)
    };
    let content = RequestContent {
        arguments: object(&format!(r#"{{"invoice":"{name}","amount":120.50}}"#)),
        title: Some(format!("Pay {name}")),
        target: None,
        reason: Some("It is due".to_owned()),
    };
    sign(name, &cast.agent, cast.tdid(), &body, &content)
}

/// Signed by two devices, as the rule for its tool demands.
fn grant(cast: &Cast) -> String {
    let body = Grant {
        agents: vec![cast.agent.public().thumbprint()],
        constraints: constraints(r#"[{"c":"tool","name":"transfer"},{"c":"use","max":3}]"#),
        uv: Uv::Presence,
        bundle: cast.bundle_ref(),
        offline: false,
        exp: NOW.plus(3600),
    };
    let head = Head { jti: id("grant"), iat: NOW, tdid: cast.tdid() };
    let content = GrantContent { title: "Transfers".to_owned() };
    Unsigned::new(&head, &body, &content, &mut random("grant"))
        .sign([&cast.phone.approval, &cast.tablet.approval])
        .into_string()
}

/// What speaks of no request.
fn alone(cast: &Cast) -> Vec<Honest> {
    let mut messages = Vec::new();
    let mut add = |name: &str, door, text| messages.push(Honest { name: name.to_owned(), door, text });
    for intent in [Intent::First, Intent::Add] {
        let body = PairInit {
            key: cast.phone.approval.public(),
            witness: cast.phone.witness.public(),
            transport: cast.phone.transport.public().thumbprint(),
            name: "Phone".to_owned(),
            protection: "keystore".to_owned(),
            intent,
            mac: Hash::of(b"mac"),
            commit: Hash::of(b"commit"),
        };
        add(intent.as_str(), Door::PairInit, sign(intent.as_str(), &cast.phone.approval, None, &body, &Nothing {}));
    }
    add("bundle 1", Door::Bundle, cast.bundle.clone());
    let mut next = cast.bundle_body();
    (next.version, next.prev) = (2, Some(cast.bundle_ref().hash));
    next.devices.remove(1);
    add("bundle 2", Door::Bundle, cast.sign_bundle("bundle 2", &next, &[&cast.phone.approval]));
    add("status 1", Door::Status, cast.status.clone());
    let second = Status { seq: 2, prev: Some(hash::<Status>(&cast.status)), paused: Paused::All, ..cast.status_body() };
    add("status 2", Door::Status, cast.sign_status("status 2", &second));
    add("enroll", Door::Enroll, cast.enroll.clone());
    add("cert", Door::Cert, cast.cert.clone());
    add("session", Door::Session, cast.session.clone());
    messages
}

/// What speaks of the requests: for each a decision, and for the first all that can follow.
fn around(cast: &Cast, requests: &[String]) -> Vec<Honest> {
    let mut messages = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        let device = [&cast.phone, &cast.laptop, &cast.tablet][n % 3];
        let (verdict, arguments) =
            if n % 2 == 0 { (Verdict::Approve, None) } else { (Verdict::Modify, Some(r#"{"amount":100.00}"#)) };
        let name = format!("decision {n}");
        let body = cast.decision_body(request, verdict);
        let text = cast.sign_decision(&name, device, &body, arguments);
        messages.push(Honest { name, door: Door::Decision(n), text });
    }
    let req = hash::<Request>(&requests[0]);
    let decisions = vec![hash::<agenttrust_protocol::message::Decision>(&messages[0].text)];
    let by = &cast.agent;
    let output = OutcomeContent { output: Some("paid".into()) };
    let event = Event { of: req, kind: EventKind::Expired, code: None };
    let of_agent = [
        ("request", Door::Request, requests[0].clone()),
        ("claim", Door::Claim, sign("claim", by, cast.tdid(), &Claim { req, decisions }, &Nothing {})),
        (
            "outcome",
            Door::Outcome,
            sign("outcome", by, cast.tdid(), &Outcome { req, result: ExecutionResult::Executed }, &output),
        ),
        ("cancel", Door::Cancel, sign("cancel", by, cast.tdid(), &Cancel { req }, &Nothing {})),
        ("event", Door::Event, sign("event", &cast.log, cast.tdid(), &event, &Nothing {})),
    ];
    messages.extend(of_agent.map(|(name, door, text)| Honest { name: name.to_owned(), door, text }));
    messages
}

/// A key that nobody in the domain has ever heard of.
pub fn stranger<R: agenttrust_protocol::key::Role>() -> agenttrust_protocol::key::SecretKey<R> {
    key("stranger")
}
