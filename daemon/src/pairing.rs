//! Letting a device in: one ticket, one joiner, one run at a time, in memory only.
//!
//! For the first device this machine is the confirmer, and the person types the digits here (or, on the same machine,
//! none). For a further one an admin device is, and the daemon only carries its number and its word.

mod run;

pub use run::{Confirmer, Run};

use crate::api::reply::Refusal;
use agenttrust_protocol::door::{MAX_WAIT, PairState, PairingView, Trouble};
use agenttrust_protocol::message::PairInit;
use agenttrust_protocol::pairing::{Digits, Ended};
use agenttrust_protocol::{Hash, Id, Opened, Thumbprint, Time};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The one place where a pairing can be under way.
#[derive(Debug)]
pub struct Pairing {
    slot: Mutex<Option<Run>>,
    /// Counts changes; waiting calls look again at each.
    changes: watch::Sender<u64>,
}

impl Default for Pairing {
    fn default() -> Pairing {
        Pairing { slot: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Pairing {
    /// Starts a run; one that was under way is over, for the person has begun anew.
    pub fn start(&self, run: Run) {
        *self.lock() = Some(run);
        self.changed();
    }

    /// Ends the run and forgets it; false if there was none.
    pub fn stop(&self) -> bool {
        let was = self.lock().take().is_some();
        self.changed();
        was
    }

    /// Whether this transport key may speak on the pairing protocol now.
    pub fn admits(&self, transport: &Thumbprint, now: Time) -> bool {
        self.lock().as_mut().is_some_and(|run| run.admits(transport, now))
    }

    /// How the run stands; `None` if there is none.
    pub fn view(&self, now: Time) -> Option<PairingView> {
        self.lock().as_mut().map(|run| run.view(now))
    }

    /// A device shows its message; the same one again finds the run as it is.
    ///
    /// # Errors
    /// `ticket_invalid`.
    pub fn knock(&self, joiner: Opened<PairInit>, now: Time) -> Result<PairState, Refusal> {
        self.change(|run| run.knock(joiner, now))
    }

    /// The confirmer's number for this joiner.
    ///
    /// # Errors
    /// `not_found` for another joiner, `conflict` if it has one already.
    pub fn challenge(&self, joiner: &Hash, c: Id, now: Time) -> Result<PairState, Refusal> {
        self.change(|run| run.of(joiner, now)?.challenge(c))
    }

    /// The joiner's number.
    ///
    /// # Errors
    /// `not_found`, `conflict`, `digits_wrong` if it is not the one committed to.
    pub fn reveal(&self, joiner: &Hash, r: Id, now: Time) -> Result<PairState, Refusal> {
        self.change(|run| run.of(joiner, now)?.reveal(r))
    }

    /// The digits typed on this machine; one try.
    ///
    /// # Errors
    /// `not_found`, `conflict` if they are not due, `digits_wrong`.
    pub fn digits(&self, typed: &Digits, now: Time) -> Result<PairState, Refusal> {
        self.change(|run| run.digits(typed, now))
    }

    /// The person said no, or the digits typed on the admin device were wrong.
    ///
    /// # Errors
    /// `not_found`.
    pub fn refuse(&self, joiner: &Hash, now: Time) -> Result<PairState, Refusal> {
        self.change(|run| run.of(joiner, now).map(Run::refuse))
    }

    /// The device is part of the trust bundle.
    pub fn paired(&self, is_it: impl Fn(&PairInit) -> bool) {
        if let Some(run) = self.lock().as_mut() {
            run.paired(is_it);
        }
        self.changed();
    }

    /// Reads the run of this joiner.
    ///
    /// # Errors
    /// `not_found` for another joiner or none.
    pub fn read<T>(&self, joiner: &Hash, now: Time, read: impl FnOnce(&Run) -> T) -> Result<T, Refusal> {
        let mut slot = self.lock();
        let run = slot.as_mut().ok_or(Trouble::NotFound)?.of(joiner, now)?;
        Ok(read(run))
    }

    /// Waits until `ready` says of the joiner's run that the wait is over, or so many seconds have passed.
    ///
    /// # Errors
    /// `not_found` for another joiner or none.
    pub async fn wait(
        &self,
        joiner: &Hash,
        seconds: u64,
        now: impl Fn() -> Time,
        ready: impl Fn(&Run) -> bool,
    ) -> Result<(), Refusal> {
        let mut changes = self.changes.subscribe();
        let end = tokio::time::Instant::now() + Duration::from_secs(seconds.min(MAX_WAIT));
        loop {
            if self.read(joiner, now(), &ready)? {
                return Ok(());
            }
            match tokio::time::timeout_at(end, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(()),
            }
        }
    }

    fn change(&self, step: impl FnOnce(&mut Run) -> Result<PairState, Refusal>) -> Result<PairState, Refusal> {
        let answer = step(self.lock().as_mut().ok_or(Trouble::NotFound)?);
        self.changed();
        answer
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Run>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an ended run is told.
fn refusal(ended: Ended) -> Refusal {
    match ended {
        Ended::Expired | Ended::WrongMac | Ended::WrongIntent => Trouble::TicketInvalid.into(),
        Ended::WrongReveal | Ended::WrongDigits => Trouble::DigitsWrong.into(),
    }
}
