//! Keeping one connection up.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_core::Stream as _;
use iroh::{
    EndpointAddr,
    endpoint::{Connection, PathEventStream},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    address::Alpn,
    backoff::Backoff,
    client::{Options, Route, State},
    error::{LinkError, close},
    pool::Line,
};

/// A connection that held this long ends a row of failures.
const STEADY: Duration = Duration::from_secs(10);
/// Two attempts are at least this far apart, however often somebody asks.
const LEAST_SPACING: Duration = Duration::from_millis(250);

/// What a request finds.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    /// The first attempt is not decided.
    Connecting,
    Up(Arc<Line>),
    Down(LinkError),
}

/// What the keeper and the callers share.
#[derive(Debug)]
pub(crate) struct Shared {
    phase: watch::Sender<Phase>,
    state: watch::Sender<State>,
    wake: Notify,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Connecting),
            state: watch::Sender::new(State::Connecting),
            wake: Notify::new(),
        }
    }
}

impl Shared {
    /// The live connection, waiting for one if need be; `dead` is one the caller has found to be over.
    ///
    /// Having been turned away is an answer at once; so is a closed client.
    pub(crate) async fn line(&self, dead: Option<usize>) -> Result<Arc<Line>, LinkError> {
        let mut phase = self.phase.subscribe();
        loop {
            match &*phase.borrow_and_update() {
                Phase::Up(line) if dead != Some(line.connection.stable_id()) => {
                    return Ok(Arc::clone(line));
                }
                Phase::Down(LinkError::Closed) => return Err(LinkError::Closed),
                Phase::Down(error) => {
                    self.wake();
                    if error.is_turned_away() {
                        return Err(error.clone());
                    }
                }
                Phase::Up(_) | Phase::Connecting => {}
            }
            phase.changed().await.map_err(|_| LinkError::Closed)?;
        }
    }

    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Closes the connection, if there is one, and keeps all callers from waiting for another.
    pub(crate) fn close(&self) {
        self.set_lost(LinkError::Closed);
        if let Phase::Up(line) = self.phase.send_replace(Phase::Down(LinkError::Closed)) {
            line.connection.close(close::DONE, b"");
        }
    }

    /// A closed client stays closed.
    fn set_phase(&self, next: Phase) {
        if let Phase::Down(why) = &next {
            self.set_lost(why.clone());
        }
        self.phase.send_if_modified(|phase| {
            let open = !matches!(phase, Phase::Down(LinkError::Closed));
            if open {
                *phase = next;
            }
            open
        });
    }

    fn set_lost(&self, why: LinkError) {
        self.state.send_if_modified(|state| {
            let since = match &*state {
                State::Lost { since, .. } => *since,
                State::Connecting | State::Connected { .. } => Instant::now(),
            };
            replace(state, State::Lost { since, why })
        });
    }

    fn set_route(&self, route: Route) {
        self.state.send_if_modified(|state| replace(state, State::Connected { route }));
    }
}

/// Returns whether anything changed; a closed client stays closed.
fn replace(state: &mut State, next: State) -> bool {
    let changed = *state != next && !matches!(state, State::Lost { why: LinkError::Closed, .. });
    if changed {
        *state = next;
    }
    changed
}

/// Dials, watches and dials again until the endpoint is closed.
pub(crate) async fn keep_connected(
    endpoint: iroh::Endpoint,
    target: EndpointAddr,
    alpn: Alpn,
    options: Options,
    shared: Arc<Shared>,
) {
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        let attempt = timeout(options.connect_timeout, dial(&endpoint, &target, alpn)).await;
        let why = match attempt.unwrap_or(Err(LinkError::Unreachable)) {
            Ok(line) => {
                let connection = line.connection.clone();
                shared.set_phase(Phase::Up(Arc::new(line)));
                let why = watch_line(&connection, &shared).await;
                if began.elapsed() >= STEADY {
                    backoff.reset();
                }
                why
            }
            Err(why) => why,
        };
        let why = if endpoint.is_closed() { LinkError::Closed } else { why };
        tracing::debug!(code = why.code(), "not connected");
        shared.set_phase(Phase::Down(why.clone()));
        if why == LinkError::Closed {
            return;
        }
        // Without randomness the jitter is lost, not the delay.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        let delay = if why.is_turned_away() { Backoff::longest(random) } else { backoff.next(random) };
        tokio::select! {
            () = sleep(delay) => {}
            () = shared.wake.notified() => sleep_until(began + LEAST_SPACING).await,
        }
    }
}

async fn dial(endpoint: &iroh::Endpoint, target: &EndpointAddr, alpn: Alpn) -> Result<Line, LinkError> {
    Line::open(endpoint.connect(target.clone(), alpn.as_str().as_bytes()).await?).await
}

/// Follows the route of a live connection until it ends, and says why it did.
async fn watch_line(connection: &Connection, shared: &Shared) -> LinkError {
    let mut events = connection.path_events();
    loop {
        shared.set_route(route(connection));
        tokio::select! {
            reason = connection.closed() => return reason.into(),
            () = changed(&mut events) => {}
        }
    }
}

/// Waits for the next event of a connection's paths; forever once there are no more.
async fn changed(events: &mut PathEventStream) {
    if poll_fn(|cx| Pin::new(&mut *events).poll_next(cx)).await.is_none() {
        pending::<()>().await;
    }
}

fn route(connection: &Connection) -> Route {
    if connection.paths().iter().any(|path| path.is_selected() && path.is_relay()) {
        Route::Relayed
    } else {
        Route::Direct
    }
}
