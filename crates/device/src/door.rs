//! The daemon's device door, call by call.

use crate::clock::{Clock, system_time};
use crate::failure::Failure;
use agenttrust_link::{Call, Client};
use agenttrust_protocol::door::{
    AgentView, ConsistencyReply, CountRow, CountsQuery, DeviceView, Erasures, ErrorBody, GrantView, Held, HistoryPage,
    HistoryQuery, InboxPage, InclusionReply, JOSE, MAX_WAIT, PairAnswer, PairingOffer, PairingView, Reply,
    RequestDetail, Seen, SessionsPage, SessionsQuery, StartPairing, Trouble,
};
use agenttrust_protocol::{Hash, Thumbprint, Time};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderValue, Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A call that does not wait for anything is answered within this time or not at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// An inbox call waits this long for something to happen, in seconds.
pub(crate) const INBOX_WAIT: u64 = 50;

/// A page of the inbox may hold many requests of up to 1 MiB.
const MAX_PAGE: usize = 64 << 20;

const JSON: &str = "application/json";

/// The calls, over a link that reconnects by itself.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    client: Client,
    server: ServerTime,
    clock: Clock,
}

/// The daemon's clock, as its last answer told it; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerTime(Arc<Mutex<Option<(Time, Instant)>>>);

impl ServerTime {
    fn tell(&self, time: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((time, Instant::now()));
    }

    /// What the daemon's clock shows now. It runs on by a clock that nobody sets, so that a change of this device's
    /// own clock is noticed.
    pub(crate) fn now(&self) -> Option<Time> {
        let (time, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(time.plus(i64::try_from(at.elapsed().as_secs()).unwrap_or(i64::MAX)))
    }
}

impl Door {
    pub(crate) fn new(client: Client, server: ServerTime, clock: Clock) -> Door {
        Door { client, server, clock }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn inbox(&self, after: Option<u64>) -> Result<InboxPage, Failure> {
        let after = after.map_or(String::new(), |seq| format!("after={seq}&"));
        let request = request(Method::GET, &format!("/v1/inbox?{after}wait={INBOX_WAIT}"), JSON, Vec::new())?;
        let call = Call::within(PATIENCE + Duration::from_secs(INBOX_WAIT)).limit(MAX_PAGE);
        self.call(request, call).await
    }

    pub(crate) async fn trust(&self, held: Held) -> Result<Reply, Failure> {
        self.get(&format!("/v1/trust?version={}&seq={}", held.version, held.seq)).await
    }

    /// Posts one signed message to the door of its type.
    pub(crate) async fn post(&self, path: &str, message: &str) -> Result<Reply, Failure> {
        self.call(request(Method::POST, path, JOSE, message.into())?, Call::within(PATIENCE)).await
    }

    /// A joiner's first message.
    pub(crate) async fn knock<T: DeserializeOwned>(&self, path: &str, message: &str) -> Result<T, Failure> {
        self.call(request(Method::POST, path, JOSE, message.into())?, Call::within(PATIENCE)).await
    }

    pub(crate) async fn seen(&self, seen: &Seen) -> Result<Reply, Failure> {
        self.send("/v1/seen", seen).await
    }

    pub(crate) async fn refuse_agent(&self, enroll: &Hash) -> Result<Reply, Failure> {
        self.send(&format!("/v1/enrollments/{enroll}/refuse"), &serde_json::json!({})).await
    }

    pub(crate) async fn erase(&self, requests: Vec<Hash>) -> Result<Reply, Failure> {
        self.send("/v1/erasures", &Erasures { requests }).await
    }

    pub(crate) async fn detail(&self, request: &Hash) -> Result<RequestDetail, Failure> {
        self.get(&format!("/v1/requests/{request}")).await
    }

    pub(crate) async fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, Failure> {
        let query = serde_urlencoded::to_string(query).map_err(|_| Trouble::BadRequest)?;
        self.get(&format!("/v1/history?{query}")).await
    }

    pub(crate) async fn counts(&self, query: &CountsQuery) -> Result<Vec<CountRow>, Failure> {
        let query = serde_urlencoded::to_string(query).map_err(|_| Trouble::BadRequest)?;
        self.get(&format!("/v1/history/counts?{query}")).await
    }

    pub(crate) async fn agents(&self) -> Result<Vec<AgentView>, Failure> {
        self.get("/v1/agents").await
    }

    pub(crate) async fn devices(&self) -> Result<Vec<DeviceView>, Failure> {
        self.get("/v1/devices").await
    }

    pub(crate) async fn sessions(&self, agent: &Thumbprint, query: &SessionsQuery) -> Result<SessionsPage, Failure> {
        let query = serde_urlencoded::to_string(query).map_err(|_| Trouble::BadRequest)?;
        self.get(&format!("/v1/agents/{agent}/sessions?{query}")).await
    }

    pub(crate) async fn grants(&self) -> Result<Vec<GrantView>, Failure> {
        self.get("/v1/grants").await
    }

    pub(crate) async fn checkpoint(&self, old: u64) -> Result<ConsistencyReply, Failure> {
        self.get(&format!("/v1/log/checkpoint?old={old}")).await
    }

    pub(crate) async fn inclusion(&self, message: &Hash, size: u64) -> Result<InclusionReply, Failure> {
        self.get(&format!("/v1/log/proof/{message}?size={size}")).await
    }

    pub(crate) async fn cosign(&self, note: &str) -> Result<Reply, Failure> {
        let request = request(Method::POST, "/v1/log/cosignature", "text/plain; charset=utf-8", note.into())?;
        self.call(request, Call::within(PATIENCE)).await
    }

    pub(crate) async fn offer_pairing(&self) -> Result<PairingOffer, Failure> {
        self.send("/v1/pairings", &StartPairing { local: false }).await
    }

    pub(crate) async fn withdraw_pairing(&self) -> Result<Reply, Failure> {
        self.call(request(Method::DELETE, "/v1/pairings", JSON, Vec::new())?, Call::within(PATIENCE)).await
    }

    pub(crate) async fn pairing(&self, joiner: &Hash) -> Result<PairingView, Failure> {
        self.get(&format!("/v1/pairings/{joiner}")).await
    }

    pub(crate) async fn answer_pairing(&self, joiner: &Hash, answer: &PairAnswer) -> Result<PairingView, Failure> {
        self.send(&format!("/v1/pairings/{joiner}"), answer).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(request(Method::GET, path, JSON, Vec::new())?, Call::within(PATIENCE).limit(MAX_PAGE)).await
    }

    /// A call that may take as long as the door keeps one open.
    pub(crate) async fn wait_for<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let call = Call::within(PATIENCE + Duration::from_secs(MAX_WAIT)).limit(MAX_PAGE);
        self.call(request(Method::GET, path, JSON, Vec::new())?, call).await
    }

    pub(crate) async fn send<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.send_within(path, body, PATIENCE).await
    }

    pub(crate) async fn send_within<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, Failure> {
        let json = serde_json::to_vec(body).map_err(|error| Failure::new(Trouble::Internal, error.to_string()))?;
        self.call(request(Method::POST, path, JSON, json)?, Call::within(patience)).await
    }

    async fn call<T: DeserializeOwned>(&self, mut request: Request<Bytes>, call: Call) -> Result<T, Failure> {
        // So that the daemon's person can be told whose clock is off: this device does not sign while they differ.
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(system_time(self.clock.now()))) {
            request.headers_mut().insert(DATE, date);
        }
        let answer = self.client.request(request, call).await?;
        if let Some(date) = answer.headers().get(DATE).and_then(|date| parse_date(date.as_bytes())) {
            self.server.tell(date);
        }
        let unreadable = |_| Failure::new(Trouble::BadRequest, "the daemon's answer was not understood");
        if answer.status().is_success() {
            return serde_json::from_slice(answer.body()).map_err(unreadable);
        }
        let body: ErrorBody = serde_json::from_slice(answer.body()).map_err(|_| {
            Failure::new(Trouble::BadRequest, format!("the daemon answered with HTTP status {}", answer.status()))
        })?;
        Err(Failure::Daemon(body))
    }
}

fn request(method: Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Request<Bytes>, Failure> {
    let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, kind);
    request.body(Bytes::from(body)).map_err(|_| Trouble::BadRequest.into())
}

/// The `Date` header (RFC 9110 section 6.6.1).
fn parse_date(value: &[u8]) -> Option<Time> {
    let date = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Time)
}
