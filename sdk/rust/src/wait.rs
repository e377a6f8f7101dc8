//! Waiting for the person: what the daemon says of a request, checked, and the claim that takes an approval.

use crate::client::Failure;
use crate::clock::Deadline;
use crate::error::{Code, Refused};
use crate::gate::{CALL, Gate, Inner};
use crate::store::{Known, Row, Store};
use crate::trust::split;
use crate::withdraw::Withdraw;
use crate::{NoDevice, Permit};
use agenttrust_protocol::check::{Asked, Refusal, Release, check_decisions};
use agenttrust_protocol::door::{Held, MAX_WAIT, Reply, Trouble, typ_of};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{
    AgentCert, Cancel, Claim, Decision, Event, Message, Nothing, Outcome, Request, Session,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Reason, Time};
use std::sync::PoisonError;
use std::time::Duration;

/// How often a claim is sent again when no answer came, and after how long.
const CLAIM_PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900), Duration::from_millis(1800)];

/// What may come with an answer about a request.
const TYPS: [&str; 8] =
    [Request::TYP, Decision::TYP, AgentCert::TYP, Session::TYP, Claim::TYP, Outcome::TYP, Cancel::TYP, Event::TYP];

/// A request that waits for an answer.
pub(crate) struct Asking {
    pub(crate) row: Row,
    /// When this process sent it, by the clock that never goes back; `None` if another one did.
    sent: Option<Duration>,
}

impl Asking {
    pub(crate) fn sent_now(gate: &Gate, row: Row) -> Asking {
        let at = gate.clock().monotonic();
        gate.inner.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(row.hash, at);
        Asking { row, sent: Some(at) }
    }

    pub(crate) fn resumed(gate: &Gate, row: Row) -> Asking {
        let sent = gate.inner.sent.lock().unwrap_or_else(PoisonError::into_inner).get(&row.hash).copied();
        Asking { row, sent }
    }
}

/// What to say to the daemon next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knock {
    /// Hand it the request; the same bytes again are the same request.
    Post,
    /// Ask whether there is an answer.
    Wait,
}

/// What an answer about a request means.
enum Step {
    /// The person has not answered.
    Wait,
    /// It may run: the check passed, and this process won the spent table. The claim has yet to be granted.
    Won(Release, String),
    /// The daemon found another request of the same call.
    Other(Hash),
}

/// Sees a request through to a permit or a refusal, and leaves nothing open behind either.
pub(crate) async fn follow(gate: &Gate, mut asking: Asking, knock: Knock, life: Duration) -> Result<Permit, Refused> {
    let mut guard = Withdraw::arm(gate, asking.row.hash);
    let result = knock_until_answered(gate, &mut asking, &mut guard, knock, life).await;
    guard.disarm();
    gate.look_next_time();
    if let Err(refused) = &result {
        crate::withdraw::close(gate, asking.row.hash, refused).await;
    }
    result
}

async fn knock_until_answered(
    gate: &Gate,
    asking: &mut Asking,
    guard: &mut Withdraw,
    mut knock: Knock,
    life: Duration,
) -> Result<Permit, Refused> {
    let deadline = Deadline::after(gate.clock(), life);
    let (mut pause, mut late, mut displaced) = (Duration::from_millis(100), Trouble::TimedOut, false);
    loop {
        let left = time_left(gate, &asking.row, &deadline).ok_or(late)?;
        let began = tokio::time::Instant::now();
        let sent = gate.inner.keeper.held();
        match say(gate, &asking.row, sent, knock, left).await {
            Ok(reply) => {
                (pause, late) = (Duration::from_millis(100), Trouble::TimedOut);
                match examine(gate, asking, sent, reply).await? {
                    Step::Won(release, claim) => {
                        guard.disarm();
                        return take(gate, &asking.row, release, &claim).await;
                    }
                    Step::Other(_) if displaced => return Err(Trouble::Conflict.into()),
                    Step::Other(hash) => {
                        displaced = true;
                        displace(gate, asking, guard, hash).await?;
                        knock = Knock::Post;
                    }
                    Step::Wait => {
                        if knock == Knock::Wait {
                            // A door that does not wait is not asked in a tight loop.
                            tokio::time::sleep_until(began + Duration::from_millis(250)).await;
                        }
                        knock = Knock::Wait;
                    }
                }
            }
            Err(Failure::Down) if knock == Knock::Post && asking.sent.is_some() => return Err(Failure::Down.into()),
            Err(Failure::Down | Failure::Lost) => {
                // It may be restarting while the prompt stays open.
                late = Trouble::DaemonDown;
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(Failure::Answered(Code::Trouble(Trouble::RateLimited))) => {
                late = Trouble::RateLimited;
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(failure @ (Failure::Answered(_) | Failure::Garbled)) => return Err(failure.into()),
        }
    }
}

/// What is left of a request's life, by both clocks.
fn time_left(gate: &Gate, row: &Row, deadline: &Deadline) -> Option<Duration> {
    let by_wall = u64::try_from(row.exp.since(gate.now())).ok().filter(|seconds| *seconds > 0)?;
    deadline.left(gate.clock()).map(|left| left.min(Duration::from_secs(by_wall)))
}

async fn say(gate: &Gate, row: &Row, sent: Held, knock: Knock, left: Duration) -> Result<Reply, Failure> {
    let Held { version, seq, .. } = sent;
    let client = &gate.inner.client;
    match knock {
        Knock::Post => {
            let queue = if gate.inner.settings.no_device == NoDevice::Queue { "&queue=true" } else { "" };
            let path = format!("/v1/requests?version={version}&seq={seq}{queue}");
            client.post(&path, &row.text, CALL).await
        }
        Knock::Wait => {
            let wait = left.as_secs().clamp(1, MAX_WAIT);
            let path = format!("/v1/requests/{}?version={version}&seq={seq}&wait={wait}", row.hash);
            client.get(&path, CALL + Duration::from_secs(wait)).await
        }
    }
}

async fn examine(gate: &Gate, asking: &Asking, sent: Held, reply: Reply) -> Result<Step, Refused> {
    let waited = asking.sent.map(|at| gate.clock().monotonic().saturating_sub(at).as_secs());
    let row = asking.row.clone();
    gate.db(move |inner, store| inner.examine(store, &row, sent, waited, &reply)).await
}

/// The daemon answers with an older request of the same call: goes on with that one if it is on record here, and
/// withdraws it if it is not, for then it can never run.
async fn displace(gate: &Gate, asking: &mut Asking, guard: &mut Withdraw, other: Hash) -> Result<(), Refused> {
    match gate.db(move |_, store| store.request(&other)).await? {
        Some(Known::Asked(row)) => {
            let own = asking.row.hash;
            gate.db(move |_, store| store.end(&own, Trouble::Closed.into(), None)).await?;
            *guard = guard.replace(other);
            *asking = Asking::resumed(gate, row);
        }
        Some(Known::Spent) => return Err(Reason::Spent.into()),
        Some(Known::Ended(code @ Code::Reason(Reason::Denied), note)) => return Err(Refused::new(code).with_note(note)),
        Some(Known::Ended(..)) | None => crate::withdraw::cancel(gate, other).await,
    }
    Ok(())
}

/// Takes the approval: only the daemon's `claimed` makes a permit. The same bytes are sent again after a lost answer.
async fn take(gate: &Gate, row: &Row, release: Release, claim: &str) -> Result<Permit, Refused> {
    let tool = gate.inner.open_own::<Request>(&row.text)?.body().action.digest;
    let path = format!("/v1/requests/{}/claim", row.hash);
    let mut pauses = CLAIM_PAUSES.iter();
    loop {
        match gate.inner.client.post(&path, claim, CALL).await {
            Ok(reply) if reply.state == State::Claimed.as_str() => {
                return Ok(Permit::approved(gate, row.hash, tool, release));
            }
            Err(Failure::Down | Failure::Lost | Failure::Answered(Code::Trouble(Trouble::RateLimited))) => {
                tokio::time::sleep(*pauses.next().ok_or(Reason::ClaimRefused)?).await;
            }
            Ok(_) | Err(Failure::Answered(_) | Failure::Garbled) => return Err(Reason::ClaimRefused.into()),
        }
    }
}

impl Inner {
    /// Judges an answer by what is signed in it; the daemon's own word can only refuse.
    fn examine(
        &self,
        store: &mut Store,
        row: &Row,
        sent: Held,
        waited: Option<u64>,
        reply: &Reply,
    ) -> Result<Step, Refused> {
        let now = self.settings.clock.now();
        let (steps, rest) = split(&reply.messages, &TYPS)?;
        let trust = self.keeper.accept(store, sent, &steps, now)?.ok_or(Trouble::Unpaired)?;
        let mut decisions = Vec::new();
        for text in rest {
            match typ_of(text).as_deref() {
                Some(Decision::TYP) => decisions.push(text),
                Some(Request::TYP) => {
                    let stored = self.open_own::<Request>(text)?;
                    stored.content()?;
                    if stored.hash() != row.hash {
                        return Ok(Step::Other(stored.hash()));
                    }
                }
                Some(_) | None => {}
            }
        }
        let state: State = reply.state.parse().map_err(|_| Trouble::BadRequest)?;
        let check = || self.check(&trust, row, &decisions, now, waited);
        match state {
            State::Pending => Ok(Step::Wait),
            State::Approved => self.spend(store, &trust, row, check()?),
            State::Denied | State::Revoked => {
                let word = if state == State::Denied { Reason::Denied } else { Reason::Revoked };
                match decisions.is_empty() {
                    true => Err(word.into()),
                    false => Err(check().err().map_or(word.into(), Refused::from)),
                }
            }
            State::Expired if decisions.is_empty() => Err(Trouble::TimedOut.into()),
            State::Expired => Err(Reason::Expired.into()),
            State::Cancelled => Err(Trouble::Closed.into()),
            State::Claimed | State::Executed | State::Failed | State::Unknown => Err(Reason::Spent.into()),
        }
    }

    /// Every check there is, on the bytes on record here and the decisions' own.
    fn check(
        &self,
        trust: &Trust,
        row: &Row,
        decisions: &[&str],
        now: Time,
        waited: Option<u64>,
    ) -> Result<Release, Refusal> {
        let asked = Asked::open(trust, &row.cert, &row.session, &row.text, now)?;
        check_decisions(trust, &asked, decisions, now, waited)
    }

    /// Wins or loses the one compare-and-set that lets a request run.
    fn spend(&self, store: &Store, trust: &Trust, row: &Row, release: Release) -> Result<Step, Refused> {
        let body = Claim { req: row.hash, decisions: release.decisions.clone() };
        let claim = self.sign(trust.tdid(), &body, &Nothing {});
        if store.spend(&row.hash, &claim)? { Ok(Step::Won(release, claim)) } else { Err(Reason::Spent.into()) }
    }
}
