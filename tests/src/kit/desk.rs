//! A person at a desk: a daemon, and a terminal that is its first device.

use super::{Daemon, Terminal, program, scan, shown_ticket};
use agenttrust_gate::{Gate, GateConfig, NoDevice, Session};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The PIN of the desk's terminal.
pub const PIN: &str = "7391-blue";

/// A daemon whose first device is the terminal in its data folder.
pub struct Desk {
    /// The daemon.
    pub daemon: Daemon,
    folder: tempfile::TempDir,
}

impl Desk {
    /// A daemon without a device.
    #[must_use]
    pub fn bare() -> Desk {
        let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().expect("a folder");
        Desk { daemon: Daemon::spawn(), folder }
    }

    /// A daemon, and the terminal paired with it.
    #[must_use]
    pub fn new() -> Desk {
        let desk = Desk::bare();
        desk.pair();
        desk
    }

    /// Makes the terminal the first device, as a person does.
    pub fn pair(&self) -> Terminal {
        let mut terminal = self.run(&["pair", "--this-terminal", "--name", "Desk"]);
        terminal.wait_for("New PIN: ").line(PIN).wait_for("The same again: ").line(PIN);
        assert_eq!(terminal.end(), 0, "{}", terminal.plain());
        terminal
    }

    /// Runs `agenttrust` in a terminal.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Terminal {
        self.run_with(arguments, &[])
    }

    /// Runs `agenttrust` in a terminal with further variables.
    #[must_use]
    pub fn run_with(&self, arguments: &[&str], env: &[(&str, &OsStr)]) -> Terminal {
        let data = self.daemon.data().as_os_str();
        let env: Vec<_> = [("AGENTTRUST_DATA", data)].into_iter().chain(env.iter().copied()).collect();
        Terminal::start(&program("agenttrust"), arguments, &env)
    }

    /// Runs `agenttrust` in a terminal and types the PIN.
    #[must_use]
    pub fn open(&self, arguments: &[&str]) -> Terminal {
        let mut terminal = self.run(arguments);
        terminal.wait_for("PIN of this terminal: ").line(PIN);
        terminal
    }

    /// The same to its end, which has to be a good one.
    #[must_use]
    pub fn done(&self, arguments: &[&str]) -> Terminal {
        let mut terminal = self.open(arguments);
        assert_eq!(terminal.end(), 0, "{}", terminal.plain());
        terminal
    }

    /// Lets a phone in: it scans what the terminal shows, and the person types its digits there.
    pub async fn let_in(&self, folder: &Path) -> Terminal {
        let mut terminal = self.open(&["pair"]);
        let ticket = shown_ticket(&mut terminal);
        let (digits, joining) = scan(folder, &ticket).await;
        terminal.wait_for("“Ann's phone” wants to join").wait_for("Type the six digits").line(&digits);
        terminal.wait_for("What is it called?").line("").wait_for("Whose is it?").line("");
        terminal.wait_for("renew the trust status? [y/n] ").answer("n");
        terminal.wait_for("where the agents run? [y/n] ").answer("n").wait_for("Added.");
        assert_eq!(terminal.end(), 0, "{}", terminal.plain());
        joining.await.expect("no panic").expect("it is paired");
        terminal
    }

    /// A path in the desk's own folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An agent, not enrolled yet.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate_of("office", "agent")
    }

    /// An agent of this name with this folder of its own, not enrolled yet.
    #[must_use]
    pub fn gate_of(&self, name: &str, folder: &str) -> Gate {
        let config = GateConfig::new(name).state(self.path(folder)).socket(self.daemon.agent_socket());
        Gate::open(config.no_device(NoDevice::Queue).program("test")).expect("the agent's folder opens")
    }

    /// A session of an agent that the person accepts in the terminal.
    pub async fn session(&self) -> Session {
        let gate = self.gate();
        let knocking = tokio::spawn(async move { gate.enroll().await.map(|()| gate) });
        let mut terminal = self.open(&["approver"]);
        terminal.wait_for("[y]es, it may ask").answer("y").wait_for("Waiting for requests").send("q");
        assert_eq!(terminal.end(), 0, "{}", terminal.plain());
        let gate = knocking.await.expect("no panic").expect("it is accepted");
        gate.session("the session").expect("a session")
    }

    /// Waits until so many requests are pending.
    pub async fn until_pending(&self, count: u64) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let (_, status) = self.daemon.host("GET", "/v1/status", "");
            if status["pending"] == count {
                return;
            }
            assert!(std::time::Instant::now() < end, "{count} requests were to wait: {status}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Default for Desk {
    fn default() -> Desk {
        Desk::new()
    }
}
