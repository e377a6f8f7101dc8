//! The host door: `host.sock`, for the commands of the person at this machine.

use super::local::{Porter, porter};
use super::reply::{Body, Refusal};
use super::tickets::Tickets;
use crate::folder::Folder;
use crate::gate::Gate;
use agenttrust_protocol::door::{
    DaemonStatus, DigitsReply, DigitsTyped, EndpointView, PairingOffer, PairingView, Reply, StartPairing, Trouble,
};
use agenttrust_protocol::message::{Bundle, Paused};
use agenttrust_protocol::{Hash, Time};
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;

/// Calls a second: commands of one person.
const CALLS: u32 = 200;

/// What the host door works on.
#[derive(Clone)]
struct Door {
    gate: Arc<Gate>,
    tickets: Tickets,
    data: Arc<str>,
    started: Time,
}

/// The router; serve it with [`super::Caller`] as connect info.
pub fn router(gate: Arc<Gate>, tickets: Tickets, folder: &Folder, own_uid: u32) -> Router {
    let admission = Porter::new(vec![own_uid], CALLS);
    let (clock, started) = (gate.clock.clone(), gate.clock.now());
    let data = folder.path().display().to_string().into();
    let router = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/endpoint", get(endpoint))
        .route("/v1/pairings", get(pairing).post(start).delete(end))
        .route("/v1/pairings/digits", post(digits))
        .route("/v1/stop", post(stop));
    super::door(router, clock, |router| router.layer(from_fn_with_state(admission, porter))).with_state(Door {
        gate,
        tickets,
        data,
        started,
    })
}

async fn status(State(door): State<Door>) -> Result<Json<DaemonStatus>, Refusal> {
    let Door { gate, data, started, .. } = door;
    let counts = gate.store.read(|reader| reader.counts().map_err(Refusal::from)).await?;
    let trust = gate.trust.peek();
    let bundle = trust.as_ref().map(|trust| trust.current().body());
    let status = trust.as_ref().and_then(|trust| trust.status()).map(|status| status.body());
    let admins = bundle.iter().flat_map(|bundle| &bundle.devices).filter(|device| device.is_admin());
    Ok(Json(DaemonStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started,
        now: gate.clock.now(),
        skew: gate.skew.seconds(),
        data: data.to_string(),
        tdid: trust.as_ref().map(|trust| trust.tdid()),
        bundle: bundle.map_or(0, |bundle| bundle.version),
        status_until: status.map(|status| status.exp),
        admins: admins.map(|device| device.name.clone()).collect(),
        devices: bundle.map_or(0, |bundle| bundle.devices.len() as u64),
        connected: trust.as_ref().map_or(0, |trust| gate.hub.connected(trust).len() as u64),
        local_only: bundle.is_some_and(is_local_only),
        pending: counts.pending,
        log_size: counts.log_size,
        paused: status.is_some_and(|status| status.paused == Paused::All),
    }))
}

fn is_local_only(bundle: &Bundle) -> bool {
    bundle.devices.iter().filter(|device| device.is_approver()).all(|device| device.local)
}

async fn endpoint(State(door): State<Door>) -> Json<EndpointView> {
    let (loopback, all) = (door.tickets.loopback(), door.tickets.everywhere());
    let mut addresses: Vec<String> = Vec::new();
    for address in loopback.direct.iter().chain(&all.direct).map(ToString::to_string) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let endpoint = Hash::from_bytes(*door.gate.transport.as_bytes());
    Json(EndpointView { endpoint, addresses, relay: all.relay })
}

async fn start(State(door): State<Door>, Body(body): Body<StartPairing>) -> Result<Json<PairingOffer>, Refusal> {
    door.tickets.offer(&door.gate, body.local).await.map(Json)
}

async fn pairing(State(door): State<Door>) -> Result<Json<PairingView>, Refusal> {
    let view = door.gate.pairing.view(door.gate.clock.now());
    view.map(Json).ok_or(Trouble::NotFound.into())
}

async fn digits(State(door): State<Door>, Body(body): Body<DigitsTyped>) -> Result<Json<DigitsReply>, Refusal> {
    let digits = body.digits.parse().map_err(|_| Trouble::BadRequest)?;
    let state = door.gate.pairing.digits(&digits, door.gate.clock.now())?;
    Ok(Json(DigitsReply { state }))
}

async fn end(State(door): State<Door>) -> Result<Json<Reply>, Refusal> {
    if door.gate.pairing.stop() { Ok(Json(Reply::state("ok"))) } else { Err(Trouble::NotFound.into()) }
}

async fn stop(State(door): State<Door>) -> Json<Reply> {
    tracing::info!("asked to stop");
    door.gate.stop.cancel();
    Json(Reply::state("ok"))
}
