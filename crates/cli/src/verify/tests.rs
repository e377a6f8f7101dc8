pub(crate) mod world;

use super::*;
use agenttrust_protocol::Reason;
use agenttrust_protocol::envelope::Nothing;
use agenttrust_protocol::message::*;
use world::{NOW, World, key, leaf, root};

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
