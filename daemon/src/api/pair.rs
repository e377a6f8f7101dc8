//! The pairing door: what a device asks that wants to become one of this trust domain's.

use super::admit::{JSON, admit_body};
use super::rate::Buckets;
use super::reply::{Body, Jose, Named, Params, Refusal};
use crate::gate::Gate;
use crate::hub::thumbprint;
use crate::pairing::{Confirmer, Run};
use agenttrust_link::Peer;
use agenttrust_protocol::door::{FirstTrust, Held, JOSE, MAX_WAIT, PairReply, PairState, Reveal, Trouble};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::{CLOCK_SKEW, PairInit};
use agenttrust_protocol::{Hash, Id, Opened, Reason, Received, Thumbprint};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;
use std::time::Instant;

/// Calls a second of one joiner.
const CALLS: u32 = 20;

type Answer = Result<Json<PairReply>, Refusal>;

/// Guards the door.
#[derive(Debug)]
struct Porter {
    calls: Buckets<Thumbprint>,
}

/// The router; serve it with [`Peer`] as connect info.
pub fn router(gate: Arc<Gate>) -> Router {
    let clock = gate.clock.clone();
    let guard = Arc::new(Porter { calls: Buckets::new(CALLS) });
    let router = Router::new()
        .route("/v1/pair", post(knock))
        .route("/v1/pair/{hash}", get(stand).post(step))
        .route("/v1/pair/{hash}/trust", post(found));
    super::door(router, clock, |router| router.layer(from_fn_with_state(guard, porter))).with_state(gate)
}

async fn porter(
    State(guard): State<Arc<Porter>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(trouble) = admit_body(request.method(), request.headers(), &[JOSE, JSON]) {
        return Refusal::from(trouble).into_response();
    }
    if !guard.calls.take(thumbprint(&peer.key), Instant::now()) {
        return Refusal::from(Trouble::RateLimited).into_response();
    }
    next.run(request).await
}

/// A new device shows the message that proves it saw the ticket.
async fn knock(State(gate): State<Arc<Gate>>, ConnectInfo(peer): ConnectInfo<Peer>, Jose(text): Jose) -> Answer {
    let joiner = Received::<PairInit>::parse(&text)?.open_own()?;
    let now = gate.clock.now();
    if now < joiner.head().iat.plus(-CLOCK_SKEW) {
        return Err(Reason::NotYetValid.into());
    }
    // The connection's key is the one the message speaks of: nobody shows another device's message.
    if joiner.body().transport != thumbprint(&peer.key) {
        return Err(Trouble::TicketInvalid.into());
    }
    let hash = joiner.hash();
    let (state, confirmer) = gate.knock(joiner).await?;
    tracing::info!(pairing = %hash, "a device wants to be paired");
    Ok(Json(PairReply { digits: confirmer != Confirmer::Nobody, ..reply(&gate, state, None, None) }))
}

/// Without a number: waits for the confirmer's. With one: reveals it.
async fn step(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Named(hash): Named,
    Body(body): Body<Reveal>,
) -> Answer {
    check_peer(&gate, &hash, &peer)?;
    match body.r {
        Some(r) => {
            gate.pairing.reveal(&hash, r, gate.clock.now())?;
        }
        None => {
            let waits = |run: &Run| !matches!(run.state(), PairState::Joined);
            gate.pairing.wait(&hash, MAX_WAIT, || gate.clock.now(), waits).await?;
        }
    }
    how(&gate, &hash).await
}

/// How it stands, once it moves from where digits are awaited.
async fn stand(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Named(hash): Named,
    Params(held): Params<Held>,
) -> Answer {
    check_peer(&gate, &hash, &peer)?;
    let (before, confirmer) = gate.pairing.read(&hash, gate.clock.now(), |run| (run.state(), run.confirmer()))?;
    // Digits may be typed before the joiner asks; a first device then goes on by itself, any other waits for its bundle.
    let is_its_turn = before == PairState::Confirmed && confirmer == Confirmer::Host;
    if held.wait > 0 && !is_its_turn {
        let moved = |run: &Run| run.state() != before || is_end(run.state());
        gate.pairing.wait(&hash, held.wait, || gate.clock.now(), moved).await?;
    }
    how(&gate, &hash).await
}

/// The first device founds the trust domain.
async fn found(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Named(hash): Named,
    Body(body): Body<FirstTrust>,
) -> Answer {
    check_peer(&gate, &hash, &peer)?;
    let [bundle, status] = body.messages.as_slice() else { return Err(Trouble::BadRequest.into()) };
    let (joiner, local, state) = gate.pairing.read(&hash, gate.clock.now(), |run| {
        (run.joiner().cloned(), run.confirmer() == Confirmer::Nobody, run.state())
    })?;
    let joiner = joiner.filter(|_| matches!(state, PairState::Confirmed | PairState::Paired));
    let joiner = joiner.ok_or(Trouble::Conflict)?;
    gate.found(joiner.body(), local, bundle, status).await?;
    gate.pairing.paired(|known| known.key == joiner.body().key);
    how(&gate, &hash).await
}

fn check_peer(gate: &Gate, joiner: &Hash, peer: &Peer) -> Result<(), Refusal> {
    let transport = gate.pairing.read(joiner, gate.clock.now(), |run| run.joiner().map(|j| j.body().transport))?;
    if transport == Some(thumbprint(&peer.key)) { Ok(()) } else { Err(Trouble::NotFound.into()) }
}

async fn how(gate: &Gate, joiner: &Hash) -> Answer {
    let (state, c, confirmer) =
        gate.pairing.read(joiner, gate.clock.now(), |run| (run.state(), run.c(), run.confirmer()))?;
    let tdid = match confirmer {
        Confirmer::Nobody | Confirmer::Host => Tdid::from_bytes([0; 32]),
        Confirmer::Admin(tdid) => tdid,
    };
    let messages = match state {
        PairState::Paired => gate.missing_trust(&Held::default()).await?,
        PairState::Offered
        | PairState::Joined
        | PairState::Challenged
        | PairState::Revealed
        | PairState::Confirmed
        | PairState::Refused
        | PairState::Expired => Vec::new(),
    };
    let digits = confirmer != Confirmer::Nobody;
    let known = matches!(state, PairState::Challenged | PairState::Revealed | PairState::Confirmed | PairState::Paired);
    Ok(Json(PairReply { digits, messages, ..reply(gate, state, known.then_some(tdid), c) }))
}

fn reply(gate: &Gate, state: PairState, tdid: Option<Tdid>, c: Option<Id>) -> PairReply {
    PairReply {
        state,
        tdid,
        c,
        log: tdid.map(|_| Hash::from_bytes(*gate.log.as_bytes())),
        transport: tdid.map(|_| gate.transport.thumbprint()),
        digits: true,
        messages: Vec::new(),
    }
}

fn is_end(state: PairState) -> bool {
    match state {
        PairState::Paired | PairState::Refused | PairState::Expired => true,
        PairState::Offered | PairState::Joined | PairState::Challenged | PairState::Revealed | PairState::Confirmed => {
            false
        }
    }
}

impl Gate {
    /// A joiner knocks; this machine answers it at once where it is the confirmer, admins are told where they are.
    async fn knock(&self, joiner: Opened<PairInit>) -> Result<(PairState, Confirmer), Refusal> {
        let now = self.clock.now();
        let hash = joiner.hash();
        let state = self.pairing.knock(joiner.clone(), now)?;
        let confirmer = self.pairing.read(&hash, now, Run::confirmer)?;
        let state = match (confirmer, state) {
            (Confirmer::Host, PairState::Joined) => {
                let mut c = [0; 16];
                getrandom::fill(&mut c).map_err(|_| Trouble::Internal)?;
                self.pairing.challenge(&hash, Id::from_bytes(c), now)?
            }
            (Confirmer::Admin(_), PairState::Joined) => {
                self.store.write(move |tx| tx.announce_pairing(&joiner, now).map_err(Refusal::from)).await?;
                state
            }
            (Confirmer::Nobody | Confirmer::Host | Confirmer::Admin(_), _) => state,
        };
        Ok((state, confirmer))
    }
}
