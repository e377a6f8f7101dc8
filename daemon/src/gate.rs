//! The path of everything signed: verify, look at how things stand, commit, and only then say so.
//!
//! Whatever depends on trust holds it from the check to the commit ([`View::hold`]), so that no decision slips in
//! after the status that revokes its device. Whatever depends on a request's state is decided again by the store, in
//! the transaction that changes it.

mod ask;
mod decide;
mod finish;
mod grants;
mod known;
mod person;
mod trust;
mod view;
mod wait;

pub use trust::stored_trust;
pub use view::{View, admitted};

use crate::api::rate::Buckets;
use crate::api::reply::Refusal;
use crate::clock::{Clock, Skew};
use crate::config::Config;
use crate::expiry::Due;
use crate::hub::Hub;
use crate::pairing::Pairing;
use crate::store::{Standing, Store, StoreError};
use agenttrust_protocol::door::{Held, Reply, Trouble};
use agenttrust_protocol::key::{Log, PublicKey, Transport};
use agenttrust_protocol::message::CLOCK_SKEW;
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Head, Reason, Thumbprint, Time};
use known::Known;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the doors work on.
pub struct Gate {
    /// What is remembered.
    pub store: Store,
    /// The process's clock.
    pub clock: Clock,
    /// How it compares with the devices'.
    pub skew: Skew,
    /// The configuration in force.
    pub config: Config,
    /// Who may say what now.
    pub trust: Arc<View>,
    /// Letting devices in.
    pub pairing: Arc<Pairing>,
    /// Who is connected.
    pub hub: Hub,
    /// When something expires next.
    pub due: Due,
    /// Set when the daemon is to end.
    pub stop: CancellationToken,
    /// The public half of the key that signs the log; bundle 1 must name it.
    pub log: PublicKey<Log>,
    /// The public half of the endpoint's key; bundles must name it.
    pub transport: PublicKey<Transport>,
    known: Known,
    waiting: Semaphore,
    /// Statuses of devices that are not admins: each is a revocation that others must carry for long.
    statuses: Buckets<Thumbprint>,
}

/// What a gate is made of.
pub struct Parts {
    /// The open store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// The configuration.
    pub config: Config,
    /// Trust as stored.
    pub trust: Arc<View>,
    /// No pairing yet.
    pub pairing: Arc<Pairing>,
    /// The connections.
    pub hub: Hub,
    /// The log key's public half.
    pub log: PublicKey<Log>,
    /// The endpoint key's public half.
    pub transport: PublicKey<Transport>,
}

impl Gate {
    /// Puts a gate together.
    pub fn new(parts: Parts) -> Gate {
        let Parts { store, clock, config, trust, pairing, hub, log, transport } = parts;
        let waiting = Semaphore::new(usize::try_from(config.limits.waiting).unwrap_or(usize::MAX));
        Gate {
            store,
            clock,
            skew: Skew::default(),
            config,
            trust,
            pairing,
            hub,
            due: Due::default(),
            stop: CancellationToken::new(),
            log,
            transport,
            known: Known::default(),
            waiting,
            statuses: Buckets::per_minute(6),
        }
    }

    /// When an agent that claims now and then stays silent is given up.
    fn lost_at(&self, now: Time) -> Time {
        now.plus(self.config.requests.outcome_within.get())
    }

    /// A reply that starts with the trust messages the caller lacks.
    async fn reply(&self, held: &Held, state: &str, tail: Vec<String>) -> Result<Reply, Refusal> {
        let mut messages = self.missing_trust(held).await?;
        messages.extend(tail);
        Ok(Reply { state: state.to_owned(), messages })
    }

    /// Bundles and statuses that the caller lacks.
    ///
    /// # Errors
    /// The store's.
    pub async fn missing_trust(&self, held: &Held) -> Result<Vec<String>, Refusal> {
        let up_to_date = self.trust.peek().is_some_and(|trust| {
            let seq = trust.status().map_or(0, |status| status.body().seq);
            held.version == trust.current().body().version && held.seq == seq && trust.recovery().is_none()
        });
        if up_to_date {
            return Ok(Vec::new());
        }
        let held = *held;
        self.store.read(move |reader| reader.trust_since(&held).map_err(Refusal::from)).await
    }

    /// How a request stands, as a reply to its agent.
    async fn reply_standing(&self, held: &Held, standing: Standing) -> Result<Reply, Refusal> {
        let decisions = self.telling(&standing).await;
        let tail = std::iter::once(standing.request).chain(decisions).collect();
        self.reply(held, standing.state.as_str(), tail).await
    }
}

/// A message that has no end of its own is not from the future, and of this trust domain.
fn check_head(head: &Head, trust: &Trust, now: Time) -> Result<(), Reason> {
    if head.tdid != Some(trust.tdid()) {
        Err(Reason::WrongRoot)
    } else if now < head.iat.plus(-CLOCK_SKEW) {
        Err(Reason::NotYetValid)
    } else {
        Ok(())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error {
            StoreError::Refused(reason) => Refusal::Reason(reason),
            StoreError::Closed(state) => Refusal::Closed(state),
            StoreError::Trouble(trouble) => Refusal::Trouble(trouble),
            StoreError::Failed { trouble, detail } => {
                tracing::error!(code = trouble.code(), %detail, "the store failed");
                Refusal::Trouble(trouble)
            }
        }
    }
}

/// What the store does not know.
fn found<T>(value: Option<T>) -> Result<T, Refusal> {
    value.ok_or(Refusal::Trouble(Trouble::NotFound))
}
