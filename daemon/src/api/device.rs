//! The device door: `agenttrust/1`, every call by a paired device.

use super::admit::{JSON, TEXT, admit_body};
use super::agent::{Size, inclusion};
use super::inbox::inbox;
use super::rate::Buckets;
use super::reply::{Body, Jose, Named, Params, Plain, Refusal};
use super::tickets::Tickets;
use crate::gate::{Gate, admitted};
use crate::hub::thumbprint;
use agenttrust_link::Peer;
use agenttrust_protocol::door::{
    AgentView, ConsistencyReply, CountRow, CountsQuery, DeviceView, Erasures, GrantView, Held, HistoryPage,
    HistoryQuery, InclusionReply, JOSE, PairAnswer, PairingOffer, PairingView, Reply, RequestDetail, Seen,
    SessionsPage, SessionsQuery, StartPairing, Trouble,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Thumbprint, Time};
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::header::DATE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

type Answer<T> = Result<Json<T>, Refusal>;

/// What the device door works on.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) gate: Arc<Gate>,
    tickets: Tickets,
    calls: Arc<Buckets<Thumbprint>>,
}

/// The device that calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    /// Its approval key.
    pub(super) device: Thumbprint,
    admin: bool,
}

/// The router; serve it with [`Peer`] as connect info.
pub fn router(gate: Arc<Gate>, tickets: Tickets) -> Router {
    let clock = gate.clock.clone();
    let calls = Arc::new(Buckets::new(gate.config.limits.device_calls));
    let door = Door { gate, tickets, calls };
    let guard = door.clone();
    let router = Router::new()
        .route("/v1/inbox", get(inbox))
        .route("/v1/requests/{hash}", get(request))
        .route("/v1/decisions", post(decide))
        .route("/v1/grants", get(grants).post(grant))
        .route("/v1/status", post(status))
        .route("/v1/bundles", post(bundle))
        .route("/v1/agent-certs", post(certify))
        .route("/v1/enrollments/{hash}/refuse", post(refuse))
        .route("/v1/seen", post(seen))
        .route("/v1/erasures", post(erase))
        .route("/v1/history", get(history))
        .route("/v1/history/counts", get(counts))
        .route("/v1/agents", get(agents))
        .route("/v1/agents/{key}/sessions", get(sessions))
        .route("/v1/devices", get(devices))
        .route("/v1/trust", get(trust))
        .route("/v1/log/checkpoint", get(checkpoint))
        .route("/v1/log/proof/{hash}", get(proof))
        .route("/v1/log/leaves", get(leaves))
        .route("/v1/log/cosignature", post(cosign))
        .route("/v1/pairings", post(offer).delete(withdraw))
        .route("/v1/pairings/{hash}", get(pairing).post(confirm));
    super::door(router, clock, |router| router.layer(from_fn_with_state(guard, porter))).with_state(door)
}

async fn porter(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    match door.let_in(&peer, &request) {
        Ok(who) => {
            door.note(who.device, date(&request));
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(refusal) => {
            tracing::info!(code = refusal.code(), "a call was refused at the device door");
            refusal.into_response()
        }
    }
}

impl Door {
    /// Asked anew for every call: trust may have changed since the connection was let in.
    fn let_in(&self, peer: &Peer, request: &Request) -> Result<Who, Refusal> {
        let trust = self.gate.trust.peek().ok_or(Trouble::Unpaired)?;
        let device = admitted(&trust, &thumbprint(&peer.key)).ok_or(Trouble::PeerRefused)?;
        admit_body(request.method(), request.headers(), &[JOSE, JSON, TEXT])?;
        let who = Who { device: device.key.thumbprint(), admin: device.is_admin() };
        if self.calls.take(who.device, Instant::now()) { Ok(who) } else { Err(Trouble::RateLimited.into()) }
    }

    /// Notes what time it is for the device and, now and then, that it is here; nobody waits for that.
    fn note(&self, device: Thumbprint, date: Option<Time>) {
        if let Some(date) = date {
            self.gate.skew.note(date, self.gate.clock.now());
        }
        if self.gate.hub.is_news(device) {
            let gate = Arc::clone(&self.gate);
            tokio::spawn(async move {
                let now = gate.clock.now();
                let noted = gate.store.write(move |tx| tx.device_seen(&device, now).map_err(Refusal::from)).await;
                if let Err(refusal) = noted {
                    tracing::debug!(code = refusal.code(), "a device's presence was not noted");
                }
            });
        }
    }

    fn trust(&self) -> Result<Arc<Trust>, Refusal> {
        self.gate.trust.peek().ok_or(Trouble::Unpaired.into())
    }
}

/// The `Date` header (RFC 9110 section 6.6.1).
fn date(request: &Request) -> Option<Time> {
    let date = request.headers().get(DATE)?.to_str().ok()?;
    let since = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Time)
}

fn only_admins(who: Who) -> Result<(), Refusal> {
    if who.admin { Ok(()) } else { Err(Trouble::PeerRefused.into()) }
}

async fn request(State(door): State<Door>, Named(hash): Named) -> Answer<RequestDetail> {
    let detail = door.gate.store.read(move |reader| reader.request_detail(&hash).map_err(Refusal::from)).await?;
    detail.map(Json).ok_or(Trouble::NotFound.into())
}

async fn decide(State(door): State<Door>, Jose(text): Jose) -> Answer<Reply> {
    door.gate.decide(&text).await.map(Json)
}

async fn grant(State(door): State<Door>, Jose(text): Jose) -> Answer<Reply> {
    door.gate.add_grant(&text).await.map(Json)
}

async fn status(State(door): State<Door>, Jose(text): Jose) -> Answer<Reply> {
    door.gate.change_status(&text).await.map(Json)
}

async fn bundle(State(door): State<Door>, Jose(text): Jose) -> Answer<Reply> {
    door.gate.change_bundle(&text).await.map(Json)
}

async fn certify(State(door): State<Door>, Jose(text): Jose) -> Answer<Reply> {
    door.gate.certify(&text).await.map(Json)
}

async fn refuse(State(door): State<Door>, Extension(who): Extension<Who>, Named(hash): Named) -> Answer<Reply> {
    only_admins(who)?;
    door.gate.refuse_enrollment(hash).await.map(Json)
}

async fn seen(State(door): State<Door>, Extension(who): Extension<Who>, Body(seen): Body<Seen>) -> Answer<Reply> {
    door.gate.seen(who.device, seen).await.map(Json)
}

async fn erase(State(door): State<Door>, Body(body): Body<Erasures>) -> Answer<Reply> {
    door.gate.erase(body.requests).await.map(Json)
}

async fn history(State(door): State<Door>, Params(query): Params<HistoryQuery>) -> Answer<HistoryPage> {
    door.gate.store.read(move |reader| reader.history(&query).map_err(Refusal::from)).await.map(Json)
}

async fn counts(State(door): State<Door>, Params(query): Params<CountsQuery>) -> Answer<Vec<CountRow>> {
    door.gate.store.read(move |reader| reader.history_counts(&query).map_err(Refusal::from)).await.map(Json)
}

async fn agents(State(door): State<Door>) -> Answer<Vec<AgentView>> {
    let trust = door.trust()?;
    door.gate.store.read(move |reader| reader.agents(&trust).map_err(Refusal::from)).await.map(Json)
}

async fn sessions(
    State(door): State<Door>,
    Named(agent): Named,
    Params(query): Params<SessionsQuery>,
) -> Answer<SessionsPage> {
    let agent = Thumbprint::from_bytes(*agent.as_bytes());
    door.gate.store.read(move |reader| reader.sessions(&agent, &query).map_err(Refusal::from)).await.map(Json)
}

async fn devices(State(door): State<Door>) -> Answer<Vec<DeviceView>> {
    let trust = door.trust()?;
    let connected = door.gate.hub.connected(&trust);
    let mut devices: Vec<DeviceView> =
        door.gate.store.read(move |reader| reader.devices(&trust).map_err(Refusal::from)).await?;
    for device in &mut devices {
        device.connected = connected.contains(&device.device);
    }
    Ok(Json(devices))
}

async fn grants(State(door): State<Door>) -> Answer<Vec<GrantView>> {
    let (trust, now) = (door.trust()?, door.gate.clock.now());
    door.gate.store.read(move |reader| reader.grants(&trust, now).map_err(Refusal::from)).await.map(Json)
}

async fn trust(State(door): State<Door>, Params(held): Params<Held>) -> Answer<Reply> {
    let messages = door.gate.missing_trust(&held).await?;
    Ok(Json(Reply { state: "ok".to_owned(), messages }))
}

/// The query of a checkpoint.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Old {
    #[serde(default)]
    old: u64,
}

async fn checkpoint(State(door): State<Door>, Params(query): Params<Old>) -> Answer<ConsistencyReply> {
    door.gate.store.read(move |reader| reader.consistency(query.old).map_err(Refusal::from)).await.map(Json)
}

async fn proof(State(door): State<Door>, Named(hash): Named, Params(query): Params<Size>) -> Answer<InclusionReply> {
    inclusion(&door.gate, hash, query).await
}

/// The query of leaves.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: u64,
    to: u64,
}

async fn leaves(State(door): State<Door>, Params(range): Params<Range>) -> Answer<Reply> {
    let Range { from, to } = range;
    let messages = door.gate.store.read(move |reader| reader.leaves(from, to).map_err(Refusal::from)).await?;
    Ok(Json(Reply { state: "ok".to_owned(), messages }))
}

async fn cosign(State(door): State<Door>, Extension(who): Extension<Who>, Plain(note): Plain) -> Answer<Reply> {
    door.gate.cosign(who.device, &note).await.map(Json)
}

async fn offer(
    State(door): State<Door>,
    Extension(who): Extension<Who>,
    Body(_start): Body<StartPairing>,
) -> Answer<PairingOffer> {
    only_admins(who)?;
    door.tickets.offer(&door.gate, false).await.map(Json)
}

async fn withdraw(State(door): State<Door>, Extension(who): Extension<Who>) -> Answer<Reply> {
    only_admins(who)?;
    if door.gate.pairing.stop() { Ok(Json(Reply::state("ok"))) } else { Err(Trouble::NotFound.into()) }
}

async fn pairing(State(door): State<Door>, Extension(who): Extension<Who>, Named(hash): Named) -> Answer<PairingView> {
    only_admins(who)?;
    view(&door.gate, hash).map(Json)
}

async fn confirm(
    State(door): State<Door>,
    Extension(who): Extension<Who>,
    Named(hash): Named,
    Body(answer): Body<PairAnswer>,
) -> Answer<PairingView> {
    only_admins(who)?;
    let now = door.gate.clock.now();
    match answer {
        PairAnswer::Challenge { c } => door.gate.pairing.challenge(&hash, c, now)?,
        PairAnswer::Refuse => door.gate.pairing.refuse(&hash, now)?,
    };
    view(&door.gate, hash).map(Json)
}

fn view(gate: &Gate, joiner: Hash) -> Result<PairingView, Refusal> {
    let now = gate.clock.now();
    gate.pairing.read(&joiner, now, |_| ())?;
    gate.pairing.view(now).ok_or(Trouble::NotFound.into())
}
