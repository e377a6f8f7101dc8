//! The agent door: `agent.sock`.

use super::local::{Caller, Porter, porter};
use super::rate::Buckets;
use super::reply::{Jose, Named, Params, Refusal};
use crate::gate::Gate;
use agenttrust_protocol::Thumbprint;
use agenttrust_protocol::door::{Held, InclusionReply, Reply, Trouble};
use agenttrust_tlog::TilePath;
use axum::extract::{ConnectInfo, Path, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use std::sync::Arc;
use std::time::Instant;

/// Enrolments a minute of one user: each is a question to the person.
const ENROLMENTS: u32 = 60;

type Answer = Result<Json<Reply>, Refusal>;

/// What the agent door works on.
#[derive(Clone)]
struct Door {
    gate: Arc<Gate>,
    enrolments: Arc<Buckets<u32>>,
}

/// The router; serve it with [`Caller`] as connect info.
pub fn router(gate: Arc<Gate>, own_uid: u32) -> Router {
    let allowed = std::iter::once(own_uid).chain(gate.config.agents.allowed_uids.iter().copied()).collect();
    let admission = Porter::new(allowed, gate.config.limits.agent_calls);
    let clock = gate.clock.clone();
    let door = Door { gate, enrolments: Arc::new(Buckets::per_minute(ENROLMENTS)) };
    let router = Router::new()
        .route("/v1/enroll", post(enroll))
        .route("/v1/enroll/{hash}", get(enrollment))
        .route("/v1/trust", get(trust))
        .route("/v1/sessions", post(session))
        .route("/v1/requests", post(ask))
        .route("/v1/requests/{hash}", get(request))
        .route("/v1/requests/{hash}/claim", post(claim))
        .route("/v1/requests/{hash}/outcome", post(outcome))
        .route("/v1/requests/{hash}/cancel", post(cancel))
        .route("/v1/log/checkpoint", get(checkpoint))
        .route("/v1/log/tile/{*path}", get(tile))
        .route("/v1/log/proof/{hash}", get(proof));
    super::door(router, clock, |router| router.layer(from_fn_with_state(admission, porter))).with_state(door)
}

/// The query of an enrolment.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Knock {
    #[serde(default)]
    queue: bool,
}

async fn enroll(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Params(query): Params<Knock>,
    Jose(text): Jose,
) -> Answer {
    let within = caller.uid.is_some_and(|uid| door.enrolments.take(uid, Instant::now()));
    if !within {
        return Err(Trouble::RateLimited.into());
    }
    door.gate.enroll(&text, caller.describe(), query.queue).await.map(Json)
}

/// The query of calls that may wait.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    #[serde(default)]
    wait: u64,
}

async fn enrollment(State(door): State<Door>, Named(hash): Named, Params(query): Params<Wait>) -> Answer {
    door.gate.enrollment(hash, query.wait).await.map(Json)
}

async fn trust(State(door): State<Door>, Params(held): Params<Held>) -> Answer {
    door.gate.trust_for(&held).await.map(Json)
}

async fn session(State(door): State<Door>, Jose(text): Jose) -> Answer {
    door.gate.begin_session(&text).await.map(Json)
}

/// The query of a new request.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    #[serde(default)]
    version: u64,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    queue: bool,
}

async fn ask(State(door): State<Door>, Params(query): Params<Ask>, Jose(text): Jose) -> Answer {
    let held = Held { version: query.version, seq: query.seq, ..Held::default() };
    door.gate.ask(&text, &held, query.queue).await.map(Json)
}

async fn request(State(door): State<Door>, Named(hash): Named, Params(held): Params<Held>) -> Answer {
    door.gate.request(hash, &held).await.map(Json)
}

async fn claim(State(door): State<Door>, Named(hash): Named, Jose(text): Jose) -> Answer {
    door.gate.claim(hash, &text).await.map(Json)
}

async fn outcome(State(door): State<Door>, Named(hash): Named, Jose(text): Jose) -> Answer {
    door.gate.outcome(hash, &text).await.map(Json)
}

async fn cancel(State(door): State<Door>, Named(hash): Named, Jose(text): Jose) -> Answer {
    door.gate.cancel(hash, &text).await.map(Json)
}

async fn checkpoint(State(door): State<Door>) -> Result<Response, Refusal> {
    let note = door.gate.store.read(|reader| reader.checkpoint().map_err(Refusal::from)).await?;
    Ok(([(CONTENT_TYPE, super::admit::TEXT)], note.ok_or(Trouble::Unpaired)?).into_response())
}

async fn tile(State(door): State<Door>, Path(path): Path<String>) -> Result<Response, Refusal> {
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| Trouble::NotFound)?;
    let bytes = door.gate.store.read(move |reader| reader.tile(path).map_err(Refusal::from)).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes.ok_or(Trouble::NotFound)?).into_response())
}

/// The query of a proof.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    size: Option<u64>,
}

async fn proof(
    State(door): State<Door>,
    Named(hash): Named,
    Params(query): Params<Size>,
) -> Result<Json<InclusionReply>, Refusal> {
    inclusion(&door.gate, hash, query).await
}

pub(super) async fn inclusion(
    gate: &Gate,
    hash: agenttrust_protocol::Hash,
    query: Size,
) -> Result<Json<InclusionReply>, Refusal> {
    let found = gate.store.read(move |reader| reader.inclusion(&hash, query.size).map_err(Refusal::from)).await?;
    let (leaf, size, proof) = found;
    Ok(Json(InclusionReply { leaf, size, proof }))
}

impl Gate {
    /// Trust, and what an agent needs of its own: its newest certificate and its live grants.
    ///
    /// # Errors
    /// `unpaired`.
    pub async fn trust_for(&self, held: &Held) -> Result<Reply, Refusal> {
        let trust = self.trust.peek().ok_or(Trouble::Unpaired)?;
        let mut messages = self.missing_trust(held).await?;
        if let Some(agent) = held.agent {
            messages.extend(self.own_messages(&trust, agent).await?);
        }
        Ok(Reply { state: "ok".to_owned(), messages })
    }

    async fn own_messages(
        &self,
        trust: &Arc<agenttrust_protocol::trust::Trust>,
        agent: Thumbprint,
    ) -> Result<Vec<String>, Refusal> {
        let (trust, now) = (Arc::clone(trust), self.clock.now());
        self.store
            .read(move |reader| {
                let cert = reader.newest_cert(&agent)?;
                let grants = reader.live_grants(&agent, &trust, now)?;
                Ok(cert.into_iter().chain(grants).collect())
            })
            .await
    }
}
