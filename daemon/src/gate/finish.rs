//! What agents say after they asked: that they take the approval, what came of it, that they no longer want it.

use super::known::same;
use super::{Gate, check_head, found};
use crate::api::reply::Refusal;
use crate::store::Standing;
use agenttrust_protocol::check::check_decisions;
use agenttrust_protocol::door::Reply;
use agenttrust_protocol::key::Agent;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Cancel, Claim, Decision, Message, Outcome};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Time};

impl Gate {
    /// The agent takes the approval; the same claim again is answered alike.
    ///
    /// # Errors
    /// The envelope's, `not_found`, `wrong_request`, `claim_refused`, `closed`, and everything the agent's own check
    /// of the decisions would refuse it for.
    pub async fn claim(&self, request: Hash, text: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let standing = found(self.standing(request).await?)?;
        let claim: Opened<Claim> = self.open_from(&trust, &standing, text, now).await?;
        if claim.body().req != request {
            return Err(Reason::WrongRequest.into());
        }
        if standing.state == State::Approved {
            self.check_claim(&trust, &standing, &claim, now).await?;
        }
        let lost_at = self.lost_at(now);
        let state = self.store.write(move |tx| tx.claim(&claim, lost_at, now).map_err(Refusal::from)).await?;
        self.due.at_latest(lost_at, now);
        tracing::info!(request = %request, %state, "claimed");
        Ok(Reply::state(state.as_str()))
    }

    /// The claim rests on stored decisions that still approve.
    async fn check_claim(
        &self,
        trust: &Trust,
        standing: &Standing,
        claim: &Opened<Claim>,
        now: Time,
    ) -> Result<(), Refusal> {
        let named = |text: &&str| {
            Received::<Decision>::parse(text).is_ok_and(|decision| claim.body().decisions.contains(&decision.hash()))
        };
        let texts: Vec<&str> = standing.decisions.iter().map(String::as_str).filter(named).collect();
        if texts.len() != claim.body().decisions.len() {
            return Err(Reason::ClaimRefused.into());
        }
        let asked = self.recall(trust, &claim.body().req, &standing.request, now).await?;
        check_decisions(trust, &asked, &texts, now, None).map_err(|refusal| refusal.reason)?;
        Ok(())
    }

    /// What came of it.
    ///
    /// # Errors
    /// The envelope's, `not_found`, `wrong_request`, `bad_disclosure`, `closed`.
    pub async fn outcome(&self, request: Hash, text: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let standing = found(self.standing(request).await?)?;
        let outcome: Opened<Outcome> = self.open_from(&trust, &standing, text, now).await?;
        if outcome.body().req != request {
            return Err(Reason::WrongRequest.into());
        }
        outcome.content()?;
        let state = self.store.write(move |tx| tx.outcome(&outcome, now).map_err(Refusal::from)).await?;
        tracing::info!(request = %request, %state, "reported");
        Ok(Reply::state(state.as_str()))
    }

    /// The agent no longer wants an answer.
    ///
    /// # Errors
    /// The envelope's, `not_found`, `wrong_request`, `closed`.
    pub async fn cancel(&self, request: Hash, text: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let standing = found(self.standing(request).await?)?;
        let cancel: Opened<Cancel> = self.open_from(&trust, &standing, text, now).await?;
        if cancel.body().req != request {
            return Err(Reason::WrongRequest.into());
        }
        let state = self.store.write(move |tx| tx.cancel(&cancel, now).map_err(Refusal::from)).await?;
        tracing::info!(request = %request, %state, "cancelled");
        Ok(Reply::state(state.as_str()))
    }

    /// Opens a message of the agent that asked; a certificate whose time is over since does not matter here.
    async fn open_from<M: Message<Signer = Agent>>(
        &self,
        trust: &Trust,
        standing: &Standing,
        text: &str,
        now: Time,
    ) -> Result<Opened<M>, Refusal> {
        let key = self.agent_key(trust, &standing.agent).await?;
        let message = Received::<M>::parse(text)?.open(|kid| same(&key, kid))?;
        check_head(message.head(), trust, now)?;
        Ok(message)
    }
}
