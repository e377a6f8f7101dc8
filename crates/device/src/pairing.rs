//! Becoming a device: from a ticket to a folder that [`Device::open`](crate::Device::open) starts.
//!
//! Nothing is written before this side of the pairing is done. The first device writes just before it sends bundle 1:
//! a bundle whose only keys were lost would lock everybody out.

use crate::clock::random;
use crate::device::Config;
use crate::door::{Door, ServerTime};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::keystore::{KEYS, KeyStore, Keys};
use crate::store::{Daemon, FILES, STATE, Store};
use agenttrust_approver::DeviceState;
use agenttrust_approver::pairing::{Answered, FirstDevice, Joiner, Newcomer};
use agenttrust_approver::sign::Clock as Clocks;
use agenttrust_link::{Address, Alpn, Client, Endpoint, EndpointKey, Options};
use agenttrust_protocol::door::{FirstTrust, MAX_WAIT, PairReply, PairState, Reveal, Trouble};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::PublicKey;
use agenttrust_protocol::message::Intent;
use agenttrust_protocol::pairing::Ticket;
use agenttrust_protocol::{Hash, Id};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The whole pairing takes no longer than this; the daemon gives up as soon.
const PATIENCE: Duration = Duration::from_secs(600);

/// A first device whose bundle was sent and not answered asks for so long what became of it.
const AFTERWARDS: Duration = Duration::from_secs(30);

/// What the person says of the new device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// What it is called.
    pub name: String,
    /// Whose it is; used by the first device only, for others an admin device says it.
    pub owner: String,
    /// Whether it lives on the agents' machine; used by the first device only, and always true without digits.
    pub local: bool,
}

/// What happens while a device is being paired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "pairing", rename_all = "snake_case")]
pub enum PairEvent {
    /// The daemon knows of this device; the other side is being asked.
    Knocked,
    /// The digits to show: the person types them on the other side.
    Digits {
        /// Six digits.
        digits: String,
    },
    /// The digits were right.
    Confirmed,
}

/// Pairs a new device and writes its folder. The ticket is used up whatever comes of it.
///
/// # Errors
/// `ticket_invalid`, `digits_wrong` if they were or the person said no, `conflict` if a device lives in the folder
/// already, `clock_off`, `link_lost`, or what keeps the keys from being stored.
pub async fn join(
    folder: &Path,
    keystore: KeyStore,
    ticket: &str,
    introduction: Introduction,
    config: &Config,
    mut tell: impl FnMut(PairEvent),
) -> Result<(), Failure> {
    let ticket: Ticket = ticket.trim().parse()?;
    let folder = Folder::open(folder)?;
    if folder.has(KEYS) || folder.has(STATE) {
        return Err(Failure::new(Trouble::Conflict, format!("{}: a device lives here", folder.path().display())));
    }
    let keys = Arc::new(Keys::generate());
    let mut joining = Joining {
        line: Line::open(&ticket, &keys, config).await?,
        folder: Some(folder),
        keys,
        keystore: Arc::new(keystore),
        ticket,
        introduction,
        config,
    };
    let outcome = joining.run(&mut tell).await;
    joining.line.endpoint.close().await;
    if let (Err(_), Some(folder)) = (&outcome, joining.folder) {
        joining.keystore.forget(&folder);
        folder.discard(&[KEYS].into_iter().chain(FILES).collect::<Vec<_>>());
    }
    outcome
}

/// A pairing under way on the new device.
struct Joining<'a> {
    line: Line,
    /// To be emptied if nothing comes of it.
    folder: Option<Folder>,
    keys: Arc<Keys>,
    keystore: Arc<KeyStore>,
    ticket: Ticket,
    introduction: Introduction,
    config: &'a Config,
}

/// The line to the pairing door.
struct Line {
    endpoint: Endpoint,
    door: Door,
    server: ServerTime,
    daemon: Address,
}

/// Where the digits were right.
struct Through {
    answered: Answered,
    reply: PairReply,
    id: Hash,
}

impl Line {
    async fn open(ticket: &Ticket, keys: &Keys, config: &Config) -> Result<Line, Failure> {
        let daemon = Address {
            key: EndpointKey::from_bytes(*ticket.daemon().as_bytes()),
            direct: ticket.direct().to_vec(),
            relay: ticket.relay().map(|relay| relay.as_str().to_owned()),
        };
        let endpoint = Endpoint::bind(agenttrust_link::Config {
            secret: *keys.transport.to_seed(),
            bind: config.bind,
            relays: config.relays_for(&Daemon::from(&daemon)),
            timing: config.timing,
        });
        let endpoint = endpoint.await?;
        let client = Client::connect(&endpoint, &daemon, Alpn::Pairing, Options::default())?;
        let server = ServerTime::default();
        let door = Door::new(client, server.clone(), config.clock.clone());
        Ok(Line { endpoint, door, server, daemon })
    }
}

impl Joining<'_> {
    async fn run(&mut self, tell: &mut impl FnMut(PairEvent)) -> Result<(), Failure> {
        let through = self.get_through(tell).await?;
        self.save_keys().await?;
        match self.ticket.intent() {
            Intent::First => self.found(through).await,
            Intent::Add => self.enter(through).await,
        }
    }

    /// Knocks, answers the confirmer's number, shows the digits, and waits until they were typed.
    async fn get_through(&self, tell: &mut impl FnMut(PairEvent)) -> Result<Through, Failure> {
        let newcomer = Newcomer {
            witness: self.keys.witness.public(),
            transport: self.keys.transport.public().thumbprint(),
            name: self.introduction.name.clone(),
            protection: self.keystore.protection().to_owned(),
        };
        let now = self.config.clock.now();
        let (joiner, message) = Joiner::new(&self.ticket, &self.keys.approval, newcomer, now, &mut { random });
        let id = joiner.id();
        let path = format!("/v1/pair/{id}");
        let door = &self.line.door;
        let knocked: PairReply = door.knock("/v1/pair", &message).await?;
        // A device that signed by a wrong clock would be let in and then not be believed.
        Clocks { now: self.config.clock.now(), server: self.line.server.now() }.check()?;
        tell(PairEvent::Knocked);
        if !knocked.digits {
            // Nobody is in between: the ticket came from this machine, and there is no trust domain to be misled to.
            let reply: PairReply = door.get(&path).await?;
            let answered = joiner.answer(Tdid::from_bytes([0; 32]), &Id::from_bytes([0; 16]))?;
            tell(PairEvent::Confirmed);
            return Ok(Through { answered, reply, id });
        }
        let end = Instant::now() + PATIENCE;
        let (tdid, c) = self.number(&path, end).await?;
        let answered = joiner.answer(tdid, &c)?;
        let revealed: PairReply = door.send(&path, &Reveal { r: Some(answered.reveal()) }).await?;
        check_going(revealed.state)?;
        tell(PairEvent::Digits { digits: answered.digits().to_string() });
        let wanted = match self.ticket.intent() {
            Intent::First => PairState::Confirmed,
            Intent::Add => PairState::Paired,
        };
        let reply = self.until(&path, wanted, end).await?;
        tell(PairEvent::Confirmed);
        Ok(Through { answered, reply, id })
    }

    /// The confirmer's number: the first one given is the only one answered.
    async fn number(&self, path: &str, end: Instant) -> Result<(Tdid, Id), Failure> {
        loop {
            let patience = Duration::from_secs(MAX_WAIT + 20);
            let reply: PairReply = self.line.door.send_within(path, &Reveal { r: None }, patience).await?;
            check_going(reply.state)?;
            if let (Some(tdid), Some(c)) = (reply.tdid, reply.c) {
                return Ok((tdid, c));
            }
            check_time(end)?;
        }
    }

    async fn until(&self, path: &str, wanted: PairState, end: Instant) -> Result<PairReply, Failure> {
        loop {
            let reply: PairReply = self.line.door.wait_for(&format!("{path}?wait={MAX_WAIT}")).await?;
            if reply.state == wanted || reply.state == PairState::Paired {
                return Ok(reply);
            }
            check_going(reply.state)?;
            check_time(end)?;
        }
    }

    /// Before anything is founded or joined the keys are where they will be found again.
    async fn save_keys(&mut self) -> Result<(), Failure> {
        let folder = self.folder.take().ok_or(Trouble::Internal)?;
        let (keys, keystore) = (Arc::clone(&self.keys), Arc::clone(&self.keystore));
        // Sealing takes time, and a platform's key store may ask the person.
        let saving = tokio::task::spawn_blocking(move || (keystore.save(&folder, &keys), folder));
        let (saved, folder) = saving.await.map_err(|_| Trouble::Internal)?;
        self.folder = Some(folder);
        saved
    }

    /// The first device makes the trust domain.
    async fn found(&mut self, through: Through) -> Result<(), Failure> {
        let log = through.reply.log.and_then(|bytes| PublicKey::from_bytes(bytes.as_bytes()));
        let first = FirstDevice {
            owner: self.introduction.owner.clone(),
            is_local: self.introduction.local || !through.reply.digits,
            log: log.ok_or_else(|| Failure::new(Trouble::BadRequest, "the daemon named no log key"))?,
        };
        let now = self.config.clock.now();
        let founded = through.answered.found(&self.keys.approval, &first, now, &mut { random })?;
        let mut stored = None;
        let (step, _) = founded.persist(|state| {
            stored = Some(self.store(state)?);
            Ok::<_, Failure>(())
        })?;
        let path = format!("/v1/pair/{}/trust", through.id);
        let body = FirstTrust { messages: vec![step.bundle, step.status] };
        let end = Instant::now() + AFTERWARDS;
        loop {
            let Err(failure) = self.line.door.send::<PairReply>(&path, &body).await else { return Ok(()) };
            if !failure.is_passing() {
                self.folder = stored.map(Store::into_folder);
                return Err(failure);
            }
            // Whether it was taken is not known; the same messages again do no harm. In the end the folder stays: if
            // the bundle was taken, the keys in it are the only ones there are.
            if Instant::now() >= end {
                return Err(failure);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// A further device takes the trust it was added to.
    async fn enter(&mut self, through: Through) -> Result<(), Failure> {
        let end = Instant::now() + AFTERWARDS;
        let path = format!("/v1/pair/{}", through.id);
        let mut messages = through.reply.messages;
        loop {
            let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
            match through.answered.join(&texts, self.config.clock.now()) {
                Ok(state) => return self.store(&state).map(drop),
                // The bundle comes a moment before the status that speaks for it.
                Err(refused) if Instant::now() >= end => return Err(refused.into()),
                Err(_) => {}
            }
            sleep(Duration::from_millis(300)).await;
            messages = self.line.door.get::<PairReply>(&path).await?.messages;
        }
    }

    fn store(&mut self, state: &DeviceState) -> Result<Store, Failure> {
        let folder = self.folder.take().ok_or(Trouble::Internal)?;
        Store::create(folder, Daemon::from(&self.line.daemon), state).map_err(|(failure, folder)| {
            self.folder = Some(folder);
            failure
        })
    }
}

/// Whether the run still leads somewhere.
fn check_going(state: PairState) -> Result<(), Failure> {
    match state {
        PairState::Offered
        | PairState::Joined
        | PairState::Challenged
        | PairState::Revealed
        | PairState::Confirmed
        | PairState::Paired => Ok(()),
        PairState::Refused => Err(Trouble::DigitsWrong.into()),
        PairState::Expired => Err(Trouble::TicketInvalid.into()),
    }
}

fn check_time(end: Instant) -> Result<(), Failure> {
    if Instant::now() < end { Ok(()) } else { Err(Trouble::TicketInvalid.into()) }
}
