//! A small trust domain for the store's tests: one folder, two devices, one agent.

use crate::store::{Entry, Moved, Placed, Settings, Store, StoreError};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::constraint::Constraint;
use agenttrust_protocol::envelope::{Head, Message, Nothing};
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use agenttrust_protocol::key::{Agent, Approval, Log, PublicKey, SecretKey, Witness};
use agenttrust_protocol::lifecycle::{State, Transition};
use agenttrust_protocol::message::{
    Action, AgentCert, AgentKind, Bundle, BundleRef, Cancel, Claim, Decision, DecisionContent, Device, Enroll,
    ExecutionResult, Facts, Grant, GrantContent, Outcome, OutcomeContent, Paused, Request, RequestContent, Revocation,
    Session, SessionContent, Status, Uv, Verdict,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Received, Signed, Thumbprint, Time};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// When the tests happen.
pub const NOW: Time = Time(1_800_000_000);

/// When a claimed request is given up.
pub const LOST_AT: Time = NOW.plus(7200);

/// The two devices, the first of them admin, and the agent.
pub const PHONE: u8 = 1;
pub const TABLET: u8 = 2;
const AGENT: u8 = 10;
const LOG: u8 = 20;

pub fn random(buffer: &mut [u8]) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    for chunk in buffer.chunks_mut(32) {
        let hash = Hash::of(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        chunk.copy_from_slice(&hash.as_bytes()[..chunk.len()]);
    }
}

pub fn device(n: u8) -> SecretKey<Approval> {
    SecretKey::from_seed(&[n; 32])
}

pub fn witness(n: u8) -> SecretKey<Witness> {
    SecretKey::from_seed(&[n + 100; 32])
}

pub fn agent(n: u8) -> SecretKey<Agent> {
    SecretKey::from_seed(&[AGENT + n; 32])
}

pub fn log_key() -> SecretKey<Log> {
    SecretKey::from_seed(&[LOG; 32])
}

pub fn object(json: &str) -> Object {
    value(json).as_object().unwrap().clone()
}

pub fn value(json: &str) -> Value {
    parse(json.as_bytes(), Numbers::Any).unwrap()
}

fn device_entry(n: u8, roles: &[&str]) -> Device {
    Device {
        key: device(n).public(),
        witness: witness(n).public(),
        transport: Thumbprint::from_bytes([n; 32]),
        name: format!("device {n}"),
        owner: "owner".into(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        local: false,
        protection: "file".into(),
    }
}

/// A bundle after `prev`, signed by the phone.
pub fn bundle(prev: Option<&Trust>, log: PublicKey<Log>) -> Signed<Bundle> {
    let body = Bundle {
        version: prev.map_or(1, |trust| trust.bundle_ref().version + 1),
        prev: prev.map(|trust| trust.bundle_ref().hash),
        threshold: 1,
        devices: vec![device_entry(PHONE, &["admin", "approver"]), device_entry(TABLET, &["approver"])],
        rules: Vec::new(),
        log,
        transport: Thumbprint::from_bytes([99; 32]),
        recovery: None,
    };
    let head = Head::new(&mut random, NOW, prev.map(Trust::tdid));
    Signed::sign(&device(PHONE), &head, &body, &Nothing {}, &mut random)
}

/// A folder with a store, and the trust that devices and agent hold.
pub struct World {
    pub folder: TempDir,
    pub store: Store,
    pub trust: Trust,
    pub cert: Opened<AgentCert>,
    pub session: Opened<Session>,
}

impl World {
    /// Paired, with a status, one agent enrolled and one session open.
    pub async fn new() -> World {
        World::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("agenttrust.db"), log_key(), settings).unwrap();
        let mut trust = Trust::enter(bundle(None, log_key().public()).as_str(), None).unwrap();
        let first = trust.current().clone();
        store.write(move |tx| tx.append_bundle(&first, NOW)).await.unwrap();
        let status = next_status(&trust, PHONE, Vec::new(), Paused::Agents(Vec::new()), NOW);
        trust.accept_status(status.as_str()).unwrap();
        store.write(move |tx| tx.append_status(&status, true, NOW)).await.unwrap();
        let cert = enroll(&store, &trust, 0).await;
        let session = session(&trust, &cert, "01890a5d-ac96-774b-bcce-b302099a8057", "pay the invoices");
        World { folder, store, trust, cert, session }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("agenttrust.db")
    }

    /// Opens the store again after it was closed or dropped.
    pub async fn reopen(mut self) -> World {
        let path = self.path();
        let old = std::mem::replace(&mut self.store, Store::open(&path, log_key(), Settings::default()).unwrap());
        old.close().await;
        self
    }

    pub fn asked(&self, ask: Ask) -> Asked {
        let body = Request {
            cert: self.cert.hash(),
            session: self.session.hash(),
            action: Action { tool: ask.tool.into(), server: None, digest: None },
            risk: None,
            grant: ask.grant,
            group: None,
            call: ask.call.map(str::to_owned),
            exp: NOW.plus(ask.life),
        };
        let content = RequestContent {
            arguments: object(ask.arguments),
            title: ask.title.map(str::to_owned),
            target: None,
            reason: None,
        };
        Asked {
            cert: self.cert.clone(),
            session: self.session.clone(),
            session_content: self.session.content().unwrap(),
            request: by_agent(&self.trust, &body, &content),
            content,
        }
    }

    /// Stores a pending request.
    pub async fn ask(&self, ask: Ask) -> Asked {
        let asked = self.asked(ask);
        let stored = asked.clone();
        let placed: Result<Placed, StoreError> =
            self.store.write(move |tx| tx.insert_request(&stored, Entry::Pending, NOW)).await;
        assert_eq!(placed.unwrap().state, State::Pending);
        asked
    }

    pub fn decision(&self, by: u8, asked: &Asked, outcome: Verdict, note: Option<&str>) -> Opened<Decision> {
        let body = Decision {
            req: asked.request.hash(),
            outcome,
            first: None,
            requires: None,
            uv: Uv::Presence,
            seq: 1,
            bundle: self.trust.bundle_ref(),
            log: None,
            exp: NOW.plus(300),
        };
        let content = DecisionContent {
            arguments: (outcome == Verdict::Modify).then(|| object(r#"{"amount":1}"#)),
            shown: Some(vec!["a line".into()]),
            note: note.map(str::to_owned),
        };
        by_device(&self.trust, by, &body, &content)
    }

    pub async fn decide(&self, by: u8, asked: &Asked, outcome: Verdict) -> Result<State, StoreError> {
        let transition = if outcome == Verdict::Deny { Transition::Deny } else { Transition::Approve };
        let decision = self.decision(by, asked, outcome, Some("with care"));
        self.store.write(move |tx| tx.add_decision(&decision, Some(transition), NOW)).await
    }

    pub fn claim_of(&self, asked: &Asked, decisions: &[Hash]) -> Opened<Claim> {
        by_agent(&self.trust, &Claim { req: asked.request.hash(), decisions: decisions.to_vec() }, &Nothing {})
    }

    pub async fn claim(&self, claim: &Opened<Claim>) -> Result<State, StoreError> {
        let claim = claim.clone();
        self.store.write(move |tx| tx.claim(&claim, LOST_AT, NOW)).await
    }

    /// Claims with whatever decisions are stored.
    pub async fn claim_all(&self, asked: &Asked) -> Result<State, StoreError> {
        let request = asked.request.hash();
        let standing = self.store.read(move |reader| reader.standing(&request)).await.unwrap().unwrap();
        let mut decisions: Vec<Hash> =
            standing.decisions.iter().map(|text| Received::<Decision>::parse(text).unwrap().hash()).collect();
        decisions.sort_by_key(Hash::to_string);
        self.claim(&self.claim_of(asked, &decisions)).await
    }

    pub async fn outcome(
        &self,
        asked: &Asked,
        result: ExecutionResult,
        output: Option<&str>,
    ) -> Result<State, StoreError> {
        let body = Outcome { req: asked.request.hash(), result };
        let content = OutcomeContent { output: output.map(value) };
        let outcome = by_agent(&self.trust, &body, &content);
        self.store.write(move |tx| tx.outcome(&outcome, NOW)).await
    }

    pub async fn cancel(&self, asked: &Asked) -> Result<State, StoreError> {
        let cancel = by_agent(&self.trust, &Cancel { req: asked.request.hash() }, &Nothing {});
        self.store.write(move |tx| tx.cancel(&cancel, NOW)).await
    }

    /// From pending to executed.
    pub async fn run(&self, ask: Ask) -> Asked {
        let asked = self.ask(ask).await;
        self.decide(PHONE, &asked, Verdict::Approve).await.unwrap();
        self.claim_all(&asked).await.unwrap();
        self.outcome(&asked, ExecutionResult::Executed, Some(r#""done""#)).await.unwrap();
        asked
    }

    pub async fn status(&mut self, by: u8, revoked: Vec<Revocation>, paused: Paused) -> Vec<Moved> {
        let status = next_status(&self.trust, by, revoked, paused, NOW);
        self.trust.accept_status(status.as_str()).unwrap();
        let by_admin = by == PHONE;
        self.store.write(move |tx| tx.append_status(&status, by_admin, NOW)).await.unwrap()
    }

    pub fn grant(&self, constraints: Vec<Constraint>) -> Opened<Grant> {
        let body = Grant {
            agents: vec![agent(0).public().thumbprint()],
            constraints,
            uv: Uv::Presence,
            bundle: self.trust.bundle_ref(),
            offline: false,
            exp: NOW.plus(86_400),
        };
        by_device(&self.trust, PHONE, &body, &GrantContent { title: "a grant".into() })
    }

    pub async fn state(&self, asked: &Asked) -> State {
        let request = asked.request.hash();
        self.store.read(move |reader| reader.state(&request)).await.unwrap().unwrap()
    }
}

/// What an agent asks.
#[derive(Clone, Copy)]
pub struct Ask {
    pub tool: &'static str,
    pub arguments: &'static str,
    pub title: Option<&'static str>,
    pub call: Option<&'static str>,
    pub grant: Option<Hash>,
    pub life: i64,
}

impl Default for Ask {
    fn default() -> Ask {
        Ask { tool: "pay", arguments: r#"{"amount":12}"#, title: None, call: None, grant: None, life: 600 }
    }
}

pub async fn enroll(store: &Store, trust: &Trust, n: u8) -> Opened<AgentCert> {
    let enroll = enrollment(n);
    let body =
        AgentCert { enroll: enroll.hash(), cnf: agent(n).public(), name: format!("agent {n}"), exp: NOW.plus(86_400) };
    let cert = by_device(trust, PHONE, &body, &Nothing {});
    let stored = cert.clone();
    store.write(move |tx| tx.enroll(&enroll, Some("pid 1"), NOW)).await.unwrap();
    store.write(move |tx| tx.certify(&stored, NOW)).await.unwrap();
    cert
}

pub fn enrollment(n: u8) -> Opened<Enroll> {
    let body =
        Enroll { key: agent(n).public(), name: format!("agent {n}"), program: "test".into(), kind: AgentKind::Sdk };
    let head = Head::new(&mut random, NOW, None);
    let signed = Signed::sign(&agent(n), &head, &body, &Nothing {}, &mut random);
    Received::<Enroll>::parse(signed.as_str()).unwrap().open_own().unwrap()
}

pub fn session(trust: &Trust, cert: &Opened<AgentCert>, sid: &str, task: &str) -> Opened<Session> {
    let body = Session { cert: cert.hash(), sid: sid.parse().unwrap(), parent: None };
    let facts = Facts { cwd: "/home/a".into(), host: "here".into(), program: "test".into() };
    by_agent(trust, &body, &SessionContent { facts, task: Some(task.to_owned()) })
}

pub fn next_status(trust: &Trust, by: u8, revoked: Vec<Revocation>, paused: Paused, now: Time) -> Opened<Status> {
    let held = trust.status();
    let body = Status {
        seq: held.map_or(1, |held| held.body().seq + 1),
        prev: held.map(Opened::hash),
        bundle: trust.bundle_ref(),
        revoked,
        paused,
        exp: held.map_or(now.plus(3600), |held| held.body().exp),
    };
    by_device(trust, by, &body, &Nothing {})
}

pub fn by_agent<M: Message<Signer = Agent>>(trust: &Trust, body: &M, content: &M::Content) -> Opened<M> {
    signed(&agent(0), trust, body, content)
}

pub fn by_device<M: Message<Signer = Approval>>(trust: &Trust, by: u8, body: &M, content: &M::Content) -> Opened<M> {
    signed(&device(by), trust, body, content)
}

pub fn signed<M: Message>(key: &SecretKey<M::Signer>, trust: &Trust, body: &M, content: &M::Content) -> Opened<M> {
    let head = Head::new(&mut random, NOW, Some(trust.tdid()));
    let signed = Signed::sign(key, &head, body, content, &mut random);
    Received::<M>::parse(signed.as_str()).unwrap().open(|_| Some(key.public())).unwrap()
}

/// A deny by the phone, without anything disclosed.
pub fn refusal(asked: &Asked) -> Opened<Decision> {
    let tdid = asked.request.head().tdid;
    let body = Decision {
        req: asked.request.hash(),
        outcome: Verdict::Deny,
        first: None,
        requires: None,
        uv: Uv::None,
        seq: 1,
        bundle: BundleRef { version: 1, hash: Hash::from_bytes(*tdid.unwrap().as_bytes()) },
        log: None,
        exp: NOW.plus(300),
    };
    let content = DecisionContent { arguments: None, shown: None, note: None };
    let signed = Signed::sign(&device(PHONE), &Head::new(&mut random, NOW, tdid), &body, &content, &mut random);
    Received::<Decision>::parse(signed.as_str()).unwrap().open(|_| Some(device(PHONE).public())).unwrap()
}
