//! HTTP/1.1 over the daemon's Unix socket: small, connections reused, every call with an end.

use crate::error::Code;
use agenttrust_protocol::door::{ErrorBody, JOSE, Reply, Trouble};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::runtime::{Handle, Id};
use tokio::time::timeout;

/// The longest reply that is read, in bytes: a long bundle chain and the decisions on one request.
const MAX_REPLY: usize = 16 << 20;

/// How many idle connections are kept.
const MAX_IDLE: usize = 8;

/// Why a call has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody listens: nothing was sent.
    Down,
    /// It was, or may have been, sent, and no whole answer came.
    Lost,
    /// The daemon answered with an error.
    Answered(Code),
    /// The answer is not one that this door gives.
    Garbled,
}

impl From<Failure> for crate::Refused {
    fn from(failure: Failure) -> crate::Refused {
        crate::Refused::new(match failure {
            Failure::Down | Failure::Lost => Code::Trouble(Trouble::DaemonDown),
            Failure::Answered(code) => code,
            Failure::Garbled => Code::Trouble(Trouble::BadRequest),
        })
    }
}

type Line = SendRequest<Full<Bytes>>;

pub(crate) struct Client {
    socket: PathBuf,
    /// A connection is driven by the runtime it was opened on, so it is used on that one only.
    idle: Mutex<Vec<(Id, Line)>>,
}

impl Client {
    pub(crate) fn new(socket: PathBuf) -> Client {
        Client { socket, idle: Mutex::new(Vec::new()) }
    }

    pub(crate) async fn get(&self, path: &str, limit: Duration) -> Result<Reply, Failure> {
        self.call(Method::GET, path, String::new(), limit).await
    }

    /// Posts one signed message.
    pub(crate) async fn post(&self, path: &str, message: &str, limit: Duration) -> Result<Reply, Failure> {
        self.call(Method::POST, path, message.to_owned(), limit).await
    }

    async fn call(&self, method: Method, path: &str, body: String, limit: Duration) -> Result<Reply, Failure> {
        let call = async {
            let body = Bytes::from(body);
            while let Some(line) = self.take() {
                // Idle lines end when the daemon restarts; every message is the same to it twice, so a fresh one may.
                if let Ok(answer) = self.exchange(line, &method, path, &body).await {
                    return read(&answer.0, &answer.1);
                }
            }
            let line = self.connect().await?;
            let answer = self.exchange(line, &method, path, &body).await.map_err(|error| {
                tracing::debug!(%error, path, "no answer");
                Failure::Lost
            })?;
            read(&answer.0, &answer.1)
        };
        timeout(limit, call).await.unwrap_or(Err(Failure::Lost))
    }

    async fn connect(&self) -> Result<Line, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            tracing::debug!(%error, "nobody listens");
            Failure::Down
        })?;
        let (line, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Down)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        });
        Ok(line)
    }

    async fn exchange(
        &self,
        mut line: Line,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<(Response<()>, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        line.ready().await?;
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::HOST, "agenttrust")
            .header(header::CONTENT_TYPE, JOSE)
            .body(Full::new(body.clone()))?;
        let (head, answer) = line.send_request(request).await?.into_parts();
        let bytes = Limited::new(answer, MAX_REPLY).collect().await?.to_bytes();
        self.keep(line);
        Ok((Response::from_parts(head, ()), bytes))
    }

    fn take(&self) -> Option<Line> {
        let here = Handle::current().id();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, line)| !line.is_closed());
        let at = idle.iter().rposition(|(home, _)| *home == here)?;
        Some(idle.swap_remove(at).1)
    }

    fn keep(&self, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push((Handle::current().id(), line));
        }
    }
}

fn read(head: &Response<()>, body: &Bytes) -> Result<Reply, Failure> {
    if head.status().is_success() {
        return serde_json::from_slice(body).map_err(|_| Failure::Garbled);
    }
    let error: ErrorBody = serde_json::from_slice(body).map_err(|_| Failure::Garbled)?;
    tracing::debug!(code = error.code, status = head.status().as_u16(), "the daemon refused");
    Err(Code::from_text(&error.code).map_or(Failure::Garbled, Failure::Answered))
}
