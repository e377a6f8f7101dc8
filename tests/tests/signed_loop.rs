//! The whole loop with the real daemon, the real device code and the real SDK.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::Event;
use agenttrust_gate::{Action, Gate, GateConfig, NoDevice, Session, Verdict};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, Daemon, Phone};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct World {
    daemon: Daemon,
    phone: Arc<Phone>,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let daemon = Daemon::spawn();
        let folder = tempfile::tempdir().unwrap();
        let phone = Arc::new(Phone::first(&daemon, &folder.path().join("phone")).await);
        World { daemon, phone, folder }
    }

    /// The person answers every card like this.
    fn answering(&self, answer: impl Fn() -> Answer + Send + Sync + 'static) -> tokio::task::JoinHandle<()> {
        let phone = Arc::clone(&self.phone);
        tokio::spawn(async move { phone.serve(|_| answer()).await })
    }

    async fn agent(&self) -> Session {
        open_agent(&self.daemon, &self.folder.path().join("agent")).await
    }
}

async fn open_agent(daemon: &Daemon, state: &Path) -> Session {
    let config =
        GateConfig::new("office").state(state).socket(daemon.agent_socket()).no_device(NoDevice::Queue).program("test");
    let gate = Gate::open(config).unwrap();
    gate.enroll().await.unwrap();
    let session = gate.session("the session").unwrap();
    session.begin_turn(Some("Pay invoice 4711"), None).unwrap();
    session
}

fn pay(amount: i64) -> Action {
    Action::new("pay_invoice", &json!({"invoice": "4711", "amount": amount}))
}

/// Runs what was allowed and answers the arguments it ran with, or the refusal's code.
async fn outcome(session: &Session, action: Action) -> Result<Value, String> {
    match session.ask(action).await.map_err(|e| e.to_string())? {
        Verdict::Allowed(permit) => {
            permit.run(|arguments| async move { arguments.read::<Value>() }).await.map_err(|e| e.to_string())
        }
        Verdict::Refused(refused) => Err(refused.code().to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_runs_as_signed() {
    let world = World::new().await;
    let _person = world.answering(|| Answer::Approve);
    let session = world.agent().await;
    assert_eq!(outcome(&session, pay(120)).await, Ok(json!({"invoice": "4711", "amount": 120})));
    assert_eq!(world.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_reaches_the_agent_with_the_persons_words() {
    let world = World::new().await;
    let _person = world.answering(|| Answer::Deny("Wait until Friday.".to_owned()));
    let session = world.agent().await;
    let Verdict::Refused(refused) = session.ask(pay(120)).await.unwrap() else { panic!("it was allowed") };
    assert_eq!(refused.code().to_string(), "denied");
    assert!(refused.for_model().contains("Wait until Friday."), "{}", refused.for_model());
    assert_eq!(world.phone.states().await, [State::Denied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_what_runs() {
    let world = World::new().await;
    let _person = world.answering(|| Answer::Edit(r#"{"invoice":"4711","amount":20}"#.to_owned()));
    let session = world.agent().await;
    assert_eq!(outcome(&session, pay(120)).await, Ok(json!({"invoice": "4711", "amount": 20})));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_in_a_refusal_that_says_so() {
    let world = World::new().await;
    let _person = world.answering(|| Answer::Ignore);
    let session = world.agent().await;
    let code = outcome(&session, pay(120).life(Duration::from_secs(2))).await;
    assert!(code == Err("timed_out".to_owned()) || code == Err("expired".to_owned()), "{code:?}");
    assert_eq!(world.phone.states().await, [State::Expired]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_prompt_survives_the_daemons_sudden_death() {
    let mut world = World::new().await;
    let accepting = world.answering(|| Answer::Ignore);
    let session = world.agent().await;
    accepting.abort();
    let mut events = world.phone.device.events();
    let asking = tokio::spawn(async move { outcome(&session, pay(120)).await });
    let card = loop {
        if let Event::CardAdded { card } = events.next().await.unwrap() {
            break card;
        }
    };
    world.daemon.kill();
    world.daemon.restart();
    world.phone.device.wake();
    world.phone.try_give(&card, Answer::Approve).await.unwrap();
    assert_eq!(asking.await.unwrap(), Ok(json!({"invoice": "4711", "amount": 120})));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_approval_runs_once_however_often_it_is_asked() {
    let world = World::new().await;
    let _person = world.answering(|| Answer::Approve);
    let session = world.agent().await;
    let call = || pay(120).call("call-1");
    assert!(outcome(&session, call()).await.is_ok());
    assert_eq!(outcome(&session, call()).await, Err("spent".to_owned()));
    assert_eq!(world.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_verifies() {
    let world = World::new().await;
    let _person = world.answering(|| Answer::Approve);
    let session = world.agent().await;
    for amount in 1..4 {
        assert!(outcome(&session, pay(amount)).await.is_ok());
    }
    let device = &world.phone.device;
    let checkpoint = device.checkpoint(0).await.unwrap();
    let size: u64 = checkpoint.checkpoint.lines().nth(1).unwrap().parse().unwrap();
    let leaves = device.leaves(0, size).await.unwrap();
    assert_eq!(leaves.len() as u64, size);
    let mut verification = agenttrust_cli::verify::Verification::new(agenttrust_cli::verify::Expected {
        tdid: None,
        remembered: Vec::new(),
    });
    leaves.iter().for_each(|leaf| verification.push(leaf));
    let report = verification.finish(&checkpoint.checkpoint);
    assert!(report.is_sound(), "{report:?}");
}
