//! A stand-in daemon on a real Unix socket, whose devices sign with test keys, and which can be told to misbehave.
#![allow(
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "shared by several test files, each of which uses a part"
)]

mod daemon;
mod domain;

pub use daemon::{Act, Daemon, Enrolling, Stored};
pub use domain::{Domain, at, person};

use agenttrust_gate::{Action, Clock, Gate, GateConfig, Permit, Refused, Session, Time, Verdict};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const START: Time = Time(1_800_000_000);

/// Both clocks, moved by hand.
pub struct TestClock(Mutex<(Time, Duration)>);

impl TestClock {
    pub fn new() -> Arc<TestClock> {
        Arc::new(TestClock(Mutex::new((START, Duration::ZERO))))
    }

    /// Time passes.
    pub fn pass(&self, seconds: i64) {
        let mut clock = self.0.lock().unwrap();
        clock.0 = clock.0.plus(seconds);
        clock.1 += Duration::from_secs(seconds.try_into().unwrap());
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&self, by: i64) {
        let mut clock = self.0.lock().unwrap();
        clock.0 = clock.0.plus(by);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        self.0.lock().unwrap().0
    }
    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

/// A daemon, its clock, and a folder for the agent.
pub struct World {
    pub daemon: Daemon,
    pub clock: Arc<TestClock>,
    pub folder: tempfile::TempDir,
}

impl World {
    /// One phone that approves everything, unless told otherwise.
    pub async fn new() -> World {
        World::with(Domain::new(1)).await
    }

    #[allow(clippy::unused_async, reason = "it needs the runtime it is called on")]
    pub async fn with(domain: Domain) -> World {
        let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let daemon = Daemon::start(&folder.path().join("agent.sock"), domain, clock.clone());
        World { daemon, clock, folder }
    }

    pub fn config(&self) -> GateConfig {
        GateConfig::new("bot")
            .program("/usr/bin/bot")
            .state(self.folder.path().join("state"))
            .socket(self.folder.path().join("agent.sock"))
            .clock(self.clock.clone())
    }

    pub fn gate(&self) -> Gate {
        Gate::open(self.config()).unwrap()
    }

    pub fn session(&self) -> Session {
        self.gate().session("thread-42").unwrap()
    }
}

/// The action that most tests ask for.
pub fn pay() -> Action {
    Action::new("pay", &json!({"to": "acme", "amount": 120}))
}

pub async fn allowed(session: &Session, action: Action) -> Permit {
    match session.ask(action).await.unwrap() {
        Verdict::Allowed(permit) => permit,
        Verdict::Refused(refused) => panic!("refused: {refused}"),
    }
}

pub async fn refused(session: &Session, action: Action) -> Refused {
    match session.ask(action).await.unwrap() {
        Verdict::Allowed(permit) => panic!("allowed: {permit:?}"),
        Verdict::Refused(refused) => refused,
    }
}

pub async fn code(session: &Session, action: Action) -> &'static str {
    refused(session, action).await.code().as_str()
}
