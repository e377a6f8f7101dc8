//! Decisions of devices: each verified as the agent will verify it, then counted.

use super::{Gate, found};
use crate::api::reply::Refusal;
use crate::store::Standing;
use agenttrust_protocol::check::{Asked, check_decisions};
use agenttrust_protocol::door::{Reply, Trouble};
use agenttrust_protocol::lifecycle::{State, Transition, next};
use agenttrust_protocol::message::{Decision, Request, Verdict};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Time};

/// What became of one attempt to store a decision.
enum Attempt {
    Stored(State),
    /// Another device answered in between; what the decisions add up to must be counted anew.
    Overtaken,
}

impl Gate {
    /// A device answers a request.
    ///
    /// What is refused for how things stand is logged all the same: the device has used up a number, and a gap in its
    /// numbers must mean that something was hidden.
    ///
    /// # Errors
    /// Everything the agent's own check would refuse the decision for; `quorum` if it approves another action than
    /// the decisions before it; `conflict` if the device's `seq` does not increase; `not_found`; `closed` with the
    /// state if the request is answered, cancelled or expired.
    pub async fn decide(&self, text: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let decision = open_decision(&trust, text)?;
        let answer = self.count(&trust, &decision, now).await;
        if let Err(refusal) = answer
            && is_evidence(&trust, &decision, refusal)
        {
            let (refused, code) = (decision.clone(), refusal.code());
            self.store.write(move |tx| tx.refuse_decision(&refused, code, now).map_err(Refusal::from)).await?;
            tracing::info!(request = %decision.body().req, device = %decision.signer(), code, "a decision was refused");
        }
        answer.map(|state| Reply::state(state.as_str()))
    }

    async fn count(&self, trust: &Trust, decision: &Opened<Decision>, now: Time) -> Result<State, Refusal> {
        let request = decision.body().req;
        loop {
            let standing = found(self.standing(request).await?)?;
            // Sent again because the answer was lost: it counted, whatever has happened since.
            if standing.decisions.iter().any(|stored| stored == decision.as_str()) {
                return Ok(standing.state);
            }
            if !can_answer(standing.state, decision.body().outcome) {
                return Err(Refusal::Closed(standing.state));
            }
            let asked = self.recall(trust, &request, &standing.request, now).await?;
            let transition = weigh(trust, &asked, &standing.decisions, decision, now)?;
            let counted = standing.decisions.len();
            match self.store_decision(decision.clone(), transition, counted, now).await? {
                Attempt::Overtaken => {}
                Attempt::Stored(state) => {
                    self.due.at_latest(decision.body().exp, now);
                    tracing::info!(%request, %state, device = %decision.signer(), "decided");
                    return Ok(state);
                }
            }
        }
    }

    async fn store_decision(
        &self,
        decision: Opened<Decision>,
        transition: Option<Transition>,
        counted: usize,
        now: Time,
    ) -> Result<Attempt, Refusal> {
        self.store
            .write(move |tx| {
                let standing = found(tx.standing(&decision.body().req)?)?;
                if standing.decisions.len() != counted {
                    return Ok(Attempt::Overtaken);
                }
                if decision.body().seq <= tx.last_decision_seq(&decision.signer())? {
                    return Err(Refusal::Trouble(Trouble::Conflict));
                }
                Ok(Attempt::Stored(tx.add_decision(&decision, transition, now)?))
            })
            .await
    }

    /// The decisions that tell an agent why its request stands as it does: the denials of a denied one, and of an
    /// approved one those that still count, for a single stale one would make the agent refuse the whole set.
    pub(super) async fn telling(&self, standing: &Standing) -> Vec<String> {
        let all = || standing.decisions.clone();
        if standing.decisions.len() < 2 {
            return all();
        }
        let Ok(trust) = self.trust.hold().await else { return all() };
        let chosen: Vec<String> = match standing.state {
            State::Denied | State::Revoked => {
                let denies = |text: &&String| {
                    open_decision(&trust, text).is_ok_and(|decision| decision.body().outcome == Verdict::Deny)
                };
                standing.decisions.iter().filter(denies).cloned().collect()
            }
            State::Approved => {
                let now = self.clock.now();
                let Ok(request) = Received::<Request>::parse(&standing.request) else { return all() };
                let recalled = self.recall(&trust, &request.hash(), &standing.request, now).await;
                let Ok(asked) = recalled else { return all() };
                let counts = |text: &&String| stands_alone(&trust, &asked, text, now);
                standing.decisions.iter().filter(counts).cloned().collect()
            }
            State::Pending
            | State::Expired
            | State::Cancelled
            | State::Claimed
            | State::Executed
            | State::Failed
            | State::Unknown => all(),
        };
        if chosen.is_empty() { all() } else { chosen }
    }
}

fn open_decision(trust: &Trust, text: &str) -> Result<Opened<Decision>, Reason> {
    Received::<Decision>::parse(text)?.open(|kid| trust.device(kid).map(|device| device.key))
}

/// Whether a refused decision belongs into the log: it is a device's own, of this trust domain and whole, and what is
/// wrong with it is how things stand.
fn is_evidence(trust: &Trust, decision: &Opened<Decision>, refusal: Refusal) -> bool {
    let stands = match refusal {
        Refusal::Closed(_) | Refusal::Trouble(Trouble::Conflict) => true,
        Refusal::Trouble(_) => false,
        Refusal::Reason(reason) => matches!(
            reason,
            Reason::StaleTrust
                | Reason::StatusExpired
                | Reason::Revoked
                | Reason::Paused
                | Reason::NotYetValid
                | Reason::Expired
                | Reason::Quorum
        ),
    };
    let ours = decision.head().tdid == Some(trust.tdid()) && trust.find(&decision.body().bundle).is_some();
    stands && ours && decision.content().is_ok()
}

/// Whether this answer leads anywhere from this state.
fn can_answer(state: State, verdict: Verdict) -> bool {
    let transition = match verdict {
        Verdict::Approve | Verdict::Modify => Transition::Approve,
        Verdict::Deny => Transition::Deny,
    };
    next(state, transition).is_some()
}

/// What a new decision and those before it add up to; `None` where more are needed.
fn weigh(
    trust: &Trust,
    asked: &Asked,
    stored: &[String],
    new: &Opened<Decision>,
    now: Time,
) -> Result<Option<Transition>, Refusal> {
    match check_decisions(trust, asked, &[new.as_str()], now, None).map_err(|refusal| refusal.reason) {
        Err(Reason::Denied) => return Ok(Some(Transition::Deny)),
        Ok(_) | Err(Reason::Quorum) => {}
        Err(reason) => return Err(reason.into()),
    }
    // What was in order when it came may have run out since, or its device may be revoked: it no longer counts.
    let counted: Vec<&str> =
        stored.iter().map(String::as_str).filter(|text| stands_alone(trust, asked, text, now)).collect();
    let before: Vec<Opened<Decision>> =
        counted.iter().map(|text| open_decision(trust, text)).collect::<Result<_, _>>()?;
    if !same_action(&before, new) {
        return Err(Reason::Quorum.into());
    }
    let set: Vec<&str> = counted.into_iter().chain([new.as_str()]).collect();
    match check_decisions(trust, asked, &set, now, None).map_err(|refusal| refusal.reason) {
        Ok(_) => Ok(Some(Transition::Approve)),
        Err(Reason::Quorum) => Ok(None),
        Err(reason) => Err(reason.into()),
    }
}

/// Whether a decision would count if it were the only one, though it may not be enough.
fn stands_alone(trust: &Trust, asked: &Asked, text: &str, now: Time) -> bool {
    match check_decisions(trust, asked, &[text], now, None) {
        Ok(_) => true,
        Err(refusal) => refusal.reason == Reason::Quorum,
    }
}

/// Whether a new approval is of the action that those before it approve. One of another action would make the whole
/// set worthless, so its device is told instead.
fn same_action(before: &[Opened<Decision>], new: &Opened<Decision>) -> bool {
    let leader: Option<Hash> = before
        .iter()
        .find(|decision| decision.body().outcome == Verdict::Modify && decision.body().first.is_none())
        .map(Opened::hash);
    match new.body().outcome {
        Verdict::Deny => true,
        Verdict::Approve => before.iter().all(|decision| decision.body().outcome == Verdict::Approve),
        Verdict::Modify => match leader {
            Some(leader) => new.body().first == Some(leader),
            None => before.is_empty() && new.body().first.is_none(),
        },
    }
}
