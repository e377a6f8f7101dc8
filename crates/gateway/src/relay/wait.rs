//! One call while a person is asked about it.

use super::{Outbound, Relay, about_call};
use crate::answer;
use crate::call::Call;
use crate::gateway::Decided;
use crate::message::Id;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// When a client that waits is first told so, and how often again.
pub(crate) const FIRST_SIGN: Duration = Duration::from_secs(1);
pub(crate) const SIGNS: Duration = Duration::from_secs(5);

/// Sees a call through to the server, or to an answer of the gateway's own.
pub(super) async fn wait(relay: Relay, id: Id, message: Vec<u8>, token: CancellationToken) {
    let call = match Call::read(id.clone(), &message) {
        Ok(call) => call,
        Err(why) => return relay.refuse(&id, false, &answer::not_asked(&why)).await,
    };
    drop(message);
    let is_stateless = call.stateless().is_some();
    let tool = call.tool.clone();
    let signs = relay.signs(&call);
    let decided = tokio::select! {
        decided = relay.gateway.decide(&relay.connection, call.clone(), &relay) => decided,
        () = token.cancelled() => return,
        never = signs => match never {},
    };
    match decided {
        Decided::Refused(text) => relay.refuse(&id, is_stateless, &text).await,
        Decided::Forward(both) => {
            let (passed, forward) = *both;
            let Ok(place) = relay.to_server.reserve().await else { return };
            let about = about_call(id.clone(), &tool, forward.mirrored);
            relay.connection.pass(&id, passed, || place.send(Outbound { message: forward.message, about }));
        }
    }
}

impl Relay {
    async fn refuse(&self, id: &Id, is_stateless: bool, text: &str) {
        if self.connection.close(id) {
            self.tell(answer::refused(id, is_stateless, text)).await;
        }
    }

    /// Tells a client that asked for it, again and again, that a person is waited for.
    async fn signs(&self, call: &Call) -> std::convert::Infallible {
        tokio::time::sleep(FIRST_SIGN).await;
        let mut count = 0;
        loop {
            count += 1;
            let words = answer::waiting_words(&self.gateway.gate.devices());
            if let Some(sign) = answer::progress(call, count, &words) {
                self.tell(sign).await;
            }
            tokio::time::sleep(SIGNS).await;
        }
    }
}
