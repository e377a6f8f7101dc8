//! The server: two doors, and the question asked at them.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use iroh::endpoint::{Accepting, Connection, RecvStream, SendStream, VarInt};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    address::{Alpn, Peer},
    endpoint::Endpoint,
    error::close,
    peers::Peers,
};

/// Streams that wait to be taken by `axum`; a full queue holds back the peers.
const QUEUE: usize = 64;

/// What strangers and peers may take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A handshake not finished by then is given up.
    pub handshake: Duration,
    /// Handshakes at a time; further callers get no answer.
    pub handshakes: usize,
    /// On `agenttrust/1`.
    pub device: DoorLimits,
    /// On `agenttrust-pair/1`.
    pub pairing: DoorLimits,
}

/// What may be open at a time on one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorLimits {
    /// Connections of all peers together.
    pub connections: usize,
    /// Connections of one key; one more closes the oldest of them.
    pub per_peer: usize,
    /// Streams, that is requests at a time, on one connection.
    pub streams: u32,
    /// A connection is closed after this long, whatever it is doing; `None` lets it last.
    pub lifetime: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            handshakes: 64,
            device: DoorLimits { connections: 256, per_peer: 4, streams: 128, lifetime: None },
            pairing: DoorLimits {
                connections: 16,
                per_peer: 1,
                streams: 8,
                lifetime: Some(Duration::from_secs(10 * 60)),
            },
        }
    }
}

impl Limits {
    pub(crate) fn of(&self, alpn: Alpn) -> &DoorLimits {
        match alpn {
            Alpn::Device => &self.device,
            Alpn::Pairing => &self.pairing,
        }
    }
}

/// The open doors of a server.
#[derive(Debug)]
pub struct Doors {
    /// Streams of paired devices, for the device router.
    pub device: Incoming,
    /// Streams of those who want to pair, for the pairing router.
    pub pairing: Incoming,
    /// Who is connected, and the way to end that.
    pub peers: Peers,
}

impl Doors {
    /// Starts answering on both protocols of `endpoint`; opening again replaces the doors opened before.
    ///
    /// `admit` is asked once for every connection, after the TLS handshake has proved the peer's key and before the
    /// peer may send anything else; whoever it refuses is disconnected. It must not block.
    pub fn open(endpoint: &Endpoint, limits: Limits, admit: impl Fn(&Peer) -> bool + Send + Sync + 'static) -> Self {
        let (device_queue, device) = mpsc::channel(QUEUE);
        let (pairing_queue, pairing) = mpsc::channel(QUEUE);
        let peers = Peers::default();
        let reception = Arc::new(Reception { limits, admit, device_queue, pairing_queue, peers: peers.clone() });
        endpoint.iroh().set_alpns(Alpn::ALL.iter().map(|alpn| alpn.as_str().into()).collect());
        endpoint.answer_with(AbortOnDropHandle::new(tokio::spawn(answer(endpoint.iroh().clone(), reception))));
        let host = endpoint.key();
        Self {
            device: Incoming { queue: device, local: Peer { key: host, alpn: Alpn::Device } },
            pairing: Incoming { queue: pairing, local: Peer { key: host, alpn: Alpn::Pairing } },
            peers,
        }
    }
}

/// One door: an [`axum::serve::Listener`] whose connections are QUIC streams.
///
/// Serve it with `router.into_make_service_with_connect_info::<Peer>()`. Dropping it closes the connections on it.
#[derive(Debug)]
pub struct Incoming {
    queue: mpsc::Receiver<(Stream, Peer)>,
    local: Peer,
}

impl axum::serve::Listener for Incoming {
    type Io = Stream;
    type Addr = Peer;

    async fn accept(&mut self) -> (Stream, Peer) {
        match self.queue.recv().await {
            Some(accepted) => accepted,
            // The endpoint is closed. `axum` knows no end of a listener; its graceful shutdown ends the wait.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(self.local)
    }
}

/// One bidirectional QUIC stream as a byte stream.
#[derive(Debug)]
pub struct Stream {
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.get_mut().recv), cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.get_mut().send), cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.get_mut().send), cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.get_mut().send), cx)
    }
}

/// What every new connection is judged by.
struct Reception<A> {
    limits: Limits,
    admit: A,
    device_queue: mpsc::Sender<(Stream, Peer)>,
    pairing_queue: mpsc::Sender<(Stream, Peer)>,
    peers: Peers,
}

impl<A> fmt::Debug for Reception<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reception").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Takes callers as they come, until the endpoint closes.
async fn answer<A: Fn(&Peer) -> bool + Send + Sync + 'static>(endpoint: iroh::Endpoint, reception: Arc<Reception<A>>) {
    let room = Arc::new(Semaphore::new(reception.limits.handshakes));
    while let Some(caller) = endpoint.accept().await {
        // Under pressure only callers with a proven address get in, so that a forged one costs nothing.
        let pressed = room.available_permits() <= reception.limits.handshakes.div_ceil(2);
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            caller.ignore();
            continue;
        };
        if pressed && !caller.remote_addr_validated() {
            // An error here means the address is validated after all; the caller will try again.
            let _ = caller.retry();
            continue;
        }
        match caller.accept() {
            Ok(accepting) => {
                tokio::spawn(receive(accepting, permit, Arc::clone(&reception)));
            }
            Err(error) => tracing::debug!(%error, "not a QUIC handshake"),
        }
    }
}

/// Brings one caller from the handshake to its door and stays until it leaves.
async fn receive<A: Fn(&Peer) -> bool>(
    accepting: Accepting,
    permit: OwnedSemaphorePermit,
    reception: Arc<Reception<A>>,
) {
    let handshake = timeout(reception.limits.handshake, accepting).await;
    drop(permit);
    let connection = match handshake {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "handshake failed"),
        Err(_) => return tracing::debug!("handshake timed out"),
    };
    let Some(alpn) = Alpn::from_wire(connection.alpn()) else {
        return connection.close(close::REFUSED, b"unknown protocol");
    };
    let peer = Peer { key: connection.remote_id().into(), alpn };
    // Entered before asked: a key revoked in between is then found by `Peers::disconnect`.
    let Some(_place) = reception.peers.enter(peer, &connection, &reception.limits) else {
        return connection.close(close::BUSY, b"too many connections");
    };
    if !(reception.admit)(&peer) {
        tracing::debug!(?peer, "refused");
        return connection.close(close::REFUSED, b"not admitted");
    }
    let door = reception.limits.of(alpn);
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(door.streams));
    let queue = match alpn {
        Alpn::Device => &reception.device_queue,
        Alpn::Pairing => &reception.pairing_queue,
    };
    match door.lifetime {
        // Both ends of the wait mean the same: the connection is over.
        Some(lifetime) => timeout(lifetime, pass_on(&connection, peer, queue)).await.unwrap_or_default(),
        None => pass_on(&connection, peer, queue).await,
    }
    connection.close(close::DONE, b"");
}

/// Hands the peer's streams to the door until either is gone.
async fn pass_on(connection: &Connection, peer: Peer, queue: &mpsc::Sender<(Stream, Peer)>) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        if queue.send((Stream { send, recv }, peer)).await.is_err() {
            return;
        }
    }
}
