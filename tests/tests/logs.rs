//! What the SDK warns of names nobody, and nothing of what was asked.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::CardView;
use agenttrust_device::approver::inbox::Phase;
use agenttrust_gate::{Action, Permit, Session, Verdict};
use agenttrust_tests::kit::{Answer, World};
use rusqlite::Connection;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn action() -> Action {
    let arguments = json!({"to": "bob", "memo": "the roof"});
    Action::new("pay_bob", &arguments).title("Pay Bob").reason("The roof leaks.").life(Duration::from_secs(30))
}

async fn permit(session: &Session) -> Permit {
    match session.ask(action()).await.unwrap() {
        Verdict::Allowed(permit) => permit,
        Verdict::Refused(refused) => panic!("{refused}"),
    }
}

/// Lets the record refuse this from now on, in words of its own.
fn fail(record: &Connection, what: &str) {
    let name = what.replace(' ', "_");
    let trigger = format!("CREATE TRIGGER {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, 'not for bob'); END");
    record.execute_batch(&trigger).unwrap();
}

async fn until_open(world: &World) -> CardView {
    let mut events = world.phone.device.events();
    loop {
        let cards = world.phone.device.snapshot().cards;
        if let Some(card) = cards.into_iter().find(|card| card.phase == Phase::Open) {
            return card;
        }
        events.next().await.unwrap();
    }
}

/// On one thread, so that all the SDK says is heard.
#[tokio::test]
async fn nothing_personal_is_warned_of() {
    let mut world = World::new().await;
    let person = world.answering(|_| Answer::Approve);
    let gate = world.gate();
    gate.enroll().await.unwrap();
    let session = gate.session("the session").unwrap();
    let record = Connection::open(world.path("agent/agents/office/gate.db")).unwrap();
    record.busy_timeout(Duration::from_secs(5)).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("agenttrust_gate=info"))
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _listening = tracing::subscriber::set_default(subscriber.finish());

    // A report waits for the daemon, which then does not take it.
    let (first, second) = (permit(&session).await, permit(&session).await);
    world.daemon.kill();
    first.run(|arguments| async move { Ok::<_, String>(arguments.to_json()) }).await.unwrap();
    assert_eq!(record.execute("UPDATE outbox SET body = 'bob ' || body", []).unwrap(), 1);
    world.daemon.restart();
    gate.flush().await.unwrap();

    // A report that can be neither delivered nor kept.
    world.daemon.kill();
    fail(&record, "INSERT ON outbox");
    second.run(|_| async { Err::<(), _>("Bob is not at home".to_owned()) }).await.unwrap_err();
    world.daemon.restart();
    world.phone.device.wake();

    // A request whose end can not be put on record.
    person.abort();
    let asking = tokio::spawn(async move { session.ask(action()).await.unwrap() });
    let card = until_open(&world).await;
    fail(&record, "UPDATE ON requests");
    world.phone.give(&card, Answer::Deny("Bob is on holiday.".to_owned())).await;
    let verdict = asking.await.unwrap();
    assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");

    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for line in ["does not take a report", "could not be reported", "could not be ended on record"] {
        assert!(said.contains(line), "{line} is missing: {said}");
    }
    let home = world.path("").display().to_string();
    for word in ["bob", "Bob", "roof", "office", "phone", "holiday", home.as_str()] {
        assert!(!said.contains(word), "{word} in {said}");
    }
}
