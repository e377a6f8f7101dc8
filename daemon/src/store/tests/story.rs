//! The life of requests as the store tells it.

use super::kit::{Ask, LOST_AT, NOW, PHONE, TABLET, World, by_agent, device, enrollment, log_key};
use crate::store::{EnrollmentState, Entry, Moved, StoreError};
use agenttrust_protocol::constraint::{Constraint, Counters, Reservation};
use agenttrust_protocol::door::{Held, SeenKind, Trouble, typ_of};
use agenttrust_protocol::envelope::Nothing;
use agenttrust_protocol::lifecycle::{State, Transition};
use agenttrust_protocol::message::{Claim, EventKind, ExecutionResult, Paused, Revocation, RevokedKind, Verdict};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Reason, Received};

fn short_types(messages: &[String]) -> Vec<String> {
    let name = |text: &String| typ_of(text).unwrap().trim_start_matches("agenttrust-").replace("-v1", "");
    messages.iter().map(name).collect()
}

#[tokio::test]
async fn asked_approved_claimed_executed() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let request = asked.request.hash();
    assert_eq!(world.decide(PHONE, &asked, Verdict::Approve).await, Ok(State::Approved));
    assert_eq!(world.claim_all(&asked).await, Ok(State::Claimed));
    assert_eq!(world.outcome(&asked, ExecutionResult::Executed, Some("[1.5]")).await, Ok(State::Executed));

    let detail = world.store.read(move |reader| reader.request_detail(&request)).await.unwrap().unwrap();
    assert_eq!(detail.state, State::Executed);
    let types = ["agent-cert", "session", "request", "decision", "claim", "outcome"];
    assert_eq!(short_types(&detail.messages), types);
    assert_eq!(detail.messages[2], asked.request.as_str(), "with everything it discloses");
    let indexes: Vec<u64> = detail.leaves.iter().map(|leaf| leaf.index).collect();
    assert_eq!(indexes, [3, 4, 5, 6, 7, 8], "after bundle, status, enrolment");
    assert_eq!(detail.marks.len(), 1);
    assert_eq!((detail.marks[0].device, detail.marks[0].answered), (device(PHONE).public().thumbprint(), Some(NOW)));
}

#[tokio::test]
async fn only_what_the_life_cycle_allows_happens() {
    let world = World::new().await;
    let denied = world.ask(Ask::default()).await;
    assert_eq!(world.decide(PHONE, &denied, Verdict::Deny).await, Ok(State::Denied));
    assert_eq!(world.decide(TABLET, &denied, Verdict::Approve).await, Err(StoreError::Closed(State::Denied)));
    assert_eq!(world.cancel(&denied).await, Err(StoreError::Closed(State::Denied)));
    let nothing = world.claim_of(&denied, &[Hash::of(b"x")]);
    assert_eq!(world.claim(&nothing).await, Err(StoreError::Closed(State::Denied)));

    let withdrawn = world.ask(Ask::default()).await;
    assert_eq!(world.cancel(&withdrawn).await, Ok(State::Cancelled));

    let taken_back = world.ask(Ask::default()).await;
    world.decide(PHONE, &taken_back, Verdict::Approve).await.unwrap();
    assert_eq!(world.decide(PHONE, &taken_back, Verdict::Approve).await, Err(StoreError::Closed(State::Approved)));
    assert_eq!(world.decide(TABLET, &taken_back, Verdict::Deny).await, Ok(State::Revoked));

    let early = world.ask(Ask::default()).await;
    let outcome = world.outcome(&early, ExecutionResult::Executed, None).await;
    assert_eq!(outcome, Err(StoreError::Closed(State::Pending)));
}

#[tokio::test]
async fn the_same_message_again_changes_nothing() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let decision = world.decision(PHONE, &asked, Verdict::Approve, None);
    let hash = decision.hash();
    for _ in 0..2 {
        let (asked, decision) = (asked.clone(), decision.clone());
        let placed = world.store.write(move |tx| tx.insert_request(&asked, Entry::Pending, NOW)).await;
        assert!(!placed.unwrap_or_else(|error: StoreError| panic!("{error}")).fresh);
        let state = world.store.write(move |tx| tx.add_decision(&decision, Some(Transition::Approve), NOW)).await;
        assert_eq!(state, Ok::<_, StoreError>(State::Approved));
    }
    let claim = world.claim_of(&asked, &[hash]);
    for _ in 0..2 {
        assert_eq!(world.claim(&claim).await, Ok(State::Claimed));
    }
    let log_size = world.store.read(|reader| reader.log_size()).await.unwrap();
    assert_eq!(log_size, 8);
}

#[tokio::test]
async fn a_request_is_claimed_at_most_once() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let yes = world.decision(PHONE, &asked, Verdict::Approve, None);
    let hash = yes.hash();
    world.store.write(move |tx| tx.add_decision(&yes, Some(Transition::Approve), NOW)).await.unwrap();
    let claims: Vec<_> = (0..8).map(|_| world.claim_of(&asked, &[hash])).collect();
    let racing = claims.iter().map(|claim| {
        let (store, claim) = (world.store.clone(), claim.clone());
        tokio::spawn(async move { store.write(move |tx| tx.claim(&claim, LOST_AT, NOW)).await })
    });
    let mut answers = Vec::new();
    for task in racing.collect::<Vec<_>>() {
        answers.push(task.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(State::Claimed)).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Err(StoreError::Refused(Reason::ClaimRefused))).count(), 7);
}

#[tokio::test]
async fn a_claim_rests_on_stored_yeses_and_is_the_agents_own() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let other = world.ask(Ask::default()).await;
    world.decide(PHONE, &asked, Verdict::Approve).await.unwrap();
    let elsewhere = world.decision(PHONE, &other, Verdict::Approve, None);
    let wrong = elsewhere.hash();
    world.store.write(move |tx| tx.add_decision(&elsewhere, Some(Transition::Approve), NOW)).await.unwrap();
    let refused = Err(StoreError::Refused(Reason::ClaimRefused));
    assert_eq!(world.claim(&world.claim_of(&asked, &[wrong])).await, refused);
    assert_eq!(world.claim(&world.claim_of(&asked, &[Hash::of(b"nothing")])).await, refused);
    let body = Claim { req: asked.request.hash(), decisions: vec![wrong] };
    let foreign = super::kit::signed(&super::kit::agent(5), &world.trust, &body, &Nothing {});
    assert_eq!(world.claim(&foreign).await, Err(StoreError::Refused(Reason::UnknownKey)));
    let unknown = by_agent(&world.trust, &Claim { req: Hash::of(b"no"), decisions: vec![wrong] }, &Nothing {});
    assert_eq!(world.claim(&unknown).await, Err(StoreError::Trouble(Trouble::NotFound)));
}

#[tokio::test]
async fn the_same_call_finds_the_stored_request() {
    let world = World::new().await;
    let call = Ask { call: Some("call-1"), ..Ask::default() };
    let first = world.ask(call).await;
    let place = |asked: agenttrust_protocol::check::Asked| {
        let store = world.store.clone();
        async move { store.write(move |tx| tx.insert_request(&asked, Entry::Pending, NOW)).await }
    };
    let again = place(world.asked(Ask { arguments: r#"{ "amount" : 12.0 }"#, ..call })).await.unwrap();
    assert_eq!((again.request, again.fresh), (first.request.hash(), false), "equal by value");
    for other in [
        Ask { arguments: r#"{"amount":13}"#, ..call },
        Ask { tool: "refund", ..call },
        Ask { call: Some("call-2"), ..call },
        Ask { call: None, ..call },
    ] {
        assert!(place(world.asked(other)).await.unwrap().fresh);
    }
    world.cancel(&first).await.unwrap();
    let anew = world.asked(call);
    assert!(place(anew.clone()).await.unwrap().fresh, "a cancelled one is asked anew");
    world.decide(PHONE, &anew, Verdict::Approve).await.unwrap();
    assert_eq!(place(world.asked(call)).await.unwrap().state, State::Approved);
    world.claim_all(&anew).await.unwrap();
    assert_eq!(place(world.asked(call)).await, Err(StoreError::Refused(Reason::Spent)));
    assert_eq!(place(anew).await.unwrap().state, State::Claimed, "the very same message is answered alike");
}

#[tokio::test]
async fn time_moves_what_nobody_answers() {
    let world = World::new().await;
    let unanswered = world.ask(Ask { life: 100, ..Ask::default() }).await;
    let unclaimed = world.ask(Ask::default()).await;
    let silent = world.ask(Ask::default()).await;
    world.decide(PHONE, &unclaimed, Verdict::Approve).await.unwrap();
    world.decide(PHONE, &silent, Verdict::Approve).await.unwrap();
    world.claim_all(&silent).await.unwrap();
    let next_due = || world.store.read(|reader| reader.next_due());
    assert_eq!(next_due().await, Ok(Some(NOW.plus(100))));
    let sweep = |seconds| world.store.write(move |tx| tx.sweep(NOW.plus(seconds), 10));
    assert_eq!(sweep(99).await, Ok(Vec::new()));
    let moved = |asked: &agenttrust_protocol::check::Asked, state| Moved { request: asked.request.hash(), state };
    assert_eq!(sweep(100).await, Ok(vec![moved(&unanswered, State::Expired)]));
    assert_eq!(next_due().await, Ok(Some(NOW.plus(300))), "an approval lasts as long as its decisions");
    assert_eq!(sweep(300).await, Ok(vec![moved(&unclaimed, State::Expired)]));
    assert_eq!(sweep(7200).await, Ok(vec![moved(&silent, State::Unknown)]));
    assert_eq!(next_due().await, Ok(None));
    let detail = world.store.read(move |r| r.request_detail(&unanswered.request.hash())).await.unwrap().unwrap();
    let event = Received::<agenttrust_protocol::message::Event>::parse(detail.messages.last().unwrap()).unwrap();
    let event = event.open(|_| Some(log_key().public())).unwrap();
    assert_eq!(event.body().kind, EventKind::Expired, "signed by the log key");
    assert_eq!(world.outcome(&silent, ExecutionResult::Failed, None).await, Ok(State::Failed), "a late outcome");
}

#[tokio::test]
async fn a_status_takes_approvals_back() {
    let mut world = World::new().await;
    let (mine, theirs) = (world.ask(Ask::default()).await, world.ask(Ask::default()).await);
    let pending = world.ask(Ask::default()).await;
    world.decide(PHONE, &mine, Verdict::Approve).await.unwrap();
    world.decide(TABLET, &theirs, Verdict::Approve).await.unwrap();
    let id = Hash::from_bytes(*device(TABLET).public().thumbprint().as_bytes());
    let revoked = vec![Revocation { kind: RevokedKind::Device, id, until: NOW.plus(1000) }];
    let moved = world.status(PHONE, revoked.clone(), Paused::Agents(Vec::new())).await;
    assert_eq!(moved, [Moved { request: theirs.request.hash(), state: State::Revoked }]);
    let moved = world.status(PHONE, revoked, Paused::All).await;
    assert_eq!(moved, [Moved { request: mine.request.hash(), state: State::Revoked }]);
    assert_eq!(world.state(&pending).await, State::Pending);
}

#[tokio::test]
async fn trust_only_moves_forward() {
    let mut world = World::new().await;
    let before = world.trust.clone();
    world.status(PHONE, Vec::new(), Paused::All).await;
    let rival = super::kit::next_status(&before, PHONE, Vec::new(), Paused::All, NOW);
    let stale = Err(StoreError::Refused(Reason::StaleTrust));
    assert_eq!(world.store.write(move |tx| tx.append_status(&rival, true, NOW)).await.map(|_| ()), stale);
    let next = super::kit::bundle(Some(&world.trust), log_key().public());
    world.trust.accept_bundle(next.as_str(), NOW).unwrap();
    let (second, first) = (world.trust.current().clone(), before.current().clone());
    for _ in 0..2 {
        let second = second.clone();
        world.store.write(move |tx| tx.append_bundle(&second, NOW)).await.unwrap();
    }
    assert_eq!(world.store.write(move |tx| tx.append_bundle(&first, NOW)).await, stale);

    let since = |version, seq| {
        let held = Held { version, seq, ..Held::default() };
        world.store.read(move |reader| reader.trust_since(&held))
    };
    assert_eq!(short_types(&since(0, 0).await.unwrap()), ["bundle", "bundle", "status"], "from the newest admin's");
    assert_eq!(short_types(&since(1, 1).await.unwrap()), ["bundle", "status"]);
    assert_eq!(since(2, 2).await.unwrap(), Vec::<String>::new());
    let mut newcomer = Trust::enter(&since(0, 0).await.unwrap()[0], None).unwrap();
    newcomer.accept_bundle(&since(0, 0).await.unwrap()[1], NOW).unwrap();
    newcomer.accept_status(&since(0, 0).await.unwrap()[2]).unwrap();
}

#[tokio::test]
async fn nothing_is_logged_before_bundle_one_and_no_other_log_key_enters() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(&folder.path().join("agenttrust.db"), log_key(), Default::default()).unwrap();
    let early = enrollment(3);
    let unpaired = Err(StoreError::Trouble(Trouble::Unpaired));
    assert_eq!(store.write(move |tx| tx.enroll(&early, None, NOW)).await.map(|_| ()), unpaired);
    let foreign = agenttrust_protocol::key::SecretKey::from_seed(&[77; 32]);
    let trust = Trust::enter(super::kit::bundle(None, foreign.public()).as_str(), None).unwrap();
    let first = trust.current().clone();
    let refused = store.write(move |tx| tx.append_bundle(&first, NOW)).await;
    assert_eq!(refused, Err(StoreError::Refused(Reason::UnknownKey)));
    assert_eq!(store.read(|reader| reader.checkpoint()).await, Ok(None));
}

#[tokio::test]
async fn agents_are_accepted_refused_and_accepted_after_all() {
    let world = World::new().await;
    let refused = enrollment(3);
    let hash = refused.hash();
    let pending = world.store.write(move |tx| tx.enroll(&refused, Some("pid 7"), NOW)).await.unwrap();
    assert_eq!(pending.state, EnrollmentState::Pending);
    for _ in 0..2 {
        world.store.write(move |tx| tx.refuse_enrollment(&hash, NOW)).await.unwrap();
    }
    let state = world.store.read(move |reader| reader.enrollment(&hash)).await.unwrap().unwrap().state;
    assert_eq!(state, EnrollmentState::Refused);
    let known = world.cert.body().enroll;
    let conflict = world.store.write(move |tx| tx.refuse_enrollment(&known, NOW)).await;
    assert_eq!(conflict, Err(StoreError::Trouble(Trouble::Conflict)));
    let trust = world.trust.clone();
    let agents = world.store.read(move |reader| reader.agents(&trust)).await.unwrap();
    let states: Vec<&str> = agents.iter().map(|agent| agent.state.as_str()).collect();
    assert_eq!(states, ["refused", "enrolled"]);
    assert_eq!(short_types(&agents[1].messages), ["enroll", "agent-cert"]);
}

#[tokio::test]
async fn grants_are_counted_over_windows_that_clocks_cannot_widen() {
    let world = World::new().await;
    let tool = Constraint::Tool { name: "pay".into(), digest: None };
    let grant = world.grant(vec![tool, Constraint::Use { max: 5, per: Some(60) }]);
    let hash = grant.hash();
    world.store.write(move |tx| tx.add_grant(&grant, NOW)).await.unwrap();
    let enter = |at: i64, amount: u64| {
        let asked = world.asked(Ask { grant: Some(hash), ..Ask::default() });
        let reservations = [Reservation { constraint: 1, amount }];
        let entry = move |tx: &mut crate::store::Tx<'_>| {
            tx.insert_request(&asked, Entry::Claimed { reservations: &reservations, lost_at: LOST_AT }, NOW.plus(at))
        };
        world.store.write(entry)
    };
    for at in [0, 10, 10, 70, 5] {
        assert_eq!(enter(at, 1).await.unwrap().state, State::Claimed);
    }
    let used = |since: i64| {
        world.store.read(move |reader| Ok::<_, StoreError>(reader.counters(&hash)?.used(1, Some(NOW.plus(since)))))
    };
    // The use at 5, after the clock was set back from 70, counts as one of 70.
    for (since, expected) in [(-1, 5), (0, 4), (9, 4), (10, 2), (69, 2), (70, 0)] {
        assert_eq!(used(since).await, Ok(expected), "after {since}");
    }
    let trust = world.trust.clone();
    let views = world.store.read(move |reader| reader.grants(&trust, NOW)).await.unwrap();
    assert_eq!((views[0].uses, views[0].live), (5, true));
    for at in [80, 90] {
        enter(at, i64::MAX.unsigned_abs() - 1).await.unwrap();
    }
    assert_eq!(used(90).await, Ok(u64::MAX), "more than can be counted leaves no room");
    let unknown = world.asked(Ask { grant: Some(Hash::of(b"none")), ..Ask::default() });
    let entry = Entry::Claimed { reservations: &[], lost_at: LOST_AT };
    let refused = world.store.write(move |tx| tx.insert_request(&unknown, entry, NOW)).await;
    assert_eq!(refused, Err(StoreError::Trouble(Trouble::NotFound)));
}

#[tokio::test]
async fn a_grant_ends_with_its_time_its_revocation_or_its_signer() {
    let mut world = World::new().await;
    let grants: Vec<_> =
        (0..2).map(|_| world.grant(vec![Constraint::Tool { name: "pay".into(), digest: None }])).collect();
    for grant in grants.clone() {
        world.store.write(move |tx| tx.add_grant(&grant, NOW)).await.unwrap();
    }
    let agent = super::kit::agent(0).public().thumbprint();
    let live = |trust: &Trust, at: i64| {
        let trust = trust.clone();
        let read = world.store.read(move |reader| reader.live_grants(&agent, &trust, NOW.plus(at)));
        async move { read.await.unwrap().len() }
    };
    assert_eq!((live(&world.trust, 86_400).await, live(&world.trust, 86_401).await), (2, 0));
    let mut revoked = vec![Revocation { kind: RevokedKind::Grant, id: grants[0].hash(), until: NOW.plus(1000) }];
    let next = super::kit::next_status(&world.trust, PHONE, revoked.clone(), Paused::Agents(Vec::new()), NOW);
    world.trust.accept_status(next.as_str()).unwrap();
    assert_eq!(live(&world.trust, 0).await, 1);
    let phone = Hash::from_bytes(*device(PHONE).public().thumbprint().as_bytes());
    revoked.push(Revocation { kind: RevokedKind::Device, id: phone, until: NOW.plus(1000) });
    let next = super::kit::next_status(&world.trust, PHONE, revoked, Paused::Agents(Vec::new()), NOW);
    world.trust.accept_status(next.as_str()).unwrap();
    assert_eq!(live(&world.trust, 0).await, 0);
}

#[tokio::test]
async fn the_first_mark_counts() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let (request, phone) = (asked.request.hash(), device(PHONE).public().thumbprint());
    for (kind, at) in [(SeenKind::Delivered, 1), (SeenKind::Opened, 2), (SeenKind::Delivered, 3)] {
        let seen = vec![request, Hash::of(b"unknown")];
        world.store.write(move |tx| tx.mark(&phone, &seen, kind, NOW.plus(at))).await.unwrap();
    }
    let detail = world.store.read(move |reader| reader.request_detail(&request)).await.unwrap().unwrap();
    let mark = &detail.marks[0];
    assert_eq!((mark.delivered, mark.opened, mark.answered), (Some(NOW.plus(1)), Some(NOW.plus(2)), None));
}

#[tokio::test]
async fn a_late_decision_is_logged_and_does_not_count() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    world.decide(PHONE, &asked, Verdict::Deny).await.unwrap();
    let late = world.decision(PHONE, &asked, Verdict::Approve, Some("after all"));
    let (hash, request, device) = (late.hash(), asked.request.hash(), late.signer());
    for _ in 0..2 {
        let late = late.clone();
        world.store.write(move |tx| tx.refuse_decision(&late, "closed", NOW)).await.unwrap();
    }
    assert_eq!(world.state(&asked).await, State::Denied);
    let standing = world.store.read(move |reader| reader.standing(&request)).await.unwrap().unwrap();
    assert_eq!(standing.decisions.len(), 1, "agents are not told of it");
    let detail = world.store.read(move |reader| reader.request_detail(&request)).await.unwrap().unwrap();
    assert_eq!(short_types(&detail.messages).last_chunk::<2>().unwrap(), &["decision", "event"]);
    assert_eq!(detail.leaves.iter().filter(|leaf| leaf.hash == hash).count(), 1);
    assert_eq!(world.store.read(move |reader| reader.last_decision_seq(&device)).await, Ok(1));
    assert_eq!(world.store.verify().await.unwrap().findings, []);
    let unknown = world.asked(Ask::default());
    let stray = world.decision(PHONE, &unknown, Verdict::Approve, None);
    let stored: Result<(), StoreError> = world.store.write(move |tx| tx.refuse_decision(&stray, "closed", NOW)).await;
    assert_eq!(stored, Err(StoreError::Trouble(Trouble::NotFound)));
}
