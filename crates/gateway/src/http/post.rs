//! One request to the server on a client's behalf, and the way of its answer.

use super::body::{Body, empty, full, json, pieces};
use super::headers::{self, METHOD};
use super::listen::Listener;
use super::sse::{self, Events};
use super::upstream::Upstream;
use crate::answer;
use crate::call::Call;
use crate::connection::{Awaited, Connection};
use crate::gateway::{AskServer, Decided, Forward, Onward, Passed};
use crate::message::{FromServer, INTERNAL_ERROR, Id, MAX_MESSAGE, Unfit, from_server};
use crate::relay::{FIRST_SIGN, SIGNS};
use crate::say;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const STREAM: &str = "text/event-stream";

/// What is needed to speak for a client.
pub(super) struct Post {
    listener: Arc<Listener>,
    connection: Arc<Connection>,
    headers: HeaderMap,
}

/// A request that is forgotten when nobody waits for its answer any longer.
struct Open {
    connection: Arc<Connection>,
    id: Option<Id>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            // Of an approved call nobody knows then what came of it.
            drop(self.connection.abandon(id));
        }
    }
}

impl Post {
    pub(super) fn new(listener: &Arc<Listener>, connection: Arc<Connection>, headers: &HeaderMap) -> Post {
        Post { listener: Arc::clone(listener), connection, headers: headers::to_server(headers) }
    }

    /// Sends a request that nobody is asked about.
    pub(super) async fn send(self, method: Method, body: Option<Bytes>, id: Option<Id>) -> Response<Body> {
        let open = Open { connection: Arc::clone(&self.connection), id: id.clone() };
        match self.listener.upstream.send(method, self.headers.clone(), body).await {
            Ok(response) => self.answer(response, open).await,
            Err(error) => {
                super::upstream::lament(&error);
                json(StatusCode::BAD_GATEWAY, self.unreachable(id))
            }
        }
    }

    fn unreachable(&self, id: Option<Id>) -> Vec<u8> {
        answer::error(&Unfit { id, code: INTERNAL_ERROR, why: "The server behind the gateway cannot be reached." })
    }

    /// Asks about a call, and sends it if it may be.
    pub(super) async fn call(
        self,
        id: Id,
        message: &[u8],
        token: CancellationToken,
        wants_stream: bool,
    ) -> Response<Body> {
        let open = Open { connection: Arc::clone(&self.connection), id: Some(id.clone()) };
        let call = match Call::read(id.clone(), message) {
            Ok(call) => call,
            Err(why) => return json(StatusCode::OK, answer::refused(&id, false, &answer::not_asked(&why))),
        };
        let (listener, asked) = (Arc::clone(&self.listener), call.clone());
        let mut work = Box::pin(self.see_through(call, token, open));
        if !wants_stream {
            return work.await;
        }
        tokio::select! {
            response = &mut work => return response,
            () = tokio::time::sleep(FIRST_SIGN) => {}
        }
        // Whoever waits for the first byte gives up sooner than whoever sees some.
        let (send, body) = pieces();
        tokio::spawn(async move {
            let mut count = 0;
            loop {
                count += 1;
                let words = answer::waiting_words(&listener.gateway.gate.devices());
                let sign = answer::progress(&asked, count, &words).map(|sign| sse::event(None, &sign));
                let sign = sign.unwrap_or_else(|| b": waiting for a person\n\n".to_vec());
                if send.send(sign.into()).await.is_err() {
                    return;
                }
                tokio::select! {
                    response = &mut work => return into_stream(&asked, response, &send).await,
                    // Dropping the work withdraws the request.
                    () = send.closed() => return,
                    () = tokio::time::sleep(SIGNS) => {}
                }
            }
        });
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(STREAM));
        response
    }

    async fn see_through(self, call: Call, token: CancellationToken, open: Open) -> Response<Body> {
        let (id, is_stateless, tool) = (call.id.clone(), call.stateless().is_some(), call.tool.clone());
        let own = Own { upstream: &self.listener.upstream, headers: self.headers.clone() };
        let decided = tokio::select! {
            decided = self.listener.gateway.decide(&self.connection, call, &own) => decided,
            () = token.cancelled() => return empty(StatusCode::ACCEPTED),
        };
        match decided {
            Decided::Refused(text) if self.connection.close(&id) => {
                json(StatusCode::OK, answer::refused(&id, is_stateless, &text))
            }
            Decided::Refused(_) => empty(StatusCode::ACCEPTED),
            Decided::Forward(both) => self.forward(*both, &tool, is_stateless, open).await,
        }
    }

    async fn forward(
        mut self,
        (passed, forward): (Passed, Forward),
        tool: &str,
        is_stateless: bool,
        open: Open,
    ) -> Response<Body> {
        if is_stateless || self.headers.contains_key(METHOD) {
            headers::repeat(&mut self.headers, crate::message::CALL, Some(tool), &forward.mirrored);
        }
        let Some(id) = open.id.clone().filter(|id| self.connection.pass(id, passed, || ())) else {
            return empty(StatusCode::ACCEPTED);
        };
        let sent = self.listener.upstream.send(Method::POST, self.headers.clone(), Some(forward.message.into())).await;
        match sent {
            Ok(response) => self.answer(response, open).await,
            Err(error) => {
                super::upstream::lament(&error);
                let known = match self.connection.abandon(&id) {
                    Some(Awaited::Call(passed)) if error.is_connect() => {
                        self.listener.gateway.failed(*passed, "The server cannot be reached.");
                        "It did not run."
                    }
                    Some(_) | None => "Nobody knows whether it ran.",
                };
                let text = format!(
                    "AgentTrust: the call was approved, but the server behind the gateway cannot be reached. {known}"
                );
                json(StatusCode::OK, answer::refused(&id, is_stateless, &text))
            }
        }
    }

    /// What a client is given of a server's answer.
    async fn answer(self, response: Response<Incoming>, open: Open) -> Response<Body> {
        let (head, body) = response.into_parts();
        if head.status.is_redirection() && head.status != StatusCode::NOT_MODIFIED {
            let why = "The server sends its clients elsewhere, past the gateway: give the gateway the other URL.";
            return self.broken(open, why);
        }
        if head.headers.contains_key(CONTENT_ENCODING) {
            return self.broken(open, "The server's answer is compressed, which nobody had asked for.");
        }
        let kind = headers::only(&head.headers, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let mut answer = Response::new(full(Bytes::new()));
        *answer.status_mut() = head.status;
        *answer.headers_mut() = headers::to_client(&head.headers);
        if head.status.is_success() && kind.starts_with(STREAM) {
            let (send, stream) = pieces();
            tokio::spawn(pump(self, body, send, open));
            *answer.body_mut() = stream;
            return answer;
        }
        let Ok(body) = Limited::new(body, MAX_MESSAGE).collect().await else {
            return self.broken(open, "The server's answer is too long, or ended too early.");
        };
        let body = body.to_bytes();
        if !head.status.is_success() {
            if let Some(Awaited::Call(passed)) = open.id.as_ref().and_then(|id| self.connection.abandon(id)) {
                self.listener.gateway.failed(*passed, &format!("The server answered with HTTP {}.", head.status));
            }
            *answer.body_mut() = full(body);
            return answer;
        }
        if body.is_empty() {
            return answer;
        }
        match self.listener.gateway.onward(&self.connection, &body) {
            Onward::Same => *answer.body_mut() = full(body),
            Onward::Instead(other) => *answer.body_mut() = full(other),
            Onward::Nothing(why) => return self.broken(open, why.unwrap_or_default()),
        }
        answer
    }

    /// The server's answer is none that can be passed on.
    fn broken(&self, open: Open, why: &'static str) -> Response<Body> {
        say(&format!("an answer of the server is not passed on: {why}"));
        json(StatusCode::BAD_GATEWAY, answer::error(&Unfit { id: open.id.clone(), code: INTERNAL_ERROR, why }))
    }
}

/// Passes on a stream's events as they come, until either side is gone.
async fn pump(post: Post, mut body: Incoming, send: mpsc::Sender<Bytes>, mut open: Open) {
    let (mut events, mut is_resumable) = (Events::default(), false);
    loop {
        while let Some(event) = events.next() {
            is_resumable |= event.id.is_some();
            let piece = match event.data.as_deref().map(|data| post.listener.gateway.onward(&post.connection, data)) {
                None | Some(Onward::Same) => event.raw,
                Some(Onward::Instead(other)) => sse::event(event.id.as_deref(), &other),
                Some(Onward::Nothing(why)) => {
                    why.iter().for_each(|why| say(&format!("a message of the server is not passed on: {why}")));
                    continue;
                }
            };
            if send.send(piece.into()).await.is_err() {
                return;
            }
        }
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = send.closed() => return,
        };
        let Some(Ok(frame)) = frame else { break };
        let is_too_long = frame.data_ref().is_some_and(|data| events.push(data).is_err());
        if is_too_long {
            return say("a stream of the server is ended: one of its messages is too long");
        }
    }
    if is_resumable {
        // The client may come back for the answer.
        open.id = None;
    }
}

/// The answer to a call as part of a stream that has begun.
async fn into_stream(call: &Call, response: Response<Body>, send: &mpsc::Sender<Bytes>) {
    let (head, mut body) = response.into_parts();
    let is_stream = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(STREAM.as_bytes()));
    if is_stream {
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(data) = frame.into_data()
                && send.send(data).await.is_err()
            {
                return;
            }
        }
        return;
    }
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let message = match from_server(&body) {
        Ok(FromServer::Response(id)) if id == call.id => body.to_vec(),
        // The call was cancelled.
        _ if head.status == StatusCode::ACCEPTED => return,
        Ok(_) | Err(_) => {
            let text = format!("AgentTrust: the call was approved, but the server answered with HTTP {}.", head.status);
            answer::refused(&call.id, call.stateless().is_some(), &text)
        }
    };
    let _gone = send.send(sse::event(None, &message).into()).await;
}

/// Requests of the gateway's own, with the headers of the client it asks for.
struct Own<'a> {
    upstream: &'a Upstream,
    headers: HeaderMap,
}

impl AskServer for Own<'_> {
    async fn own(&self, id: &Id, message: Vec<u8>) -> Option<Vec<u8>> {
        let mut headers = self.headers.clone();
        if headers.contains_key(METHOD) {
            headers::repeat(&mut headers, "tools/list", None, &[]);
        }
        let response = self.upstream.send(Method::POST, headers, Some(message.into())).await.ok()?;
        answer_to(id, response).await
    }
}

/// The answer to one request, from a body or a stream.
pub(super) async fn answer_to(id: &Id, response: Response<Incoming>) -> Option<Vec<u8>> {
    let (head, mut body) = response.into_parts();
    if !head.status.is_success() {
        return None;
    }
    let kind = headers::only(&head.headers, &CONTENT_TYPE)?;
    if !kind.starts_with(STREAM) {
        return Some(Limited::new(body, MAX_MESSAGE).collect().await.ok()?.to_bytes().to_vec());
    }
    let mut events = Events::default();
    loop {
        while let Some(event) = events.next() {
            if let Some(data) = event.data
                && from_server(&data) == Ok(FromServer::Response(id.clone()))
            {
                return Some(data);
            }
        }
        let frame = body.frame().await?.ok()?;
        events.push(frame.data_ref()?).ok()?;
    }
}
