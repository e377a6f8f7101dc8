//! A server behind a URL as two lines of messages, for clients on standard streams.

use super::headers::{self, LAST_EVENT, SESSION, VERSION};
use super::sse::Events;
use super::upstream::Upstream;
use crate::answer;
use crate::message::{FromServer, INTERNAL_ERROR, Id, MAX_MESSAGE, Unfit, from_server};
use crate::relay::{Outbound, Server, cancelled};
use crate::say;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// How long to wait before a stream that ended is opened again, unless the server says.
const AGAIN: Duration = Duration::from_secs(1);

/// How often a stream that ends at once is opened again.
const MAX_TRIES: u32 = 10;

/// How long answers are still waited for when the client has gone.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How many messages stand in line.
const LINE: usize = 64;

/// What the server has told of this client, to be repeated in headers.
#[derive(Clone, Debug, Default)]
struct Told {
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

struct Bridge {
    upstream: Upstream,
    inbound: mpsc::Sender<Vec<u8>>,
    told: Mutex<Told>,
}

/// What HTTP repeats of a message.
#[derive(Default, Deserialize)]
struct Repeated {
    #[serde(default)]
    params: Params,
}

#[derive(Default, Deserialize)]
struct Params {
    name: Option<String>,
    uri: Option<String>,
    #[serde(rename = "_meta", default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<String>,
}

impl Repeated {
    fn of(message: &[u8]) -> Repeated {
        serde_json::from_slice(message).unwrap_or_default()
    }
}

/// Carries messages to the server behind a URL and back. The other half of the answer ends when no more messages come
/// and the session is closed.
pub(crate) fn bridge(upstream: Upstream) -> (Server, impl Future<Output = ()>) {
    let (to, outbound) = mpsc::channel(LINE);
    let (inbound, from) = mpsc::channel(LINE);
    let bridge = Arc::new(Bridge { upstream, inbound, told: Mutex::default() });
    let carrying = tokio::spawn(carry(bridge, outbound));
    let ended = async move {
        let _panicked = carrying.await;
    };
    (Server { to, from }, ended)
}

async fn carry(bridge: Arc<Bridge>, mut outbound: mpsc::Receiver<Outbound>) {
    let (mut requests, mut listening) = (JoinSet::new(), JoinSet::new());
    let mut stateless = HashMap::new();
    while let Some(outbound) = outbound.recv().await {
        if outbound.about.method == "notifications/cancelled"
            && let Some(request) = cancelled(&outbound.message).and_then(|id| stateless.remove(&id))
        {
            // Where there is no session, a request is cancelled by hanging up.
            AbortHandle::abort(&request);
            continue;
        }
        let is_ready = outbound.about.method == "notifications/initialized";
        // What comes after the first request carries what its answer said, and a notification stays in its place.
        if outbound.about.id.is_none() || outbound.about.method == "initialize" {
            bridge.send(outbound).await;
        } else {
            let (bridge, id) = (Arc::clone(&bridge), outbound.about.id.clone());
            let is_stateless = Repeated::of(&outbound.message).params.meta.version.is_some();
            let request = requests.spawn(async move { bridge.send(outbound).await });
            if let Some(id) = id.filter(|_| is_stateless) {
                stateless.retain(|_, request: &mut AbortHandle| !request.is_finished());
                stateless.insert(id, request);
            }
        }
        if is_ready {
            let bridge = Arc::clone(&bridge);
            listening.spawn(async move { bridge.listen().await });
        }
        while requests.try_join_next().is_some() {}
    }
    listening.shutdown().await;
    let rest = async { while requests.join_next().await.is_some() {} };
    let _late = tokio::time::timeout(LAST_ANSWERS, rest).await;
    requests.shutdown().await;
    bridge.leave().await;
}

impl Bridge {
    fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn headers(&self) -> HeaderMap {
        let (told, mut headers) = (self.told(), HeaderMap::new());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        for (name, value) in [(SESSION, told.session), (VERSION, told.version)] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers
    }

    async fn send(&self, Outbound { message, about }: Outbound) {
        let mut headers = self.headers();
        let Params { name, uri, meta } = Repeated::of(&message).params;
        if let Some(version) = meta.version.and_then(|version| HeaderValue::try_from(version).ok()) {
            headers.insert(VERSION, version);
            let name = match about.method.as_str() {
                "prompts/get" => name,
                "resources/read" => uri,
                _ => about.name.clone(),
            };
            headers::repeat(&mut headers, &about.method, name.as_deref(), &about.mirrored);
        }
        let answered = match self.upstream.send(Method::POST, headers, Some(message.into())).await {
            Ok(response) => self.take(response, about.id.as_ref(), about.method == "initialize").await,
            Err(error) => {
                super::upstream::lament(&error);
                Err("The server behind the gateway cannot be reached.")
            }
        };
        if let (Err(why), Some(id)) = (answered, about.id) {
            let error = answer::error(&Unfit { id: Some(id), code: INTERNAL_ERROR, why });
            let _gone = self.inbound.send(error).await;
        }
    }

    /// Takes the answer to one message.
    async fn take(&self, response: Response<Incoming>, id: Option<&Id>, is_first: bool) -> Result<(), &'static str> {
        let (head, body) = response.into_parts();
        if is_first && let Some(session) = head.headers.get(&SESSION) {
            self.told.lock().unwrap_or_else(PoisonError::into_inner).session = Some(session.clone());
        }
        if !head.status.is_success() {
            say(&format!("the server answered with HTTP {}", head.status));
            return Err(match head.status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    "The server wants to know who calls: give the gateway its header with --header-env."
                }
                StatusCode::NOT_FOUND => "The server knows nothing of this session or URL: connect again.",
                _ => "The server answered with an error of HTTP.",
            });
        }
        let kind = headers::only(&head.headers, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            return self.stream_until(body, id, is_first).await;
        }
        let body = Limited::new(body, MAX_MESSAGE).collect().await;
        let body = body.map_err(|_| "The server's answer is too long, or ended too early.")?.to_bytes();
        match body.is_empty() {
            true if id.is_some() => Err("The server gave no answer."),
            true => Ok(()),
            false => {
                self.deliver(body.to_vec(), is_first).await;
                Ok(())
            }
        }
    }

    async fn deliver(&self, message: Vec<u8>, is_first: bool) {
        #[derive(Deserialize)]
        struct First {
            result: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            #[serde(rename = "protocolVersion")]
            version: String,
        }
        if is_first && let Ok(First { result }) = serde_json::from_slice(&message) {
            let version = HeaderValue::try_from(result.version).ok();
            self.told.lock().unwrap_or_else(PoisonError::into_inner).version = version;
        }
        let _gone = self.inbound.send(message).await;
    }

    /// Delivers a stream; where it ends before the answer to `id`, it is opened again if the server lets us.
    async fn stream_until(&self, body: Incoming, id: Option<&Id>, is_first: bool) -> Result<(), &'static str> {
        let mut place = Place::default();
        let mut is_answered = self.stream(body, id, is_first, &mut place).await?;
        let mut tries = 0;
        while !is_answered && id.is_some() {
            tries += 1;
            if place.last.is_none() || tries > MAX_TRIES {
                return Err("The server ended its answer too early.");
            }
            tokio::time::sleep(place.again()).await;
            let response = self.open(&place).await.ok_or("The server ended its answer too early.")?;
            is_answered = self.stream(response.into_body(), id, is_first, &mut place).await?;
        }
        Ok(())
    }

    async fn stream(
        &self,
        mut body: Incoming,
        id: Option<&Id>,
        is_first: bool,
        place: &mut Place,
    ) -> Result<bool, &'static str> {
        let mut events = Events::default();
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            events.push(data).map_err(|_| "A message of the server is too long.")?;
            while let Some(event) = events.next() {
                place.last = event.id.or(place.last.take());
                place.retry = event.retry.or(place.retry);
                let Some(data) = event.data else { continue };
                let is_answer = id.is_some_and(|id| from_server(&data) == Ok(FromServer::Response(id.clone())));
                self.deliver(data, is_first && is_answer).await;
                if is_answer {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn open(&self, place: &Place) -> Option<Response<Incoming>> {
        let mut headers = self.headers();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = place.last.as_ref().and_then(|last| HeaderValue::try_from(last).ok()) {
            headers.insert(LAST_EVENT, last);
        }
        let response = self.upstream.send(Method::GET, headers, None::<Bytes>).await.ok()?;
        let kind = headers::only(response.headers(), &CONTENT_TYPE)?;
        (response.status() == StatusCode::OK && kind.starts_with("text/event-stream")).then_some(response)
    }

    /// Listens to what the server says by itself, where it does.
    async fn listen(&self) {
        let mut place = Place::default();
        while let Some(response) = self.open(&place).await {
            if let Err(why) = self.stream(response.into_body(), None, false, &mut place).await {
                return say(why);
            }
            tokio::time::sleep(place.again()).await;
        }
    }

    /// Ends the session, where there is one.
    async fn leave(&self) {
        if self.told().session.is_some() {
            let leaving = self.upstream.send(Method::DELETE, self.headers(), None);
            let _late = tokio::time::timeout(AGAIN, leaving).await;
        }
    }
}

/// Where a stream was left.
#[derive(Default)]
struct Place {
    last: Option<String>,
    retry: Option<u64>,
}

impl Place {
    fn again(&self) -> Duration {
        self.retry.map_or(AGAIN, Duration::from_millis).min(Duration::from_secs(30))
    }
}
