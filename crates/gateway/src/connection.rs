//! One client's requests under way: whose answer is awaited, and what the server may answer at all.

use crate::catalog::Catalog;
use crate::gateway::Passed;
use crate::message::Id;
use agenttrust_gate::{Gate, Refused, Session};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The most requests of one client that are open at a time.
const MAX_OPEN: usize = 4096;

/// What an answer of the server's is for.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// A request that is the client's business alone.
    Plain,
    /// A list of tools, which is looked at as it passes.
    List,
    /// A call that was approved.
    Call(Box<Passed>),
    /// A request of the gateway's own.
    Own(oneshot::Sender<Vec<u8>>),
}

#[derive(Debug)]
enum Standing {
    /// A person is asked; the server has not heard of it.
    Waiting(CancellationToken),
    /// The server has it.
    Passed(Awaited),
}

impl Standing {
    /// Whether it waits, and nobody has withdrawn it.
    fn is_wanted(&self) -> bool {
        matches!(self, Standing::Waiting(token) if !token.is_cancelled())
    }
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The id is in use.
    InUse,
    /// Too many are open.
    TooMany,
}

impl NotTaken {
    pub(crate) fn why(self) -> &'static str {
        match self {
            NotTaken::InUse => "The id is that of a request that is still open.",
            NotTaken::TooMany => "Too many requests are open.",
        }
    }
}

/// Where a cancelled request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// Here, waiting for a person: it is withdrawn, and the server never hears of it.
    Here,
    /// At the server, or nowhere.
    Beyond,
}

/// The session of an agent's that a client's calls belong to, begun with the first of them.
#[derive(Debug)]
struct Thread {
    name: String,
    session: OnceLock<Session>,
}

/// One client, as far as it can be told from others.
#[derive(Debug)]
pub(crate) struct Connection {
    thread: Arc<Thread>,
    catalog: Arc<Mutex<Catalog>>,
    open: Mutex<HashMap<Id, Standing>>,
}

impl Connection {
    /// A client whose session has this name.
    pub(crate) fn new(name: String) -> Connection {
        let thread = Thread { name, session: OnceLock::new() };
        Connection { thread: Arc::new(thread), catalog: Arc::default(), open: Mutex::default() }
    }

    /// Another one that is told the same of the server's tools, with requests of its own.
    pub(crate) fn sibling(&self) -> Connection {
        let (thread, catalog) = (Arc::clone(&self.thread), Arc::clone(&self.catalog));
        Connection { thread, catalog, open: Mutex::default() }
    }

    /// The session of its calls. Writes to the disk the first time.
    ///
    /// # Errors
    /// The agent's record's.
    pub(crate) fn session(&self, gate: &Gate) -> Result<Session, Refused> {
        if let Some(session) = self.thread.session.get() {
            return Ok(session.clone());
        }
        let session = gate.session(&self.thread.name)?;
        Ok(self.thread.session.get_or_init(|| session).clone())
    }

    /// The client will call nothing more.
    pub(crate) fn close_session(&self) {
        let closed = self.thread.session.get().cloned().map(Session::close);
        if let Some(Err(refused)) = closed {
            crate::say(&format!("the session could not be closed: {refused}"));
        }
    }

    pub(crate) fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Id, Standing>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, id: &Id, standing: Standing) -> Result<(), NotTaken> {
        let mut open = self.open();
        if open.contains_key(id) {
            return Err(NotTaken::InUse);
        }
        if open.len() >= MAX_OPEN {
            return Err(NotTaken::TooMany);
        }
        open.insert(id.clone(), standing);
        Ok(())
    }

    /// A call begins to wait for a person; the token tells when the client no longer wants it.
    ///
    /// # Errors
    /// [`NotTaken`] if its id is in use, or too many are open.
    pub(crate) fn wait(&self, id: &Id) -> Result<CancellationToken, NotTaken> {
        let token = CancellationToken::new();
        self.take(id, Standing::Waiting(token.clone())).map(|()| token)
    }

    /// A request goes to the server.
    ///
    /// # Errors
    /// As [`Connection::wait`].
    pub(crate) fn expect(&self, id: &Id, awaited: Awaited) -> Result<(), NotTaken> {
        self.take(id, Standing::Passed(awaited))
    }

    /// A call that waited goes to the server by `send`, unless it was cancelled before: then it is dropped.
    pub(crate) fn pass(&self, id: &Id, passed: Passed, send: impl FnOnce()) -> bool {
        let mut open = self.open();
        let Some(standing) = open.get_mut(id).filter(|standing| standing.is_wanted()) else { return false };
        *standing = Standing::Passed(Awaited::Call(Box::new(passed)));
        send();
        true
    }

    /// A call that waited was answered here; answers `false` if it was cancelled before.
    pub(crate) fn close(&self, id: &Id) -> bool {
        let mut open = self.open();
        let is_waiting = open.get(id).is_some_and(Standing::is_wanted);
        if is_waiting {
            open.remove(id);
        }
        is_waiting
    }

    /// Nobody waits for an answer any more; answers what the server had of it.
    pub(crate) fn abandon(&self, id: &Id) -> Option<Awaited> {
        match self.open().remove(id)? {
            Standing::Passed(awaited) => Some(awaited),
            Standing::Waiting(_) => None,
        }
    }

    /// The client no longer wants an answer.
    pub(crate) fn cancel(&self, id: &Id) -> Cancelled {
        match self.open().remove(id) {
            Some(Standing::Waiting(token)) => {
                token.cancel();
                Cancelled::Here
            }
            Some(Standing::Passed(_)) | None => Cancelled::Beyond,
        }
    }

    /// What this answer of the server's is for; `None` if the server was not asked.
    pub(crate) fn answered(&self, id: &Id) -> Option<Awaited> {
        let mut open = self.open();
        match open.remove(id)? {
            Standing::Passed(awaited) => Some(awaited),
            waiting @ Standing::Waiting(_) => {
                open.insert(id.clone(), waiting);
                None
            }
        }
    }

    /// Whether this request waits for a person.
    pub(crate) fn is_waiting(&self, id: &Id) -> bool {
        self.open().get(id).is_some_and(Standing::is_wanted)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.open().is_empty()
    }

    /// Withdraws everything that waits for a person. What it was is still open, until [`Connection::end`].
    pub(crate) fn withdraw(&self) {
        for standing in self.open().values() {
            if let Standing::Waiting(token) = standing {
                token.cancel();
            }
        }
    }

    /// Lets go of everything, and tells what the server had of it.
    pub(crate) fn end(&self) -> Vec<(Id, Option<Awaited>)> {
        let all = std::mem::take(&mut *self.open());
        let ended = all.into_iter().map(|(id, standing)| match standing {
            Standing::Waiting(token) => {
                token.cancel();
                (id, None)
            }
            Standing::Passed(awaited) => (id, Some(awaited)),
        });
        ended.collect()
    }
}
