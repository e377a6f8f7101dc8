//! Requests that name a trusted action, and the trusted actions themselves.

use super::Gate;
use crate::api::reply::Refusal;
use crate::store::Tx;
use agenttrust_protocol::check::{Asked, check_opened_grant, open_grant};
use agenttrust_protocol::constraint::{Counters, Reservation, covers};
use agenttrust_protocol::door::Reply;
use agenttrust_protocol::message::{CLOCK_SKEW, Grant};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Time};

/// What a request rests on before anyone was asked.
#[derive(Debug)]
pub(super) enum Under {
    /// Nothing: a person is asked.
    Nobody,
    /// A grant that covers it, if its counters still have room.
    Grant(Box<Opened<Grant>>),
    /// It ran already, under an offline grant; this is the report.
    Report,
}

impl Under {
    /// What to reserve for it to enter as claimed; `None` where a person is asked.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn reserve(&self, tx: &Tx<'_>, asked: &Asked, now: Time) -> Result<Option<Vec<Reservation>>, Refusal> {
        match self {
            Under::Nobody => Ok(None),
            Under::Report => Ok(Some(Vec::new())),
            Under::Grant(grant) => {
                let counters = tx.counters(&grant.hash())?;
                let facts = asked.facts(&asked.content.arguments);
                Ok(covers(&grant.body().constraints, &facts, now, &counters))
            }
        }
    }
}

/// Counters that are asked later, in the transaction that changes them.
struct NotYet;

impl Counters for NotYet {
    fn used(&self, _constraint: usize, _since: Option<Time>) -> u64 {
        0
    }
}

impl Gate {
    /// The stored grant with this name, by devices of any version of the bundle: whether it still counts is asked
    /// when it is used.
    pub(super) async fn grant(&self, trust: &Trust, hash: &Hash) -> Result<Option<Opened<Grant>>, Refusal> {
        if let Some(grant) = self.known.grant(hash) {
            return Ok(Some(Opened::clone(&grant)));
        }
        let Some(text) = self.text(hash).await? else { return Ok(None) };
        let key = |kid: &_| trust.bundles().iter().rev().find_map(|bundle| bundle.body().device(kid)).map(|d| d.key);
        let grant = Received::<Grant>::parse(&text).and_then(|grant| grant.open(key)).ok();
        if let Some(grant) = &grant {
            self.known.keep_grant(grant.clone());
        }
        Ok(grant)
    }

    /// What the request may rest on. A grant that does not cover it leaves it to the person; a report of an offline
    /// use that it could not have covered is refused.
    ///
    /// # Errors
    /// `not_covered` for such a report.
    pub(super) fn under(
        &self,
        trust: &Trust,
        asked: &Asked,
        grant: Option<Opened<Grant>>,
        now: Time,
    ) -> Result<Under, Refusal> {
        let Some(grant) = grant else { return Ok(Under::Nobody) };
        if grant.body().offline {
            return if could_cover(asked, &grant) { Ok(Under::Report) } else { Err(Reason::NotCovered.into()) };
        }
        let covered = check_opened_grant(trust, asked, &grant, now, &NotYet);
        Ok(if covered.is_ok() { Under::Grant(Box::new(grant)) } else { Under::Nobody })
    }

    /// A device signs a trusted action.
    ///
    /// # Errors
    /// Those of [`open_grant`].
    pub async fn add_grant(&self, text: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let grant = open_grant(&trust, text, now)?;
        let hash = grant.hash();
        self.store.write(move |tx| tx.add_grant(&grant, now).map_err(Refusal::from)).await?;
        tracing::info!(grant = %hash, "a grant was signed");
        Ok(Reply::state("ok"))
    }
}

/// Whether the offline grant covered the request when it ran. Revocation does not count: the agent could not know.
fn could_cover(asked: &Asked, grant: &Opened<Grant>) -> bool {
    let at = asked.request.head().iat;
    let in_time = at >= grant.head().iat.plus(-CLOCK_SKEW) && at <= grant.body().exp.plus(CLOCK_SKEW);
    let facts = asked.facts(&asked.content.arguments);
    let covered = covers(&grant.body().constraints, &facts, at, &NotYet).is_some();
    in_time && grant.body().agents.contains(&asked.agent()) && covered
}
