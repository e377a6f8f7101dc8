//! A request's record: what is sound stays so, and every forgery of it is named.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use agenttrust_approver::record::{Fault, Part, Record, Wrong};
use agenttrust_protocol::key::{Approval, SecretKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::*;
use agenttrust_protocol::{Hash, Head, Reason, Received, Signed, Time};
use common::{Ask, Dev, NOW, World, ask, dice, id_of, object, tool_rule};

const AT_ONCE: Decided = Decided { verdict: Verdict::Approve, edit: None, first: None, uv: Uv::Presence };

/// How a device answers.
#[derive(Clone, Copy)]
struct Decided {
    verdict: Verdict,
    edit: Option<&'static str>,
    first: Option<Hash>,
    uv: Uv,
}

fn pay() -> Ask {
    ask("bank.pay", r#"{"amount":12.50}"#)
}

fn name<M: Message>(text: &str) -> Hash {
    Received::<M>::parse(text).unwrap().hash()
}

/// The leaf without what it discloses.
fn erased(text: &str) -> String {
    let leaf = text.split('~').next().unwrap();
    if text.contains('~') { format!("{leaf}~") } else { leaf.to_owned() }
}

/// Another signature in the place of the right one.
fn flipped(text: &str) -> String {
    let (leaf, rest) = text.split_at(text.find('~').unwrap_or(text.len()));
    let (signed, signature) = leaf.rsplit_once('.').unwrap();
    let mut signature: Vec<char> = signature.chars().collect();
    signature[0] = if signature[0] == 'A' { 'B' } else { 'A' };
    format!("{signed}.{}{rest}", signature.into_iter().collect::<String>())
}

/// What happens to requests in this world.
trait Story {
    fn head(&mut self, at: Time) -> Head;
    fn decide(&mut self, key: &SecretKey<Approval>, req: Hash, decided: Decided) -> String;
    fn claim(&mut self, req: Hash, decisions: &[&str]) -> String;
    fn end(&mut self, req: Hash, result: ExecutionResult) -> String;
    fn note(&mut self, of: Hash, kind: EventKind, code: Option<&str>) -> String;
    fn run(&mut self) -> Vec<String>;
}

impl Story for World {
    fn head(&mut self, at: Time) -> Head {
        let tdid = Some(self.trust.tdid());
        Head::new(&mut self.random, at, tdid)
    }

    fn decide(&mut self, key: &SecretKey<Approval>, req: Hash, decided: Decided) -> String {
        let head = self.head(NOW.plus(10));
        let body = Decision {
            req,
            outcome: decided.verdict,
            first: decided.first,
            requires: None,
            uv: decided.uv,
            seq: 1,
            bundle: self.trust.bundle_ref(),
            log: None,
            exp: NOW.plus(300),
        };
        let note = Some("Go on".to_owned());
        let content = DecisionContent { arguments: decided.edit.map(object), shown: None, note };
        Signed::sign(key, &head, &body, &content, &mut self.random).into_string()
    }

    fn claim(&mut self, req: Hash, decisions: &[&str]) -> String {
        let head = self.head(NOW.plus(20));
        let mut decisions: Vec<Hash> = decisions.iter().map(|text| name::<Decision>(text)).collect();
        decisions.sort_by_key(Hash::to_string);
        Signed::sign(&self.agent, &head, &Claim { req, decisions }, &Nothing {}, &mut self.random).into_string()
    }

    fn end(&mut self, req: Hash, result: ExecutionResult) -> String {
        let head = self.head(NOW.plus(30));
        let content = OutcomeContent { output: Some(agenttrust_protocol::json::Value::from("done")) };
        Signed::sign(&self.agent, &head, &Outcome { req, result }, &content, &mut self.random).into_string()
    }

    fn note(&mut self, of: Hash, kind: EventKind, code: Option<&str>) -> String {
        let head = self.head(NOW.plus(40));
        let event = Event { of, kind, code: code.map(str::to_owned) };
        Signed::sign(&self.log, &head, &event, &Nothing {}, &mut self.random).into_string()
    }

    /// Certificate, session, request, decision, claim, outcome.
    fn run(&mut self) -> Vec<String> {
        let mut messages = self.request(&pay());
        let req = id_of(&messages);
        let phone = Dev::new(10);
        let decision = self.decide(&phone.key, req, AT_ONCE);
        let claim = self.claim(req, &[&decision]);
        let outcome = self.end(req, ExecutionResult::Executed);
        messages.extend([decision, claim, outcome]);
        messages
    }
}

fn check(world: &World, state: State, messages: &[String]) -> Record {
    Record::check(&world.trust, &id_of(messages), state, messages)
}

fn wrong(world: &World, state: State, messages: &[String]) -> (&'static str, Option<&'static str>) {
    let fault: Fault = check(world, state, messages).sound().unwrap_err();
    (fault.wrong.code(), fault.typ)
}

#[test]
fn a_sound_record_opens_in_order() {
    let mut world = World::new();
    let messages = world.run();
    let record = check(&world, State::Executed, &messages).sound().unwrap();
    let types: Vec<&str> = record.parts().iter().map(Part::typ).collect();
    let expected = [AgentCert::TYP, Session::TYP, Request::TYP, Decision::TYP, Claim::TYP, Outcome::TYP];
    assert_eq!(types, expected);
    assert_eq!(record.parts().iter().map(Part::as_str).collect::<Vec<_>>(), messages);
    assert_eq!(record.asked().unwrap().content.arguments, object(r#"{"amount":12.50}"#));
    assert_eq!((record.is_erased(), record.counted().count()), (false, 1));
    assert!(record.parts().iter().all(|part| part.missing() == Ok(0)));
}

#[test]
fn every_signature_counts() {
    let mut world = World::new();
    let mut messages = world.run();
    let event = world.note(id_of(&messages), EventKind::Unknown, None);
    let cancel = {
        let head = world.head(NOW.plus(5));
        let body = Cancel { req: id_of(&messages) };
        Signed::sign(&world.agent, &head, &body, &Nothing {}, &mut world.random).into_string()
    };
    messages.extend([event, cancel]);
    for at in 0..messages.len() {
        let mut forged = messages.clone();
        forged[at] = flipped(&forged[at]);
        let record = Record::check(&world.trust, &id_of(&messages), State::Executed, &forged);
        let first = record.faults()[0];
        assert_eq!(first.wrong, Wrong::Message(Reason::BadSignature), "message {at}");
        assert!(first.hash.is_some());
        // Whatever was signed with a key that the certificate alone vouches for falls with it.
        let left = if at == 0 { 2 } else { messages.len() - 1 };
        assert!(record.parts().len() <= left, "message {at}: {}", record.parts().len());
        assert!(record.parts().iter().all(|part| part.as_str() != forged[at]));
    }
}

#[test]
fn keys_are_looked_up_by_their_role() {
    let mut world = World::new();
    let messages = world.run();
    let req = id_of(&messages);
    // A device that no bundle names; then one that only a later bundle than the decision's names.
    let stranger = world.decide(&Dev::new(77).key, req, AT_ONCE);
    let mut forged = messages.clone();
    forged[3] = stranger;
    assert_eq!(wrong(&world, State::Executed, &forged), ("unknown_key", Some(Decision::TYP)));
    let before = world.trust.bundles()[0].clone();
    let head = world.head(NOW.plus(10));
    let laptop = Dev::new(20);
    let body = Decision {
        req,
        outcome: Verdict::Approve,
        first: None,
        requires: None,
        uv: Uv::Presence,
        seq: 1,
        bundle: BundleRef { version: before.body().version, hash: before.hash() },
        log: None,
        exp: NOW.plus(300),
    };
    let content = DecisionContent { arguments: None, shown: None, note: None };
    let sign = |body: &Decision| Signed::sign(&laptop.key, &head, body, &content, &mut dice(9)).into_string();
    forged[3] = sign(&body);
    assert_eq!(wrong(&world, State::Executed, &forged), ("unknown_key", Some(Decision::TYP)));
    forged[3] = sign(&Decision { bundle: BundleRef { version: 9, hash: Hash::of(b"") }, ..body });
    assert_eq!(wrong(&world, State::Executed, &forged), ("stale_trust", Some(Decision::TYP)));

    // An approver that is no admin cannot accept an agent.
    let head = world.head(NOW.plus(-3600));
    let cert = Received::<AgentCert>::parse(&messages[0]).unwrap();
    let admin = world.phone.key.public();
    let body = cert.open(|_| Some(admin)).unwrap().body().clone();
    let mut forged = messages.clone();
    forged[0] = Signed::sign(&laptop.key, &head, &body, &Nothing {}, &mut dice(9)).into_string();
    assert_eq!(wrong(&world, State::Executed, &forged), ("unknown_key", Some(AgentCert::TYP)));

    // What the log's key would sign, by another one.
    let head = world.head(NOW.plus(40));
    let event = Event { of: req, kind: EventKind::Erased, code: None };
    let log = SecretKey::from_seed(&[41; 32]);
    let mut forged = messages.clone();
    forged.push(Signed::sign(&log, &head, &event, &Nothing {}, &mut dice(9)).into_string());
    assert_eq!(wrong(&world, State::Executed, &forged), ("unknown_key", Some(Event::TYP)));

    // Another agent's word.
    let other = SecretKey::from_seed(&[51; 32]);
    let body = Outcome { req, result: ExecutionResult::Failed };
    let content = OutcomeContent { output: None };
    let mut forged = messages.clone();
    forged[5] = Signed::sign(&other, &head, &body, &content, &mut dice(9)).into_string();
    assert_eq!(wrong(&world, State::Failed, &forged), ("unknown_key", Some(Outcome::TYP)));
}

#[test]
fn what_speaks_of_another_request_does_not_belong() {
    let mut world = World::new();
    let messages = world.run();
    let other = world.run();
    for at in 3..6 {
        let mut forged = messages.clone();
        forged[at].clone_from(&other[at]);
        let (code, typ) = wrong(&world, State::Executed, &forged);
        assert_eq!(
            (code, typ),
            ("wrong_request", check(&world, State::Executed, &other).parts().get(at).map(Part::typ))
        );
    }
    let mut swapped = messages.clone();
    swapped[1].clone_from(&other[1]);
    assert_eq!(wrong(&world, State::Executed, &swapped), ("wrong_request", Some(Request::TYP)));
    let record = Record::check(&world.trust, &id_of(&messages), State::Executed, &other);
    assert_eq!(record.faults()[0].wrong, Wrong::Message(Reason::WrongRequest));
    assert!(record.asking().is_none() && record.asked().is_none());
    let mut noted = messages.clone();
    noted.push(world.note(Hash::of(b"elsewhere"), EventKind::Refused, None));
    assert_eq!(wrong(&world, State::Executed, &noted), ("wrong_request", Some(Event::TYP)));
}

#[test]
fn nothing_is_missing_twice_or_strange() {
    let mut world = World::new();
    let messages = world.run();
    for (at, typ) in [AgentCert::TYP, Session::TYP, Request::TYP].into_iter().enumerate() {
        let mut cut = messages.clone();
        cut.remove(at);
        let record = Record::check(&world.trust, &id_of(&messages), State::Executed, &cut);
        assert!(record.faults().iter().any(|fault| (fault.typ, fault.wrong) == (Some(typ), Wrong::Missing)));
    }
    let mut unfounded = messages.clone();
    unfounded.remove(3);
    assert_eq!(wrong(&world, State::Executed, &unfounded), ("missing_entry", Some(Claim::TYP)));
    for at in 0..messages.len() {
        let mut doubled = messages.clone();
        doubled.push(messages[at].clone());
        assert_eq!(wrong(&world, State::Executed, &doubled).0, "twice", "message {at}");
    }
    let mut other_end = messages.clone();
    other_end.push(world.end(id_of(&messages), ExecutionResult::Failed));
    assert_eq!(wrong(&world, State::Executed, &other_end), ("twice", Some(Outcome::TYP)));
    for strange in [world.enroll.clone(), world.messages[0].clone(), String::new(), "a.b.c".to_owned()] {
        let mut more = messages.clone();
        more.push(strange);
        assert_eq!(wrong(&world, State::Executed, &more), ("strange_entry", None));
    }
}

#[test]
fn content_is_missing_only_where_it_was_erased() {
    let mut world = World::new();
    let messages = world.run();
    for at in [1, 2, 3, 5] {
        let mut cut = messages.clone();
        cut[at] = erased(&cut[at]);
        let typ = check(&world, State::Executed, &messages).parts().get(at).map(Part::typ);
        assert_eq!(wrong(&world, State::Executed, &cut), ("withheld", typ), "message {at}");
    }
    let mut gone: Vec<String> = messages.iter().map(|text| erased(text)).collect();
    gone.push(world.note(id_of(&messages), EventKind::Erased, None));
    let record = check(&world, State::Executed, &gone).sound().unwrap();
    assert!(record.is_erased() && record.asked().is_none());
    let missing: Vec<u64> = record.parts().iter().map(|part| part.missing().unwrap()).collect();
    assert_eq!(missing, [0, 2, 1, 1, 0, 1, 0]);
    // The session is kept while another request needs it.
    gone[1].clone_from(&messages[1]);
    check(&world, State::Executed, &gone).sound().unwrap();

    // Other words in the place of those that were signed.
    let other = world.run();
    let mut forged = messages.clone();
    let (leaf, words) = (messages[2].split('~').next().unwrap(), other[2].split_once('~').unwrap().1);
    forged[2] = format!("{leaf}~{words}");
    let record = check(&world, State::Executed, &forged);
    let fault = record.faults()[0];
    assert_eq!((fault.typ, fault.wrong), (Some(Request::TYP), Wrong::Message(Reason::BadDisclosure)));
    assert!(record.asking().is_none());
}

#[test]
fn a_claim_rests_on_the_approvals_it_takes() {
    let both = Require { approvers: 2, ..Require::ONE };
    let mut world = World::with_rules(vec![tool_rule("bank.*", both)]);
    let messages = world.run();
    assert_eq!(wrong(&world, State::Executed, &messages), ("not_approved", Some(Claim::TYP)));
    let (phone, laptop) = (Dev::new(10), Dev::new(20));
    let mut enough = messages.clone();
    let req = id_of(&messages);
    enough.insert(4, world.decide(&laptop.key, req, AT_ONCE));
    enough[5] = world.claim(req, &[&enough[3].clone(), &enough[4].clone()]);
    check(&world, State::Executed, &enough).sound().unwrap();

    // One changes it, the other agrees with exactly that.
    let change = Decided { verdict: Verdict::Modify, edit: Some(r#"{"amount":9}"#), ..AT_ONCE };
    let first = world.decide(&phone.key, req, change);
    let agree = Decided { edit: None, first: Some(name::<Decision>(&first)), ..change };
    let second = world.decide(&laptop.key, req, agree);
    let told = |world: &mut World, first: &str, second: &str| {
        let claim = world.claim(req, &[first, second]);
        let outcome = world.end(req, ExecutionResult::Executed);
        [&messages[..3], &[first.to_owned(), second.to_owned(), claim, outcome]].concat()
    };
    let sound = told(&mut world, &first, &second);
    check(&world, State::Executed, &sound).sound().unwrap();
    let split = told(&mut world, &first, &messages[3]);
    assert_eq!(wrong(&world, State::Executed, &split).0, "not_approved");

    // A no is a no, also beside enough approvals, unless the daemon noted that it came too late to count.
    let no = world.decide(&laptop.key, req, Decided { verdict: Verdict::Deny, ..AT_ONCE });
    let mut denied = sound.clone();
    denied.push(no.clone());
    assert_eq!(wrong(&world, State::Executed, &denied).0, "not_approved");
    denied.push(world.note(name::<Decision>(&no), EventKind::Refused, Some("closed")));
    let record = check(&world, State::Executed, &denied).sound().unwrap();
    assert_eq!(record.refusal(&name::<Decision>(&no)), Some(Some("closed")));
    assert_eq!((record.decisions().count(), record.counted().count()), (3, 2));
    let mut refused = sound;
    refused.push(world.note(name::<Decision>(&first), EventKind::Refused, None));
    assert_eq!(wrong(&world, State::Executed, &refused).0, "not_approved");
}

#[test]
fn the_state_follows_from_the_messages() {
    let mut world = World::new();
    let messages = world.run();
    let req = id_of(&messages);
    let asked = &messages[..3];
    let no = world.decide(&Dev::new(10).key, req, Decided { verdict: Verdict::Deny, ..AT_ONCE });
    let expired = world.note(req, EventKind::Expired, None);
    let silent = world.note(req, EventKind::Unknown, None);
    let failed = world.end(req, ExecutionResult::Failed);
    let cancel = {
        let head = world.head(NOW.plus(5));
        Signed::sign(&world.agent, &head, &Cancel { req }, &Nothing {}, &mut world.random).into_string()
    };
    let told = |more: &[&String]| [asked, &more.iter().map(|text| (*text).clone()).collect::<Vec<_>>()].concat();
    let (yes, claim, executed) = (&messages[3], &messages[4], &messages[5]);
    // An outcome without a claim says that something ran that nobody had released.
    for unclaimed in [told(&[executed]), told(&[yes, executed])] {
        assert_eq!(wrong(&world, State::Executed, &unclaimed), ("not_approved", Some(Outcome::TYP)));
    }
    let cases: [(Vec<String>, &[State]); 9] = [
        (told(&[]), &[State::Pending]),
        (told(&[yes]), &[State::Pending, State::Approved, State::Revoked]),
        (told(&[yes, claim]), &[State::Claimed]),
        (told(&[yes, claim, executed]), &[State::Executed]),
        (told(&[yes, claim, &silent]), &[State::Unknown]),
        (told(&[yes, claim, &silent, &failed]), &[State::Failed]),
        (told(&[&no]), &[State::Denied, State::Revoked]),
        (told(&[&cancel]), &[State::Cancelled]),
        (told(&[yes, &expired]), &[State::Expired]),
    ];
    for (messages, possible) in cases {
        for state in State::ALL {
            let sound = check(&world, *state, &messages).sound();
            if possible.contains(state) {
                assert!(sound.is_ok(), "{state}: {sound:?}");
            } else {
                assert_eq!(sound.unwrap_err().wrong, Wrong::Shown(*state), "{state}");
            }
        }
    }
}

#[test]
fn only_under_a_trusted_action_runs_what_nobody_approved() {
    let mut world = World::new();
    let messages = world.request(&pay());
    let bare = Received::<Request>::parse(&messages[2]).unwrap();
    let agent = world.agent.public();
    let (body, head) = (bare.open(|_| Some(agent)).unwrap().body().clone(), world.head(NOW));
    let content = RequestContent { arguments: object("{}"), title: None, target: None, reason: None };
    for grant in [None, Some(Hash::of(b"a grant"))] {
        let body = Request { grant, ..body.clone() };
        let request = Signed::sign(&world.agent, &head, &body, &content, &mut world.random).into_string();
        let req = name::<Request>(&request);
        let asked = [messages[0].clone(), messages[1].clone(), request];
        let (silent, end) = (world.note(req, EventKind::Unknown, None), world.end(req, ExecutionResult::Executed));
        let told =
            |more: &[&String]| [&asked[..], &more.iter().map(|text| (*text).clone()).collect::<Vec<_>>()].concat();
        let cases = [
            (State::Claimed, told(&[])),
            (State::Unknown, told(&[&silent])),
            (State::Executed, told(&[&end])),
            (State::Executed, told(&[&silent, &end])),
        ];
        for (state, messages) in cases {
            assert_eq!(check(&world, state, &messages).sound().is_ok(), grant.is_some(), "{state}");
        }
        // It may have to be asked all the same.
        assert!(check(&world, State::Pending, &asked).sound().is_ok());
    }
}

#[test]
fn another_domain_is_another_world() {
    let mut world = World::new();
    let mut other = World::with_rules(vec![tool_rule("x", Require::ONE)]);
    let messages = world.run();
    let record = Record::check(&other.trust, &id_of(&messages), State::Executed, &messages);
    // The same keys and the same first bundle: only the second one differs.
    assert!(record.faults().iter().any(|fault| fault.wrong == Wrong::Message(Reason::StaleTrust)));
    let theirs = other.run();
    assert_eq!(wrong(&other, State::Executed, &theirs[..5]).0, "projection");
}

#[test]
fn a_fault_says_what_and_where() {
    let mut world = World::new();
    let mut messages = world.run();
    messages[5] = flipped(&messages[5]);
    let fault = check(&world, State::Executed, &messages).sound().unwrap_err();
    let hash: String = fault.hash.unwrap().to_string().chars().take(8).collect();
    assert_eq!(fault.to_string(), format!("The signature does not match the message. [outcome {hash}]"));
}
