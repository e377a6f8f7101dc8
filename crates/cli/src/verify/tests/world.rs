//! A small history by hand, and a daemon that can be made to lie.

use crate::verify::levels::Levels;
use crate::verify::{Expected, Report, Verification, notes};
use agenttrust_protocol::envelope::{Message, Nothing, Received};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::json::Object;
use agenttrust_protocol::key::{Agent, Approval, Log, Role, SecretKey, Transport, Witness};
use agenttrust_protocol::message::*;
use agenttrust_protocol::{Hash, Head, Id, Signed, Time};
use agenttrust_tlog::{Checkpoint, Cosigner, Signer, Tree};
use ed25519_dalek::SigningKey;

pub(crate) const NOW: Time = Time(1_790_000_000);

/// A small history by hand: one phone, one laptop, one agent, a daemon that can be made to lie.
pub(crate) struct World {
    pub(crate) laptop: SecretKey<Approval>,
    pub(crate) agent: SecretKey<Agent>,
    pub(crate) log: SecretKey<Log>,
    pub(crate) tdid: Option<Tdid>,
    pub(crate) leaves: Vec<String>,
    pub(crate) ids: u8,
}

pub(crate) fn key<R: Role>(seed: u8) -> SecretKey<R> {
    SecretKey::from_seed(&[seed; 32])
}

pub(crate) fn device(seed: u8, name: &str, roles: &[&str]) -> Device {
    Device {
        key: key::<Approval>(seed).public(),
        witness: key::<Witness>(seed + 1).public(),
        transport: key::<Transport>(seed + 2).public().thumbprint(),
        name: name.to_owned(),
        owner: name.to_owned(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        local: false,
        protection: "file".to_owned(),
    }
}

pub(crate) fn leaf<M: Message>(text: &str) -> (String, Hash) {
    let received = Received::<M>::parse(text).unwrap();
    (received.leaf().to_owned(), received.hash())
}

impl World {
    pub(crate) fn new(rules: Vec<Rule>) -> World {
        let mut world = World { laptop: key(20), agent: key(30), log: key(40), tdid: None, leaves: Vec::new(), ids: 0 };
        let bundle = Bundle {
            version: 1,
            prev: None,
            threshold: 1,
            devices: vec![device(10, "phone", &["admin", "approver"]), device(20, "laptop", &["approver"])],
            rules,
            log: world.log.public(),
            transport: key::<Transport>(41).public().thumbprint(),
            recovery: None,
        };
        let phone = key(10);
        world.tdid = Some(Tdid::from(world.put(&phone, None, &bundle, &Nothing {})));
        let status = world.status(1, None, Vec::new());
        world.put(&phone, world.tdid, &status, &Nothing {});
        world
    }

    pub(crate) fn put<M: Message>(
        &mut self,
        key: &SecretKey<M::Signer>,
        tdid: Option<Tdid>,
        body: &M,
        content: &M::Content,
    ) -> Hash {
        self.ids += 1;
        let ids = self.ids;
        let head = Head { jti: Id::from_bytes([ids; 16]), iat: NOW, tdid };
        let signed = Signed::sign(key, &head, body, content, &mut |buffer: &mut [u8]| buffer.fill(ids));
        let (leaf, hash) = leaf::<M>(signed.as_str());
        self.leaves.push(leaf);
        hash
    }

    pub(crate) fn bundle(&self) -> BundleRef {
        BundleRef { version: 1, hash: leaf::<Bundle>(&self.leaves[0]).1 }
    }

    pub(crate) fn status(&self, seq: u64, prev: Option<Hash>, revoked: Vec<Revocation>) -> Status {
        let exp = NOW.plus(86_400);
        Status { seq, prev, bundle: self.bundle(), revoked, paused: Paused::Agents(Vec::new()), exp }
    }

    /// Enrols the agent and opens a session; answers certificate and session.
    pub(crate) fn enroll(&mut self) -> (Hash, Hash) {
        let (agent, phone) = (key::<Agent>(30), key::<Approval>(10));
        let enroll =
            Enroll { key: agent.public(), name: "agent".to_owned(), program: "agent".to_owned(), kind: AgentKind::Sdk };
        let enroll = self.put(&agent, None, &enroll, &Nothing {});
        let cert = AgentCert { enroll, cnf: agent.public(), name: "agent".to_owned(), exp: NOW.plus(86_400) };
        let cert = self.put(&phone, self.tdid, &cert, &Nothing {});
        let sid = "0198c2f0-7a00-7000-8000-000000000001".parse().unwrap();
        let facts = Facts { cwd: "/tmp".to_owned(), host: "here".to_owned(), program: "agent".to_owned() };
        let content = SessionContent { facts, task: None };
        let session = self.put(&agent, self.tdid, &Session { cert, sid, parent: None }, &content);
        (cert, session)
    }

    pub(crate) fn ask(&mut self, (cert, session): (Hash, Hash), grant: Option<Hash>) -> Hash {
        let request = Request {
            cert,
            session,
            action: Action { tool: "pay".to_owned(), server: None, digest: None },
            risk: None,
            grant,
            group: None,
            call: None,
            exp: NOW.plus(300),
        };
        let content = RequestContent { arguments: Object::default(), title: None, target: None, reason: None };
        let agent = key(30);
        self.put(&agent, self.tdid, &request, &content)
    }

    pub(crate) fn decide(&mut self, by: u8, req: Hash, outcome: Verdict, seq: u64) -> Hash {
        let size = self.leaves.len() as u64;
        let log = (size > 3).then(|| LogRef { size: size - 2, root: root(&self.leaves[..size as usize - 2]) });
        let body = Decision {
            req,
            outcome,
            first: None,
            requires: None,
            uv: Uv::Presence,
            seq,
            bundle: self.bundle(),
            log,
            exp: NOW.plus(300),
        };
        let content = DecisionContent { arguments: None, shown: None, note: None };
        let by = key(by);
        self.put(&by, self.tdid, &body, &content)
    }

    pub(crate) fn claim(&mut self, req: Hash, decisions: &[Hash]) -> Hash {
        let mut decisions = decisions.to_vec();
        decisions.sort_by_key(Hash::to_string);
        let agent = key(30);
        self.put(&agent, self.tdid, &Claim { req, decisions }, &Nothing {})
    }

    pub(crate) fn outcome(&mut self, req: Hash) {
        let agent = key(30);
        let body = Outcome { req, result: ExecutionResult::Executed };
        self.put(&agent, self.tdid, &body, &OutcomeContent { output: None });
    }

    pub(crate) fn event(&mut self, of: Hash, kind: EventKind) {
        let log = key(40);
        self.put(&log, self.tdid, &Event { of, kind, code: None }, &Nothing {});
    }

    /// A history with an approval, a denial and an expiry.
    pub(crate) fn usual() -> (World, [Hash; 3]) {
        let mut world = World::new(Vec::new());
        let known = world.enroll();
        let paid = world.ask(known, None);
        let yes = world.decide(10, paid, Verdict::Approve, 1);
        world.claim(paid, &[yes]);
        world.outcome(paid);
        let denied = world.ask(known, None);
        world.decide(10, denied, Verdict::Deny, 2);
        let expired = world.ask(known, None);
        world.event(expired, EventKind::Expired);
        (world, [paid, denied, expired])
    }

    pub(crate) fn note(&self) -> String {
        self.note_by(&self.log)
    }

    pub(crate) fn note_by(&self, log: &SecretKey<Log>) -> String {
        let origin = notes::origin(&self.tdid.unwrap());
        let signer = Signer::new(origin.parse().unwrap(), SigningKey::from_bytes(&log.to_seed()));
        let tree = tree(&self.leaves);
        let checkpoint = Checkpoint::new(origin.clone(), tree.head().unwrap()).unwrap();
        let mut note = checkpoint.sign(&signer).unwrap();
        let witness = key::<Witness>(11);
        let name = format!("{origin}/{}", witness.public().thumbprint());
        let cosigner = Cosigner::new(name.parse().unwrap(), SigningKey::from_bytes(&witness.to_seed()));
        note.put_signature(cosigner.cosign(&checkpoint, NOW.0 as u64).unwrap()).unwrap();
        note.to_string()
    }

    pub(crate) fn verify(&self) -> Report {
        self.verify_with(Expected { tdid: self.tdid, remembered: Vec::new() }, &self.note())
    }

    pub(crate) fn verify_with(&self, expected: Expected, note: &str) -> Report {
        let mut verification = Verification::new(expected);
        for leaf in &self.leaves {
            verification.push(leaf);
        }
        verification.finish(note)
    }
}

pub(crate) fn tree(leaves: &[String]) -> Tree<Levels> {
    let mut tree = Tree::new(Levels::default(), 0);
    for leaf in leaves {
        tree.append(leaf.as_bytes()).unwrap();
    }
    tree
}

pub(crate) fn root(leaves: &[String]) -> Hash {
    Hash::from_bytes(*tree(leaves).head().unwrap().root.as_bytes())
}
