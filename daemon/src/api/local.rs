//! The two local doors' way in: the peer as the kernel names it, and the admission of every call.

use super::admit::{Knock, admit};
use super::rate::Buckets;
use super::reply::Refusal;
use agenttrust_protocol::door::Trouble;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::UnixListener;

/// The process on the other end of a local socket, as the kernel says (`SO_PEERCRED`); empty if it does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// The user.
    pub uid: Option<u32>,
    /// The process.
    pub pid: Option<i32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Caller {
        match stream.io().peer_cred() {
            Ok(peer) => Caller { uid: Some(peer.uid()), pid: peer.pid() },
            Err(error) => {
                tracing::warn!(%error, "a peer's credentials could not be read");
                Caller::default()
            }
        }
    }
}

impl Caller {
    /// What a person is shown of the process: it can lie about its name, but not about these.
    pub fn describe(self) -> Option<String> {
        let (pid, uid) = (self.pid?, self.uid?);
        let program = std::fs::read_link(format!("/proc/{pid}/exe"));
        let program = program.map_or(String::new(), |path| format!(" · {}", path.display()));
        Some(format!("pid {pid} · uid {uid}{program}"))
    }
}

/// Who a local door is for, and how often.
#[derive(Debug)]
pub(super) struct Porter {
    allowed: Vec<u32>,
    calls: Buckets<u32>,
}

impl Porter {
    pub(super) fn new(allowed: Vec<u32>, calls: u32) -> Arc<Porter> {
        Arc::new(Porter { allowed, calls: Buckets::new(calls) })
    }

    fn let_in(&self, caller: Caller, request: &Request) -> Result<(), Refusal> {
        let knock =
            Knock { uid: caller.uid, allowed: &self.allowed, method: request.method(), headers: request.headers() };
        admit(&knock)?;
        let within = caller.uid.is_some_and(|uid| self.calls.take(uid, Instant::now()));
        if within { Ok(()) } else { Err(Trouble::RateLimited.into()) }
    }
}

/// The one middleware of both local doors.
pub(super) async fn porter(
    State(porter): State<Arc<Porter>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    request: Request,
    next: Next,
) -> Response {
    match porter.let_in(caller, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::info!(code = refusal.code(), "a call was refused at a local door");
            refusal.into_response()
        }
    }
}
