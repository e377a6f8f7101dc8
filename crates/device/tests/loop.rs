//! The loop of a device: requests come, are answered, and what was answered arrives; against a stand-in daemon.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

mod common;

use agenttrust_device::approver::display::Text;
use agenttrust_device::approver::inbox::{Phase, Step};
use agenttrust_device::{Command, Connection, Done, Edits, Event, MomentKind};
use agenttrust_protocol::door::{InboxEvent, SeenKind};
use agenttrust_protocol::key::SecretKey;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Claim, Decision, Verdict};
use agenttrust_protocol::{Hash, Thumbprint};
use common::phone::{Phone, approve};
use common::{Daemon, NOTHING, sign};
use std::collections::BTreeMap;
use std::time::Duration;

const INVOICE: &str = r#"{"payee":"DE02120300000000202051","amount":120.50}"#;

fn decided(daemon: &Daemon, at: usize) -> (Decision, agenttrust_protocol::message::DecisionContent) {
    let world = daemon.lock();
    let trust = agenttrust_protocol::trust::Trust::enter(&world.bundles[0], None).unwrap();
    let opened = world.decided(at).open(|kid| trust.device(kid).map(|device| device.key)).unwrap();
    (opened.body().clone(), opened.content().unwrap())
}

#[tokio::test]
async fn a_request_is_shown_approved_and_followed_to_its_end() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let id = agent.ask(&daemon, INVOICE, 300);
    let card = phone.card(id).await;
    assert_eq!((card.phase.clone(), card.blocked.clone(), card.approvers), (Phase::Open, None, 1));
    assert_eq!(card.display.tool.raw(), "pay_invoice");
    daemon.until("delivered", |w| w.seen.iter().any(|s| s.kind == SeenKind::Delivered && s.requests == [id])).await;
    assert_eq!(phone.device.run(Command::Opened { card: id }).await, Ok(Done::Ok));
    daemon.until("opened", |w| w.seen.iter().any(|s| s.kind == SeenKind::Opened && s.requests == [id])).await;

    let done = phone.approve(&card).await.unwrap();
    let Done::Answered { decision, stored: Some(State::Approved) } = done else { panic!("{done:?}") };
    assert_eq!(daemon.lock().decided(0).hash(), decision);
    let (body, content) = decided(&daemon, 0);
    assert_eq!((body.req, body.outcome, body.seq), (id, Verdict::Approve, 1));
    assert!(content.shown.unwrap().iter().any(|line| line.contains("DE02120300000000202051")));

    let mut steps = Vec::new();
    for (state, last) in [(State::Claimed, Step::Claimed), (State::Executed, Step::Executed)] {
        daemon.lock().states.insert(id, state);
        let code = (state == State::Executed).then(|| "ok".to_owned());
        daemon.push(InboxEvent::Moved { request: id, state, by: None, code });
        phone
            .event("the next step", |event| {
                let (Event::CardStep { phase, .. } | Event::CardClosed { phase, .. }) = &event else { return None };
                let Phase::AnsweredHere { step, .. } = phase else { panic!("{phase:?}") };
                steps.push(*step);
                assert_eq!(matches!(event, Event::CardClosed { .. }), *step == Step::Executed);
                (*step == last).then_some(())
            })
            .await;
    }
    steps.dedup();
    assert_eq!(steps, [Step::Signed, Step::Approved, Step::Claimed, Step::Executed]);
    // A second tap changes nothing.
    assert_eq!(phone.approve(&card).await.unwrap_err().code(), "closed");
    assert_eq!(daemon.lock().decisions.len(), 1);
}

#[tokio::test]
async fn a_denial_carries_the_persons_words() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    let note = Some("Ask the bookkeeper first.".to_owned());
    let done = phone.device.run(Command::Deny { card: card.id, shown: card.shown, note: note.clone() }).await.unwrap();
    assert!(matches!(done, Done::Answered { stored: Some(State::Denied), .. }), "{done:?}");
    let (body, content) = decided(&daemon, 0);
    assert_eq!((body.outcome, content.note), (Verdict::Deny, note.clone()));
    let record = phone.record(card.id).await;
    let last = record.timeline.last().unwrap();
    assert_eq!((record.fault, last.kind, last.signed, last.code.as_ref()), (None, MomentKind::Denied, true, None));
    assert_eq!(last.note.as_ref().map(Text::raw), note);
}

#[tokio::test]
async fn an_edit_is_previewed_and_signed_as_previewed() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    let edit = Some(Edits::Fields(BTreeMap::from([("/amount".to_owned(), "99.90".to_owned())])));
    let Done::Preview(preview) =
        phone.device.run(Command::Preview { card: card.id, edit: edit.clone() }).await.unwrap()
    else {
        panic!("a preview")
    };
    assert_ne!(preview.shown, card.shown);
    let Command::Approve { uv, .. } = approve(card.id, card.shown) else { unreachable!() };
    let answer = |shown| Command::Approve { card: card.id, shown, edit: edit.clone(), note: None, uv, unfolded: true };
    // The edit is bound to what was on the screen.
    assert_eq!(phone.device.run(answer(card.shown)).await.unwrap_err().code(), "conflict");
    assert!(daemon.lock().decisions.is_empty());
    phone.device.run(answer(preview.shown)).await.unwrap();
    let (body, content) = decided(&daemon, 0);
    assert_eq!((body.outcome, body.seq), (Verdict::Modify, 1));
    assert_eq!(content.arguments.unwrap().get("amount").unwrap().to_string(), "99.90");
    let record = phone.record(card.id).await;
    let changed = record.timeline.last().unwrap();
    let edits = changed.edits.as_ref().unwrap();
    assert_eq!((record.fault, changed.kind, edits.len()), (None, MomentKind::Changed, 1));
    assert_eq!(edits[0].new.as_ref().unwrap().raw(), "99.90");
    let decision = record.messages.last().unwrap();
    assert!(decision.payload.raw().contains("\"outcome\": \"modify\""), "{}", decision.payload.raw());
    assert!(decision.content.as_ref().unwrap().raw().contains("99.90"));
    let display = record.display.unwrap();
    assert_eq!((display.arguments, display.edits), (preview.display.arguments, preview.display.edits));
    let bad = Some(Edits::Json("{\"amount\": 1,}".to_owned()));
    let failure = phone.device.run(Command::Preview { card: card.id, edit: bad }).await.unwrap_err();
    assert_eq!(failure.code(), "bad_request");
}

#[tokio::test]
async fn what_another_device_answered_cannot_be_answered_here() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    daemon.lock().states.insert(card.id, State::Denied);
    let by = Some(Thumbprint::from_bytes([5; 32]));
    daemon.push(InboxEvent::Moved { request: card.id, state: State::Denied, by, code: None });
    let phase = phone
        .event("the end", |event| match event {
            Event::CardClosed { phase, .. } => Some(phase),
            _ => None,
        })
        .await;
    assert_eq!(phase, Phase::AnsweredElsewhere { by: vec!["another device".into()], step: Step::Denied });
    assert_eq!(phone.approve(&card).await.unwrap_err().code(), "closed");
    assert!(daemon.lock().decisions.is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_second_is_told_so() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    // The other device was faster, and this one has not heard of it.
    daemon.lock().states.insert(card.id, State::Denied);
    let failure = phone.approve(&card).await.unwrap_err();
    assert_eq!(failure.code(), "closed");
    let closed = phone.device.snapshot().cards.into_iter().find(|c| c.id == card.id).unwrap();
    assert_eq!(closed.state, State::Denied);
}

#[tokio::test]
async fn a_restarted_daemon_is_found_again_and_nothing_comes_twice() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let first = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    let daemon = daemon.restart().await;
    let second = agent.ask(&daemon, r#"{"payee":"another"}"#, 300);
    let mut added = Vec::new();
    phone
        .event("the second card", |event| match event {
            Event::CardAdded { card } => {
                added.push(card.id);
                (card.id == second).then_some(())
            }
            _ => None,
        })
        .await;
    assert_eq!(added, [second], "the first one is known already");
    // What was open before the restart can be answered after it.
    let done = phone.approve(&first).await.unwrap();
    assert!(matches!(done, Done::Answered { stored: Some(State::Approved), .. }), "{done:?}");
    let connected = phone.device.snapshot().connection;
    assert_eq!(connected, Connection::Connected { relayed: false });
}

#[tokio::test]
async fn an_answer_given_while_the_daemon_is_away_arrives_even_after_a_crash() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    let (world, port) = daemon.stop().await;
    let device = phone.device.clone();
    let answering = tokio::spawn(async move { device.run(approve(card.id, card.shown)).await });
    phone
        .event("it is signed", |event| match event {
            Event::CardStep { phase: Phase::AnsweredHere { step: Step::Signed, .. }, .. } => Some(()),
            _ => None,
        })
        .await;
    // Nobody waits for it any more, and the device itself stops.
    answering.abort();
    let _aborted = answering.await;
    let (scratch, clock) = phone.close().await;
    let phone = Phone::open(scratch, clock).await.unwrap();
    let daemon = Daemon::start_again(world, port).await;
    daemon.until("the decision arrives", |world| world.decisions.len() == 1).await;
    assert_eq!(decided(&daemon, 0).0.req, card.id);
    phone.device.run(Command::Detail { request: card.id }).await.unwrap();
    assert_eq!(daemon.lock().decisions.len(), 1);
}

#[tokio::test]
async fn counts_of_decisions_go_on_after_a_restart() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    phone.approve(&card).await.unwrap();
    let (scratch, clock) = phone.close().await;
    let mut phone = Phone::open(scratch, clock).await.unwrap();
    let card = phone.card(agent.ask(&daemon, r#"{"payee":"another"}"#, 300)).await;
    phone.approve(&card).await.unwrap();
    let seqs = [decided(&daemon, 0).0.seq, decided(&daemon, 1).0.seq];
    assert_eq!(seqs, [1, 2]);
}

#[tokio::test]
async fn time_runs_out_loudly_and_then_nothing_can_be_answered() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 3)).await;
    let mut reminders = 0;
    let phase = phone
        .event("the end", |event| match event {
            Event::CardReminder { .. } => {
                reminders += 1;
                None
            }
            Event::CardClosed { phase, .. } => Some(phase),
            _ => None,
        })
        .await;
    assert_eq!(phase, Phase::Expired);
    assert!(reminders >= 1);
    assert_eq!(phone.approve(&card).await.unwrap_err().code(), "closed");
    assert!(daemon.lock().decisions.is_empty());
}

#[tokio::test]
async fn a_forgotten_place_in_the_inbox_is_looked_up() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    // While the device is not looking, the request is cancelled and the inbox forgets how that came.
    daemon.lock().states.insert(card.id, State::Cancelled);
    daemon.lock().forgotten = u64::MAX;
    let daemon = daemon.restart().await;
    daemon.until("it asks again", |world| world.inbox_calls > 3).await;
    let phase = phone
        .event("the end", |event| match event {
            Event::CardClosed { phase, .. } => Some(phase),
            _ => None,
        })
        .await;
    assert_eq!(phase, Phase::Cancelled);
}

#[tokio::test]
async fn a_shell_that_comes_late_takes_a_snapshot() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    let snapshot = phone.device.snapshot();
    assert_eq!(snapshot.cards, [card]);
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<agenttrust_device::Snapshot>(&json).unwrap(), snapshot);
}

#[tokio::test]
async fn the_daemon_may_move() {
    let daemon = Daemon::start().await;
    let phone = Phone::pair(&daemon).await;
    let (world, _port) = daemon.stop().await;
    let daemon = Daemon::start_again(world, 0).await;
    let calls = daemon.lock().inbox_calls;
    let mut there = agenttrust_device::Daemon {
        endpoint: Hash::from_bytes(*daemon.addr().key.as_bytes()),
        addresses: daemon.addr().direct,
        relay: None,
    };
    phone.device.reach(there.clone()).unwrap();
    daemon.until("it comes", |world| world.inbox_calls > calls).await;
    // Another daemon at any address is not the one it was paired with.
    let key = SecretKey::<agenttrust_protocol::key::Transport>::from_seed(&[3; 32]).public();
    there.endpoint = Hash::from_bytes(*key.as_bytes());
    assert_eq!(phone.device.reach(there).unwrap_err().code(), "link_lost");
    let (scratch, clock) = phone.close().await;
    let calls = daemon.lock().inbox_calls;
    let _phone = Phone::open(scratch, clock).await.unwrap();
    daemon.until("it remembers", |world| world.inbox_calls > calls).await;
}

#[tokio::test]
async fn a_proof_is_checked_against_what_was_verified() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    phone.approve(&card).await.unwrap();
    let verify = || phone.device.run(Command::Verify { request: card.id });
    let whole = daemon.lock().asked.clone();
    let size = daemon.lock().leaves.len() as u64;
    let done = verify().await.unwrap();
    let Done::Verified { size: verified, leaves, signatures, cosigned, .. } = done else { panic!("{done:?}") };
    assert_eq!((verified, leaves.len(), signatures, cosigned), (size, 4, 4, true));

    daemon.lock().asked.get_mut(&card.id).unwrap().pop();
    assert_eq!(verify().await.unwrap_err().code(), "missing_entry");
    daemon.lock().asked = whole;
    // A claim that the agent signed and that is not in the log.
    let claim = Claim { req: card.id, decisions: vec![daemon.lock().decided(0).hash()] };
    let tdid = Some(daemon.lock().tdid());
    daemon.lock().ended.push(sign(&agent.key, tdid, &claim, &NOTHING));
    daemon.lock().states.insert(card.id, State::Claimed);
    let failure = verify().await.unwrap_err();
    assert_eq!(failure.code(), "store_corrupt", "{failure}");
}

#[tokio::test]
async fn closing_lets_go_at_once() {
    let daemon = Daemon::start().await;
    let phone = Phone::pair(&daemon).await;
    daemon.stop().await;
    let began = std::time::Instant::now();
    phone.close().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
