//! The path of one ask: what is known already, what a grant covers, and otherwise the person.

use crate::action::Wanted;
use crate::error::{Code, Refused};
use crate::gate::Standing;
use crate::grants::{self, Used};
use crate::session::{Session, Turn};
use crate::store::{Known, Placed, Row};
use crate::wait::{Asking, Knock, follow};
use crate::{Permit, store::Store};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::message::Request;
use agenttrust_protocol::{Hash, Reason, Received};

/// Asks, and answers with the permit or with why there is none.
pub(crate) async fn ask(session: &Session, wanted: &Wanted) -> Result<Permit, Refused> {
    let gate = &session.gate;
    let standing = match gate.standing(&session.deadline(wanted.life)).await {
        Ok(standing) => standing,
        Err(refused) if refused.code() == Code::Trouble(Trouble::DaemonDown) => {
            return grants::use_alone(session, wanted).await?.ok_or(refused);
        }
        Err(refused) => return Err(refused),
    };
    let turn = session.turn(&standing).await?;
    match grants::try_use(session, wanted, &standing, &turn).await? {
        Used::Runs(permit) => Ok(permit),
        Used::Known(known) => {
            session.post_turn(&turn).await?;
            follow(gate, resume(session, wanted, known).await?, Knock::Post, wanted.life).await
        }
        Used::Asked(asking, knock) => follow(gate, asking, knock, wanted.life).await,
        Used::Not => {
            session.post_turn(&turn).await?;
            follow(gate, place(session, wanted, &standing, &turn).await?, Knock::Post, wanted.life).await
        }
    }
}

/// Signs the request and puts it on record, or finds the same call there.
async fn place(session: &Session, wanted: &Wanted, standing: &Standing, turn: &Turn) -> Result<Asking, Refused> {
    let row = sign(session, wanted, standing, turn, None)?;
    let same = same_call(session, wanted);
    let (row, placed) = session
        .gate
        .db(move |inner, store: &mut Store| {
            let placed = store.ask(&row, same, inner.settings.clock.now())?;
            Ok((row, placed))
        })
        .await?;
    match placed {
        Placed::New => Ok(Asking::sent_now(&session.gate, row)),
        Placed::Known(known) => resume(session, wanted, known).await,
    }
}

/// What is left to do about a request that was asked before. What it is worth ends with the tool it was asked for.
async fn resume(session: &Session, wanted: &Wanted, known: Known) -> Result<Asking, Refused> {
    let gate = &session.gate;
    match known {
        Known::Asked(row) if gate.inner.open_own::<Request>(&row.text)?.body().action != wanted.action => {
            let changed = Refused::new(Reason::ToolChanged);
            crate::withdraw::close(gate, row.hash, &changed).await;
            Err(changed)
        }
        Known::Asked(row) => Ok(Asking::resumed(gate, row)),
        Known::Spent => Err(Reason::Spent.into()),
        Known::Ended(code, note) => Err(Refused::new(code).with_note(note)),
    }
}

/// Signs a request for this action, under a grant or not.
pub(crate) fn sign(
    session: &Session,
    wanted: &Wanted,
    standing: &Standing,
    turn: &Turn,
    grant: Option<Hash>,
) -> Result<Row, Refused> {
    let gate = &session.gate;
    let exp = gate.now().plus(i64::try_from(wanted.life.as_secs()).unwrap_or(i64::MAX));
    let body = Request {
        cert: standing.cert.hash(),
        session: turn.hash,
        action: wanted.action.clone(),
        risk: wanted.risk,
        grant,
        group: wanted.group.clone(),
        call: wanted.call.clone(),
        exp,
    };
    let text = gate.inner.sign(standing.trust.tdid(), &body, &wanted.content);
    Ok(Row {
        hash: Received::<Request>::parse(&text)?.hash(),
        text,
        session: turn.text.clone(),
        cert: standing.cert.as_str().to_owned(),
        sid: session.sid.to_string(),
        call: wanted.call.clone(),
        exp,
    })
}

/// Tells whether a request on record is for the same tool, by its name, with equal arguments.
pub(crate) fn same_call(session: &Session, wanted: &Wanted) -> impl Fn(&str) -> bool + Send + 'static {
    let (gate, action, arguments) = (session.gate.clone(), wanted.action.clone(), wanted.content.arguments.clone());
    move |text| {
        let opened = gate.inner.open_own::<Request>(text);
        opened.is_ok_and(|request| {
            let known = &request.body().action;
            (&known.tool, &known.server) == (&action.tool, &action.server)
                && request.content().is_ok_and(|content| content.arguments == arguments)
        })
    }
}
