use super::agent::hash_of;
use super::{Answer, House, JSON, random, seed};
use agenttrust_daemon::clock::Clock;
use agenttrust_link::{Address, Alpn, Bind, Call, Client, Config, Endpoint, EndpointKey, Options};
use agenttrust_protocol::door::{InboxPage, JOSE, PairReply, PairingOffer, Reply};
use agenttrust_protocol::envelope::{Message, Nothing};
use agenttrust_protocol::hash::{Hash, Id};
use agenttrust_protocol::key::{Agent as AgentKey, Approval, Log, PublicKey, SecretKey, Transport, Witness};
use agenttrust_protocol::message::{
    AgentCert, Bundle, Decision, DecisionContent, Device, Enroll, PairInit, Paused, Request, Revocation, Rule, Status,
    Uv, Verdict,
};
use agenttrust_protocol::pairing::{Ticket, commit, mac};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Head, Signed};
use http::Method;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A device that speaks the protocol by hand.
pub struct Phone {
    pub key: SecretKey<Approval>,
    pub witness: SecretKey<Witness>,
    pub transport: [u8; 32],
    pub name: String,
    pub endpoint: Endpoint,
    pub client: Client,
    pub address: Address,
    pub trust: Trust,
    pub status_text: String,
    pub seq: AtomicU64,
    pub clock: Clock,
}

/// A device that is being paired.
pub struct Joiner {
    pub key: SecretKey<Approval>,
    pub witness: SecretKey<Witness>,
    pub transport: [u8; 32],
    pub name: String,
    pub r: Id,
    pub endpoint: Endpoint,
    pub client: Client,
    pub ticket: Ticket,
    pub message: String,
    pub clock: Clock,
}

fn transport_key(seed: &[u8; 32]) -> PublicKey<Transport> {
    SecretKey::from_seed(seed).public()
}

pub async fn endpoint(secret: [u8; 32]) -> Endpoint {
    Endpoint::bind(Config::new(secret, Bind::Loopback { port: 0 })).await.unwrap()
}

pub fn address(ticket: &Ticket) -> Address {
    Address { key: EndpointKey::from_bytes(*ticket.daemon().as_bytes()), direct: ticket.direct().to_vec(), relay: None }
}

pub async fn call(client: &Client, method: Method, path: &str, kind: &str, body: String) -> Answer {
    let mut request = http::Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.header("content-type", kind);
    }
    let request = request.body(Bytes::from(body)).unwrap();
    let answer = client.request(request, Call::within(Duration::from_secs(70))).await.unwrap();
    Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body: answer.into_body().to_vec() }
}

impl Joiner {
    pub async fn new(house: &House, offer: &PairingOffer, name: &str) -> Joiner {
        let ticket: Ticket = offer.ticket.parse().unwrap();
        let key = SecretKey::<Approval>::from_seed(&seed());
        let witness = SecretKey::<Witness>::from_seed(&seed());
        let transport = seed();
        let r = Id::from_bytes(*seed().first_chunk().unwrap());
        let transport_print = transport_key(&transport).thumbprint();
        let body = PairInit {
            key: key.public(),
            witness: witness.public(),
            transport: transport_print,
            name: name.into(),
            protection: "file".into(),
            intent: ticket.intent(),
            mac: mac(ticket.secret(), ticket.daemon(), &transport_print, &key.public()),
            commit: commit(&r),
        };
        let head = Head::new(&mut random(), house.now(), None);
        let message = Signed::sign(&key, &head, &body, &Nothing {}, &mut random()).into_string();
        let endpoint = endpoint(transport).await;
        let client = Client::connect(&endpoint, &address(&ticket), Alpn::Pairing, Options::default()).unwrap();
        let clock = house.clock.clone();
        Joiner { key, witness, transport, name: name.into(), r, endpoint, client, ticket, message, clock }
    }

    pub fn hash(&self) -> Hash {
        hash_of::<PairInit>(&self.message)
    }

    pub async fn knock(&self) -> Answer {
        call(&self.client, Method::POST, "/v1/pair", JOSE, self.message.clone()).await
    }

    pub async fn step(&self, body: Value) -> Answer {
        call(&self.client, Method::POST, &format!("/v1/pair/{}", self.hash()), JSON, body.to_string()).await
    }

    pub async fn stand(&self, wait: u64) -> PairReply {
        call(&self.client, Method::GET, &format!("/v1/pair/{}?wait={wait}", self.hash()), JSON, String::new())
            .await
            .json()
    }

    pub fn device(&self, local: bool, roles: &[&str]) -> Device {
        Device {
            key: self.key.public(),
            witness: self.witness.public(),
            transport: transport_key(&self.transport).thumbprint(),
            name: self.name.clone(),
            owner: "me".into(),
            roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
            local,
            protection: "file".into(),
        }
    }

    pub fn first_trust(&self, reply: &PairReply, local: bool, rules: Vec<Rule>) -> [String; 2] {
        let log = PublicKey::<Log>::from_bytes(reply.log.unwrap().as_bytes()).unwrap();
        let bundle = Bundle {
            version: 1,
            prev: None,
            threshold: 1,
            devices: vec![self.device(local, &["admin", "approver"])],
            rules,
            log,
            transport: reply.transport.unwrap(),
            recovery: None,
        };
        let now = self.clock.now();
        let head = Head::new(&mut random(), now, None);
        let bundle = Signed::sign(&self.key, &head, &bundle, &Nothing {}, &mut random()).into_string();
        let trust = Trust::enter(&bundle, None).unwrap();
        let status = Status {
            seq: 1,
            prev: None,
            bundle: trust.bundle_ref(),
            revoked: vec![],
            paused: Paused::Agents(vec![]),
            exp: now.plus(72 * 3600),
        };
        let head = Head::new(&mut random(), now, Some(trust.tdid()));
        let status = Signed::sign(&self.key, &head, &status, &Nothing {}, &mut random()).into_string();
        [bundle, status]
    }

    pub async fn post_trust(&self, messages: &[String]) -> Answer {
        let path = format!("/v1/pair/{}/trust", self.hash());
        call(&self.client, Method::POST, &path, JSON, json!({ "messages": messages }).to_string()).await
    }

    /// Becomes a phone once the daemon lists it.
    pub fn become_phone(self, messages: &[String]) -> Phone {
        let [first, rest @ ..] = messages else { panic!("no trust") };
        let mut trust = Trust::enter(first, None).unwrap();
        let mut status_text = String::new();
        for text in rest {
            if trust.accept_status(text).is_ok() {
                status_text.clone_from(text);
            } else {
                trust.accept_bundle(text, self.clock.now()).unwrap();
            }
        }
        let address = address(&self.ticket);
        let client = Client::connect(&self.endpoint, &address, Alpn::Device, Options::default()).unwrap();
        let Joiner { key, witness, transport, name, endpoint, clock, .. } = self;
        Phone {
            key,
            witness,
            transport,
            name,
            endpoint,
            client,
            address,
            trust,
            status_text,
            seq: AtomicU64::new(0),
            clock,
        }
    }
}

impl Phone {
    pub async fn found(house: &House) -> Phone {
        Phone::found_with(house, vec![]).await
    }

    /// Pairs as the first device, on this machine, without digits.
    pub async fn found_with(house: &House, rules: Vec<Rule>) -> Phone {
        let offer: PairingOffer = house.host(Method::POST, "/v1/pairings", json!({"local": true})).await.json();
        assert!(!offer.digits);
        let joiner = Joiner::new(house, &offer, "phone").await;
        assert_eq!(joiner.knock().await.status, 200);
        let reply: PairReply = joiner.step(json!({})).await.json();
        let messages = joiner.first_trust(&reply, true, rules);
        let reply: PairReply = joiner.post_trust(&messages).await.json();
        assert_eq!(reply.messages, messages);
        joiner.become_phone(&reply.messages)
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = call(&self.client, Method::GET, path, JSON, String::new()).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    pub async fn post(&self, path: &str, message: &str) -> Answer {
        call(&self.client, Method::POST, path, JOSE, message.to_owned()).await
    }

    pub async fn post_json(&self, path: &str, body: Value) -> Answer {
        call(&self.client, Method::POST, path, JSON, body.to_string()).await
    }

    pub async fn inbox(&self, after: Option<u64>, wait: u64) -> InboxPage {
        let after = after.map_or(String::new(), |after| format!("after={after}&"));
        self.get(&format!("/v1/inbox?{after}wait={wait}")).await
    }

    pub fn sign<M: Message<Signer = Approval>>(&self, body: &M, content: &M::Content) -> String {
        let head = Head::new(&mut random(), self.clock.now(), Some(self.trust.tdid()));
        Signed::sign(&self.key, &head, body, content, &mut random()).into_string()
    }

    pub async fn certify(&self, enroll: &str, key: &PublicKey<AgentKey>) -> String {
        let exp = self.clock.now().plus(90 * 86400);
        let body = AgentCert { enroll: hash_of::<Enroll>(enroll), cnf: *key, name: "coder".into(), exp };
        let cert = self.sign(&body, &Nothing {});
        assert_eq!(self.post("/v1/agent-certs", &cert).await.reply().state, "enrolled");
        cert
    }

    /// A decision with the next number; `change` makes it what the test needs.
    pub fn decision(
        &self,
        request: &str,
        outcome: Verdict,
        change: impl FnOnce(&mut Decision, &mut DecisionContent),
    ) -> String {
        let mut body = Decision {
            req: hash_of::<Request>(request),
            outcome,
            first: None,
            requires: None,
            uv: Uv::Presence,
            seq: self.seq.fetch_add(1, Ordering::SeqCst) + 1,
            bundle: self.trust.bundle_ref(),
            log: None,
            exp: self.clock.now().plus(300),
        };
        let mut content = DecisionContent { arguments: None, shown: None, note: None };
        change(&mut body, &mut content);
        self.sign(&body, &content)
    }

    pub async fn decide(&self, request: &str, outcome: Verdict) -> Answer {
        self.post("/v1/decisions", &self.decision(request, outcome, |_, _| {})).await
    }

    /// The next status; `change` makes it what the test needs.
    pub fn status(&self, change: impl FnOnce(&mut Status)) -> String {
        let held = self.trust.status().unwrap();
        let mut body = Status {
            seq: held.body().seq + 1,
            prev: Some(held.hash()),
            bundle: self.trust.bundle_ref(),
            ..held.body().clone()
        };
        change(&mut body);
        self.sign(&body, &Nothing {})
    }

    pub async fn move_status(&mut self, change: impl FnOnce(&mut Status)) -> Reply {
        let text = self.status(change);
        let reply = self.post("/v1/status", &text).await.reply();
        self.trust.accept_status(&text).unwrap();
        self.status_text = text;
        reply
    }

    pub fn revocation(&self, kind: agenttrust_protocol::message::RevokedKind, id: [u8; 32]) -> Revocation {
        Revocation { kind, id: Hash::from_bytes(id), until: self.clock.now().plus(86400) }
    }
}
