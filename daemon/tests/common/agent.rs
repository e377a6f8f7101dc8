use super::{Answer, House, Phone, get, post, random, seed};
use agenttrust_protocol::door::Reply;
use agenttrust_protocol::envelope::{Message, Nothing};
use agenttrust_protocol::hash::{Hash, Tdid};
use agenttrust_protocol::json::{Numbers, Object, parse};
use agenttrust_protocol::key::{Agent as AgentKey, SecretKey};
use agenttrust_protocol::message::{
    Action, AgentKind, Claim, Enroll, ExecutionResult, Facts, Outcome, OutcomeContent, Request, RequestContent,
    Session, SessionContent,
};
use agenttrust_protocol::{Head, Received, Signed};
use std::path::PathBuf;

/// An agent that speaks the protocol by hand.
pub struct Agent {
    pub key: SecretKey<AgentKey>,
    pub socket: PathBuf,
    pub tdid: Tdid,
    pub cert: Hash,
    pub session: Hash,
    clock: agenttrust_daemon::clock::Clock,
}

pub fn arguments(json: &str) -> Object {
    parse(json.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone()
}

impl Agent {
    pub fn enrolment(house: &House, key: &SecretKey<AgentKey>) -> String {
        let body = Enroll { key: key.public(), name: "coder".into(), program: "tests".into(), kind: AgentKind::Sdk };
        let head = Head::new(&mut random(), house.now(), None);
        Signed::sign(key, &head, &body, &Nothing {}, &mut random()).into_string()
    }

    /// Enrols, is accepted on the phone, begins a session.
    pub async fn accepted(house: &House, phone: &Phone) -> Agent {
        let key = SecretKey::from_seed(&seed());
        let enroll = Agent::enrolment(house, &key);
        let socket = house.agent_socket();
        assert_eq!(post(&socket, "/v1/enroll?queue=true", &enroll).await.reply().state, "pending");
        let cert = phone.certify(&enroll, &key.public()).await;
        let enroll_hash = Received::<Enroll>::parse(&enroll).unwrap().hash();
        let reply = get(&socket, &format!("/v1/enroll/{enroll_hash}?wait=5")).await.reply();
        assert_eq!((reply.state.as_str(), reply.messages.as_slice()), ("enrolled", [cert.clone()].as_slice()));
        let cert = hash_of::<agenttrust_protocol::message::AgentCert>(&cert);
        let mut agent =
            Agent { key, socket, tdid: phone.trust.tdid(), cert, session: Hash::of(b""), clock: house.clock.clone() };
        agent.begin_session().await;
        agent
    }

    pub async fn begin_session(&mut self) {
        let sid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let body = Session { cert: self.cert, sid, parent: None };
        let facts = Facts { cwd: "/work".into(), host: "here".into(), program: "tests".into() };
        let content = SessionContent { facts, task: Some("pay the bill".into()) };
        let text = self.sign(&body, &content);
        assert_eq!(post(&self.socket, "/v1/sessions", &text).await.reply().state, "ok");
        self.session = hash_of::<Session>(&text);
    }

    pub fn sign<M: Message<Signer = AgentKey>>(&self, body: &M, content: &M::Content) -> String {
        let head = Head::new(&mut random(), self.clock.now(), Some(self.tdid));
        Signed::sign(&self.key, &head, body, content, &mut random()).into_string()
    }

    /// A request that lasts so many seconds; `change` makes it what the test needs.
    pub fn request(&self, life: i64, change: impl FnOnce(&mut Request)) -> String {
        self.request_with(life, arguments(r#"{"to":"bob","amount":10}"#), change)
    }

    /// The same with other arguments.
    pub fn request_with(&self, life: i64, arguments: Object, change: impl FnOnce(&mut Request)) -> String {
        let mut body = Request {
            cert: self.cert,
            session: self.session,
            action: Action { tool: "pay".into(), server: None, digest: None },
            risk: None,
            grant: None,
            group: None,
            call: None,
            exp: self.clock.now().plus(life),
        };
        change(&mut body);
        let content = RequestContent { arguments, title: Some("Pay Bob".into()), target: None, reason: None };
        self.sign(&body, &content)
    }

    pub async fn ask(&self, request: &str) -> Answer {
        post(&self.socket, "/v1/requests?queue=true", request).await
    }

    pub async fn wait(&self, request: &str, seconds: u64) -> Reply {
        let hash = hash_of::<Request>(request);
        get(&self.socket, &format!("/v1/requests/{hash}?wait={seconds}")).await.reply()
    }

    pub async fn state(&self, request: &str) -> String {
        self.wait(request, 0).await.state
    }

    pub fn claim(&self, request: &str, decisions: &[String]) -> String {
        let mut hashes: Vec<Hash> =
            decisions.iter().map(|text| hash_of::<agenttrust_protocol::message::Decision>(text)).collect();
        hashes.sort_by_key(Hash::to_string);
        self.sign(&Claim { req: hash_of::<Request>(request), decisions: hashes }, &Nothing {})
    }

    pub async fn send(&self, request: &str, what: &str, message: &str) -> Answer {
        post(&self.socket, &format!("/v1/requests/{}/{what}", hash_of::<Request>(request)), message).await
    }

    pub fn outcome(&self, request: &str) -> String {
        let body = Outcome { req: hash_of::<Request>(request), result: ExecutionResult::Executed };
        self.sign(&body, &OutcomeContent { output: None })
    }
}

pub fn hash_of<M: Message>(text: &str) -> Hash {
    Received::<M>::parse(text).unwrap().hash()
}
