//! Somebody between a new device and the daemon: saw the ticket, handed the person another one, and joins in the new
//! device's place with keys of its own.

use super::domain::now;
use crate::forge::{key, random};
use agenttrust_device::approver::pairing::{Joiner, Newcomer};
use agenttrust_link::{Address, Alpn, Bind, Call, Client, Config, Doors, Endpoint, EndpointKey, Limits, Options, Peer};
use agenttrust_protocol::Id;
use agenttrust_protocol::door::{JOSE, PairReply, PairState, Reveal};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Approval, SecretKey, Transport, Witness};
use agenttrust_protocol::pairing::{PairSecret, Ticket};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, Request, header::CONTENT_TYPE};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is shown of the new device's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveals {
    /// Its own number in place of the new device's: it is the one it has committed to.
    Own,
    /// The new device's number.
    Passed,
}

/// A man in the middle of a pairing.
pub struct Middle {
    endpoint: Endpoint,
    ticket: String,
    seat: Arc<Seat>,
}

/// His seat at the real daemon.
struct Seat {
    daemon: Client,
    joiner: Mutex<Option<Joiner>>,
    message: String,
    path: String,
    reveals: Reveals,
    refusal: Mutex<Option<String>>,
    /// Kept open for as long as the call at it.
    _endpoint: Endpoint,
}

impl Middle {
    /// Sits down between the daemon of this ticket and whoever uses [`Middle::ticket`].
    pub async fn sit(ticket: &str, reveals: Reveals) -> Middle {
        let real: Ticket = ticket.parse().expect("a ticket");
        let (approval, witness, transport) = keys();
        let own = endpoint(&transport).await;
        let daemon = Address {
            key: EndpointKey::from_bytes(*real.daemon().as_bytes()),
            direct: real.direct().to_vec(),
            relay: None,
        };
        let daemon = Client::connect(&own, &daemon, Alpn::Pairing, Options::default()).expect("an address");
        let newcomer = Newcomer {
            witness: witness.public(),
            transport: transport.public().thumbprint(),
            name: "Virtual phone".to_owned(),
            protection: "keystore".to_owned(),
        };
        let (joiner, message) = Joiner::new(&real, &approval, newcomer, now(), &mut random("mallory"));
        let path = format!("/v1/pair/{}", joiner.id());
        let (joiner, refusal) = (Mutex::new(Some(joiner)), Mutex::default());
        let seat = Arc::new(Seat { daemon, joiner, message, path, reveals, refusal, _endpoint: own });
        let door = endpoint(&key("mallory's door")).await;
        serve(&door, Arc::clone(&seat));
        let mine = key::<Transport>("mallory's door").public();
        let false_ticket = Ticket::new(
            real.intent(),
            mine,
            PairSecret::from_bytes(*real.secret().as_bytes()),
            None,
            door.loopback_addr().direct,
        );
        let ticket = false_ticket.expect("a ticket").to_text().to_string();
        Middle { endpoint: door, ticket, seat }
    }

    /// The ticket that the person is shown in place of the real one.
    #[must_use]
    pub fn ticket(&self) -> &str {
        &self.ticket
    }

    /// The code with which the daemon refused him, if it did.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.seat.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes away.
    pub async fn leave(self) {
        self.endpoint.close().await;
    }
}

impl Seat {
    /// A call at the real pairing door.
    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, kind: &str, body: String) -> Option<T> {
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, kind);
        let request = request.body(Bytes::from(body)).expect("a request");
        let answer = self.daemon.request(request, Call::within(Duration::from_secs(60))).await.ok()?;
        if !answer.status().is_success() {
            let error: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let code = error["code"].as_str().unwrap_or_default().to_owned();
            self.refusal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(code);
            return None;
        }
        serde_json::from_slice(answer.body()).ok()
    }

    async fn step(&self, reveal: Reveal) -> Option<PairReply> {
        let body = serde_json::to_string(&reveal).expect("JSON");
        self.call(Method::POST, &self.path, "application/json", body).await
    }
}

fn serve(endpoint: &Endpoint, seat: Arc<Seat>) {
    let router = Router::new()
        .route("/v1/pair", post(knock))
        .route("/v1/pair/{joiner}", get(stand).post(step))
        .with_state(seat)
        .into_make_service_with_connect_info::<Peer>();
    let doors = Doors::open(endpoint, Limits::default(), |_| true);
    // Ends with the endpoint.
    tokio::spawn(async move { axum::serve(doors.pairing, router).await.ok() });
}

/// The new device's message goes no further; his own goes in its place.
async fn knock(State(seat): State<Arc<Seat>>) -> Json<PairReply> {
    Json(seat.call(Method::POST, "/v1/pair", JOSE, seat.message.clone()).await.unwrap_or_else(refused))
}

async fn step(State(seat): State<Arc<Seat>>, Json(reveal): Json<Reveal>) -> Json<PairReply> {
    let reveal = match (reveal.r, seat.reveals) {
        (Some(_), Reveals::Own) => Reveal { r: own_number(&seat).await },
        (r, _) => Reveal { r },
    };
    Json(seat.step(reveal).await.unwrap_or_else(refused))
}

/// What he committed to, which he may show only once he has the confirmer's number.
async fn own_number(seat: &Seat) -> Option<Id> {
    let reply = seat.step(Reveal { r: None }).await?;
    let joiner = seat.joiner.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    let answered = joiner.answer(reply.tdid.unwrap_or(Tdid::from_bytes([0; 32])), &reply.c?).ok()?;
    Some(answered.reveal())
}

async fn stand(State(seat): State<Arc<Seat>>) -> Json<PairReply> {
    let path = format!("{}?wait=20", seat.path);
    Json(seat.call(Method::GET, &path, "application/json", String::new()).await.unwrap_or_else(refused))
}

fn refused() -> PairReply {
    PairReply {
        state: PairState::Refused,
        tdid: None,
        c: None,
        log: None,
        transport: None,
        digits: true,
        messages: Vec::new(),
    }
}

fn keys() -> (SecretKey<Approval>, SecretKey<Witness>, SecretKey<Transport>) {
    (key("mallory approval"), key("mallory witness"), key("mallory transport"))
}

async fn endpoint(transport: &SecretKey<Transport>) -> Endpoint {
    let bind = Bind::Loopback { port: 0 };
    Endpoint::bind(Config::new(*transport.to_seed(), bind)).await.expect("a socket on loopback")
}
