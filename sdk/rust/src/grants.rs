//! Trusted actions: grants the person signed beforehand. A grant is checked here in full before it is used, and what it
//! uses is on the disk before anything is sent.

use crate::action::{Arguments, Wanted};
use crate::ask::{same_call, sign};
use crate::client::Failure;
use crate::error::{Code, Refused};
use crate::gate::{CALL, Gate, Inner, Standing};
use crate::session::{Session, Turn};
use crate::store::{Known, Parcel, Placed, Row, Store};
use crate::trust::split;
use crate::wait::{Asking, Knock};
use crate::{NoDevice, Permit};
use agenttrust_protocol::check::{Asked, check_grant, check_grant_standing, open_grant};
use agenttrust_protocol::constraint::{Facts, covers};
use agenttrust_protocol::door::{Held, Reply, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Decision, Grant, Message, Request};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Opened, Reason, Received, Time};
use std::time::Duration;

/// How often a use is sent again when no answer came, and after how long.
const PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];

/// What a grant was good for.
pub(crate) enum Used {
    /// It covers the action, which may run.
    Runs(Permit),
    /// The daemon asks the person all the same.
    Asked(Asking, Knock),
    /// The same call was asked before.
    Known(Known),
    /// No grant covers the action.
    Not,
}

/// Which grants to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    /// Those that are checked here alone.
    Offline,
}

/// What became of a request under a grant once it was sent.
enum Sent {
    Claimed,
    Pending,
    Elsewhere,
}

/// Uses a live grant that covers the action, if there is one.
pub(crate) async fn try_use(
    session: &Session,
    wanted: &Wanted,
    standing: &Standing,
    turn: &Turn,
) -> Result<Used, Refused> {
    use_one(session, wanted, standing, turn, Which::All).await
}

/// Uses a grant that needs no daemon, if one covers the action, from what is known here.
pub(crate) async fn use_alone(session: &Session, wanted: &Wanted) -> Result<Option<Permit>, Refused> {
    let standing = match session.gate.known_standing().await {
        Ok(Some(standing)) => standing,
        // The person's last word stands, daemon or not.
        Err(refused) if matches!(refused.code(), Code::Reason(_)) => return Err(refused),
        Ok(None) | Err(_) => return Ok(None),
    };
    let turn = session.turn(&standing).await?;
    match use_one(session, wanted, &standing, &turn, Which::Offline).await? {
        Used::Runs(permit) => Ok(Some(permit)),
        Used::Known(Known::Spent) => Err(Reason::Spent.into()),
        Used::Known(Known::Asked(_) | Known::Ended(..)) | Used::Asked(..) | Used::Not => Ok(None),
    }
}

async fn use_one(
    session: &Session,
    wanted: &Wanted,
    standing: &Standing,
    turn: &Turn,
    which: Which,
) -> Result<Used, Refused> {
    let gate = &session.gate;
    let Some(grant) = find(session, wanted, standing, turn, which).await? else { return Ok(Used::Not) };
    let row = sign(session, wanted, standing, turn, Some(grant.hash()))?;
    let offline = grant.body().offline;
    let (signed, request) = (gate.inner.open_own(&turn.text)?, gate.inner.open_own(&row.text)?);
    let assembled = Asked::assemble(&standing.trust, standing.cert.clone(), signed, request, gate.now());
    // What does not hold together is asked, and the person sees what stands in the way.
    let Ok(asked) = assembled else { return Ok(Used::Not) };
    let (request, arguments) = (asked.request.clone(), Arguments::new(asked.content.arguments.clone()));
    match reserve(session, wanted, standing, turn, (&row, asked), &grant).await? {
        Some(Placed::New) => {}
        Some(Placed::Known(known)) => return Ok(Used::Known(known)),
        None => return Ok(Used::Not),
    }
    if offline {
        return Ok(Used::Runs(Permit::granted(gate, &request, arguments, true)));
    }
    session.post_turn(turn).await?;
    match send(gate, &row, &grant).await {
        Ok(Sent::Claimed) => Ok(Used::Runs(Permit::granted(gate, &request, arguments, false))),
        Ok(Sent::Pending) => back_to_asked(gate, row, Knock::Wait).await,
        Ok(Sent::Elsewhere) => back_to_asked(gate, row, Knock::Post).await,
        Err(Failure::Answered(code)) => {
            // It was not taken, so it cannot run; the same call may be asked again.
            let hash = row.hash;
            gate.db(move |_, store| Ok(store.unspend(&hash)? && store.end(&hash, code, None)?)).await?;
            Err(Refused::new(code))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The first live grant whose constraints hold. Its rules and signers are checked when it is used.
async fn find(
    session: &Session,
    wanted: &Wanted,
    standing: &Standing,
    turn: &Turn,
    which: Which,
) -> Result<Option<Opened<Grant>>, Refused> {
    if standing.grants.is_empty() {
        return Ok(None);
    }
    let texts = standing.grants.clone();
    let (wanted, trust, sid, task) = (wanted.clone(), standing.trust.clone(), session.sid.clone(), turn.task.clone());
    session
        .gate
        .db(move |inner, store| {
            let now = inner.settings.clock.now();
            let arguments = &wanted.content.arguments;
            let facts = Facts { action: &wanted.action, arguments, session: &sid, task: task.as_deref() };
            let fits = |grant: &Opened<Grant>, store: &Store| {
                let body = grant.body();
                let wanted = which == Which::All || body.offline;
                let uses = store.uses(grant.hash());
                wanted && body.agents.contains(&inner.agent) && covers(&body.constraints, &facts, now, &uses).is_some()
            };
            let mut live = texts.iter().filter_map(|text| open_grant(&trust, text, now).ok());
            Ok(live.find(|grant| fits(grant, store)))
        })
        .await
}

/// The whole check, and the row as `spent` with the counters, in one change; `None` if the check says no.
async fn reserve(
    session: &Session,
    wanted: &Wanted,
    standing: &Standing,
    turn: &Turn,
    (row, asked): (&Row, Asked),
    grant: &Opened<Grant>,
) -> Result<Option<Placed>, Refused> {
    let (trust, row, grant, same) = (standing.trust.clone(), row.clone(), grant.clone(), same_call(session, wanted));
    let parcels = if grant.body().offline { parcels_of(turn, &row) } else { Vec::new() };
    let done = session.gate.db(move |inner, store| {
        let now = inner.settings.clock.now();
        store.spend_under(&row, grant.hash(), same, now, &parcels, |uses| {
            Ok(check_grant(&trust, &asked, grant.as_str(), now, uses)?.reservations)
        })
    });
    match done.await {
        Ok(placed) => Ok(Some(placed)),
        // The person is asked instead, and sees what stands in the way of an approval.
        Err(refused) if matches!(refused.code(), Code::Reason(_)) => Ok(None),
        Err(refused) => Err(refused),
    }
}

fn parcels_of(turn: &Turn, row: &Row) -> Vec<Parcel> {
    let session = Parcel { path: "/v1/sessions".to_owned(), body: turn.text.clone() };
    vec![session, Parcel { path: "/v1/requests".to_owned(), body: row.text.clone() }]
}

/// Sends a request under a grant until it is answered. Only this call knows the row, so sending it again is safe.
async fn send(gate: &Gate, row: &Row, grant: &Opened<Grant>) -> Result<Sent, Failure> {
    let queue = if gate.inner.settings.no_device == NoDevice::Queue { "&queue=true" } else { "" };
    let mut pauses = PAUSES.iter();
    loop {
        let sent = gate.inner.keeper.held();
        let path = format!("/v1/requests?version={}&seq={}{queue}", sent.version, sent.seq);
        match gate.inner.client.post(&path, &row.text, CALL).await {
            Ok(reply) => {
                let (row, grant) = (row.clone(), grant.clone());
                let judged = gate.db(move |inner, store| inner.judge_use(store, &row, &grant, sent, &reply)).await;
                return judged.map_err(|refused| Failure::Answered(refused.code()));
            }
            Err(failure @ (Failure::Down | Failure::Lost)) => match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(failure),
            },
            Err(failure @ (Failure::Answered(_) | Failure::Garbled)) => return Err(failure),
        }
    }
}

/// The person decides after all: the row waits for decisions like any other.
async fn back_to_asked(gate: &Gate, row: Row, knock: Knock) -> Result<Used, Refused> {
    let hash = row.hash;
    if gate.db(move |_, store| store.unspend(&hash)).await? {
        Ok(Used::Asked(Asking::sent_now(gate, row), knock))
    } else {
        Err(Reason::Spent.into())
    }
}

impl Inner {
    /// Judges the answer to a request under a grant; trust that came with it may have ended the grant.
    fn judge_use(
        &self,
        store: &mut Store,
        row: &Row,
        grant: &Opened<Grant>,
        sent: Held,
        reply: &Reply,
    ) -> Result<Sent, Refused> {
        let now: Time = self.settings.clock.now();
        let (steps, rest) = split(&reply.messages, &[Request::TYP, Decision::TYP])?;
        let trust = self.keeper.accept(store, sent, &steps, now)?.ok_or(Trouble::Unpaired)?;
        for text in rest {
            let hash = Received::<Request>::parse(text).map(|request| request.hash());
            if hash.is_ok_and(|hash| hash != row.hash) {
                return Ok(Sent::Elsewhere);
            }
        }
        let state: State = reply.state.parse().map_err(|_| Trouble::BadRequest)?;
        match state {
            State::Claimed => self.still_stands(&trust, grant, now).map(|()| Sent::Claimed),
            State::Pending => Ok(Sent::Pending),
            State::Approved
            | State::Denied
            | State::Expired
            | State::Cancelled
            | State::Revoked
            | State::Executed
            | State::Failed
            | State::Unknown => Err(Reason::ClaimRefused.into()),
        }
    }

    fn still_stands(&self, trust: &Trust, grant: &Opened<Grant>, now: Time) -> Result<(), Refused> {
        check_grant_standing(trust, grant, now)?;
        if trust.is_agent_revoked(&self.agent) {
            return Err(Reason::Revoked.into());
        }
        if trust.is_paused(&self.agent) { Err(Reason::Paused.into()) } else { Ok(()) }
    }
}
