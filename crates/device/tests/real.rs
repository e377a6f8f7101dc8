//! A device and the real daemon: paired, asked, answered, claimed, proved.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

mod common;

use agenttrust_daemon::config::Config as DaemonConfig;
use agenttrust_daemon::{Options, Running, start};
use agenttrust_device::approver::inbox::{Phase, Step};
use agenttrust_device::{
    CardView, Clock, Command, Connection, Counts, Device, Done, Event, KeyStore, MomentKind, PairEvent, join,
};
use agenttrust_protocol::door::{
    AgentState, CountRow, CountsQuery, HistoryQuery, JOSE, PairingOffer, Reply, StartPairing,
};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{AgentCert, Claim, ExecutionResult, Grant, Message, Outcome, OutcomeContent, Uv};
use agenttrust_protocol::{Hash, Received, Time};
use bytes::Bytes;
use common::agent::VirtualAgent;
use common::phone::{Phone, approve, config, introduction};
use common::{NOTHING, hash, sign};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

struct Host {
    data: PathBuf,
    running: Option<Running>,
}

impl Host {
    async fn start(data: &Path) -> Host {
        let text = "[link]\nbind = \"127.0.0.1:0\"\n";
        let config = DaemonConfig::parse(text, Path::new("config.toml")).unwrap();
        let running = start(Options::new(data, config)).await.unwrap();
        Host { data: data.to_owned(), running: Some(running) }
    }

    async fn restart(&mut self) {
        let running = self.running.take().unwrap();
        running.stop();
        running.ended().await;
        let data = self.data.clone();
        *self = Host::start(&data).await;
    }

    async fn call<T: DeserializeOwned>(&self, socket: &str, method: Method, path: &str, kind: &str, body: String) -> T {
        let stream = UnixStream::connect(self.data.join(socket)).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "x").header("content-type", kind);
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    async fn ticket(&self, local: bool) -> PairingOffer {
        let body = serde_json::to_string(&StartPairing { local }).unwrap();
        self.call("host.sock", Method::POST, "/v1/pairings", "application/json", body).await
    }

    async fn post(&self, path: &str, message: &str) -> Reply {
        self.call("agent.sock", Method::POST, path, JOSE, message.to_owned()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call("agent.sock", Method::GET, path, "application/json", String::new()).await
    }
}

async fn paired(host: &Host, scratch: tempfile::TempDir) -> Phone {
    let clock = Clock::default();
    let ticket = host.ticket(true).await.ticket;
    join(&scratch.path().join("phone"), KeyStore::File, &ticket, introduction(), &config(&clock), |_| {})
        .await
        .unwrap();
    let mut phone = Phone::open(scratch, clock).await.unwrap();
    if !matches!(phone.device.snapshot().connection, Connection::Connected { .. }) {
        let up = |event| {
            matches!(event, Event::ConnectionChanged { connection: Connection::Connected { .. } }).then_some(())
        };
        phone.event("a connection", up).await;
    }
    phone
}

/// An agent of the real daemon.
struct Asker {
    agent: VirtualAgent,
    cert: String,
    tdid: Tdid,
}

impl Asker {
    async fn enrol(host: &Host, phone: &mut Phone) -> Asker {
        let agent = VirtualAgent::new(60);
        assert_eq!(host.post("/v1/enroll?queue=true", &agent.enroll).await.state, "pending");
        let asked = phone
            .event("an agent that asks to be known", |event| match event {
                Event::AgentAsked { agent } => Some(agent),
                _ => None,
            })
            .await;
        assert!(!asked.process.is_empty(), "the kernel says who knocked");
        phone.device.run(Command::AcceptAgent { enroll: asked.enroll, name: Some("Bookkeeper".into()) }).await.unwrap();
        let reply = host.get(&format!("/v1/enroll/{}", asked.enroll)).await;
        assert_eq!(reply.state, "enrolled");
        let cert = reply.of_typ(AgentCert::TYP).next().unwrap().to_owned();
        Asker { agent, cert, tdid: phone.device.snapshot().trust.tdid }
    }

    async fn ask(&self, host: &Host, arguments: &str) -> Hash {
        let messages = self.agent.request(&self.cert, self.tdid, arguments, 300, &self.agent.key);
        assert_eq!(host.post("/v1/sessions", &messages[1]).await.state, "ok");
        assert_eq!(host.post("/v1/requests", &messages[2]).await.state, "pending");
        hash::<agenttrust_protocol::message::Request>(&messages[2])
    }

    async fn run(&self, host: &Host, req: Hash) {
        let reply = host.get(&format!("/v1/requests/{req}?wait=10")).await;
        assert_eq!(reply.state, "approved");
        let decisions = reply.of_typ("agenttrust-decision-v1").map(hash::<agenttrust_protocol::message::Decision>);
        let claim = Claim { req, decisions: decisions.collect() };
        let claim = sign(&self.agent.key, Some(self.tdid), &claim, &NOTHING);
        assert_eq!(host.post(&format!("/v1/requests/{req}/claim"), &claim).await.state, "claimed");
        let outcome = Outcome { req, result: ExecutionResult::Executed };
        let outcome = sign(&self.agent.key, Some(self.tdid), &outcome, &OutcomeContent { output: None });
        assert_eq!(host.post(&format!("/v1/requests/{req}/outcome"), &outcome).await.state, "executed");
    }
}

const INVOICE: &str = r#"{"payee":"DE02120300000000202051","amount":120.50}"#;

#[tokio::test]
async fn a_request_is_asked_answered_run_and_proved() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut host = Host::start(&data.path().join("data")).await;
    let mut phone = paired(&host, scratch).await;
    let asker = Asker::enrol(&host, &mut phone).await;
    let id = asker.ask(&host, INVOICE).await;
    let card = phone.card(id).await;
    assert_eq!((card.display.who.agent.raw(), card.blocked.clone()), ("Bookkeeper".to_owned(), None));

    // The daemon goes while the prompt is open, and comes back.
    host.restart().await;
    let done = phone.approve(&card).await.unwrap();
    assert!(matches!(done, Done::Answered { stored: Some(State::Approved), .. }), "{done:?}");
    asker.run(&host, id).await;
    phone
        .event("the end", |event| match event {
            Event::CardClosed { card, phase: Phase::AnsweredHere { step: Step::Executed, .. }, .. } => {
                (card == id).then_some(())
            }
            _ => None,
        })
        .await;

    let done = phone.device.run(Command::Verify { request: id }).await.unwrap();
    let Done::Verified { leaves, signatures, cosigned, .. } = done else { panic!("{done:?}") };
    assert_eq!((leaves.len(), signatures, cosigned), (6, 6, true));
    let Done::History(page) = phone.device.run(Command::History { query: HistoryQuery::default() }).await.unwrap()
    else {
        panic!("history")
    };
    assert_eq!((page.rows[0].request, page.rows[0].state), (id, State::Executed));
    assert_eq!(page.rows[0].decided_by[0].name, phone.device.snapshot().me.unwrap().name);
    let since = page.rows[0].asked.0 - 10;
    let query = CountsQuery { agent: Some(asker.agent.key.public().thumbprint()), since, until: since + 60, step: 30 };
    let done = phone.device.run(Command::Counts { query }).await.unwrap();
    let row = CountRow { from: Time(since), state: State::Executed, count: 1 };
    assert_eq!(done, Done::Counts(Counts { step: 30, rows: vec![row] }));
    while phone.detail(id).await.marks.iter().all(|mark| mark.delivered.is_none()) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let Done::Devices { devices } = phone.device.run(Command::Devices).await.unwrap() else { panic!("devices") };
    assert!(devices[0].is_me && devices[0].daemon.as_ref().unwrap().connected, "{devices:?}");
    let Done::Agents { agents } = phone.device.run(Command::Agents).await.unwrap() else { panic!("agents") };
    assert_eq!((agents[0].state, agents[0].fault.clone(), agents[0].requests), (AgentState::Enrolled, None, 1));
    let record = phone.record(id).await;
    assert_eq!((record.fault, record.erased, record.messages.len()), (None, false, 6));
    let kinds: Vec<MomentKind> = record.timeline.iter().map(|moment| moment.kind).collect();
    for kind in
        [MomentKind::Asked, MomentKind::Delivered, MomentKind::Approved, MomentKind::Claimed, MomentKind::Executed]
    {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(record.messages.iter().all(|message| message.leaf.is_some() && message.erased == 0));
    assert_eq!(record.display.unwrap().arguments, card.display.arguments);
    let folder = data.path().join("export");
    let exported = phone.device.export(&folder).await.unwrap();
    assert!(folder.join("checkpoint").is_file() && folder.join("remembered.json").is_file());
    assert!(exported.leaves > 8, "{exported:?}");
    assert!(phone.device.export(&folder).await.is_err(), "the folder is in use");
    assert_eq!(phone.device.run(Command::Erase { requests: vec![id] }).await, Ok(Done::Ok));
    let detail = phone.detail(id).await;
    assert!(!detail.messages.iter().any(|message| message.matches('~').count() > 1), "the content is gone");
    phone.device.run(Command::Verify { request: id }).await.unwrap();
    let record = phone.record(id).await;
    assert_eq!((record.fault, record.erased, record.display), (None, true, None));
    assert_eq!(record.about.unwrap().tool.raw(), "pay_invoice");
    assert!(record.timeline.iter().any(|moment| moment.kind == MomentKind::Erased && moment.by.is_none()));
    assert!(record.messages.iter().any(|message| message.erased > 0 && message.content.is_none()));
}

#[tokio::test]
async fn the_kill_switch_reaches_the_daemon() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let host = Host::start(&data.path().join("data")).await;
    let mut phone = paired(&host, scratch).await;
    let asker = Asker::enrol(&host, &mut phone).await;
    let card: CardView = phone.card(asker.ask(&host, INVOICE).await).await;
    phone.approve(&card).await.unwrap();
    let agent = card.display.who.key;
    let scope = agenttrust_device::Scope { session_only: true, uses: Some(3), seconds: 3600 };
    let Done::Sentence { text } = phone.device.run(Command::PreviewGrant { card: card.id, scope }).await.unwrap()
    else {
        panic!("a sentence")
    };
    assert!(text.contains("at most 3 times"), "{text}");
    let grant = Command::Grant { card: card.id, title: "This invoice".into(), scope, uv: Uv::Presence };
    assert_eq!(phone.device.run(grant).await, Ok(Done::Ok));
    let Done::Grants { grants } = phone.device.run(Command::Grants).await.unwrap() else { panic!("grants") };
    assert!(grants[0].live);
    let grant = Received::<Grant>::parse(&grants[0].message).unwrap().hash();
    let exp = common::now().plus(3600);
    assert_eq!(phone.device.run(Command::RevokeGrant { grant, exp }).await, Ok(Done::Ok));
    let Done::Grants { grants } = phone.device.run(Command::Grants).await.unwrap() else { panic!("grants") };
    assert!(!grants.iter().any(|grant| grant.live));

    phone.device.run(Command::RevokeAgent { agent }).await.unwrap();
    phone
        .event("the approval is taken back", |event| match event {
            Event::CardClosed { phase: Phase::Revoked, .. } => Some(()),
            _ => None,
        })
        .await;
    assert_eq!(host.get(&format!("/v1/requests/{}", card.id)).await.state, "revoked");
    let record = phone.record(card.id).await;
    assert_eq!((record.state, record.fault), (State::Revoked, None), "an approval that was taken back by a status");
    let Done::Agents { agents } = phone.device.run(Command::Agents).await.unwrap() else { panic!("agents") };
    assert_eq!((agents[0].state, agents[0].fault.clone()), (AgentState::Revoked, None));
}

/// Adds a second device; the digits are typed by `type_digits`.
async fn add(phone: &mut Phone, scratch: &Path, type_digits: impl Fn(&str) -> String) -> Result<Device, [String; 2]> {
    let Done::Offer { offer, .. } = phone.device.run(Command::OfferPairing).await.unwrap() else { panic!("an offer") };
    let (tell, mut told) = mpsc::unbounded_channel();
    let (path, clock) = (scratch.join("tablet"), Clock::default());
    let joining = tokio::spawn({
        let (path, config) = (path.clone(), config(&clock));
        async move {
            let introduction = agenttrust_device::Introduction { name: "Tablet".into(), ..introduction() };
            join(&path, KeyStore::File, &offer.ticket, introduction, &config, |event| drop(tell.send(event))).await
        }
    });
    let digits = loop {
        match told.recv().await.unwrap() {
            PairEvent::Digits { digits } => break digits,
            PairEvent::Knocked => {}
            PairEvent::Confirmed => panic!("nobody typed anything"),
        }
    };
    let joiner = phone
        .event("the digits are wanted", |event| match event {
            Event::PairingDigits { joiner, name } => Some((joiner, name)),
            _ => None,
        })
        .await;
    assert_eq!(joiner.1, "Tablet");
    let confirmed = phone
        .device
        .run(Command::ConfirmPairing {
            joiner: joiner.0,
            digits: type_digits(&digits),
            name: Some("Kitchen tablet".into()),
            owner: "second".into(),
            admin: false,
            local: false,
        })
        .await;
    let joined = joining.await.unwrap();
    match (confirmed, joined) {
        (Ok(_), Ok(())) => Ok(Device::open(&path, KeyStore::File, config(&clock)).await.unwrap()),
        (Err(here), Err(there)) => {
            assert!(!path.exists(), "nothing is left behind");
            Err([here.code().to_owned(), there.code().to_owned()])
        }
        (here, there) => panic!("{here:?} here, {there:?} there"),
    }
}

#[tokio::test]
async fn a_second_device_joins_answers_and_is_removed() {
    let (data, scratch, second) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let host = Host::start(&data.path().join("data")).await;
    let mut phone = paired(&host, scratch).await;

    let wrong = |digits: &str| if digits == "000000" { "000001".to_owned() } else { "000000".to_owned() };
    let codes = add(&mut phone, second.path(), wrong).await.unwrap_err();
    assert_eq!(codes, ["digits_wrong", "digits_wrong"]);
    assert_eq!(phone.device.snapshot().trust.devices.len(), 1);

    let spaced = |digits: &str| {
        let (a, b) = digits.split_at(3);
        format!("{a} {b}")
    };
    let tablet = add(&mut phone, second.path(), spaced).await.unwrap();
    let mut tablet_events = tablet.events();
    let devices = phone.device.snapshot().trust.devices;
    assert_eq!((devices[1].name.as_str(), devices[1].owner.as_str()), ("Kitchen tablet", "second"));
    assert_eq!(devices[1].roles, ["approver"]);

    let asker = Asker::enrol(&host, &mut phone).await;
    let id = asker.ask(&host, INVOICE).await;
    phone.card(id).await;
    let shown = loop {
        if let Event::CardAdded { card } = tablet_events.next().await.unwrap() {
            break card.shown;
        }
    };
    tablet.run(approve(id, shown)).await.unwrap();
    asker.run(&host, id).await;
    let by = phone
        .event("answered on the tablet", |event| match event {
            Event::CardClosed { phase: Phase::AnsweredElsewhere { by, .. }, .. } => Some(by),
            _ => None,
        })
        .await;
    assert_eq!(by, ["Kitchen tablet"]);
    // An approver that is no admin may stop, and may not let go on.
    tablet.run(Command::PauseAll).await.unwrap();
    assert_eq!(tablet.run(Command::Resume { agent: None }).await.unwrap_err().code(), "unknown_key");
    phone
        .event("paused", |event| match event {
            Event::TrustChanged { trust } => trust.paused_all.then_some(()),
            _ => None,
        })
        .await;
    phone.device.run(Command::Resume { agent: None }).await.unwrap();

    phone.device.run(Command::RemoveDevice { device: devices[1].device }).await.unwrap();
    assert_eq!(phone.device.snapshot().trust.devices.len(), 1);
    let record = phone.record(id).await;
    assert_eq!(record.fault, None, "it was a device when it answered");
    let approved = record.timeline.iter().find(|moment| moment.kind == MomentKind::Approved).unwrap();
    assert_eq!(approved.by.as_deref(), Some("Kitchen tablet"));
    loop {
        if let Event::ConnectionChanged { connection: Connection::Refused } = tablet_events.next().await.unwrap() {
            break;
        }
    }
}
