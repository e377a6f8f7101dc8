//! Two devices answer one request, two processes of an agent take one approval: one outcome, and everyone is told it.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

use agenttrust_device::{CardView, Done, Event, Failure};
use agenttrust_gate::{Action, Gate, Session, Verdict};
use agenttrust_protocol::Hash;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, History, Phone, World};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Requests that are raced for; `RACES` sets another number.
static RACES: LazyLock<usize> =
    LazyLock::new(|| std::env::var("RACES").map_or(1_000, |text| text.parse().expect("a number")));

/// Requests under way at a time.
const LANES: usize = 8;

/// With no new card for so long, something has stopped.
const STANDSTILL: Duration = Duration::from_secs(30);

/// What the two persons do, race after race.
fn answers(race: usize) -> [Answer; 2] {
    match race % 4 {
        0 => [Answer::Approve, deny()],
        1 => [deny(), Answer::Approve],
        2 => [Answer::Approve, Answer::Approve],
        _ => [deny(), deny()],
    }
}

fn deny() -> Answer {
    Answer::Deny("no".to_owned())
}

/// A card on one of the devices.
type Card = (usize, Box<CardView>);

/// Tells of every card a device shows.
async fn watch(which: usize, phone: Arc<Phone>, tell: UnboundedSender<Card>) {
    let mut events = phone.device.events();
    while let Some(event) = events.next().await {
        match event {
            Event::CardAdded { card } => tell.send((which, card)).unwrap_or_default(),
            Event::Missed { .. } => panic!("the device was faster than the test"),
            _ => {}
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
    /// What each device was told: what its answer led to, or the code of its refusal.
    fn told(&self) -> [String; 2] {
        self.told.each_ref().map(|told| match told {
            // An answer that is sent twice is told how far it has come meanwhile.
            Ok(Some(Done::Answered { stored: Some(State::Claimed | State::Executed), .. })) => "approved".to_owned(),
            Ok(Some(Done::Answered { stored: Some(state), .. })) => state.to_string(),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => failure.code().to_owned(),
        })
    }

    /// Compares what everyone was told with how the request ended. A deny always wins while nothing has run yet: it
    /// takes an approval back.
    fn check(&self, number: usize, agent: &str, end: State) {
        let told = self.told();
        let told_by = |answer: &Answer| {
            let both = self.answers.iter().zip(&told);
            both.filter(|(given, _)| *given == answer).map(|(_, told)| told.as_str()).collect::<Vec<_>>()
        };
        let (mut approvals, mut denials) = (told_by(&Answer::Approve), told_by(&deny()));
        approvals.sort_unstable();
        denials.sort_unstable();
        let is_one_of = |codes: &[&str]| codes.contains(&agent);
        let fits = match end {
            State::Executed => {
                matches!(approvals[..], ["approved"] | ["approved", "closed"])
                    && matches!(denials[..], [] | ["closed"])
                    && agent == "allowed"
            }
            State::Denied => {
                matches!(approvals[..], [] | ["closed"])
                    && matches!(denials[..], ["denied"] | ["closed", "denied"])
                    && agent == "denied"
            }
            State::Revoked => {
                matches!(approvals[..], ["approved" | "revoked"])
                    && denials == ["revoked"]
                    && is_one_of(&["denied", "revoked", "claim_refused"])
            }
            other => panic!("race {number} ended as {other}"),
        };
        assert!(fits, "race {number}: {end}, {:?} were told {told:?}, the agent {agent}", self.answers);
    }
}

async fn race(phones: [Arc<Phone>; 2], cards: [CardView; 2], number: usize) -> (usize, Race) {
    let answers = answers(number);
    let [first, second] = &phones;
    let told =
        tokio::join!(first.try_give(&cards[0], answers[0].clone()), second.try_give(&cards[1], answers[1].clone()));
    let race = Race { request: cards[0].id, answers, told: told.into() };
    let told = race.told();
    let known = |told: &String| ["approved", "denied", "revoked", "closed"].contains(&told.as_str());
    assert!(told.iter().all(known), "race {number}: {:?} were told {told:?}: {:?}", race.answers, race.told);
    (number, race)
}

/// The number that the agent put into its call.
fn number(card: &CardView) -> usize {
    let arguments: Value = serde_json::from_str(&card.json).unwrap();
    arguments["race"].as_u64().unwrap() as usize
}

/// Asks every call of one lane, and tells what the agent was told of each.
async fn ask_lane(session: Session, lane: usize) -> Vec<(usize, String)> {
    let mut told = Vec::new();
    for number in (lane..*RACES).step_by(LANES) {
        let code = match session.ask(Action::new("race", &json!({ "race": number }))).await.unwrap() {
            Verdict::Allowed(permit) => {
                permit.run(|_| async { Ok::<_, String>(()) }).await.unwrap();
                "allowed".to_owned()
            }
            Verdict::Refused(refused) => refused.code().to_string(),
        };
        told.push((number, code));
    }
    told
}

/// What to say where nothing goes on.
fn standstill(phones: &[Arc<Phone>; 2], waiting: &HashMap<Hash, [Option<CardView>; 2]>, races: usize) -> String {
    let shown = waiting.values().map(|cards| cards.each_ref().map(Option::is_some)).collect::<Vec<_>>();
    let lines = phones.each_ref().map(|phone| {
        let snapshot = phone.device.snapshot();
        (snapshot.connection, snapshot.cards.len(), snapshot.log_trouble)
    });
    format!("no new card after {races} races; shown on either device: {shown:?}; {lines:?}")
}

/// Lets both devices answer each request as soon as both show it.
async fn run_races(phones: &[Arc<Phone>; 2], mut cards: UnboundedReceiver<Card>) -> HashMap<usize, Race> {
    let (mut waiting, mut racing) = (HashMap::<Hash, [Option<CardView>; 2]>::new(), JoinSet::new());
    while racing.len() < *RACES {
        let next = tokio::time::timeout(STANDSTILL, cards.recv()).await;
        let (which, card) = next.unwrap_or_else(|_| panic!("{}", standstill(phones, &waiting, racing.len()))).unwrap();
        let request = card.id;
        waiting.entry(request).or_default()[which] = Some(*card);
        if let Some([Some(_), Some(_)]) = waiting.get(&request) {
            let cards = waiting.remove(&request).unwrap().map(Option::unwrap);
            let number = number(&cards[0]);
            racing.spawn(race(phones.clone(), cards, number));
        }
    }
    racing.join_all().await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_devices_that_answer_one_counts_and_the_other_is_told() {
    let world = World::new().await;
    let accepting = world.answering(|_| Answer::Ignore);
    let session = world.session().await;
    accepting.abort();
    let phones = [Arc::clone(&world.phone), Arc::new(world.second_phone().await)];
    let (tell, cards) = unbounded_channel();
    for (which, phone) in phones.iter().enumerate() {
        tokio::spawn(watch(which, Arc::clone(phone), tell.clone()));
    }
    // Both listen before the first card can come.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let lanes: Vec<_> = (0..LANES).map(|lane| tokio::spawn(ask_lane(session.clone(), lane))).collect();
    let races = run_races(&phones, cards).await;
    let mut agent = HashMap::new();
    for lane in lanes {
        agent.extend(lane.await.unwrap());
    }

    let history = History::of(&world.phone.device).await;
    assert_eq!((history.states.len(), races.len()), (*RACES, *RACES));
    for (number, race) in &races {
        race.check(*number, &agent[number], history.states[&race.request]);
    }
    let report = history.verify();
    assert!(report.is_sound(), "{:?}", report.findings);
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
