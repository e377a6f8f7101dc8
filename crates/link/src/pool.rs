//! One live connection and the HTTP connections on its streams.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use iroh::endpoint::Connection;

use crate::{error::LinkError, listener::Stream};

type Sender = SendRequest<Full<Bytes>>;

/// Idle HTTP connections kept for the next request; the daemon pays some KiB for each.
const IDLE: usize = 2;
/// The largest read buffer of one HTTP connection, bytes.
const BUFFER: usize = 64 * 1024;

/// A request that was given back.
pub(crate) enum Failure {
    /// Nothing of it went out: it may be sent on another connection.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It may have been handled.
    Sent(LinkError),
}

/// A connection the other side has admitted us on.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) connection: Connection,
    idle: Mutex<Vec<Sender>>,
}

impl Line {
    /// Waits until the other side lets us open the first stream: that is its admission.
    pub(crate) async fn open(connection: Connection) -> Result<Self, LinkError> {
        let line = Self { connection, idle: Mutex::default() };
        let first = line.open_stream().await?;
        line.give_back(first);
        Ok(line)
    }

    /// Sends the request on an HTTP connection of its own; the answer's body is still to be read.
    pub(crate) async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<BodyStream>, Failure> {
        loop {
            let (mut sender, fresh) = match self.take_idle().await {
                Some(sender) => (sender, false),
                None => match self.open_stream().await {
                    Ok(sender) => (sender, true),
                    Err(_) => return Err(Failure::Unsent(Box::new(request))),
                },
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let line = Arc::clone(self);
                    return Ok(response.map(|body| BodyStream { body, sender: Some(sender), line }));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if fresh => return Err(Failure::Unsent(Box::new(unsent))),
                    // The idle connection had just ended; there may be a better one.
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Sent(self.explain(&error.into_error()))),
                },
            }
        }
    }

    async fn open_stream(&self) -> Result<Sender, LinkError> {
        let (send, recv) = self.connection.open_bi().await?;
        let (sender, http) = Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(Stream { send, recv }))
            .await
            .map_err(|error| self.explain(&error))?;
        // It ends by itself when the sender is dropped or the stream ends; its error reaches the request.
        tokio::spawn(http);
        Ok(sender)
    }

    async fn take_idle(&self) -> Option<Sender> {
        loop {
            let mut sender = self.lock().pop()?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    fn give_back(&self, sender: Sender) {
        let mut idle = self.lock();
        if idle.len() < IDLE && !sender.is_closed() {
            idle.push(sender);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an HTTP failure means: the end of the connection if it has ended, else a fault of the answer.
    fn explain(&self, error: &hyper::Error) -> LinkError {
        match self.connection.close_reason() {
            Some(reason) => reason.into(),
            None if error.is_parse() => LinkError::BadResponse(error.to_string()),
            None => LinkError::Lost,
        }
    }
}

/// The body of an answer, chunk by chunk as it arrives; dropping it ends the call.
#[derive(Debug)]
pub struct BodyStream {
    body: Incoming,
    /// The HTTP connection the body comes from; given back once the body is read to its end.
    sender: Option<Sender>,
    line: Arc<Line>,
}

impl BodyStream {
    /// The next bytes, or `None` at the end; `link_unreachable` or `link_lost` if the connection ended before.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        loop {
            match self.body.frame().await {
                // Trailers say nothing we use.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => {}
                },
                Some(Err(error)) => return Err(self.line.explain(&error)),
                None => {
                    if let Some(sender) = self.sender.take() {
                        self.line.give_back(sender);
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// The whole body, or `link_too_large` once it is longer than `limit` bytes.
    pub(crate) async fn collect(mut self, limit: usize) -> Result<Bytes, LinkError> {
        // An announced length is judged before anything is read.
        if usize::try_from(self.body.size_hint().lower()).map_or(true, |least| least > limit) {
            return Err(LinkError::TooLarge { limit });
        }
        let bytes = match Limited::new(&mut self.body, limit).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                return Err(match error.downcast::<hyper::Error>() {
                    Ok(error) => self.line.explain(&error),
                    Err(other) if other.is::<LengthLimitError>() => LinkError::TooLarge { limit },
                    Err(other) => LinkError::BadResponse(other.to_string()),
                });
            }
        };
        if let Some(sender) = self.sender.take() {
            self.line.give_back(sender);
        }
        Ok(bytes)
    }
}

/// HTTP/1.1 wants a host (RFC 9112 3.2); the endpoint key has already settled who it is.
pub(crate) fn with_host(mut request: Request<Bytes>) -> Request<Full<Bytes>> {
    request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static("agenttrust"));
    request.map(Full::new)
}
