//! What this agent trusts, kept on the disk and never taken back.

use crate::error::Refused;
use crate::store::{Mark, Store, TrustRows, TrustStep};
use agenttrust_protocol::door::{Held, Trouble};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::{Bundle, Message, Status};
use agenttrust_protocol::trust::{Trust, bundle_ref};
use agenttrust_protocol::{Opened, Reason, Received, Time};
use std::sync::{Arc, Mutex, PoisonError};

const CORRUPT: &str = "The agent's record of whom it trusts does not verify any more.";

/// The verifier's state: the record is the truth, this is what of it was verified already.
pub(crate) struct Keeper {
    pinned: Option<Tdid>,
    cache: Mutex<Option<(Mark, Arc<Trust>)>>,
}

impl Keeper {
    pub(crate) fn new(pinned: Option<Tdid>) -> Keeper {
        Keeper { pinned, cache: Mutex::new(None) }
    }

    /// What a call may say that it holds.
    pub(crate) fn held(&self) -> Held {
        let (version, seq, _) = self.cached().map_or((0, 0, false), |(mark, _)| mark);
        Held { version, seq, wait: 0, agent: None }
    }

    /// What was trusted when this process last looked.
    pub(crate) fn known(&self) -> Option<Arc<Trust>> {
        self.cached().map(|(_, trust)| trust)
    }

    /// What is trusted now, other processes' progress included; `None` before anything is.
    ///
    /// # Errors
    /// `wrong_root` if another root is pinned, `store_corrupt`, or the record's.
    pub(crate) fn current(&self, store: &mut Store, now: Time) -> Result<Option<Arc<Trust>>, Refused> {
        if let Some((mark, trust)) = self.cached().filter(|(_, trust)| !is_due(trust, now))
            && mark == store.trust_mark()?
        {
            return Ok(Some(trust));
        }
        self.step(store, |_| Ok(()), now)
    }

    /// Takes the bundles and statuses of a reply to a call that said it held `sent`.
    ///
    /// # Errors
    /// The first message's reason that does not follow; then nothing of them is taken.
    pub(crate) fn accept(
        &self,
        store: &mut Store,
        sent: Held,
        messages: &Steps<'_>,
        now: Time,
    ) -> Result<Option<Arc<Trust>>, Refused> {
        if messages.bundles.is_empty() && messages.statuses.is_empty() {
            return self.current(store, now);
        }
        self.step(store, |moving| Ok(moving.take(messages, sent, self.pinned, now)?), now)
    }

    /// One step from what is on record now, written before it counts.
    fn step(
        &self,
        store: &mut Store,
        work: impl FnOnce(&mut Moving) -> Result<(), Refused>,
        now: Time,
    ) -> Result<Option<Arc<Trust>>, Refused> {
        let trust = store.step_trust(|rows| {
            let mut moving = Moving { trust: self.load(&rows)?, step: TrustStep::default(), taken: rows.bundles.len() };
            moving.settle(now);
            work(&mut moving)?;
            Ok(moving.finish())
        })?;
        let trust = trust.map(Arc::new);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        *cache = trust.as_ref().map(|trust| (mark_of(trust), Arc::clone(trust)));
        Ok(trust)
    }

    fn cached(&self) -> Option<(Mark, Arc<Trust>)> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Verifies the whole record again.
    fn load(&self, rows: &TrustRows) -> Result<Option<Trust>, Refused> {
        let Some(((first, _), later)) = rows.bundles.split_first() else { return Ok(None) };
        let corrupt = |_: Reason| Refused::own(Trouble::StoreCorrupt, CORRUPT);
        let mut trust = Trust::enter(first, None).map_err(corrupt)?;
        if self.pinned.is_some_and(|pinned| pinned != trust.tdid()) {
            return Err(Reason::WrongRoot.into());
        }
        for (text, first_seen) in later {
            trust.accept_bundle(text, first_seen.unwrap_or(Time(0))).map_err(corrupt)?;
            if first_seen.is_some() {
                // Its time had come when it was recorded; a clock set back does not undo that.
                trust.settle(Time(i64::MAX));
            }
        }
        for text in &rows.statuses {
            trust.accept_status(text).map_err(corrupt)?;
        }
        if let Some((text, first_seen)) = &rows.recovery {
            trust.resume_recovery(text, *first_seen).map_err(corrupt)?;
        }
        Ok(Some(trust))
    }
}

/// Bundles and statuses of a reply, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps<'a> {
    pub(crate) bundles: Vec<&'a str>,
    pub(crate) statuses: Vec<&'a str>,
}

/// Trust while it takes a step, and what is to be recorded of it.
struct Moving {
    trust: Option<Trust>,
    step: TrustStep,
    /// How many bundles are recorded or about to be.
    taken: usize,
}

impl Moving {
    fn take(&mut self, messages: &Steps<'_>, sent: Held, pinned: Option<Tdid>, now: Time) -> Result<(), Reason> {
        for text in &messages.bundles {
            self.take_bundle(text, pinned, now)?;
        }
        let trust = self.trust.as_mut().ok_or(Reason::StaleTrust)?;
        for text in &messages.statuses {
            if let Some(row) = take_status(trust, text, sent)? {
                self.step.statuses.push(row);
            }
        }
        Ok(())
    }

    fn take_bundle(&mut self, text: &str, pinned: Option<Tdid>, now: Time) -> Result<(), Reason> {
        match &mut self.trust {
            None => self.trust = Some(Trust::enter(text, pinned.as_ref())?),
            // What is held already is not judged by today's keys.
            Some(trust) if trust.bundles().iter().any(|held| held.as_str() == text) => {}
            Some(trust) => trust.accept_bundle(text, now)?,
        }
        self.note_bundles(None);
        Ok(())
    }

    /// Installs a recovery bundle whose time has come.
    fn settle(&mut self, now: Time) {
        let Some(trust) = &mut self.trust else { return };
        let first_seen = trust.recovery().map(|pending| pending.first_seen);
        if trust.settle(now) {
            self.note_bundles(first_seen);
        }
    }

    fn note_bundles(&mut self, first_seen: Option<Time>) {
        let bundles: &[Opened<Bundle>] = self.trust.as_ref().map_or(&[], |trust| trust.bundles());
        let new = bundles.iter().skip(self.taken);
        self.step.bundles.extend(new.map(|b| (b.body().version, b.as_str().to_owned(), first_seen)));
        self.taken = bundles.len();
    }

    fn finish(mut self) -> (Option<Trust>, TrustStep) {
        let pending = self.trust.as_ref().and_then(Trust::recovery);
        self.step.recovery = pending.map(|pending| (pending.bundle.as_str().to_owned(), pending.first_seen));
        (self.trust, self.step)
    }
}

/// Takes one status; answers what to record if it is new.
fn take_status(trust: &mut Trust, text: &str, sent: Held) -> Result<Option<(u64, String, bool)>, Reason> {
    let before = trust.status().map(Opened::hash);
    match trust.accept_status(text) {
        Ok(()) => {}
        // Another call brought it in the meantime; what is not newer than what was said to be held is a step back.
        Err(Reason::StaleTrust) if is_overlap(trust, text, sent) => return Ok(None),
        Err(reason) => return Err(reason),
    }
    let new = trust.status().filter(|status| Some(status.hash()) != before);
    Ok(new.map(|status| {
        let signer = trust.find(&status.body().bundle).and_then(|bundle| bundle.body().admin(&status.signer()));
        (status.body().seq, status.as_str().to_owned(), signer.is_some())
    }))
}

fn is_overlap(trust: &Trust, text: &str, sent: Held) -> bool {
    let key = |kid: &_| trust.bundles().iter().rev().find_map(|b| b.body().device(kid)).map(|device| device.key);
    let opened = Received::<Status>::parse(text).and_then(|status| status.open(key));
    let held = trust.status().map_or(0, |status| status.body().seq);
    opened.is_ok_and(|status| {
        let seq = status.body().seq;
        status.head().tdid == Some(trust.tdid()) && sent.seq < seq && seq < held
    })
}

fn is_due(trust: &Trust, now: Time) -> bool {
    let delay = agenttrust_protocol::trust::RECOVERY_DELAY;
    trust.recovery().is_some_and(|pending| now.since(pending.first_seen) >= delay)
}

fn mark_of(trust: &Trust) -> Mark {
    let seq = trust.status().map_or(0, |status| status.body().seq);
    (bundle_ref(trust.current()).version, seq, trust.recovery().is_some())
}

/// Splits a reply's messages into trust and the rest, refusing what nobody could have meant.
///
/// # Errors
/// `bad_header`, `wrong_typ`.
pub(crate) fn split<'a>(messages: &'a [String], wanted: &[&str]) -> Result<(Steps<'a>, Vec<&'a str>), Reason> {
    let (mut steps, mut rest) = (Steps::default(), Vec::new());
    for text in messages {
        let typ = agenttrust_protocol::door::typ_of(text).ok_or(Reason::BadHeader)?;
        match typ.as_str() {
            Bundle::TYP => steps.bundles.push(text),
            Status::TYP => steps.statuses.push(text),
            typ if wanted.contains(&typ) => rest.push(text.as_str()),
            _ => return Err(Reason::WrongTyp),
        }
    }
    Ok((steps, rest))
}
