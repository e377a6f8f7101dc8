//! The gate: one agent's key, record and trust, and its line to the daemon.

use crate::client::{Client, Failure};
use crate::clock::Deadline;
use crate::config::{GateConfig, Settings, environment};
use crate::error::Refused;
use crate::key;
use crate::session::Session;
use crate::store::{Parcel, Store};
use crate::trust::{Keeper, split};
use agenttrust_protocol::check::open_cert;
use agenttrust_protocol::door::{Held, Reply, Trouble, typ_of};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Agent, SecretKey};
use agenttrust_protocol::message::{AgentCert, Grant, Message};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Head, Opened, Reason, Received, Signed, Thumbprint, Time};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a call may take that waits for nobody.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// How old the last look at trust and grants may be before an ask looks again.
const FRESH: Duration = Duration::from_secs(1);

/// One agent's side of AgentTrust. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Gate {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) key: SecretKey<Agent>,
    pub(crate) agent: Thumbprint,
    pub(crate) client: Client,
    pub(crate) keeper: Keeper,
    store: Mutex<Store>,
    /// When the requests this process waits for were sent, by the clock that never goes back.
    pub(crate) sent: Mutex<HashMap<Hash, Duration>>,
    /// When trust and grants were last asked for, by the clock that never goes back.
    looked: Mutex<Option<Duration>>,
}

/// The trust root an agent accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The trust domain.
    pub tdid: Tdid,
    /// Sixteen characters to compare with what a device of the person shows.
    pub fingerprint: String,
    /// Whether it was given to the agent, rather than trusted when it was first seen.
    pub pinned: bool,
}

/// What every message of this agent rests on.
pub(crate) struct Standing {
    pub(crate) trust: Arc<Trust>,
    pub(crate) cert: Opened<AgentCert>,
    /// The live grants, as the daemon told them.
    pub(crate) grants: Vec<String>,
}

impl Gate {
    /// Opens the agent's folder, its key and its record, making what is missing. The daemon is not needed yet.
    ///
    /// # Errors
    /// `bad_config`, `unsafe_folder`, `wrong_root`, `disk_full`, or a `store_…` code: nothing can be asked then.
    pub fn open(config: GateConfig) -> Result<Gate, Refused> {
        let settings = config.settle(environment)?;
        key::secure_folder(&settings.folder)?;
        let mut store = Store::open(&settings.folder)?;
        let key = key::load_or_make(&settings.folder)?;
        let now = settings.clock.now();
        store.prune(now)?;
        let keeper = Keeper::new(settings.root);
        keeper.current(&mut store, now)?;
        let inner = Inner {
            agent: key.public().thumbprint(),
            client: Client::new(settings.socket.clone()),
            keeper,
            key,
            store: Mutex::new(store),
            sent: Mutex::default(),
            looked: Mutex::new(None),
            settings,
        };
        Ok(Gate { inner: Arc::new(inner) })
    }

    /// The agent's name.
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// The thumbprint of the agent's key.
    pub fn agent(&self) -> Thumbprint {
        self.inner.agent
    }

    /// The folder of this agent alone; its caller may keep files of its own in it.
    pub fn folder(&self) -> &std::path::Path {
        &self.inner.settings.folder
    }

    /// The trust root in force; `None` until the daemon was first reached.
    pub fn root(&self) -> Option<Root> {
        let trust = self.inner.keeper.known()?;
        let tdid = trust.tdid();
        Some(Root { tdid, fingerprint: tdid.fingerprint(), pinned: self.inner.settings.root.is_some() })
    }

    /// The names of the person's devices that can answer, for saying whom a call waits for; empty until the daemon was
    /// first reached. People chose them: show them as any other text.
    pub fn devices(&self) -> Vec<String> {
        let Some(trust) = self.inner.keeper.known() else { return Vec::new() };
        let devices = trust.current().body().devices.iter();
        let can = devices.filter(|device| device.is_approver() && !trust.is_device_revoked(&device.key.thumbprint()));
        can.map(|device| device.name.clone()).collect()
    }

    /// The session of the caller's thread with this name: the same one, over restarts, until it is closed. Writes to
    /// the disk.
    ///
    /// # Errors
    /// `disk_full` or a `store_…` code.
    pub fn session(&self, name: &str) -> Result<Session, Refused> {
        Session::open(self, name)
    }

    /// Makes this agent known, and waits until the person has accepted it on a device; an ask does so by itself.
    ///
    /// # Errors
    /// `not_enrolled` if nobody accepted it within the life of a request, or it was refused; `unpaired`,
    /// `daemon_down`, or what else stands in the way.
    pub async fn enroll(&self) -> Result<(), Refused> {
        let deadline = Deadline::after(self.clock(), self.inner.settings.life);
        self.standing(&deadline).await.map(|_| ())
    }

    /// As [`Gate::enroll`], for callers that are not asynchronous.
    ///
    /// # Errors
    /// The same.
    pub fn enroll_blocking(&self) -> Result<(), Refused> {
        crate::blocking::wait(|| self.enroll())?
    }

    /// Hands the daemon what it could not take before: outcomes, and uses of grants that are checked here alone.
    ///
    /// # Errors
    /// `daemon_down` while it cannot; nothing is lost then.
    pub async fn flush(&self) -> Result<(), Refused> {
        loop {
            let parcels = self.db(|_, store| store.parcels(100)).await?;
            if parcels.is_empty() {
                return Ok(());
            }
            for (id, Parcel { path, body }) in parcels {
                match self.inner.client.post(&path, &body, CALL).await {
                    Ok(_) => {}
                    Err(Failure::Answered(code)) if is_final(code) => {
                        tracing::warn!(%code, path, "the daemon does not take a report");
                    }
                    Err(failure) => return Err(failure.into()),
                }
                self.db(move |_, store| store.drop_parcel(id)).await?;
            }
        }
    }

    pub(crate) fn clock(&self) -> &dyn crate::Clock {
        self.inner.settings.clock.as_ref()
    }

    pub(crate) fn now(&self) -> Time {
        self.clock().now()
    }

    /// Works on the record, away from the asynchronous threads: a write waits for the disk.
    pub(crate) async fn db<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut Store) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || inner.db(work)).await;
        done.unwrap_or_else(|_| Err(Trouble::Internal.into()))
    }

    /// Everything a message of this agent rests on, looked up or waited for.
    ///
    /// # Errors
    /// `daemon_down`, `unpaired`, `not_enrolled`, `revoked`, `paused`, or a reason of the messages that came.
    pub(crate) async fn standing(&self, deadline: &Deadline) -> Result<Standing, Refused> {
        if !self.is_fresh() {
            self.look().await?;
        }
        if let Some(standing) = self.known_standing().await? {
            return Ok(standing);
        }
        crate::enroll::wait_until_known(self, deadline).await?;
        self.known_standing().await?.ok_or_else(|| Trouble::NotEnrolled.into())
    }

    /// What is known without asking the daemon; `None` if the person has yet to accept this agent.
    pub(crate) async fn known_standing(&self) -> Result<Option<Standing>, Refused> {
        self.db(|inner, store| {
            let now = inner.settings.clock.now();
            let trust = inner.keeper.current(store, now)?.ok_or(Trouble::Unpaired)?;
            if trust.is_agent_revoked(&inner.agent) {
                return Err(Reason::Revoked.into());
            }
            if trust.is_paused(&inner.agent) {
                return Err(Reason::Paused.into());
            }
            let cert = store.cert()?.and_then(|text| inner.open_own_cert(&trust, &text, now).ok());
            let grants = store.grants()?;
            Ok(cert.map(|cert| Standing { trust, cert, grants }))
        })
        .await
    }

    /// Looks at the daemon's trust, this agent's certificate and its grants.
    pub(crate) async fn look(&self) -> Result<(), Refused> {
        let sent = self.inner.keeper.held();
        let path = format!("/v1/trust?version={}&seq={}&agent={}", sent.version, sent.seq, self.inner.agent);
        let reply = self.inner.client.get(&path, CALL).await?;
        let reports = self.db(move |inner, store| inner.take_look(store, sent, &reply)).await?;
        *self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock().monotonic());
        if reports && let Err(refused) = self.flush().await {
            tracing::debug!(%refused, "reports wait for another time");
        }
        Ok(())
    }

    fn is_fresh(&self) -> bool {
        let looked = *self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.is_some_and(|at| self.clock().monotonic().saturating_sub(at) < FRESH)
    }

    /// The next ask looks again: the person was at a device and may have changed anything.
    pub(crate) fn look_next_time(&self) {
        *self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Inner {
    pub(crate) fn db<T>(&self, work: impl FnOnce(&Inner, &mut Store) -> Result<T, Refused>) -> Result<T, Refused> {
        // A panic in the middle of a change rolled it back; the record itself is sound.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        work(self, &mut store)
    }

    /// Takes what `GET /v1/trust` answered; tells whether there is something to report to the daemon.
    fn take_look(&self, store: &mut Store, sent: Held, reply: &Reply) -> Result<bool, Refused> {
        let now = self.settings.clock.now();
        let (steps, rest) = split(&reply.messages, &[AgentCert::TYP, Grant::TYP])?;
        let trust = self.keeper.accept(store, sent, &steps, now)?.ok_or(Trouble::Unpaired)?;
        let mut grants = Vec::new();
        for text in rest {
            if typ_of(text).as_deref() == Some(Grant::TYP) {
                grants.push(text.to_owned());
            } else if self.open_own_cert(&trust, text, now).is_ok() {
                store.set_cert(text)?;
            }
        }
        store.set_grants(&grants)?;
        Ok(!store.parcels(1)?.is_empty())
    }

    /// Opens a certificate, which must be for this agent's key.
    pub(crate) fn open_own_cert(&self, trust: &Trust, text: &str, now: Time) -> Result<Opened<AgentCert>, Reason> {
        let cert = open_cert(trust, text, now)?;
        if cert.body().cnf == self.key.public() { Ok(cert) } else { Err(Reason::UnknownKey) }
    }

    /// Signs a message of this agent's, dated now.
    pub(crate) fn sign<M: Message<Signer = Agent>>(&self, tdid: Tdid, body: &M, content: &M::Content) -> String {
        let head = Head::new(&mut key::random, self.settings.clock.now(), Some(tdid));
        Signed::sign(&self.key, &head, body, content, &mut key::random).into_string()
    }

    /// Opens a message this agent signed itself.
    pub(crate) fn open_own<M: Message<Signer = Agent>>(&self, text: &str) -> Result<Opened<M>, Reason> {
        let key = |kid: &Thumbprint| Some(self.key.public()).filter(|_| *kid == self.agent);
        Received::<M>::parse(text)?.open(key)
    }
}

/// Whether asking again with the same message would get the same answer.
pub(crate) fn is_final(code: crate::Code) -> bool {
    match code {
        crate::Code::Reason(_) => true,
        crate::Code::Trouble(trouble) => trouble.status() < 500 && trouble != Trouble::RateLimited,
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("name", &self.name()).field("agent", &self.inner.agent).finish_non_exhaustive()
    }
}
