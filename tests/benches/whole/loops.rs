//! Asking: one after the other beside the peer, many at once, and under a grant.

use super::series::Series;
use agenttrust_device::{CardView, Command, Done, Event, Scope};
use agenttrust_gate::{Action, ExecutionResult, Session, Verdict};
use agenttrust_protocol::message::Uv;
use agenttrust_tests::kit::{Answer, Phone, World};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

/// Rounds of ours and the peer's, in turns.
pub const ROUNDS: usize = 5;

/// How long a throughput is measured.
const SPAN: Duration = Duration::from_secs(8);

fn pay(number: usize) -> Action {
    Action::new("pay_invoice", &json!({ "invoice": "4711", "amount": number }))
}

/// Answers every card the moment it is there, many at a time.
pub fn answer_at_once(phone: &Arc<Phone>) -> JoinHandle<()> {
    let phone = Arc::clone(phone);
    tokio::spawn(async move {
        let mut events = phone.device.events();
        let give = |card: Box<CardView>| {
            let phone = Arc::clone(&phone);
            tokio::spawn(async move { phone.give(&card, Answer::Approve).await })
        };
        while let Some(event) = events.next().await {
            #[allow(clippy::wildcard_enum_match_arm, reason = "the other events ask for nothing")]
            match event {
                Event::CardAdded { card } => drop(give(card)),
                Event::Missed { .. } => {
                    phone.device.snapshot().cards.into_iter().for_each(|card| drop(give(card.into())))
                }
                _ => {}
            }
        }
    })
}

/// One ask of this session, answered at once: what everything in front of a tool is measured against.
pub async fn one(session: &Session, number: usize) -> Duration {
    ask(session, pay(number)).await
}

/// Asks and claims; what is measured ends where the tool would begin.
async fn ask(session: &Session, action: Action) -> Duration {
    let began = Instant::now();
    let verdict = session.ask(action).await.expect("a proper action");
    let took = began.elapsed();
    match verdict {
        Verdict::Allowed(permit) => drop(permit.report(ExecutionResult::Executed, None).await.expect("it is reported")),
        Verdict::Refused(refused) => panic!("{refused}"),
    }
    took
}

async fn ask_in_turn(session: &Session, loops: usize) -> Series {
    let mut series = Series::default();
    for number in 0..loops {
        series.push(ask(session, pay(number)).await);
    }
    series
}

/// The peer's loops, as its script prints them; empty where it is not installed.
fn peer(folder: &Path, loops: usize) -> Series {
    let mut series = Series::default();
    let Ok(python) = std::env::var("LANGGRAPH_PYTHON") else { return series };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("langgraph_interrupt.py");
    let mut command = std::process::Command::new(python);
    let output = command.arg(script).arg(folder.join("peer.db")).arg(loops.to_string()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().for_each(|line| series.push_ms(line.parse().expect("milliseconds")));
    series
}

/// Ours and the peer's, round by round.
pub async fn beside_the_peer(world: &World, session: &Session) -> Vec<(Series, Option<Series>)> {
    ask_in_turn(session, 50).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let ours = ask_in_turn(session, 400).await;
        let theirs = peer(&world.path("."), 100);
        rounds.push((ours, Some(theirs).filter(|_| std::env::var("LANGGRAPH_PYTHON").is_ok())));
    }
    rounds
}

/// Loops a second, with so many under way.
pub async fn a_second(
    session: &Session,
    lanes: usize,
    action: impl Fn(usize) -> Action + Copy + Send + 'static,
) -> f64 {
    let (began, mut running) = (Instant::now(), JoinSet::new());
    for _ in 0..lanes {
        let session = session.clone();
        running.spawn(async move {
            let mut done = 0_usize;
            while began.elapsed() < SPAN {
                ask(&session, action(done)).await;
                done += 1;
            }
            done
        });
    }
    let done: usize = running.join_all().await.into_iter().sum();
    done as f64 / began.elapsed().as_secs_f64()
}

/// Full loops a second.
pub async fn full(session: &Session, lanes: usize) -> f64 {
    a_second(session, lanes, pay).await
}

fn trusted(_: usize) -> Action {
    Action::new("read_invoice", &json!({ "invoice": "4711" }))
}

/// Makes a trusted action, then uses it: in turn, then many at once.
pub async fn granted(world: &World, session: &Session, lanes: usize) -> (Series, f64, u64) {
    let device = &world.phone.device;
    let mut events = device.events();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { ask(&session, trusted(0)).await }
    });
    let card = loop {
        if let Event::CardAdded { card } = events.next().await.expect("the device runs") {
            break card;
        }
    };
    let scope = Scope { session_only: false, uses: Some(10_000_000), seconds: 3600 };
    let grant = Command::Grant { card: card.id, title: "Reading".to_owned(), scope, uv: Uv::Presence };
    device.run(grant).await.expect("it is granted");
    world.phone.give(&card, Answer::Approve).await;
    asking.await.expect("it ran");
    let mut series = Series::default();
    for _ in 0..3000 {
        series.push(ask(session, trusted(0)).await);
    }
    let rate = a_second(session, lanes, trusted).await;
    let Ok(Done::Grants { grants }) = device.run(Command::Grants).await else { panic!("no grants") };
    (series, rate, grants[0].uses)
}
