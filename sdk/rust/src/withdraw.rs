//! Telling the person's devices that an answer is no longer needed.

use crate::error::{Code, Refused};
use crate::gate::Gate;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::message::{Cancel, Nothing};
use agenttrust_protocol::{Hash, Reason};
use std::sync::PoisonError;
use std::time::Duration;

/// How long a withdrawal may take: it is a courtesy, and nothing runs either way.
const COURTESY: Duration = Duration::from_secs(2);

/// Withdraws a request when it is dropped: the future that waited for the answer is gone.
pub(crate) struct Withdraw {
    gate: Gate,
    request: Hash,
    armed: bool,
}

impl Withdraw {
    pub(crate) fn arm(gate: &Gate, request: Hash) -> Withdraw {
        Withdraw { gate: gate.clone(), request, armed: true }
    }

    pub(crate) fn disarm(&mut self) {
        self.armed = false;
    }

    /// A guard for another request in place of this one.
    pub(crate) fn replace(&mut self, request: Hash) -> Withdraw {
        self.disarm();
        Withdraw::arm(&self.gate, request)
    }
}

impl Drop for Withdraw {
    fn drop(&mut self) {
        self.gate.inner.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
        if !self.armed {
            return;
        }
        let (gate, request) = (self.gate.clone(), self.request);
        let withdrawal = async move { close(&gate, request, &Trouble::Closed.into()).await };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(withdrawal)),
            Err(_) => drop(std::thread::spawn(|| crate::blocking::wait(|| withdrawal))),
        }
    }
}

/// Ends a request on record for this reason and, where the person may still be asked, withdraws it.
pub(crate) async fn close(gate: &Gate, request: Hash, why: &Refused) {
    let (code, note) = (why.code(), why.note().map(str::to_owned));
    let ended = gate.db(move |_, store| store.end(&request, code, note.as_deref())).await;
    match ended {
        Ok(true) if is_open(code) => cancel(gate, request).await,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "a request could not be ended on record; it expires by itself"),
    }
}

/// Whether the daemon may still ask the person after this refusal, which it did not give itself.
fn is_open(code: Code) -> bool {
    match code {
        Code::Reason(reason) => reason == Reason::ToolChanged,
        Code::Trouble(trouble) => matches!(trouble, Trouble::TimedOut | Trouble::Closed | Trouble::DaemonDown),
    }
}

/// Signs and posts the withdrawal, as well as it can be done.
pub(crate) async fn cancel(gate: &Gate, request: Hash) {
    let Some(trust) = gate.inner.keeper.known() else { return };
    let message = gate.inner.sign(trust.tdid(), &Cancel { req: request }, &Nothing {});
    let path = format!("/v1/requests/{request}/cancel");
    if let Err(failure) = gate.inner.client.post(&path, &message, COURTESY).await {
        tracing::debug!(?failure, "a request could not be withdrawn; it expires by itself");
    }
}
