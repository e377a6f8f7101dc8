//! A daemon, its first device and agents, in a folder of their own.

use super::{Answer, Daemon, Phone};
use agenttrust_device::{CardView, Command, Device, Done, Event, Introduction, KeyStore, PairEvent, join};
use agenttrust_gate::{Action, Clock, Gate, GateConfig, NoDevice, Session, SystemClock, Verdict};
use agenttrust_protocol::Time;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A daemon with one paired device.
pub struct World {
    /// The daemon.
    pub daemon: Daemon,
    /// Its first device.
    pub phone: Arc<Phone>,
    folder: tempfile::TempDir,
}

impl World {
    /// A daemon on a new folder, and its first device.
    pub async fn new() -> World {
        World::around(Daemon::spawn()).await
    }

    /// A device for a daemon that has none.
    pub async fn around(daemon: Daemon) -> World {
        let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().expect("a folder");
        let phone = Arc::new(Phone::first(&daemon, &folder.path().join("phone")).await);
        World { daemon, phone, folder }
    }

    /// A path in the world's own folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The person answers every card like this, and accepts every agent.
    pub fn answering(&self, answer: impl Fn(&CardView) -> Answer + Send + Sync + 'static) -> JoinHandle<()> {
        let phone = Arc::clone(&self.phone);
        tokio::spawn(async move { phone.serve(answer).await })
    }

    /// An agent that waits for an answer even where no device can be reached; not enrolled yet.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate_with(|config| config)
    }

    /// The same agent with something else about it.
    #[must_use]
    pub fn gate_with(&self, change: impl FnOnce(GateConfig) -> GateConfig) -> Gate {
        let config = GateConfig::new("office").state(self.path("agent")).socket(self.daemon.agent_socket());
        Gate::open(change(config.no_device(NoDevice::Queue).program("test"))).expect("the agent's folder opens")
    }

    /// A session of an enrolled agent; somebody has to accept it meanwhile.
    pub async fn session(&self) -> Session {
        let gate = self.gate();
        gate.enroll().await.expect("it is accepted");
        gate.session("the session").expect("a session")
    }

    /// Adds a second device, with the digits typed on the first.
    pub async fn second_phone(&self) -> Phone {
        let folder = self.path("tablet");
        add_device(&self.phone.device, &folder).await;
        Phone::open(&folder, Phone::config()).await
    }
}

/// Runs what was allowed and answers the arguments it ran with, or the refusal's code.
///
/// # Errors
/// The refusal's code.
pub async fn outcome(session: &Session, action: Action) -> Result<Value, String> {
    match session.ask(action).await.map_err(|e| e.to_string())? {
        Verdict::Allowed(permit) => {
            permit.run(|arguments| async move { arguments.read::<Value>() }).await.map_err(|e| e.to_string())
        }
        Verdict::Refused(refused) => Err(refused.code().to_string()),
    }
}

/// A clock so many seconds ahead of the system's.
#[derive(Debug)]
pub struct ShiftedClock {
    system: SystemClock,
    ahead: i64,
}

impl ShiftedClock {
    /// A clock so many seconds ahead, or behind.
    #[must_use]
    pub fn new(ahead: i64) -> ShiftedClock {
        ShiftedClock { system: SystemClock::default(), ahead }
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Time {
        self.system.now().plus(self.ahead)
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// Makes the device of this folder a further one, with its digits typed on `admin`.
pub(super) async fn add_device(admin: &Device, folder: &Path) {
    let mut events = admin.events();
    let Ok(Done::Offer { offer, .. }) = admin.run(Command::OfferPairing).await else { panic!("no pairing code") };
    let (tell, told) = oneshot::channel();
    let folder = folder.to_owned();
    let joining = tokio::spawn(async move {
        let introduction = Introduction { name: "Tablet".to_owned(), owner: "owner".to_owned(), local: true };
        let mut tell = Some(tell);
        let show = move |event| {
            let PairEvent::Digits { digits } = event else { return };
            tell.take().map(|tell| tell.send(digits)).expect("shown once").expect("somebody reads them");
        };
        join(&folder, KeyStore::File, &offer.ticket, introduction, &Phone::config(), show).await
    });
    let digits = told.await.expect("digits are shown");
    let joiner = loop {
        if let Event::PairingDigits { joiner, .. } = events.next().await.expect("the device runs") {
            break joiner;
        }
    };
    let owner = "owner".to_owned();
    let confirm = Command::ConfirmPairing { joiner, digits, name: None, owner, admin: true, local: true };
    admin.run(confirm).await.expect("the digits are right");
    joining.await.expect("no panic").expect("it is paired");
}
