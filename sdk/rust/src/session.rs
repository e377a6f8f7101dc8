//! Sessions: one id for a whole thread, one signed message for each turn of the person's.

use crate::clock::Deadline;
use crate::error::{AskError, Refused};
use crate::gate::{CALL, Gate, Inner, Standing};
use crate::store::{Store, Thread};
use crate::{Action, Verdict};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::{self, Facts, SessionContent, SessionId};
use agenttrust_protocol::{Hash, Reason, Received};
use std::sync::{Arc, Mutex, PoisonError};

/// A thread of the caller's in which tools are called. Cheap to clone; clones are the same session.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) gate: Gate,
    name: Arc<str>,
    pub(crate) sid: SessionId,
    facts: Facts,
    /// The turn's session as signed, and whether the daemon has it.
    turn: Arc<Mutex<Option<Turn>>>,
}

/// One turn's signed session.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) hash: Hash,
    pub(crate) text: String,
    /// The person's instruction it carries.
    pub(crate) task: Option<String>,
    cert: Hash,
    posted: bool,
}

impl Session {
    pub(crate) fn open(gate: &Gate, name: &str) -> Result<Session, Refused> {
        let thread = gate.inner.db(|inner, store| store.thread(name, || new_sid(inner), inner.settings.clock.now()))?;
        let cwd = std::env::current_dir().map_or_else(|_| String::new(), |path| path.display().to_string());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Session {
            sid: thread.sid.parse().map_err(|_| Refused::from(rusqlite::Error::InvalidQuery))?,
            gate: gate.clone(),
            name: name.into(),
            facts: Facts { cwd, host, program: gate.inner.settings.program.clone() },
            turn: Arc::default(),
        })
    }

    /// Another working folder than this process's: that of the client a hook or gateway speaks for.
    pub fn cwd(mut self, folder: &str) -> Session {
        self.facts.cwd = folder.to_owned();
        self.turn = Arc::default();
        self
    }

    /// The session's id, constant from its first turn to its last.
    pub fn id(&self) -> &SessionId {
        &self.sid
    }

    /// Begins a turn: `task` is the person's own instruction, as the framework's hook captured it and never as the
    /// model tells it; `parent` is [`Session::current`] of the session this one was started from. Writes to the disk.
    ///
    /// # Errors
    /// `disk_full` or a `store_…` code.
    pub fn begin_turn(&self, task: Option<&str>, parent: Option<Hash>) -> Result<(), Refused> {
        let parent = parent.map(|hash| hash.to_string());
        self.gate.inner.db(|_, store| store.begin_turn(&self.name, task, parent.as_deref()))?;
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// The hash of the current turn's session, once something was asked in it: the `parent` of sessions started here.
    pub fn current(&self) -> Option<Hash> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|turn| turn.hash)
    }

    /// Ends the thread: its name begins a new session from now on. Writes to the disk.
    ///
    /// # Errors
    /// `disk_full` or a `store_…` code.
    pub fn close(self) -> Result<(), Refused> {
        self.gate.inner.db(|_, store| store.close_thread(&self.name))
    }

    /// Asks whether this action may run, and waits for the answer for as long as the request lives.
    ///
    /// Dropping the future withdraws the request, so that the person's devices say it is no longer needed.
    ///
    /// # Errors
    /// Only what the caller did wrong. Everything else that stands in the way, the daemon being down included, is
    /// [`Verdict::Refused`].
    pub async fn ask(&self, action: Action) -> Result<Verdict, AskError> {
        let wanted = action.parse(self.gate.inner.settings.life)?;
        Ok(match crate::ask::ask(self, &wanted).await {
            Ok(permit) => Verdict::Allowed(permit),
            Err(refused) => Verdict::Refused(refused),
        })
    }

    /// As [`Session::ask`], for callers that are not asynchronous; it may also be called where a runtime runs, whose
    /// thread then waits.
    ///
    /// # Errors
    /// The same.
    pub fn ask_blocking(&self, action: Action) -> Result<Verdict, AskError> {
        crate::blocking::wait(|| self.ask(action)).unwrap_or_else(|refused| Ok(Verdict::Refused(refused)))
    }

    /// The turn's session, signed under the certificate that counts now.
    pub(crate) async fn turn(&self, standing: &Standing) -> Result<Turn, Refused> {
        let cert = standing.cert.hash();
        let known = self.turn.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(turn) = known.filter(|turn| turn.cert == cert) {
            return Ok(turn);
        }
        let (name, sid, facts) = (Arc::clone(&self.name), self.sid.clone(), self.facts.clone());
        let tdid = standing.trust.tdid();
        let turn = self.gate.db(move |inner, store| sign_turn(inner, store, &name, sid, facts, tdid, cert)).await?;
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn.clone());
        Ok(turn)
    }

    /// Hands the turn's session to the daemon, once.
    pub(crate) async fn post_turn(&self, turn: &Turn) -> Result<(), Refused> {
        if turn.posted {
            return Ok(());
        }
        self.gate.inner.client.post("/v1/sessions", &turn.text, CALL).await?;
        let mut current = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_mut().filter(|current| current.hash == turn.hash) {
            current.posted = true;
        }
        Ok(())
    }

    pub(crate) fn deadline(&self, life: std::time::Duration) -> Deadline {
        Deadline::after(self.gate.clock(), life)
    }
}

/// The message on record if it still says what is so, else a new one.
fn sign_turn(
    inner: &Inner,
    store: &mut Store,
    name: &str,
    sid: SessionId,
    facts: Facts,
    tdid: Tdid,
    cert: Hash,
) -> Result<Turn, Refused> {
    let known = store.known_thread(name, sid.as_str())?;
    let (parent, task, message) = known.map_or((None, None, None), |t: Thread| (t.parent, t.task, t.message));
    let parent = parent.map(|hash| hash.parse()).transpose().map_err(|_| Reason::BadForm)?;
    let body = message::Session { cert, sid: sid.clone(), parent };
    let content = SessionContent { facts, task: task.clone() };
    let fits = |text: &String| {
        let opened = inner.open_own::<message::Session>(text);
        opened.is_ok_and(|session| {
            session.head().tdid == Some(tdid) && *session.body() == body && session.content() == Ok(content.clone())
        })
    };
    let text = match message.filter(fits) {
        Some(text) => text,
        None => {
            let text = inner.sign(tdid, &body, &content);
            store.set_message(name, sid.as_str(), &text)?;
            text
        }
    };
    let hash = Received::<message::Session>::parse(&text)?.hash();
    Ok(Turn { hash, text, task, cert, posted: false })
}

/// A UUID of version 7 (RFC 9562).
fn new_sid(inner: &Inner) -> String {
    let mut random = [0; 10];
    crate::key::random(&mut random);
    let millis = u64::try_from(inner.settings.clock.now().0).unwrap_or(0).saturating_mul(1000);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}
