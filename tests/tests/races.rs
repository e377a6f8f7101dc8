//! Two devices answer one request, two processes of an agent take one approval: one outcome, and everyone is told it.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

use agenttrust_device::approver::inbox::Phase;
use agenttrust_device::{CardView, Done, Event, Failure};
use agenttrust_gate::{Action, Gate, Session, Verdict};
use agenttrust_protocol::Hash;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, History, Phone, World};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Requests that are raced for.
const RACES: usize = 1_000;

/// Requests under way at a time.
const LANES: usize = 8;

/// What the two persons do, race after race.
fn answers(race: usize) -> [Answer; 2] {
    let deny = || Answer::Deny("no".to_owned());
    match race % 4 {
        0 => [Answer::Approve, deny()],
        1 => [deny(), Answer::Approve],
        2 => [Answer::Approve, Answer::Approve],
        _ => [deny(), deny()],
    }
}

/// What a device saw: a card, or how one ended elsewhere.
enum Saw {
    Card(usize, Box<CardView>),
    Elsewhere(usize, Hash),
}

/// Tells everything a device sees until it stops.
async fn watch(which: usize, phone: Arc<Phone>, tell: UnboundedSender<Saw>) {
    let mut events = phone.device.events();
    while let Some(event) = events.next().await {
        let saw = match event {
            Event::CardAdded { card } => Saw::Card(which, card),
            Event::CardClosed { card, phase: Phase::AnsweredElsewhere { .. }, .. } => Saw::Elsewhere(which, card),
            Event::Missed { .. } => panic!("the device was faster than the test"),
            _ => continue,
        };
        if tell.send(saw).is_err() {
            return;
        }
    }
}

/// One race as the devices saw it.
struct Race {
    request: Hash,
    answers: [Answer; 2],
    told: [Result<Option<Done>, Failure>; 2],
}

impl Race {
    /// The answer that counted; the other device was told that the request is closed.
    fn winner(&self) -> &Answer {
        let stored = |told: &Result<Option<Done>, Failure>| matches!(told, Ok(Some(Done::Answered { stored: Some(_), .. })));
        let (winner, loser) = match [stored(&self.told[0]), stored(&self.told[1])] {
            [true, false] => (0, 1),
            [false, true] => (1, 0),
            both => panic!("{both:?}: {:?}", self.told),
        };
        let code = self.told[loser].as_ref().unwrap_err().code().to_owned();
        assert_eq!(code, "closed", "{:?}", self.told);
        let expected = if self.answers[winner] == Answer::Approve { State::Approved } else { State::Denied };
        let Ok(Some(Done::Answered { stored, .. })) = &self.told[winner] else { unreachable!("it was stored") };
        assert_eq!(*stored, Some(expected));
        &self.answers[winner]
    }
}

async fn race(phones: [Arc<Phone>; 2], cards: [CardView; 2], number: usize) -> (usize, Race) {
    let answers = answers(number);
    let [first, second] = &phones;
    let told = tokio::join!(
        first.try_give(&cards[0], answers[0].clone()),
        second.try_give(&cards[1], answers[1].clone())
    );
    (number, Race { request: cards[0].id, answers, told: told.into() })
}

/// The number that the agent put into its call.
fn number(card: &CardView) -> usize {
    let arguments: Value = serde_json::from_str(&card.json).unwrap();
    arguments["race"].as_u64().unwrap() as usize
}

/// Asks every call of one lane; answers those that were allowed.
async fn ask_lane(session: Session, lane: usize) -> Vec<usize> {
    let mut allowed = Vec::new();
    for number in (lane..RACES).step_by(LANES) {
        match session.ask(Action::new("race", &json!({ "race": number }))).await.unwrap() {
            Verdict::Allowed(permit) => {
                permit.run(|_| async { Ok::<_, String>(()) }).await.unwrap();
                allowed.push(number);
            }
            Verdict::Refused(refused) => assert_eq!(refused.code().to_string(), "denied", "race {number}"),
        }
    }
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_devices_that_answer_one_counts_and_the_other_is_told() {
    let world = World::new().await;
    let accepting = world.answering(|_| Answer::Ignore);
    let session = world.session().await;
    accepting.abort();
    let phones = [Arc::clone(&world.phone), Arc::new(world.second_phone().await)];
    let (tell, mut seen) = unbounded_channel();
    for (which, phone) in phones.iter().enumerate() {
        tokio::spawn(watch(which, Arc::clone(phone), tell.clone()));
    }
    tokio::task::yield_now().await;
    let lanes: Vec<_> = (0..LANES).map(|lane| tokio::spawn(ask_lane(session.clone(), lane))).collect();

    let (mut waiting, mut racing) = (HashMap::<Hash, [Option<CardView>; 2]>::new(), tokio::task::JoinSet::new());
    let mut elsewhere = HashSet::new();
    while racing.len() < RACES {
        match seen.recv().await.unwrap() {
            Saw::Card(which, card) => {
                let cards = waiting.entry(card.id).or_default();
                cards[which] = Some(*card);
                if let [Some(_), Some(_)] = cards {
                    let [Some(a), Some(b)] = waiting.remove(&cards[which].as_ref().unwrap().id).unwrap() else {
                        unreachable!("both are there")
                    };
                    let race_number = number(&a);
                    racing.spawn(race(phones.clone(), [a, b], race_number));
                }
            }
            Saw::Elsewhere(which, request) => {
                elsewhere.insert((which, request));
            }
        }
    }
    let races: HashMap<usize, Race> = racing.join_all().await.into_iter().collect();
    let mut allowed = HashSet::new();
    for lane in lanes {
        allowed.extend(lane.await.unwrap());
    }

    let history = History::of(&world.phone.device).await;
    for (number, race) in &races {
        let approved = *race.winner() == Answer::Approve;
        assert_eq!(allowed.contains(number), approved, "race {number}: the agent was told something else");
        let expected = if approved { State::Executed } else { State::Denied };
        assert_eq!(history.states[&race.request], expected, "race {number}");
    }
    let report = history.verify(&world.phone.device);
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!(history.states.len(), RACES);
}

/// A second process of the agent, as far as its record is concerned.
fn session_of(gate: &Gate) -> Session {
    gate.session("the session").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_ask_the_same_call_one_runs_it() {
    let world = World::new().await;
    let _person = world.answering(|_| Answer::Approve);
    let first = world.session().await;
    let second = session_of(&world.gate());
    let mut wins = [0, 0];
    for number in 0..200 {
        let action = || Action::new("race", &json!({ "race": number })).call(&format!("call-{number}"));
        let verdicts = <[_; 2]>::from(tokio::join!(first.ask(action()), second.ask(action()))).map(Result::unwrap);
        let codes = verdicts.map(|verdict| match verdict {
            Verdict::Allowed(_) => "allowed".to_owned(),
            Verdict::Refused(refused) => refused.code().to_string(),
        });
        let winner = codes.iter().position(|code| code == "allowed");
        let winner = winner.unwrap_or_else(|| panic!("call {number} ran nowhere: {codes:?}"));
        assert_eq!(codes[1 - winner], "spent", "call {number}: {codes:?}");
        wins[winner] += 1;
    }
    let states = History::of(&world.phone.device).await.states;
    let claimed = states.values().filter(|state| **state == State::Claimed).count();
    assert_eq!(claimed, 200, "{wins:?}: {states:?}");
}
