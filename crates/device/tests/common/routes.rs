//! The stand-in's routes.

use super::{C, Lie, SECRET, Shared, TRANSPORT, World, log_key, now};
use agenttrust_protocol::door::{
    AgentView, ConsistencyReply, ErrorBody, FirstTrust, InboxEvent, InboxPage, InclusionReply, LeafRef, PairReply,
    PairState, Reply, RequestDetail, Reveal, Seen, SessionsPage, Trouble,
};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{SecretKey, Transport};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{AgentCert, Bundle, Decision, PairInit, Status, Verdict};
use agenttrust_protocol::pairing::{PairSecret, commit, verify_mac};
use agenttrust_protocol::{Hash, Received};
use axum::extract::{Path, Query, State as With};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::DATE;
use serde::Deserialize;
use std::time::{Duration, UNIX_EPOCH};

pub fn device(shared: Shared) -> Router {
    let stamped = shared.clone();
    Router::new()
        .route("/v1/inbox", get(inbox))
        .route("/v1/trust", get(trust))
        .route("/v1/decisions", post(decisions))
        .route("/v1/status", post(status))
        .route("/v1/bundles", post(bundles))
        .route("/v1/agent-certs", post(certs))
        .route("/v1/enrollments/{hash}/refuse", post(refuse))
        .route("/v1/seen", post(seen))
        .route("/v1/agents", get(agents))
        .route("/v1/agents/{key}/sessions", get(sessions))
        .route("/v1/requests/{hash}", get(detail))
        .route("/v1/log/checkpoint", get(checkpoint))
        .route("/v1/log/cosignature", post(cosignature))
        .route("/v1/log/proof/{hash}", get(proof))
        .with_state(shared)
        .layer(axum::middleware::map_response(move |mut response: Response| {
            let time = now().plus(stamped.lock().skew).0;
            let date = UNIX_EPOCH + Duration::from_secs(time.try_into().unwrap());
            response.headers_mut().insert(DATE, httpdate::fmt_http_date(date).parse().unwrap());
            async move { response }
        }))
}

pub fn pairing(shared: Shared) -> Router {
    Router::new()
        .route("/v1/pair", post(knock))
        .route("/v1/pair/{hash}", get(pair_view).post(pair_step))
        .route("/v1/pair/{hash}/trust", post(pair_trust))
        .with_state(shared)
}

fn refused(trouble: Trouble) -> Response {
    (StatusCode::from_u16(trouble.status()).unwrap(), Json(ErrorBody::from(trouble))).into_response()
}

fn ok(state: &str) -> Response {
    Json(Reply::state(state)).into_response()
}

#[derive(Deserialize)]
struct Inbox {
    after: Option<u64>,
    wait: u64,
}

async fn inbox(With(shared): With<Shared>, Query(query): Query<Inbox>) -> Json<InboxPage> {
    shared.lock().inbox_calls += 1;
    let mut changes = shared.changed.subscribe();
    let end = tokio::time::Instant::now() + Duration::from_secs(query.wait);
    loop {
        let page = page(&shared.lock(), query.after);
        if page.reset || !page.entries.is_empty() {
            return Json(page);
        }
        if tokio::time::timeout_at(end, changes.changed()).await.is_err() {
            return Json(page);
        }
    }
}

fn page(world: &World, after: Option<u64>) -> InboxPage {
    let newest = world.entries.len() as u64;
    match after.filter(|after| *after >= world.forgotten && *after <= newest) {
        Some(after) => {
            let entries = world.entries.iter().filter(|entry| entry.seq > after).cloned().collect();
            InboxPage { reset: false, entries, next: newest }
        }
        None => {
            let open = |entry: &&agenttrust_protocol::door::InboxEntry| match &entry.event {
                InboxEvent::Request { request, .. } => world.states[request] == State::Pending,
                InboxEvent::Enroll { enroll, .. } => !world.refused.contains(enroll) && world.certs.is_empty(),
                InboxEvent::Moved { .. } | InboxEvent::Enrolled { .. } | InboxEvent::Trust { .. } => false,
                InboxEvent::Pairing { .. } => true,
            };
            InboxPage { reset: true, entries: world.entries.iter().filter(open).cloned().collect(), next: newest }
        }
    }
}

async fn trust(With(shared): With<Shared>) -> Json<Reply> {
    let world = shared.lock();
    let messages = world.bundles.iter().chain(&world.statuses).cloned().collect();
    Json(Reply { state: "ok".into(), messages })
}

async fn decisions(With(shared): With<Shared>, body: String) -> Response {
    let answer = {
        let mut world = shared.lock();
        if world.lie == Lie::StoreFailed {
            return refused(Trouble::StoreFailed);
        }
        let bundle = world.bundles.last().unwrap().clone();
        let bundle = Received::<Bundle>::parse(&bundle).unwrap();
        let key = opened(bundle).devices[0].key;
        let decision = Received::<Decision>::parse(&body).unwrap().open(|_| Some(key)).unwrap();
        let request = decision.body().req;
        if world.states.get(&request) != Some(&State::Pending) {
            let state = world.states.get(&request).copied();
            let body = ErrorBody { state, ..Trouble::Closed.into() };
            return (StatusCode::CONFLICT, Json(body)).into_response();
        }
        let state = match decision.body().outcome {
            Verdict::Deny => State::Denied,
            Verdict::Approve | Verdict::Modify => State::Approved,
        };
        world.states.insert(request, state);
        world.log(&body);
        world.decisions.push(body);
        let by = Some(decision.signer());
        world.push(InboxEvent::Moved { request, state, by, code: None });
        ok(state.as_str())
    };
    shared.notify();
    answer
}

fn opened(bundle: Received<Bundle>) -> Bundle {
    // The stand-in believes the first device that comes.
    agenttrust_protocol::trust::Trust::enter(bundle.as_str(), None).unwrap().current().body().clone()
}

async fn status(With(shared): With<Shared>, body: String) -> Response {
    {
        let mut world = shared.lock();
        let held = Received::<Status>::parse(world.statuses.last().unwrap()).unwrap().hash();
        let bundle = Received::<Bundle>::parse(world.bundles.last().unwrap()).unwrap();
        let key = opened(bundle).devices[0].key;
        let next = Received::<Status>::parse(&body).unwrap().open(|_| Some(key)).unwrap();
        if next.body().prev != Some(held) {
            return refused(Trouble::Conflict);
        }
        world.log(&body);
        world.statuses.push(body.clone());
        world.push(InboxEvent::Trust { messages: vec![body] });
    }
    shared.notify();
    ok("ok")
}

async fn bundles(With(shared): With<Shared>, body: String) -> Response {
    {
        let mut world = shared.lock();
        world.log(&body);
        world.bundles.push(body.clone());
        world.push(InboxEvent::Trust { messages: vec![body] });
    }
    shared.notify();
    ok("ok")
}

async fn certs(With(shared): With<Shared>, body: String) -> Response {
    {
        let mut world = shared.lock();
        let bundle = Received::<Bundle>::parse(world.bundles.last().unwrap()).unwrap();
        let key = opened(bundle).devices[0].key;
        let enroll = Received::<AgentCert>::parse(&body).unwrap().open(|_| Some(key)).unwrap().body().enroll;
        world.log(&body);
        world.certs.push(body);
        world.push(InboxEvent::Enrolled { enroll, accepted: true });
    }
    shared.notify();
    ok("enrolled")
}

async fn refuse(With(shared): With<Shared>, Path(enroll): Path<String>) -> Response {
    let enroll: Hash = enroll.parse().unwrap();
    {
        let mut world = shared.lock();
        world.refused.push(enroll);
        world.push(InboxEvent::Enrolled { enroll, accepted: false });
    }
    shared.notify();
    ok("refused")
}

async fn seen(With(shared): With<Shared>, Json(body): Json<Seen>) -> Response {
    shared.lock().seen.push(body);
    ok("ok")
}

async fn agents(With(shared): With<Shared>) -> Json<Vec<AgentView>> {
    Json(shared.lock().agents.clone())
}

async fn sessions(With(shared): With<Shared>) -> Json<SessionsPage> {
    Json(SessionsPage { sessions: shared.lock().sessions.clone(), next: None })
}

async fn detail(With(shared): With<Shared>, Path(request): Path<String>) -> Response {
    let (world, request) = (shared.lock(), request.parse().unwrap());
    match world.states.get(&request) {
        Some(state) => {
            let asked = world.asked.get(&request).cloned().unwrap_or_default();
            let messages = [asked, world.decisions.clone(), world.ended.clone()].concat();
            Json(RequestDetail { state: *state, messages, marks: Vec::new(), leaves: Vec::new() }).into_response()
        }
        None => refused(Trouble::NotFound),
    }
}

#[derive(Deserialize)]
struct Old {
    old: u64,
}

async fn checkpoint(With(shared): With<Shared>, Query(query): Query<Old>) -> Response {
    let world = shared.lock();
    let tree = world.tree();
    let head = tree.head().unwrap();
    let proof = if query.old == 0 || query.old >= head.size {
        Vec::new()
    } else {
        tree.consistency_proof(query.old, head.size).unwrap()
    };
    let proof = proof.iter().map(|hash| Hash::from_bytes(*hash.as_bytes())).collect();
    Json(ConsistencyReply { checkpoint: world.checkpoint(head), proof }).into_response()
}

async fn cosignature(With(shared): With<Shared>, body: String) -> Response {
    shared.lock().cosignatures.push(body);
    ok("ok")
}

#[derive(Deserialize)]
struct Size {
    size: u64,
}

async fn proof(With(shared): With<Shared>, Path(message): Path<String>, Query(query): Query<Size>) -> Response {
    let world = shared.lock();
    let hash: Hash = message.parse().unwrap();
    let Some(index) = world.leaves.iter().position(|leaf| Hash::of(leaf.as_bytes()) == hash) else {
        return refused(Trouble::NotFound);
    };
    let index = index as u64;
    let proof = world.tree().inclusion_proof(index, query.size).unwrap();
    let proof = proof.iter().map(|hash| Hash::from_bytes(*hash.as_bytes())).collect();
    Json(InclusionReply { leaf: LeafRef { hash, index }, size: query.size, proof }).into_response()
}

fn view(world: &World) -> PairReply {
    let state = if !world.bundles.is_empty() {
        PairState::Paired
    } else if world.confirmed || !world.digits {
        PairState::Confirmed
    } else if world.revealed.is_some() {
        PairState::Revealed
    } else {
        PairState::Challenged
    };
    PairReply {
        state,
        tdid: Some(Tdid::from_bytes([0; 32])),
        c: world.digits.then_some(C),
        log: Some(Hash::from_bytes(*log_key().as_bytes())),
        transport: Some(SecretKey::<Transport>::from_seed(&TRANSPORT).public().thumbprint()),
        digits: world.digits,
        messages: world.bundles.iter().chain(&world.statuses).cloned().collect(),
    }
}

async fn knock(With(shared): With<Shared>, body: String) -> Response {
    let mut world = shared.lock();
    let init = Received::<PairInit>::parse(&body).unwrap().open_own().unwrap();
    let daemon = SecretKey::<Transport>::from_seed(&TRANSPORT).public();
    let secret = PairSecret::from_bytes(SECRET);
    if !verify_mac(&secret, &daemon, &init.body().transport, &init.body().key, &init.body().mac) {
        return refused(Trouble::TicketInvalid);
    }
    world.admit(&body);
    Json(view(&world)).into_response()
}

async fn pair_view(With(shared): With<Shared>) -> Json<PairReply> {
    let mut changes = shared.changed.subscribe();
    let before = view(&shared.lock());
    let _time_over = tokio::time::timeout(Duration::from_millis(500), changes.changed()).await;
    let after = view(&shared.lock());
    Json(if before == after { before } else { after })
}

async fn pair_step(With(shared): With<Shared>, Json(reveal): Json<Reveal>) -> Response {
    {
        let mut world = shared.lock();
        if let Some(r) = reveal.r {
            let joiner = world.joiner.clone().unwrap();
            let init = Received::<PairInit>::parse(&joiner).unwrap().open_own().unwrap();
            if commit(&r) != init.body().commit {
                return refused(Trouble::DigitsWrong);
            }
            world.revealed = Some(r);
        }
    }
    shared.notify();
    Json(view(&shared.lock())).into_response()
}

async fn pair_trust(With(shared): With<Shared>, Json(first): Json<FirstTrust>) -> Response {
    {
        let mut world = shared.lock();
        let [bundle, status] = first.messages.as_slice() else { return refused(Trouble::BadRequest) };
        world.log(bundle);
        world.log(status);
        world.bundles.push(bundle.clone());
        world.statuses.push(status.clone());
    }
    shared.notify();
    Json(view(&shared.lock())).into_response()
}
