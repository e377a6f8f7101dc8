//! This terminal as a device: its key is opened by a PIN that a person types, and by nothing else.

use crate::failure::{Failure, Outcome};
use crate::tty::Tty;
use agenttrust_device::HostDoor;
use agenttrust_device::Place;
use agenttrust_device::{
    CardView, Clock, Command, Config, Connection, Daemon, Device, Done, Event, KeyStore, Pin, Snapshot,
};
use agenttrust_protocol::door::{AgentState, HistoryQuery, HistoryRow, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{RequiredUv, Uv};
use agenttrust_protocol::{Hash, Time};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Tries at the PIN in one command; the key file itself counts them as well and slows the next one down.
const TRIES: u32 = 3;

/// A daemon that can be reached is reached within this time.
const CONNECT: Duration = Duration::from_secs(10);

/// Requests that the daemon lists arrive as cards within this time.
const ARRIVE: Duration = Duration::from_secs(5);

/// A PIN proves who sits here for so long.
const FRESH: Duration = Duration::from_secs(120);

/// An open terminal device.
pub struct Terminal {
    /// The person's terminal.
    pub tty: Tty,
    /// The device.
    pub device: Device,
    clock: Clock,
    /// What the person typed, to be compared where a rule wants it again. The open keys lie in this memory as well.
    pin: Zeroizing<String>,
    typed: Instant,
}

/// What a device said that is told as it is.
impl From<agenttrust_device::Failure> for Failure {
    fn from(failure: agenttrust_device::Failure) -> Failure {
        Failure::from(failure.body())
    }
}

impl Terminal {
    /// Asks for the PIN, opens the key, and waits for the line to the daemon.
    ///
    /// # Errors
    /// `no_terminal`, `not_a_device`, `daemon_down`, `wrong_pin`, `link_lost`, or what keeps the key from opening.
    pub async fn open(place: &Place, config: Config) -> Outcome<Terminal> {
        let tty = Tty::open()?;
        let folder = place.terminal();
        if !folder.join("keys.json").exists() {
            return Err(Trouble::NotADevice.into());
        }
        let here = match HostDoor::new(place.host_socket()).endpoint().await {
            Ok(endpoint) => Some(endpoint),
            // Without a database the daemon lives on another machine, and only the link can tell.
            Err(failure) if place.database().exists() => return Err(failure.into()),
            Err(_) => None,
        };
        let (device, pin) = unlock(&tty, place, &config).await?;
        if let Some(daemon) = here.and_then(|endpoint| Daemon::at(&endpoint)) {
            device.reach(daemon)?;
        }
        let terminal = Terminal { tty, device, clock: config.clock, pin, typed: Instant::now() };
        terminal.connected().await?;
        Ok(terminal)
    }

    /// Does something on the device.
    ///
    /// # Errors
    /// The device's.
    pub async fn run(&self, command: Command) -> Outcome<Done> {
        Ok(self.device.run(command).await?)
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// How everything stands.
    pub fn snapshot(&self) -> Snapshot {
        self.device.snapshot()
    }

    /// Lets go of the device.
    pub async fn close(self) {
        self.device.close().await;
    }

    /// The requests the daemon says are pending, in its own words.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn pending(&self) -> Outcome<Vec<HistoryRow>> {
        let query = HistoryQuery { outcome: Some(State::Pending), limit: Some(200), ..HistoryQuery::default() };
        let Done::History(page) = self.run(Command::History { query }).await? else { return Err(unexpected()) };
        Ok(page.rows.iter().map(HistoryRow::from).collect())
    }

    /// The cards that wait, the nearest deadline first.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn cards(&self) -> Outcome<Vec<CardView>> {
        self.caught_up().await?;
        let cards = self.snapshot().cards;
        Ok(cards.into_iter().filter(|card| card.state == State::Pending).collect())
    }

    /// Waits until everything that the daemon says is open has arrived here, or was refused by this device.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn caught_up(&self) -> Outcome {
        let mut events = self.device.events();
        let mut missing: BTreeSet<Hash> = self.pending().await?.into_iter().map(|row| row.request).collect();
        missing.extend(self.knocking().await?);
        let end = tokio::time::Instant::now() + ARRIVE;
        loop {
            let snapshot = self.snapshot();
            let here = |id: &Hash| {
                snapshot.cards.iter().any(|card| card.id == *id)
                    || snapshot.agents.iter().any(|knock| knock.enroll == *id)
            };
            missing.retain(|id| !here(id));
            if missing.is_empty() {
                return Ok(());
            }
            match tokio::time::timeout_at(end, events.next()).await {
                Ok(Some(Event::EntryRefused { id: Some(id), .. })) => drop(missing.remove(&id)),
                Ok(Some(_)) => {}
                // What does not verify never arrives; the rest is there.
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }

    /// The enrolments that wait, in the daemon's own words.
    async fn knocking(&self) -> Outcome<Vec<Hash>> {
        let Done::Agents { agents } = self.run(Command::Agents).await? else { return Err(unexpected()) };
        Ok(agents
            .into_iter()
            .filter(|agent| agent.state == AgentState::Pending)
            .filter_map(|agent| agent.enroll)
            .collect())
    }

    /// How sure this terminal is of the person: asks for the PIN again where a rule wants that and it was typed a
    /// while ago.
    ///
    /// # Errors
    /// `wrong_pin`, `interrupted`.
    pub fn verification(&mut self, required: Option<RequiredUv>) -> Outcome<Uv> {
        if self.typed.elapsed() < FRESH {
            return Ok(Uv::Verified);
        }
        match required {
            None | Some(RequiredUv::Presence) => Ok(Uv::Presence),
            Some(RequiredUv::Verified) => {
                let typed = self.tty.hidden("A rule wants to be sure that it is you. PIN: ")?;
                if *typed != *self.pin {
                    return Err(Trouble::WrongPin.into());
                }
                self.typed = Instant::now();
                Ok(Uv::Verified)
            }
        }
    }

    async fn connected(&self) -> Outcome {
        let mut events = self.device.events();
        let end = tokio::time::Instant::now() + CONNECT;
        loop {
            match self.snapshot().connection {
                Connection::Connected { .. } => return Ok(()),
                Connection::Refused => {
                    let detail = "the daemon does not know this terminal any more";
                    return Err(Failure::new(Trouble::LinkLost, detail));
                }
                Connection::Connecting | Connection::Lost { .. } => {}
            }
            if !matches!(tokio::time::timeout_at(end, events.next()).await, Ok(Some(_))) {
                return Err(Trouble::LinkLost.into());
            }
        }
    }
}

async fn unlock(tty: &Tty, place: &Place, config: &Config) -> Outcome<(Device, Zeroizing<String>)> {
    let mut tries = 0;
    loop {
        let pin = tty.hidden("PIN of this terminal: ")?;
        tries += 1;
        match Device::open(&place.terminal(), KeyStore::Pin(Pin::new(pin.as_str())), config.clone()).await {
            Ok(device) => return Ok((device, pin)),
            Err(failure) if failure.is(Trouble::WrongPin) && tries < TRIES => {
                let body = failure.body();
                tty.show(&format!("{}\n", body.message));
                // Told to wait: another try at once would only be counted.
                if body.message.contains('[') {
                    return Err(body.into());
                }
            }
            Err(failure) if failure.is(Trouble::AlreadyRunning) => {
                let mut body = failure.body();
                body.message = "Another agenttrust command in another window uses this terminal's device.".to_owned();
                body.hint = Some("Answer there, or end it first.".to_owned());
                return Err(body.into());
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// A device that answers a command with something else than it promises.
pub fn unexpected() -> Failure {
    Failure::new(Trouble::Internal, "the device answered with something else")
}
