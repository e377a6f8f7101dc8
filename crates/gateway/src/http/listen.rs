//! The listener: one path on this machine, in front of one server.

use super::body::{Body, empty, json};
use super::headers::{self, SESSION};
use super::post::Post;
use super::upstream::Upstream;
use crate::answer;
use crate::connection::{Awaited, Cancelled, Connection};
use crate::gateway::Gateway;
use crate::message::{FromClient, INVALID_REQUEST, Id, MAX_MESSAGE, PARSE_ERROR, Unfit, from_client};
use crate::say;
use agenttrust_protocol::Hash;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderMap};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The most sessions that are known at a time.
const MAX_SESSIONS: usize = 1000;

/// What answers clients.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(super) gateway: Arc<Gateway>,
    pub(super) upstream: Upstream,
    here: SocketAddr,
    /// Tells this listener's sessions from those of another one of the same agent.
    nonce: String,
    sessions: Mutex<HashMap<String, Arc<Connection>>>,
    /// Of clients without a session only what the server says of its tools is common.
    sessionless: Connection,
    /// Their calls that wait.
    strays: Mutex<Vec<Weak<Connection>>>,
}

/// Answers clients until it is stopped.
pub(crate) async fn listen(
    gateway: Arc<Gateway>,
    upstream: Upstream,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let nonce = gateway.own_id().to_string();
    let listening = Arc::new(Listener {
        here: listener.local_addr()?,
        sessionless: Connection::new(format!("http {nonce}")),
        gateway,
        upstream,
        nonce,
        sessions: Mutex::default(),
        strays: Mutex::default(),
    });
    let accept = async {
        let mut open = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Too many files are open, or the like: it passes.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let _slower = stream.set_nodelay(true);
            let listening = Arc::clone(&listening);
            let service = service_fn(move |request| {
                let listening = Arc::clone(&listening);
                async move { Ok::<_, Infallible>(listening.serve(request).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new());
            open.spawn(http.serve_connection(TokioIo::new(stream), service));
            while open.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = stop => {}
        never = accept => never,
    }
    Ok(())
}

/// A refusal of the gateway's own, outside of any call.
fn no(status: StatusCode, why: &'static str) -> Response<Body> {
    json(status, answer::error(&Unfit::new(INVALID_REQUEST, why)))
}

impl Listener {
    async fn serve(self: Arc<Listener>, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if !headers::is_from_here(&head.headers, self.here) {
            return no(StatusCode::FORBIDDEN, "Host and Origin must be names of this machine.");
        }
        if ![self.upstream.path(), "/"].contains(&head.uri.path()) {
            let why = "Nothing stands at this path. A login to the server, and its older transport, do not pass through the gateway.";
            return no(StatusCode::NOT_FOUND, why);
        }
        match head.method {
            Method::POST => self.post(&head.headers, body).await,
            Method::GET | Method::DELETE | Method::OPTIONS => self.other(head.method, &head.headers, body).await,
            _ => no(StatusCode::METHOD_NOT_ALLOWED, "MCP uses POST, GET and DELETE."),
        }
    }

    /// A stream of what the server says by itself, or the end of a session.
    async fn other(self: Arc<Listener>, method: Method, headers: &HeaderMap, body: Incoming) -> Response<Body> {
        if !hyper::body::Body::is_end_stream(&body) {
            return no(StatusCode::BAD_REQUEST, "Only POST has a body.");
        }
        let connection = match self.connection(headers) {
            Ok(connection) => connection,
            Err(response) => return *response,
        };
        let is_end = method == Method::DELETE;
        let post = Post::new(&self, connection, headers);
        let response = post.send(method, None, None).await;
        if is_end && response.status().is_success() {
            self.forget(headers);
        }
        response
    }

    async fn post(self: Arc<Listener>, headers: &HeaderMap, body: Incoming) -> Response<Body> {
        if !headers::is_json(headers) {
            return no(StatusCode::UNSUPPORTED_MEDIA_TYPE, "A message is application/json in UTF-8, not compressed.");
        }
        let Ok(body) = Limited::new(body, MAX_MESSAGE).collect().await else {
            return json(
                StatusCode::PAYLOAD_TOO_LARGE,
                answer::error(&Unfit::new(PARSE_ERROR, "The message is too long.")),
            );
        };
        let message: Bytes = body.to_bytes();
        match self.take(headers, message).await {
            Ok(response) => response,
            Err(unfit) => {
                say(&format!("a message of a client is not passed on: {}", unfit.why));
                json(StatusCode::BAD_REQUEST, answer::error(&unfit))
            }
        }
    }

    async fn take(self: &Arc<Listener>, headers: &HeaderMap, message: Bytes) -> Result<Response<Body>, Unfit> {
        let kind = from_client(&message)?;
        let connection = match self.connection(headers) {
            Ok(connection) => connection,
            Err(response) => return Ok(*response),
        };
        let method = match &kind {
            FromClient::Call(_) => Some(crate::message::CALL),
            FromClient::Request(_, method) | FromClient::Notification(method) => Some(method.as_str()),
            FromClient::Response => None,
        };
        if headers.contains_key(headers::METHOD) && headers::only(headers, &headers::METHOD) != method {
            return Err(Unfit::new(INVALID_REQUEST, "The header Mcp-Method is not the message's method."));
        }
        let post = Post::new(self, Arc::clone(&connection), headers);
        let not_taken = |not: crate::connection::NotTaken| Unfit::new(INVALID_REQUEST, not.why());
        match kind {
            FromClient::Call(id) => {
                let token = connection.wait(&id).map_err(not_taken)?;
                self.stray(headers, &connection);
                let wants_stream = headers
                    .get_all(ACCEPT)
                    .iter()
                    .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/event-stream")));
                Ok(post.call(id, &message, token, wants_stream).await)
            }
            FromClient::Request(id, method) => {
                let awaited = if method == "tools/list" { Awaited::List } else { Awaited::Plain };
                connection.expect(&id, awaited).map_err(not_taken)?;
                Ok(post.send(Method::POST, Some(message), Some(id)).await)
            }
            FromClient::Notification(method) => {
                let is_here = method == "notifications/cancelled"
                    && crate::relay::cancelled(&message).is_some_and(|id| self.cancel(headers, &connection, &id));
                if is_here {
                    return Ok(empty(StatusCode::ACCEPTED));
                }
                Ok(post.send(Method::POST, Some(message), None).await)
            }
            FromClient::Response => Ok(post.send(Method::POST, Some(message), None).await),
        }
    }

    /// The client that a request belongs to: its session, or itself alone.
    fn connection(&self, headers: &HeaderMap) -> Result<Arc<Connection>, Box<Response<Body>>> {
        if !headers.contains_key(SESSION) {
            return Ok(Arc::new(self.sessionless.sibling()));
        }
        let Some(session) = headers::only(headers, &SESSION) else {
            return Err(Box::new(no(StatusCode::BAD_REQUEST, "The header Mcp-Session-Id cannot be read.")));
        };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = sessions.get(session) {
            return Ok(Arc::clone(connection));
        }
        if sessions.len() >= MAX_SESSIONS {
            sessions.retain(|_, connection| !connection.is_idle());
        }
        if sessions.len() >= MAX_SESSIONS {
            return Err(Box::new(no(StatusCode::SERVICE_UNAVAILABLE, "Too many sessions are open.")));
        }
        // The id itself opens the session at the server, so it is not written down.
        let name = format!("http {} {}", self.nonce, Hash::of(session.as_bytes()));
        let connection = Arc::new(Connection::new(name));
        sessions.insert(session.to_owned(), Arc::clone(&connection));
        Ok(connection)
    }

    fn forget(&self, headers: &HeaderMap) {
        let Some(session) = headers::only(headers, &SESSION) else { return };
        let gone = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
        if let Some(connection) = gone {
            connection.withdraw();
            connection.close_session();
        }
    }

    fn stray(&self, headers: &HeaderMap, connection: &Arc<Connection>) {
        if !headers.contains_key(SESSION) {
            let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
            strays.retain(|stray| stray.strong_count() > 0);
            strays.push(Arc::downgrade(connection));
        }
    }

    /// Withdraws a call that waits. Without a session only an id that one call has names it.
    fn cancel(&self, headers: &HeaderMap, connection: &Connection, id: &Id) -> bool {
        if headers.contains_key(SESSION) {
            return connection.cancel(id) == Cancelled::Here;
        }
        let strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = strays.iter().filter_map(Weak::upgrade).filter(|stray| stray.is_waiting(id));
        let waiting: Vec<Arc<Connection>> = alive.collect();
        match waiting.as_slice() {
            [one] => one.cancel(id) == Cancelled::Here,
            [] | [_, ..] => false,
        }
    }
}
