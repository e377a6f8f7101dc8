//! The agent's check of the decisions on its request, before anything runs.

use super::{Asked, check_root, check_times};
use crate::envelope::{Opened, Received};
use crate::hash::{Hash, Time};
use crate::json::Object;
use crate::message::{CLOCK_SKEW, Decision, DecisionContent, Verdict};
use crate::quorum::{Approver, demands, is_met};
use crate::reason::Reason;
use crate::trust::Trust;

/// What may run: re-parsed from signed bytes, never the object the caller had before.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The arguments to run with.
    pub arguments: Object,
    /// Whether a device changed them.
    pub edited: bool,
    /// The decisions it rests on, ascending by their text.
    pub decisions: Vec<Hash>,
    /// The people's words to the agent.
    pub notes: Vec<String>,
}

/// Nothing may run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The first check that failed.
    pub reason: Reason,
    /// The person's words, where a device denied.
    pub note: Option<String>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Refusal {
        Refusal { reason, note: None }
    }
}

/// One decision that passed every check of its own.
struct Counted<'a> {
    approver: Approver<'a>,
    decision: Opened<Decision>,
    content: DecisionContent,
}

/// Checks decisions on a request; `waited` is the monotonic time in seconds since it was sent, while the sending
/// process lives.
///
/// # Errors
/// The first failing check in the order of [`Reason::ALL`]; one invalid message refuses the set.
pub fn check_decisions(
    trust: &Trust,
    asked: &Asked,
    texts: &[&str],
    now: Time,
    waited: Option<u64>,
) -> Result<Release, Refusal> {
    asked.check_cert(trust, now)?;
    let counted: Vec<Counted<'_>> =
        texts.iter().map(|text| open_decision(trust, asked, text, now)).collect::<Result<_, _>>()?;
    check_waited(asked, now, waited)?;
    if let Some(no) = counted.iter().find(|c| c.decision.body().outcome == Verdict::Deny) {
        return Err(Refusal { reason: Reason::Denied, note: no.content.note.clone() });
    }
    let arguments = agreed_arguments(asked, &counted).ok_or(Reason::Quorum)?;
    let approvers = distinct(&counted);
    let own = counted.iter().filter_map(|c| c.decision.body().requires.clone());
    let rules = demands(trust.current().body(), &asked.facts(&arguments));
    if !rules.into_iter().chain(own).all(|require| is_met(&require, &approvers)) {
        return Err(Reason::Quorum.into());
    }
    Ok(release(arguments, counted))
}

fn open_decision<'a>(trust: &'a Trust, asked: &Asked, text: &str, now: Time) -> Result<Counted<'a>, Reason> {
    let decision = Received::<Decision>::parse(text)?.open(|kid| trust.device(kid).map(|device| device.key))?;
    let device = trust.device(&decision.signer()).ok_or(Reason::UnknownKey)?;
    check_root(&decision, trust)?;
    if decision.body().bundle != trust.bundle_ref() {
        return Err(Reason::StaleTrust);
    }
    trust.fresh_status(now)?;
    if trust.is_device_revoked(&decision.signer()) {
        return Err(Reason::Revoked);
    }
    asked.check_standing(trust)?;
    if decision.body().req != asked.request.hash() {
        return Err(Reason::WrongRequest);
    }
    check_times(decision.head(), decision.body().exp, now)?;
    let content = decision.content()?;
    Ok(Counted { approver: Approver { device, uv: decision.body().uv }, decision, content })
}

/// The request itself is still of use, by the clock and by the time that passed.
fn check_waited(asked: &Asked, now: Time, waited: Option<u64>) -> Result<(), Reason> {
    let request = &asked.request;
    check_times(request.head(), request.body().exp, now)?;
    let life = request.body().exp.since(request.head().iat).saturating_add(CLOCK_SKEW);
    match waited {
        Some(seconds) if i64::try_from(seconds).unwrap_or(i64::MAX) > life => Err(Reason::Expired),
        Some(_) | None => Ok(()),
    }
}

/// All approve the request as it stands, or one modifies and the rest agree with that one.
fn agreed_arguments(asked: &Asked, counted: &[Counted<'_>]) -> Option<Object> {
    if counted.iter().all(|c| c.decision.body().outcome == Verdict::Approve) {
        return Some(asked.content.arguments.clone());
    }
    let mut leaders = counted.iter().filter(|c| c.content.arguments.is_some());
    let leader = leaders.next()?;
    let name = leader.decision.hash();
    let agree = counted.iter().all(|c| {
        let body = c.decision.body();
        body.outcome == Verdict::Modify && (c.decision.hash() == name || body.first == Some(name))
    });
    if agree { leader.content.arguments.clone() } else { None }
}

/// Each device counts once, however often it answered, with the weakest verification it gave.
fn distinct<'a>(counted: &[Counted<'a>]) -> Vec<Approver<'a>> {
    let mut approvers: Vec<Approver<'a>> = Vec::new();
    for c in counted {
        match approvers.iter_mut().find(|a| a.device.key == c.approver.device.key) {
            Some(known) => known.uv = known.uv.min(c.approver.uv),
            None => approvers.push(c.approver),
        }
    }
    approvers
}

fn release(arguments: Object, counted: Vec<Counted<'_>>) -> Release {
    let mut decisions: Vec<Hash> = counted.iter().map(|c| c.decision.hash()).collect();
    decisions.sort_by_key(Hash::to_string);
    decisions.dedup();
    let edited = counted.iter().any(|c| c.decision.body().outcome == Verdict::Modify);
    let notes = counted.into_iter().filter_map(|c| c.content.note).collect();
    Release { arguments, edited, decisions, notes }
}
