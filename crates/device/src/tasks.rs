//! What a device does by itself: it follows the inbox, watches line and clock, sends what was not delivered, co-signs
//! the log, renews the status.

use crate::device::Shared;
use crate::door::Door;
use crate::event::{Connection, Event};
use crate::failure::Failure;
use agenttrust_approver::sign::StatusStep;
use agenttrust_link::{Backoff, LinkError, Route, State as Line};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::{InboxPage, Seen, SeenKind, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::Enroll;
use agenttrust_protocol::{Received, Time};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A renewal that failed is tried again after this long.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

/// Answers that were not taken are sent again after this long.
const SEND_AGAIN: Duration = Duration::from_secs(3);

/// What is due and cannot be done yet is looked at again after this long.
const DUE_AGAIN: Duration = Duration::from_secs(1);

/// What arrives within this time is marked as delivered together.
const MARK_AFTER: Duration = Duration::from_millis(50);

/// A mark that was not taken is told again after this long.
const MARK_AGAIN: Duration = Duration::from_secs(1);

/// And so often; after that nobody cares.
const MARK_TRIES: u32 = 30;

/// Starts them.
pub(crate) fn start(shared: &Arc<Shared>) {
    shared.spawn(follow_inbox(Arc::clone(shared)));
    shared.spawn(watch_line(Arc::clone(shared)));
    shared.spawn(keep_time(Arc::clone(shared)));
    shared.spawn(vouch(Arc::clone(shared)));
}

/// Asks for what happened, again and again, each time after what was taken last.
async fn follow_inbox(shared: Arc<Shared>) {
    let mut doors = shared.doors();
    let mut backoff = Backoff::default();
    let mut everything = true;
    loop {
        let door = doors.borrow_and_update().clone();
        let after = if everything { None } else { shared.lock().approver.inbox().after() };
        let taken = match door.inbox(after).await {
            Ok(page) => shared.take(&door, &page).await,
            Err(failure) => Err(failure),
        };
        match taken {
            Ok(again) => {
                everything = again;
                backoff = Backoff::default();
            }
            Err(failure) => {
                tracing::debug!(code = failure.code(), "the inbox could not be read");
                if !failure.is(Trouble::LinkLost) {
                    shared.lock().tell(Event::trouble(&failure));
                }
                // Without randomness only the jitter is lost.
                let delay = backoff.next(getrandom::u32().unwrap_or(u32::MAX));
                tokio::select! {
                    () = sleep(delay) => {}
                    changed = doors.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}

impl Shared {
    /// Takes a page; answers whether everything is to be asked for again.
    async fn take(self: &Arc<Shared>, door: &Door, page: &InboxPage) -> Result<bool, Failure> {
        if page.reset {
            // What is open is judged by the newest trust.
            self.catch_up(door).await?;
            self.learn_agents(door).await;
        }
        let update = self.lock().receive(page);
        let mut again = update.reload;
        if !update.refused.is_empty() {
            again |= self.catch_up(door).await?;
        }
        for request in &update.unsure {
            self.look_up(door, request).await;
        }
        self.mark_delivered(update.arrived);
        if update.joiners_changed {
            self.meet_joiners();
        }
        if page.reset || !page.entries.is_empty() {
            self.grown.notify_one();
        }
        self.timers.notify_one();
        Ok(again)
    }

    /// Takes the bundles and statuses this device lacks; answers whether there were any.
    pub(crate) async fn catch_up(&self, door: &Door) -> Result<bool, Failure> {
        let held = self.lock().held();
        let reply = door.trust(held).await?;
        match self.lock().follow(&reply.messages) {
            Ok(changed) => Ok(changed),
            Err(failure) => {
                // The daemon's word is refused, and the inbox is still of use.
                self.lock().tell(Event::trouble(&failure));
                Ok(false)
            }
        }
    }

    /// Learns which programs the agents named when they were accepted.
    async fn learn_agents(&self, door: &Door) {
        let Ok(agents) = door.agents().await else { return };
        let mut core = self.lock();
        for message in agents.iter().flat_map(|agent| &agent.messages) {
            if let Ok(enroll) = Received::<Enroll>::parse(message).and_then(Received::<Enroll>::open_own) {
                core.approver.learn_agent(&enroll);
            }
        }
    }

    /// Asks how a request stands that the inbox did not speak of.
    async fn look_up(&self, door: &Door, request: &Hash) {
        match door.detail(request).await {
            Ok(detail) => self.lock().observe(request, detail.state),
            Err(failure) => tracing::debug!(code = failure.code(), "a request could not be looked up"),
        }
    }

    /// Tells the daemon which requests have arrived, those of a moment together and not in the way of an answer.
    fn mark_delivered(self: &Arc<Shared>, requests: Vec<Hash>) {
        if requests.is_empty() || !self.lock().note_arrived(requests) {
            return;
        }
        let shared = Arc::clone(self);
        self.spawn(async move {
            sleep(MARK_AFTER).await;
            let arrived = shared.lock().take_arrived();
            shared.mark(arrived, SeenKind::Delivered);
        });
    }

    /// Tells the daemon what reached this device; nobody waits for that, and a lost line only puts it off.
    pub(crate) fn mark(self: &Arc<Shared>, requests: Vec<Hash>, kind: SeenKind) {
        let shared = Arc::clone(self);
        self.spawn(async move {
            let seen = Seen { requests, kind };
            for _ in 0..MARK_TRIES {
                match shared.door().seen(&seen).await {
                    Err(failure) if failure.is_passing() => sleep(MARK_AGAIN).await,
                    Err(failure) => return tracing::debug!(code = failure.code(), "a mark was not taken"),
                    Ok(_) => return,
                }
            }
        });
    }

    /// Sends every answer that is signed and that the daemon is not known to have.
    async fn send_all(&self) {
        // Whoever answers right now sends what was signed before, too.
        let Ok(_one_at_a_time) = self.sending.try_lock() else { return };
        if let Err(failure) = self.send_until(None).await {
            tracing::debug!(code = failure.code(), "answers are waiting");
        }
    }

    /// Sends the waiting answers signed before this request's, or all. The daemon takes a device's numbers in rising
    /// order only: one that does not get through now holds back the rest, or it would never be taken.
    pub(crate) async fn send_until(&self, own: Option<&Hash>) -> Result<(), Failure> {
        let waiting = self.lock().waiting();
        for (request, message) in waiting.iter().take_while(|(request, _)| Some(request) != own) {
            match self.deliver(request, message).await {
                Err(failure) if failure.is_passing() => return Err(failure),
                Err(failure) if !failure.is(Trouble::Closed) => self.lock().tell(Event::trouble(&failure)),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Sends one answer; returns the request's state once the daemon has stored it.
    pub(crate) async fn deliver(&self, request: &Hash, message: &str) -> Result<State, Failure> {
        match self.door().post("/v1/decisions", message).await {
            Ok(reply) => {
                let state = reply.state.parse().map_err(|_| Failure::from(Trouble::BadRequest))?;
                self.lock().delivered(request, state);
                self.grown.notify_one();
                Ok(state)
            }
            Err(failure) => {
                let state = if let Failure::Daemon(body) = &failure { body.state } else { None };
                match state {
                    Some(state) => self.lock().too_late(request, state),
                    None if failure.is_passing() => {}
                    None => self.lock().undeliverable(*request),
                }
                Err(failure)
            }
        }
    }
}

/// Tells how the line is.
async fn watch_line(shared: Arc<Shared>) {
    let mut doors = shared.doors();
    loop {
        let door = doors.borrow_and_update().clone();
        let mut line = door.client().state();
        loop {
            let connection = connection(&line.borrow_and_update());
            {
                let mut core = shared.lock();
                if core.connection != connection {
                    core.connection = connection.clone();
                    core.tell(Event::ConnectionChanged { connection });
                }
            }
            shared.timers.notify_one();
            tokio::select! {
                changed = line.changed() => if changed.is_err() { break },
                changed = doors.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}

fn connection(line: &Line) -> Connection {
    match line {
        Line::Connecting => Connection::Connecting,
        Line::Connected { route } => Connection::Connected { relayed: *route == Route::Relayed },
        Line::Lost { why: LinkError::Refused, .. } => Connection::Refused,
        Line::Lost { why, .. } => Connection::Lost { code: why.code().to_owned() },
    }
}

/// Looks at timers when they are due, and now and then all the same: clocks are set, computers sleep.
async fn keep_time(shared: Arc<Shared>) {
    let (mut renewed, mut sent) = (Pace::every(RENEW_AGAIN), Pace::every(SEND_AGAIN));
    loop {
        let (renew, send, next) = {
            let mut core = shared.lock();
            let renew = core.tick();
            let up = core.connection.is_up();
            let next = core.approver.next_deadline(core.now()).map(|next| until(next, core.now()));
            // A renewal that is due stays due until it is done.
            let next = if renew { next.map(|next| next.max(DUE_AGAIN)) } else { next };
            let send = up && !core.waiting().is_empty();
            let next = if send { Some(next.map_or(SEND_AGAIN, |next| next.min(SEND_AGAIN))) } else { next };
            (renew && up && core.clock_ahead == 0, send, next)
        };
        if renew && renewed.is_time() {
            let renewing = Arc::clone(&shared);
            shared.spawn(async move {
                if let Err(failure) = renewing.step(&StatusStep::Renew).await {
                    tracing::debug!(code = failure.code(), "the status was not renewed");
                }
            });
        }
        if send && sent.is_time() {
            let sending = Arc::clone(&shared);
            shared.spawn(async move { sending.send_all().await });
        }
        let wait = next.unwrap_or(shared.config.tick).clamp(Duration::from_millis(50), shared.config.tick);
        tokio::select! {
            () = sleep(wait) => {}
            () = shared.timers.notified() => {}
        }
    }
}

/// Keeps what is tried again from being tried too often.
struct Pace {
    every: Duration,
    last: Option<Instant>,
}

impl Pace {
    fn every(every: Duration) -> Pace {
        Pace { every, last: None }
    }

    fn is_time(&mut self) -> bool {
        let is = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if is {
            self.last = Some(Instant::now());
        }
        is
    }
}

fn until(next: Time, now: Time) -> Duration {
    Duration::from_secs(u64::try_from(next.since(now)).unwrap_or(0))
}

/// Verifies and co-signs the log whenever it may have grown.
async fn vouch(shared: Arc<Shared>) {
    loop {
        shared.grown.notified().await;
        sleep(shared.config.settle).await;
        if let Err(failure) = shared.cosign().await {
            tracing::debug!(code = failure.code(), "the log was not co-signed");
            if !failure.is_passing() {
                shared.lock().tell(Event::trouble(&failure));
            }
        }
    }
}

impl Shared {
    /// Verifies that the log continues what this device knows of it, and co-signs what is new.
    pub(crate) async fn cosign(&self) -> Result<(), Failure> {
        // A proof is from the state verified last: two at a time would take each other's for a rewritten history.
        let _one_at_a_time = self.vouching.lock().await;
        let door = self.door();
        let old = self.lock().approver.ledger().log.map_or(0, |log| log.size);
        let reply = match door.checkpoint(old).await {
            // There is no proof from a state the log does not have: its checkpoint says how far it has gone back.
            Err(failure) if failure.is(Trouble::NotFound) => door.checkpoint(0).await?,
            other => other?,
        };
        let signed = self.lock().cosign(&reply)?;
        if let Some(note) = signed {
            door.cosign(&note).await?;
            self.lock().cosigned();
        }
        Ok(())
    }
}
