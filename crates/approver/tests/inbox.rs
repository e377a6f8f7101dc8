//! The inbox's story: what arrives becomes a card only if it verifies, and a card tells the truth about itself.

mod common;

use agenttrust_approver::inbox::{Due, MAX_OPEN, Phase, Step};
use agenttrust_approver::sign::{Answer, Clock, Intent, StatusStep};
use agenttrust_approver::{Approver, Refused};
use agenttrust_protocol::door::{InboxEvent, InboxPage};
use agenttrust_protocol::key::SecretKey;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Paused, Uv, Verdict};
use agenttrust_protocol::{Hash, Reason};
use common::{Ask, NOW, World, ask, clock, dice, stored};

fn pay() -> Ask {
    ask("bank.pay", r#"{"amount":12.50}"#)
}

#[test]
fn a_verified_request_becomes_a_card_and_lives() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let messages = world.request(&pay());
    let (id, page) = world.page_with(&messages);
    let update = phone.receive(&page, NOW);
    assert_eq!((update.arrived.as_slice(), update.refused.len()), (&[id][..], 0));
    assert_eq!(phone.inbox().card(&id).unwrap().phase(phone.view(), NOW), Phase::Open);

    // The same page again changes nothing, for it was taken already.
    assert!(phone.receive(&page, NOW).arrived.is_empty());
    assert_eq!(phone.inbox().after(), Some(world.seq));

    let display = phone.inbox().card(&id).unwrap().display(None);
    let intent = Intent::new(&display, Answer::Approve, Uv::Presence);
    phone.answer(&world.phone.key, &intent, clock(), &mut dice(2)).unwrap().persist(stored).unwrap();
    let step = |phone: &mut Approver, page: Option<InboxPage>| {
        if let Some(page) = page {
            phone.receive(&page, NOW);
        }
        phone.inbox().card(&id).unwrap().phase(phone.view(), NOW)
    };
    let here = |step| Phase::AnsweredHere { verdict: Verdict::Approve, step };
    assert_eq!(step(&mut phone, None), here(Step::Signed));
    let by = Some(world.phone.id());
    let entry = world.entry(InboxEvent::Moved { request: id, state: State::Approved, by, code: None });
    let approved = world.page(vec![entry]);
    assert_eq!(step(&mut phone, Some(approved)), here(Step::Approved));
    for (state, expected) in [(State::Claimed, Step::Claimed), (State::Executed, Step::Executed)] {
        let page = world.moved(id, state);
        assert_eq!(step(&mut phone, Some(page)), here(expected));
    }
    // What has ended stays ended.
    for state in [State::Pending, State::Approved, State::Failed] {
        let page = world.moved(id, state);
        assert_eq!(step(&mut phone, Some(page)), here(Step::Executed));
    }
}

#[test]
fn what_does_not_verify_never_becomes_a_card() {
    let mut world = World::new();
    let good = world.request(&pay());
    let other = world.request(&ask("fs.delete", r#"{"path":"/"}"#));
    let id = common::id_of(&good);
    let signature = |text: &str| text.split(['.', '~']).nth(2).unwrap().to_owned();
    let mut forged = good.clone();
    forged[2] = forged[2].replace(&signature(&good[2]), &signature(&other[2]));
    let mut withheld = good.clone();
    let cut = withheld[2].trim_end_matches('~').rfind('~').unwrap();
    withheld[2].truncate(cut + 1);
    let cases: Vec<(Hash, Vec<String>, Reason)> = vec![
        (id, forged, Reason::BadSignature),
        (id, withheld, Reason::BadDisclosure),
        (id, other.clone(), Reason::WrongRequest),
        (id, vec![good[0].clone(), other[1].clone(), good[2].clone()], Reason::WrongRequest),
        (id, vec![good[0].clone(), good[2].clone()], Reason::BadForm),
        (id, Vec::new(), Reason::BadForm),
        (id, vec![world.enroll.clone()], Reason::BadForm),
    ];
    let mut phone = world.approver(&world.phone);
    for (request, messages, reason) in cases {
        let entry = world.entry(InboxEvent::Request { request, messages });
        let update = phone.receive(&world.page(vec![entry]), NOW);
        assert_eq!(update.refused.first().map(|refused| refused.reason), Some(reason));
        assert!(phone.inbox().cards().is_empty() && update.arrived.is_empty());
    }
    // Signed by a key that the certificate does not name.
    let mut elsewhere = World::new();
    elsewhere.agent = SecretKey::from_seed(&[99; 32]);
    let foreign = elsewhere.request(&pay());
    let (_, page) = world.page_with(&foreign);
    assert_eq!(phone.receive(&page, NOW).refused.first().map(|refused| refused.reason), Some(Reason::UnknownKey));
    // Too old.
    let old = world.request_at(&pay(), NOW.plus(-1000));
    let (_, page) = world.page_with(&old);
    assert_eq!(phone.receive(&page, NOW).refused.first().map(|refused| refused.reason), Some(Reason::Expired));
}

#[test]
fn answered_elsewhere_says_by_whom() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    for (state, step) in [(State::Denied, Step::Denied), (State::Approved, Step::Approved)] {
        let messages = world.request(&pay());
        let (id, page) = world.page_with(&messages);
        phone.receive(&page, NOW);
        let by = Some(world.laptop.id());
        let entry = world.entry(InboxEvent::Moved { request: id, state, by, code: None });
        let update = phone.receive(&world.page(vec![entry]), NOW);
        assert_eq!(update.changed, [id]);
        let phase = phone.inbox().card(&id).unwrap().phase(phone.view(), NOW);
        assert_eq!(phase, Phase::AnsweredElsewhere { by: vec!["Ana's laptop".into()], step });
        assert_eq!(phone.check_answerable(&id, clock()).unwrap_err(), Refused::Closed(state));
    }
    for (state, phase) in
        [(State::Cancelled, Phase::Cancelled), (State::Expired, Phase::Expired), (State::Revoked, Phase::Revoked)]
    {
        let messages = world.request(&pay());
        let (id, page) = world.page_with(&messages);
        phone.receive(&page, NOW);
        let page = world.moved(id, state);
        phone.receive(&page, NOW);
        assert_eq!(phone.inbox().card(&id).unwrap().phase(phone.view(), NOW), phase);
        assert_eq!(phone.check_answerable(&id, clock()).unwrap_err(), Refused::Closed(state));
    }
}

#[test]
fn a_reset_puts_the_rest_in_doubt() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let first = world.request(&pay());
    let second = world.request(&ask("fs.read", r#"{"path":"/a"}"#));
    let (one, page) = world.page_with(&first);
    phone.receive(&page, NOW);
    let (two, page) = world.page_with(&second);
    phone.receive(&page, NOW);

    // After a reconnect the daemon's count may begin anew, and only the second request is still open.
    world.seq = 0;
    let (_, page) = world.page_with(&second);
    let update = phone.receive(&InboxPage { reset: true, ..page }, NOW);
    assert_eq!(update.unsure, [one]);
    assert_eq!(phone.inbox().after(), Some(1));
    assert_eq!(phone.inbox().card(&one).unwrap().phase(phone.view(), NOW), Phase::Unsure);
    assert_eq!(phone.check_answerable(&one, clock()).unwrap_err(), Refused::Unsure);
    assert!(phone.check_answerable(&two, clock()).is_ok());
    assert_eq!(phone.inbox().open(NOW).len(), 1);

    let laptop = world.laptop.id();
    assert!(phone.observe(&one, State::Denied, Some(laptop), None));
    assert!(matches!(phone.inbox().card(&one).unwrap().phase(phone.view(), NOW), Phase::AnsweredElsewhere { .. }));
}

#[test]
fn time_runs_out_on_a_card() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let slow = world.request(&Ask { life: 1000, ..pay() });
    let quick = world.request(&Ask { life: 100, ..ask("fs.read", "{}") });
    let (slow, page) = world.page_with(&slow);
    phone.receive(&page, NOW);
    let (quick, page) = world.page_with(&quick);
    phone.receive(&page, NOW);
    let order: Vec<Hash> = phone.inbox().open(NOW).iter().map(|card| card.id()).collect();
    assert_eq!(order, [quick, slow]);

    let mut told = Vec::new();
    let mut now = NOW;
    while let Some(next) = phone.next_deadline(now).filter(|next| *next < NOW.plus(2000)) {
        assert!(next > now, "time stands still");
        now = next;
        told.extend(phone.due(now).into_iter().map(|due| (now.since(NOW), due)));
    }
    assert_eq!(
        told,
        [
            (50, Due::Half(quick)),
            (90, Due::Nearly(quick)),
            (101, Due::Expired(quick)),
            (500, Due::Half(slow)),
            (900, Due::Nearly(slow)),
            (1001, Due::Expired(slow)),
        ]
    );
    let late = NOW.plus(101);
    assert_eq!(phone.inbox().card(&quick).unwrap().phase(phone.view(), late), Phase::Expired);
    let clock = Clock { now: late, server: Some(late) };
    assert_eq!(phone.check_answerable(&quick, clock).unwrap_err(), Refused::Closed(State::Expired));
}

#[test]
fn one_who_slept_is_told_once() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let messages = world.request(&pay());
    let (id, page) = world.page_with(&messages);
    phone.receive(&page, NOW);
    assert_eq!(phone.due(NOW.plus(299)), [Due::Nearly(id)]);
    assert_eq!(phone.due(NOW.plus(299)), []);
}

#[test]
fn a_paused_agent_is_refused_and_asked_for_again_when_let_go() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let messages = world.request(&pay());
    let (open, page) = world.page_with(&messages);
    phone.receive(&page, NOW);
    let pause = phone.desk(&world.phone.key, clock()).unwrap();
    let agents = Paused::Agents(vec![world.agent.public().thumbprint()]);
    let pause = pause.status(&StatusStep::Pause(agents), &mut dice(3)).unwrap();
    let entry = world.entry(InboxEvent::Trust { messages: vec![pause] });
    assert!(phone.receive(&world.page(vec![entry]), NOW).trust_changed);

    // The card that was there cannot be answered, a new one does not come to be.
    assert_eq!(phone.check_answerable(&open, clock()).unwrap_err(), Refused::Worthless(Reason::Paused));
    let second = world.request(&pay());
    let (id, page) = world.page_with(&second);
    let update = phone.receive(&page, NOW);
    assert_eq!(update.refused.first().map(|refused| (refused.id, refused.reason)), Some((Some(id), Reason::Paused)));
    assert!(!update.reload);

    let lift = phone.desk(&world.phone.key, clock()).unwrap();
    let lift = lift.status(&StatusStep::Lift(Paused::All), &mut dice(4)).unwrap();
    let entry = world.entry(InboxEvent::Trust { messages: vec![lift] });
    let update = phone.receive(&world.page(vec![entry]), NOW);
    assert!(update.trust_changed && update.reload);
    assert!(phone.check_answerable(&open, clock()).is_ok());
}

#[test]
fn memory_is_bounded() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let messages: Vec<Vec<String>> =
        (0..MAX_OPEN as i64 + 300).map(|n| world.request(&Ask { life: 100_000 - n, ..pay() })).collect();
    let mut entries = Vec::new();
    for request in &messages {
        let event = InboxEvent::Request { request: common::id_of(request), messages: request.clone() };
        entries.push(world.entry(event));
    }
    let page = world.page(entries);
    let update = phone.receive(&page, NOW);
    let cards = phone.inbox().cards();
    assert!(cards.len() <= MAX_OPEN + 200, "{}", cards.len());
    // Those that end soonest are kept.
    let last = common::id_of(messages.last().unwrap());
    assert_eq!(cards.first().map(|card| card.id()), Some(last));
    assert_eq!(update.arrived.len(), cards.len());
}

#[test]
fn knocks_and_joiners_wait_apart() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let enroll = world.enrolled().hash();
    let messages = vec![world.enroll.clone()];
    let entry = world.entry(InboxEvent::Enroll { enroll, messages: messages.clone(), process: Some("pid 1".into()) });
    assert!(phone.receive(&world.page(vec![entry]), NOW).knocks_changed);
    assert_eq!(phone.inbox().knocks().count(), 1);
    let wrong = Hash::of(b"other");
    let entry = world.entry(InboxEvent::Enroll { enroll: wrong, messages, process: None });
    assert_eq!(phone.receive(&world.page(vec![entry]), NOW).refused.len(), 1);
    let entry = world.entry(InboxEvent::Enrolled { enroll, accepted: false });
    assert!(phone.receive(&world.page(vec![entry]), NOW).knocks_changed);
    assert_eq!(phone.inbox().knocks().count(), 0);
}
