//! A person at a computer: a desktop, a daemon with a phone and the app as its devices, and an agent.

use super::world::add_device;
use super::{Answer, Desktop, Keyring, Phone, Window, World, outcome};
use agenttrust_gate::{Action, Session};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A person's place, with everything paired and the agent known.
pub struct Seat {
    /// The daemon and the phone, which is silent unless told otherwise.
    pub world: World,
    /// The desktop.
    pub desktop: Desktop,
    agent: Session,
}

impl Seat {
    /// Makes everything ready; the app is not started yet.
    pub async fn new() -> Seat {
        let world = World::new().await;
        let app = world.daemon.data().join("app");
        add_device(&world.phone.device, &app).await;
        // What is left is a device in a folder, which the app opens; the first run is over.
        Phone::open(&app, Phone::config()).await.device.close().await;
        Seat::welcomed(world.daemon.data());
        let accepting = world.answering(|_| Answer::Ignore);
        let agent = world.session().await;
        accepting.abort();
        let desktop = Desktop::start(&world.path("home"), Keyring::Open);
        Seat { world, desktop, agent }
    }

    /// The first run in this data folder was read to its end.
    pub fn welcomed(data: &Path) {
        std::fs::write(data.join("app.json"), r#"{"welcomed":true,"told_of_tray":true}"#).expect("a file");
    }

    /// Starts the app.
    #[must_use]
    pub fn open(&self) -> Window {
        self.open_with(&[])
    }

    /// Starts the app with arguments.
    #[must_use]
    pub fn open_with(&self, arguments: &[&str]) -> Window {
        Window::open_with(&self.desktop, self.world.daemon.data(), arguments)
    }

    /// The agent asks; what comes of it is the task's value: the arguments it ran with, or the refusal's code.
    pub fn ask(&self, tool: &str, arguments: &Value, life: u64) -> JoinHandle<Result<Value, String>> {
        let agent = self.agent.clone();
        let action = Action::new(tool, arguments).life(Duration::from_secs(life));
        tokio::spawn(async move { outcome(&agent, action).await })
    }
}
