//! The caller's side.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    address::{Address, Alpn},
    dial::{Shared, keep_connected},
    endpoint::Endpoint,
    error::LinkError,
    pool::{BodyStream, Failure, with_host},
};

/// How a connected line runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Straight from socket to socket.
    Direct,
    /// Through a relay, which sees sizes and times but no content.
    Relayed,
}

/// How the line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The first attempt is under way.
    Connecting,
    /// The other side has admitted us.
    Connected {
        /// How the line runs at the moment.
        route: Route,
    },
    /// There is no connection; attempts go on.
    Lost {
        /// Since when there is none.
        since: Instant,
        /// Why the latest attempt or connection ended.
        why: LinkError,
    },
}

/// How a [`Client`] dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// An attempt to connect is given up after this long.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10) }
    }
}

/// The bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The time for everything: waiting for a connection, sending, and the whole answer.
    pub timeout: Duration,
    /// The longest body accepted, bytes.
    pub limit: usize,
}

impl Call {
    /// A call of at most `timeout` with an answer of at most 4 MiB.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, limit: 4 << 20 }
    }

    /// The same call with another limit on the answer's body, bytes.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }
}

/// A caller of one endpoint on one protocol; clones share the connection.
///
/// One QUIC connection is kept up in the background, with backoff after failures. It is closed with the last clone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    keeper: AbortOnDropHandle<()>,
}

impl Client {
    /// Starts to dial `target` in the background; [`State::Connecting`] until the first attempt is decided.
    ///
    /// Fails with `link_bad_address` if the target cannot be one.
    pub fn connect(endpoint: &Endpoint, target: &Address, alpn: Alpn, options: Options) -> Result<Self, LinkError> {
        let target = target.to_iroh()?;
        let shared = Arc::new(Shared::default());
        let dialling = keep_connected(endpoint.iroh().clone(), target, alpn, options, Arc::clone(&shared));
        let keeper = AbortOnDropHandle::new(tokio::spawn(dialling));
        Ok(Self { inner: Arc::new(Inner { shared, keeper }) })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// A request that did not go out is sent again on the next connection while there is time; one that may have
    /// been handled is not, and fails with `link_lost`, `link_unreachable` or `link_timeout`.
    pub async fn request(&self, request: Request<Bytes>, call: Call) -> Result<Response<Bytes>, LinkError> {
        let deadline = Instant::now() + call.timeout;
        let (head, body) = self.send(request, deadline).await?.into_parts();
        let body = timeout_at(deadline, body.collect(call.limit)).await.map_err(|_| LinkError::Timeout)??;
        Ok(Response::from_parts(head, body))
    }

    /// Sends a request and returns as soon as the answer's head is there, within `head_timeout`; its body may go on
    /// for as long as the connection lives.
    pub async fn stream(
        &self,
        request: Request<Bytes>,
        head_timeout: Duration,
    ) -> Result<Response<BodyStream>, LinkError> {
        self.send(request, Instant::now() + head_timeout).await
    }

    /// How the line is, now and whenever it changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.inner.shared.state()
    }

    /// Cuts the current wait before the next attempt short, for when the network or the app has come back.
    pub fn wake(&self) {
        self.inner.shared.wake();
    }

    /// Closes the connection and ends all attempts; later calls fail with `link_closed`.
    pub fn close(&self) {
        self.inner.shared.close();
        self.inner.keeper.abort();
    }

    async fn send(&self, request: Request<Bytes>, deadline: Instant) -> Result<Response<BodyStream>, LinkError> {
        let mut request = with_host(request);
        let mut dead = None;
        loop {
            let line =
                timeout_at(deadline, self.inner.shared.line(dead)).await.map_err(|_| LinkError::Unreachable)??;
            match timeout_at(deadline, line.send(request)).await.map_err(|_| LinkError::Timeout)? {
                Ok(response) => return Ok(response),
                Err(Failure::Sent(error)) => return Err(error),
                Err(Failure::Unsent(unsent)) => {
                    request = *unsent;
                    dead = Some(line.connection.stable_id());
                }
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}
