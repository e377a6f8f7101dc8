//! The inbox of a device: a page at a time, or as a stream.

use super::device::Door;
use super::reply::{Params, Refusal};
use crate::gate::Gate;
use agenttrust_protocol::door::{InboxEntry, InboxEvent, InboxPage, MAX_WAIT};
use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use http::{HeaderMap, header};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// The most entries of a page.
const ENTRIES: usize = 200;

/// The most bytes of messages in a page, past which it is cut: one entry alone may be larger.
const BYTES: usize = 8 << 20;

/// The query of the inbox.
#[derive(Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    after: Option<u64>,
    #[serde(default)]
    wait: u64,
}

pub(super) async fn inbox(
    State(door): State<Door>,
    Params(query): Params<After>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let gate = door.gate;
    if headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == b"text/event-stream") {
        let (events, stream) = mpsc::channel(16);
        tokio::spawn(feed(gate, query.after, events));
        return Ok(Sse::new(Events(stream)).into_response());
    }
    let end = Instant::now() + Duration::from_secs(query.wait.min(MAX_WAIT));
    let mut changes = gate.store.changes();
    loop {
        changes.mark_unchanged();
        let page = page(&gate, query.after).await?;
        let done = page.reset || !page.entries.is_empty() || query.wait == 0;
        if done {
            return Ok(Json(page).into_response());
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return Ok(Json(page).into_response()) },
            () = sleep_until(end) => return Ok(Json(page).into_response()),
            () = gate.stop.cancelled() => return Ok(Json(page).into_response()),
        }
    }
}

async fn page(gate: &Gate, after: Option<u64>) -> Result<InboxPage, Refusal> {
    let now = gate.clock.now();
    let page = gate.store.read(move |reader| reader.inbox(after, ENTRIES, now).map_err(Refusal::from)).await?;
    Ok(cut(page))
}

/// Cuts a page after [`BYTES`]: what is left out comes with the next one.
fn cut(mut page: InboxPage) -> InboxPage {
    let mut bytes = 0;
    let fits = page.entries.iter().take_while(|entry| {
        let room = bytes < BYTES;
        bytes += size(entry);
        room
    });
    let count = fits.count();
    if count < page.entries.len() {
        page.entries.truncate(count);
        page.next = page.entries.last().map_or(page.next, |entry| entry.seq);
    }
    page
}

fn size(entry: &InboxEntry) -> usize {
    match &entry.event {
        InboxEvent::Request { messages, .. }
        | InboxEvent::Enroll { messages, .. }
        | InboxEvent::Trust { messages }
        | InboxEvent::Pairing { messages, .. } => messages.iter().map(String::len).sum(),
        InboxEvent::Moved { .. } | InboxEvent::Enrolled { .. } => 0,
    }
}

/// Sends what happens until the device goes, the daemon stops, or the store fails.
async fn feed(gate: Arc<Gate>, mut after: Option<u64>, events: mpsc::Sender<Event>) {
    let mut changes = gate.store.changes();
    loop {
        changes.mark_unchanged();
        let page = match page(&gate, after).await {
            Ok(page) => page,
            Err(refusal) => return tracing::warn!(code = refusal.code(), "an inbox stream ends"),
        };
        let more = !page.entries.is_empty();
        for event in told(page, &mut after) {
            if events.send(event).await.is_err() {
                return;
            }
        }
        if more {
            continue;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = events.closed() => return,
            () = gate.stop.cancelled() => return,
        }
    }
}

/// A page as events: `reset` before one that is everything open now, the entries, and `next` with the number to
/// resume after.
fn told(page: InboxPage, after: &mut Option<u64>) -> Vec<Event> {
    let mut events = Vec::new();
    if page.reset {
        events.push(Event::default().event("reset").data("{}"));
    }
    let entries = page.entries.iter().filter_map(|entry| Event::default().json_data(entry).ok());
    events.extend(entries);
    if *after != Some(page.next) {
        *after = Some(page.next);
        events.push(Event::default().event("next").id(page.next.to_string()).data(page.next.to_string()));
    }
    events
}

/// What the feeding task sends.
struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}
