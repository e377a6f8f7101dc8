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
    ///
    /// `pid 4211 · uid 1000 · /usr/bin/agenttrust · started by /usr/bin/node · started by /usr/bin/bash`
    pub fn describe(self) -> Option<String> {
        let (pid, uid) = (self.pid?, self.uid?);
        let mut facts = vec![format!("pid {pid}"), format!("uid {uid}")];
        facts.extend(program(pid));
        let parents = std::iter::successors(parent(pid), |pid| parent(*pid)).take(ANCESTORS);
        facts.extend(parents.map_while(program).map(|program| format!("started by {program}")));
        Some(facts.join(SEPARATOR))
    }
}

/// What stands between two facts, and in none of them.
const SEPARATOR: &str = " · ";

/// So many of those that started it: a shell and the agent, for a hook.
const ANCESTORS: usize = 3;

/// The file that a process runs. Whoever names a file cannot make facts of its name.
fn program(pid: i32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.display().to_string().replace('·', "\\u{b7}"))
}

/// The process that started another one, unless it is the system's first.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything; after it come the state and the parent.
    let parent: i32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    Some(parent).filter(|parent| *parent > 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_described_by_what_the_kernel_knows() {
        let caller = Caller { uid: Some(1000), pid: i32::try_from(std::process::id()).ok() };
        let told = caller.describe().unwrap();
        let facts: Vec<&str> = told.split(SEPARATOR).collect();
        assert_eq!(facts[0], format!("pid {}", std::process::id()));
        assert_eq!(facts[1], "uid 1000");
        assert_eq!(facts[2], std::env::current_exe().unwrap().display().to_string());
        assert!(facts[3].starts_with("started by /"), "{told}");
        assert_eq!(Caller { uid: None, ..caller }.describe(), None);
    }

    #[test]
    fn a_file_name_adds_no_facts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x · started by claude");
        std::fs::copy("/bin/sleep", &file).unwrap();
        let mut child = std::process::Command::new(&file).arg("60").spawn().unwrap();
        let told = Caller { uid: Some(1000), pid: i32::try_from(child.id()).ok() }.describe().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let facts: Vec<&str> = told.split(SEPARATOR).collect();
        assert!(facts[2].ends_with("x \\u{b7} started by claude"), "{told}");
        assert!(facts[3].starts_with("started by /"), "{told}");
    }
}
