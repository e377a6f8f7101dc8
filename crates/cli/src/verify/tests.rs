use super::*;
use agenttrust_protocol::envelope::{Message, Nothing, Received};
use agenttrust_protocol::json::Object;
use agenttrust_protocol::key::{Approval, Log, Role, SecretKey, Transport, Witness};
use agenttrust_protocol::message::*;
use agenttrust_protocol::{Head, Id, Reason, Signed, Time};
use agenttrust_tlog::{Checkpoint, Cosigner, Signer};
use ed25519_dalek::SigningKey;

const NOW: Time = Time(1_790_000_000);

/// A small history by hand: one phone, one laptop, one agent, a daemon that can be made to lie.
struct World {
    laptop: SecretKey<Approval>,
    agent: SecretKey<Agent>,
    log: SecretKey<Log>,
    tdid: Option<Tdid>,
    leaves: Vec<String>,
    ids: u8,
}

fn key<R: Role>(seed: u8) -> SecretKey<R> {
    SecretKey::from_seed(&[seed; 32])
}

fn device(seed: u8, name: &str, roles: &[&str]) -> Device {
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

fn leaf<M: Message>(text: &str) -> (String, Hash) {
    let received = Received::<M>::parse(text).unwrap();
    (received.leaf().to_owned(), received.hash())
}

impl World {
    fn new(rules: Vec<Rule>) -> World {
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

    fn put<M: Message>(
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

    fn bundle(&self) -> BundleRef {
        BundleRef { version: 1, hash: leaf::<Bundle>(&self.leaves[0]).1 }
    }

    fn status(&self, seq: u64, prev: Option<Hash>, revoked: Vec<Revocation>) -> Status {
        let exp = NOW.plus(86_400);
        Status { seq, prev, bundle: self.bundle(), revoked, paused: Paused::Agents(Vec::new()), exp }
    }

    /// Enrols the agent and opens a session; answers certificate and session.
    fn enroll(&mut self) -> (Hash, Hash) {
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

    fn ask(&mut self, (cert, session): (Hash, Hash), grant: Option<Hash>) -> Hash {
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

    fn decide(&mut self, by: u8, req: Hash, outcome: Verdict, seq: u64) -> Hash {
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

    fn claim(&mut self, req: Hash, decisions: &[Hash]) -> Hash {
        let mut decisions = decisions.to_vec();
        decisions.sort_by_key(Hash::to_string);
        let agent = key(30);
        self.put(&agent, self.tdid, &Claim { req, decisions }, &Nothing {})
    }

    fn outcome(&mut self, req: Hash) {
        let agent = key(30);
        let body = Outcome { req, result: ExecutionResult::Executed };
        self.put(&agent, self.tdid, &body, &OutcomeContent { output: None });
    }

    fn event(&mut self, of: Hash, kind: EventKind) {
        let log = key(40);
        self.put(&log, self.tdid, &Event { of, kind, code: None }, &Nothing {});
    }

    /// A history with an approval, a denial and an expiry.
    fn usual() -> (World, [Hash; 3]) {
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

    fn note(&self) -> String {
        self.note_by(&self.log)
    }

    fn note_by(&self, log: &SecretKey<Log>) -> String {
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

    fn verify(&self) -> Report {
        self.verify_with(Expected { tdid: self.tdid, remembered: Vec::new() }, &self.note())
    }

    fn verify_with(&self, expected: Expected, note: &str) -> Report {
        let mut verification = Verification::new(expected);
        for leaf in &self.leaves {
            verification.push(leaf);
        }
        verification.finish(note)
    }
}

fn tree(leaves: &[String]) -> Tree<Levels> {
    let mut tree = Tree::new(Levels::default(), 0);
    for leaf in leaves {
        tree.append(leaf.as_bytes()).unwrap();
    }
    tree
}

fn root(leaves: &[String]) -> Hash {
    Hash::from_bytes(*tree(leaves).head().unwrap().root.as_bytes())
}

fn faults(report: &Report) -> Vec<(&'static str, Option<u64>)> {
    report.findings.iter().map(|finding| (finding.fault.code(), finding.leaf)).collect()
}

#[test]
fn an_honest_history_is_sound() {
    let (world, [paid, denied, expired]) = World::usual();
    let report = world.verify();
    assert_eq!(faults(&report), []);
    assert!(report.is_sound());
    assert_eq!((report.entries, report.requests, report.decisions, report.roots), (13, 3, 2, 2));
    assert_eq!(report.witnesses, [Witnessed { device: "phone".to_owned(), at: NOW }]);
    let mut verification = Verification::new(Expected::default());
    world.leaves.iter().for_each(|leaf| verification.push(leaf));
    for (request, state) in [(paid, State::Executed), (denied, State::Denied), (expired, State::Expired)] {
        assert_eq!(verification.states(&request).iter().collect::<Vec<_>>(), [state]);
        verification.compare(&request, state);
    }
    verification.compare(&denied, State::Executed);
    assert_eq!(faults(&verification.finish(&world.note())), [("projection", None)]);
}

#[test]
fn a_flipped_bit_is_found_in_every_entry() {
    let (world, _) = World::usual();
    let note = world.note();
    for at in 0..world.leaves.len() {
        let (mut flipped, _) = World::usual();
        let mut bytes = flipped.leaves[at].clone().into_bytes();
        // In the payload; a hyphen for an `A` keeps the alphabet.
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
        flipped.leaves[at] = String::from_utf8(bytes).unwrap();
        let report = flipped.verify_with(Expected { tdid: world.tdid, remembered: Vec::new() }, &note);
        let first = &report.findings[0];
        assert_eq!(first.leaf, Some(at as u64), "{:?}", report.findings);
        // What carries its own key is parsed before that key is known.
        let expected = match at {
            0 => "no_beginning",
            2 => "bad_json",
            _ => "bad_signature",
        };
        assert_eq!(first.fault.code(), expected, "entry {at}: {first}");
        assert!(at == 0 || faults(&report).contains(&("wrong_tree", None)), "{:?}", report.findings);
    }
}

#[test]
fn a_dropped_entry_is_found() {
    let (world, _) = World::usual();
    let note = world.note();
    for at in 1..world.leaves.len() {
        let (mut dropped, _) = World::usual();
        dropped.leaves.remove(at);
        let report = dropped.verify_with(Expected { tdid: world.tdid, remembered: Vec::new() }, &note);
        assert!(faults(&report).contains(&("wrong_size", None)), "{at}: {:?}", report.findings);
    }
}

#[test]
fn a_history_signed_anew_by_the_daemon_is_found_by_what_devices_remember() {
    let (world, _) = World::usual();
    let remembered = LogRef { size: 13, root: root(&world.leaves) };
    let expected = |log: LogRef| Expected { tdid: world.tdid, remembered: vec![("this device".to_owned(), log)] };
    assert!(world.verify_with(expected(remembered.clone()), &world.note()).is_sound());

    // The denied request never happened, says the daemon, and signs that; only its event is its own.
    let (mut rewritten, _) = World::usual();
    rewritten.leaves.truncate(9);
    assert!(rewritten.verify().is_sound(), "by itself it looks whole");
    let report = rewritten.verify_with(expected(remembered.clone()), &rewritten.note());
    assert_eq!(faults(&report), [("rewritten", None)]);
    assert_eq!(report.findings[0].detail, "this device has seen 13 entries, there are 9");

    // An approval is left out before a decision that names a root with it.
    let (mut rewritten, _) = World::usual();
    rewritten.leaves.drain(5..9);
    let report = rewritten.verify();
    let found = faults(&report);
    assert!(found.contains(&("rewritten", Some(6))), "{found:?}");
    assert!(found.contains(&("sequence_gap", Some(6))), "{found:?}");
}

#[test]
fn a_withheld_decision_leaves_a_gap_and_a_refused_one_does_not() {
    let mut world = World::new(Vec::new());
    let known = world.enroll();
    let request = world.ask(known, None);
    let other = world.ask(known, None);
    world.decide(10, request, Verdict::Approve, 1);
    world.decide(10, other, Verdict::Approve, 3);
    assert_eq!(faults(&world.verify()), [("sequence_gap", Some(8))]);
    let late = world.decide(10, request, Verdict::Deny, 2);
    let late_two = world.decide(10, request, Verdict::Approve, 4);
    assert_eq!(
        faults(&world.verify()),
        [("bad_step", Some(10))],
        "a deny after an approval counts, an approval does not"
    );
    world.event(late_two, EventKind::Refused);
    assert_eq!(faults(&world.verify()), []);
    assert_ne!(late, late_two);
    world.decide(10, other, Verdict::Deny, 4);
    assert_eq!(faults(&world.verify())[0].0, "sequence_gap", "a number is used once");
}

#[test]
fn a_decision_that_was_refused_for_how_things_stood_moves_nothing() {
    let mut world = World::new(Vec::new());
    let known = world.enroll();
    let request = world.ask(known, None);
    let refused = world.decide(10, request, Verdict::Approve, 1);
    world.event(refused, EventKind::Refused);
    let mut claimed = World { leaves: world.leaves.clone(), tdid: world.tdid, ids: 100, ..World::new(Vec::new()) };
    claimed.claim(request, &[refused]);
    assert_eq!(faults(&claimed.verify()), [("bad_step", Some(8))]);
    let yes = world.decide(20, request, Verdict::Approve, 1);
    world.claim(request, &[yes]);
    assert_eq!(faults(&world.verify()), []);
}

#[test]
fn a_claim_rests_on_the_approvals_it_takes() {
    let two = Rule { matches: Vec::new(), require: Require { approvers: 2, ..Require::ONE } };
    let mut world = World::new(vec![two]);
    let known = world.enroll();
    let request = world.ask(known, None);
    let one = world.decide(10, request, Verdict::Approve, 1);
    let mut early = World { leaves: world.leaves.clone(), ..World::new(Vec::new()) };
    early.tdid = world.tdid;
    early.ids = 100;
    early.claim(request, &[one]);
    assert_eq!(faults(&early.verify()), [("bad_step", Some(7))]);
    let two = world.decide(20, request, Verdict::Approve, 1);
    let claim_of_one = world.claim(request, &[one]);
    assert_eq!(faults(&world.verify()), [("not_approved", Some(8))]);
    world.leaves.pop();
    world.claim(request, &[one, two]);
    assert_eq!(faults(&world.verify()), []);
    world.claim(request, &[two, one]);
    assert_eq!(faults(&world.verify()), [("bad_step", Some(9))], "at most once");
    assert_ne!(claim_of_one, one);
}

#[test]
fn who_is_revoked_or_unknown_moves_nothing() {
    let mut world = World::new(Vec::new());
    let known = world.enroll();
    let request = world.ask(known, None);
    let yes = world.decide(20, request, Verdict::Approve, 1);
    let prev = leaf::<Status>(&world.leaves[1]).1;
    let laptop = Hash::from_bytes(*world.laptop.public().thumbprint().as_bytes());
    let gone = Revocation { kind: RevokedKind::Device, id: laptop, until: NOW.plus(999) };
    let status = world.status(2, Some(prev), vec![gone]);
    let phone = key(10);
    world.put(&phone, world.tdid, &status, &Nothing {});
    assert_eq!(faults(&world.verify()), []);
    world.claim(request, &[yes]);
    assert_eq!(faults(&world.verify()), [("not_approved", Some(8))]);
    world.decide(20, request, Verdict::Deny, 2);
    assert_eq!(faults(&world.verify()).last(), Some(&("revoked", Some(9))));
    world.agent = key(77);
    let stranger = world.agent.public().thumbprint();
    let cancel = Cancel { req: request };
    let agent = key(77);
    world.put(&agent, world.tdid, &cancel, &Nothing {});
    assert_eq!(faults(&world.verify()).last(), Some(&("unknown_key", Some(10))), "{stranger}");
}

#[test]
fn a_request_under_a_grant_was_asked_or_ran_at_once() {
    let mut world = World::new(Vec::new());
    let known = world.enroll();
    let none = world.ask(known, Some(Hash::from_bytes([9; 32])));
    assert_eq!(faults(&world.verify()), [("missing_entry", Some(5))]);
    world.leaves.pop();
    let constraints = vec![agenttrust_protocol::constraint::Constraint::Tool { name: "pay".to_owned(), digest: None }];
    let grant = Grant {
        agents: vec![world.agent.public().thumbprint()],
        constraints,
        uv: Uv::None,
        bundle: world.bundle(),
        offline: false,
        exp: NOW.plus(999),
    };
    let phone = key(10);
    let grant = world.put(&phone, world.tdid, &grant, &GrantContent { title: "paying".to_owned() });
    let (ran, asked) = (world.ask(known, Some(grant)), world.ask(known, Some(grant)));
    world.outcome(ran);
    let yes = world.decide(10, asked, Verdict::Approve, 1);
    world.claim(asked, &[yes]);
    assert_eq!(faults(&world.verify()), []);
    assert_ne!(none, ran);
}

#[test]
fn only_the_log_key_of_the_bundle_signs_the_checkpoint() {
    let (world, _) = World::usual();
    let expected = || Expected { tdid: world.tdid, remembered: Vec::new() };
    let forged = world.note_by(&key(99));
    assert_eq!(faults(&world.verify_with(expected(), &forged)), [("bad_checkpoint", None)]);
    assert_eq!(faults(&world.verify_with(expected(), "")), [("bad_checkpoint", None)]);
    let foreign = Expected { tdid: Some(Tdid::from_bytes([1; 32])), remembered: Vec::new() };
    assert_eq!(faults(&world.verify_with(foreign, &world.note()))[0], ("no_beginning", Some(0)));
    // A cosignature in a device's name over another checkpoint.
    let (other, _) = World::usual();
    let note = world.note();
    let shorter = World { leaves: other.leaves[..12].to_vec(), ..other }.note();
    let stolen = shorter.lines().last().unwrap();
    let mixed: Vec<&str> = note.lines().take(5).chain([stolen]).collect();
    let report = world.verify_with(expected(), &format!("{}\n", mixed.join("\n")));
    assert_eq!(faults(&report), [("bad_cosignature", None)]);
}

#[test]
fn findings_name_their_reason() {
    let finding =
        Finding { fault: Fault::Message(Reason::BadSignature), leaf: Some(3), message: None, detail: String::new() };
    assert_eq!(finding.to_string(), "entry 3: The signature does not match the message. (bad_signature)");
}
