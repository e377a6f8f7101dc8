//! What a device signs holds on the agent's side, and what it must not sign it does not.
#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use agenttrust_approver::display::{Display, Folds};
use agenttrust_approver::edit::Edit;
use agenttrust_approver::inbox::{Phase, Step};
use agenttrust_approver::sign::{Answer, Clock, Intent, StatusStep};
use agenttrust_approver::state::Entry;
use agenttrust_approver::{Approver, Refused};
use agenttrust_protocol::check::{Release, check_decisions};
use agenttrust_protocol::door::{ErrorBody, InboxEvent};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::*;
use agenttrust_protocol::{Hash, Reason, Received};
use common::{Ask, NOW, World, ask, clock, dice, object, open, stored, tool_rule};

fn pay() -> Ask {
    ask("bank.pay", r#"{"payee":"ACME","amount":12.50}"#)
}

/// A phone with one card.
fn card(world: &mut World) -> (Approver, Hash, Vec<String>) {
    let mut phone = world.approver(&world.phone);
    let messages = world.request(&pay());
    let (id, page) = world.page_with(&messages);
    assert_eq!(phone.receive(&page, NOW).arrived, [id]);
    (phone, id, messages)
}

fn shown(phone: &Approver, id: &Hash) -> Display {
    phone.inbox().card(id).unwrap().display(None)
}

fn answer(phone: &mut Approver, world: &World, intent: &Intent) -> Result<String, Refused> {
    let prepared = phone.answer(&world.phone.key, intent, clock(), &mut dice(9))?;
    Ok(prepared.persist(stored).unwrap().message)
}

fn check(world: &World, messages: &[String], decisions: &[&str]) -> Result<Release, Reason> {
    check_decisions(&world.trust, &open(&world.trust, messages), decisions, NOW, Some(1)).map_err(|r| r.reason)
}

#[test]
fn an_approval_lets_the_agent_run_what_was_shown() {
    let mut world = World::new();
    let (mut phone, id, messages) = card(&mut world);
    let display = shown(&phone, &id);
    let intent = Intent { note: Some("ok".into()), ..Intent::new(&display, Answer::Approve, Uv::Presence) };
    let decision = answer(&mut phone, &world, &intent).unwrap();
    let release = check(&world, &messages, &[&decision]).unwrap();
    assert_eq!(release.arguments, object(&pay().arguments));
    assert_eq!((release.edited, release.notes.as_slice()), (false, &["ok".to_owned()][..]));

    let opened = Received::<Decision>::parse(&decision).unwrap().open(|_| Some(world.phone.key.public())).unwrap();
    assert_eq!(opened.content().unwrap().shown, Some(display.lines(Folds::Closed)));
    assert_eq!((opened.body().seq, opened.body().exp, opened.body().uv), (1, NOW.plus(300), Uv::Presence));
    assert_eq!(opened.body().bundle, world.trust.bundle_ref());
}

#[test]
fn a_denial_reaches_the_agent_with_the_persons_words() {
    let mut world = World::new();
    let (mut phone, id, messages) = card(&mut world);
    let intent =
        Intent { note: Some("Not this month.".into()), ..Intent::new(&shown(&phone, &id), Answer::Deny, Uv::None) };
    let decision = answer(&mut phone, &world, &intent).unwrap();
    let asked = open(&world.trust, &messages);
    let refusal = check_decisions(&world.trust, &asked, &[&decision], NOW, None).unwrap_err();
    assert_eq!((refusal.reason, refusal.note.as_deref()), (Reason::Denied, Some("Not this month.")));
}

#[test]
fn an_edit_runs_as_it_was_typed() {
    let mut world = World::new();
    let (mut phone, id, messages) = card(&mut world);
    let mut edit = Edit::new(&phone.inbox().card(&id).unwrap().asked().content.arguments);
    edit.set("/amount", "10.00").unwrap();
    let display = phone.inbox().card(&id).unwrap().display(Some(edit.arguments()));
    let modify = Answer::Modify(edit.arguments().clone());
    // Bound to what is on the screen: the display of the original does not do.
    let original = shown(&phone, &id);
    let wrong = Intent { display: original.digest(), ..Intent::new(&display, modify.clone(), Uv::Presence) };
    assert_eq!(answer(&mut phone, &world, &wrong), Err(Refused::Changed));
    let decision = answer(&mut phone, &world, &Intent::new(&display, modify, Uv::Presence)).unwrap();
    let release = check(&world, &messages, &[&decision]).unwrap();
    assert_eq!(release.arguments.get("amount").unwrap().to_string(), "10.00");
    assert!(release.edited);
}

#[test]
fn a_second_device_agrees_with_an_edit() {
    let two = Require { approvers: 2, ..Require::ONE };
    let mut world = World::with_rules(vec![tool_rule("bank.*", two)]);
    let (mut phone, id, mut messages) = card(&mut world);
    let mut laptop = world.approver(&world.laptop);
    let edited = object(r#"{"payee":"ACME","amount":9}"#);
    let display = phone.inbox().card(&id).unwrap().display(Some(&edited));
    let intent = Intent::new(&display, Answer::Modify(edited.clone()), Uv::Presence);
    let first = answer(&mut phone, &world, &intent).unwrap();
    assert_eq!(check(&world, &messages, &[&first]), Err(Reason::Quorum));

    messages.push(first.clone());
    let (_, page) = world.page_with(&messages);
    laptop.receive(&page, NOW);
    let card = laptop.inbox().card(&id).unwrap();
    let (leader, arguments) = card.leader().unwrap();
    assert_eq!(*arguments, edited);
    let display = card.display(Some(arguments));
    let intent = Intent::new(&display, Answer::Agree(leader), Uv::Presence);
    let prepared = laptop.answer(&world.laptop.key, &intent, clock(), &mut dice(8)).unwrap();
    let second = prepared.persist(stored).unwrap().message;
    let release = check(&world, &messages, &[&first, &second]).unwrap();
    assert_eq!(release.arguments, edited);
}

#[test]
fn nothing_leaves_before_it_is_stored_and_nothing_is_answered_twice() {
    let mut world = World::new();
    let (mut phone, id, messages) = card(&mut world);
    let display = shown(&phone, &id);
    let approve = Intent::new(&display, Answer::Approve, Uv::Presence);
    let deny = Intent::new(&display, Answer::Deny, Uv::Presence);

    // The disk is full: nothing was signed, and the person can try again.
    let prepared = phone.answer(&world.phone.key, &deny, clock(), &mut dice(1)).unwrap();
    assert_eq!(prepared.persist(|_| Err("full")), Err("full"));
    assert!(phone.outbox(NOW).is_empty());
    // Dropped on the way: the same.
    drop(phone.answer(&world.phone.key, &deny, clock(), &mut dice(1)).unwrap());

    let mut disk = None;
    let prepared = phone.answer(&world.phone.key, &approve, clock(), &mut dice(1)).unwrap();
    let signed = prepared
        .persist(|entry| {
            disk = Some(entry.clone());
            Ok::<(), ()>(())
        })
        .unwrap();
    for intent in [&approve, &deny] {
        assert_eq!(answer(&mut phone, &world, intent), Err(Refused::AlreadyAnswered));
    }
    assert_eq!(phone.outbox(NOW), [(id, signed.message.as_str())]);

    // The device stops before it could send, and starts again from what was stored.
    let Some(Entry::Answer { request, agent, answered, unsent, settled }) = disk else { panic!("an answer") };
    assert_eq!((request, agent, answered.seq, settled), (id, world.agent.public().thumbprint(), 1, 1));
    let mut state = world.state(&world.phone);
    state.ledger.seq = answered.seq;
    state.ledger.answered.insert(request, answered);
    state.ledger.outbox.insert(answered.seq, unsent);
    assert_eq!(state.ledger, phone.state().ledger);
    let mut phone = Approver::resume(state, world.phone.id(), NOW).unwrap();
    assert_eq!(phone.outbox(NOW), [(id, signed.message.as_str())]);
    let (_, page) = world.page_with(&messages);
    assert_eq!(phone.receive(&page, NOW).arrived, [id]);
    assert_eq!(answer(&mut phone, &world, &deny), Err(Refused::AlreadyAnswered));
    phone.delivered(&id, State::Approved);
    assert!(phone.outbox(NOW).is_empty());
    // Long after, it is forgotten, and the request long out of time.
    let later = Approver::resume(phone.state(), world.phone.id(), NOW.plus(8 * 86_400)).unwrap();
    assert!(later.ledger().answered.is_empty());
    assert_eq!(later.ledger().seq, 1);
}

#[test]
fn each_decision_has_the_next_number() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    for n in 1..=3 {
        let messages = world.request(&pay());
        let (id, page) = world.page_with(&messages);
        phone.receive(&page, NOW);
        let intent = Intent::new(&shown(&phone, &id), Answer::Deny, Uv::None);
        let message = answer(&mut phone, &world, &intent).unwrap();
        let opened = Received::<Decision>::parse(&message).unwrap().open(|_| Some(world.phone.key.public())).unwrap();
        assert_eq!(opened.body().seq, n);
    }
}

#[test]
fn what_must_not_be_signed_is_not() {
    let mut world =
        World::with_rules(vec![tool_rule("bank.pay", Require { uv: Some(RequiredUv::Verified), ..Require::ONE })]);
    let (mut phone, id, _) = card(&mut world);
    let display = shown(&phone, &id);
    let approve = Intent::new(&display, Answer::Approve, Uv::Verified);
    let mut refused =
        |intent: &Intent, key, clock| phone.answer(key, intent, clock, &mut dice(1)).map(|_| ()).unwrap_err();
    let key = &world.phone.key;
    let wrong_card = Intent { card: Hash::of(b"x"), ..approve.clone() };
    assert_eq!(refused(&wrong_card, key, clock()), Refused::NotFound);
    let wrong_display = Intent { display: Hash::of(b"x"), ..approve.clone() };
    assert_eq!(refused(&wrong_display, key, clock()), Refused::Changed);
    for seconds in [-61, 61, 3600] {
        let off = Clock { now: NOW, server: Some(NOW.plus(-seconds)) };
        assert_eq!(refused(&approve, key, off), Refused::ClockOff { seconds });
    }
    assert_eq!(refused(&approve, &world.laptop.key, clock()), Refused::WrongKey);
    let weak = Intent { uv: Uv::Presence, ..approve.clone() };
    assert_eq!(refused(&weak, key, clock()), Refused::NeedsVerification(RequiredUv::Verified));
    let late = Clock::alone(NOW.plus(301));
    assert_eq!(refused(&approve, key, late), Refused::Closed(State::Expired));
    let same = Intent { answer: Answer::Modify(object(&pay().arguments)), ..approve.clone() };
    assert_eq!(refused(&same, key, clock()), Refused::Unchanged);
    let with_nobody = Intent { answer: Answer::Agree(Hash::of(b"x")), ..approve.clone() };
    assert_eq!(refused(&with_nobody, key, clock()), Refused::Unchanged);
    let mut bad = object(&pay().arguments);
    bad.set("payee", "\u{ffff}".into());
    let unspeakable = Intent { answer: Answer::Modify(bad), ..approve.clone() };
    assert_eq!(refused(&unspeakable, key, clock()), Refused::DoesNotFit);
    for (note, why) in [("x".repeat(2001), Refused::TooLarge), ("\u{fdd0}".to_owned(), Refused::DoesNotFit)] {
        let wordy = Intent { note: Some(note), ..approve.clone() };
        assert_eq!(refused(&wordy, key, clock()), why);
    }
    let weak_denial = Intent { answer: Answer::Deny, uv: Uv::None, ..approve };
    assert!(answer(&mut phone, &world, &weak_denial).is_ok());
}

#[test]
fn an_expired_status_stops_everything_but_its_renewal() {
    let mut world = World::new();
    let far = NOW.plus(80 * 3600);
    let mut phone = world.approver(&world.phone);
    let messages = world.request_at(&pay(), far);
    let (id, page) = world.page_with(&messages);
    phone.receive(&page, far);
    let clock = Clock { now: far, server: Some(far) };
    let why = Refused::Worthless(Reason::StatusExpired);
    assert_eq!(phone.check_answerable(&id, clock).unwrap_err(), why);
    let intent = Intent::new(&shown(&phone, &id), Answer::Approve, Uv::Presence);
    assert_eq!(phone.answer(&world.phone.key, &intent, clock, &mut dice(1)).map(|_| ()).unwrap_err(), why);
    let renewed = phone.desk(&world.phone.key, clock).unwrap().status(&StatusStep::Renew, &mut dice(2)).unwrap();
    assert_eq!(phone.follow(&[&renewed], far), Ok(true));
    assert!(phone.check_answerable(&id, clock).is_ok());
}

#[test]
fn a_huge_request_can_still_be_denied() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    // Every character becomes a chip of many, so what is shown is far larger than what was asked.
    let body: String = "\\u200b\\u200c".repeat(60_000);
    let messages = world.request(&ask("mail.send", &format!(r#"{{"body":"{body}"}}"#)));
    let (id, page) = world.page_with(&messages);
    phone.receive(&page, NOW);
    let intent = Intent { folds: Folds::Open, ..Intent::new(&shown(&phone, &id), Answer::Deny, Uv::Presence) };
    let decision = answer(&mut phone, &world, &intent).unwrap();
    assert_eq!(check(&world, &messages, &[&decision]), Err(Reason::Denied));
}

#[test]
fn a_decision_that_came_too_late_is_not_claimed_as_ours() {
    let mut world = World::new();
    let (mut phone, id, _) = card(&mut world);
    let intent = Intent::new(&shown(&phone, &id), Answer::Approve, Uv::Presence);
    answer(&mut phone, &world, &intent).unwrap();
    let by = Some(world.laptop.id());
    let entry = world.entry(InboxEvent::Moved { request: id, state: State::Denied, by, code: None });
    phone.too_late(&id, State::Denied);
    phone.receive(&world.page(vec![entry]), NOW);
    let phase = phone.inbox().card(&id).unwrap().phase(phone.view(), NOW);
    let elsewhere = Phase::AnsweredElsewhere { by: vec!["Ana's laptop".into()], step: Step::Denied };
    assert_eq!(phase, elsewhere);
    assert!(phone.outbox(NOW).is_empty());
}

#[test]
fn refusals_are_told_with_code_sentence_and_hint() {
    let body = ErrorBody::from(&Refused::Closed(State::Denied));
    assert_eq!((body.code.as_str(), body.message.as_str()), ("closed", "The request is already denied."));
    assert_eq!(body.state, Some(State::Denied));
    let body = ErrorBody::from(&Refused::Worthless(Reason::Paused));
    assert_eq!((body.code.as_str(), body.message.as_str()), ("paused", "The person has paused this agent."));
}
