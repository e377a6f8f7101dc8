//! What the daemon remembers: the signed messages as an append-only log, what is still disclosed of them, and the
//! tables that say how things stand.
//!
//! One thread writes. It takes all operations that wait, runs each in a savepoint of its own inside one
//! transaction, signs one checkpoint of the log, commits once (one `fsync`), and only then answers all of them
//! ([`Store::write`]). An operation that fails undoes itself alone; a commit that fails undoes them all and tells
//! each caller so. A few threads read, each from a consistent snapshot ([`Store::read`]).
//!
//! Nothing enters but what the protocol crate has verified: operations take [`agenttrust_protocol::Opened`] values.
//! Every change of a request's state goes through [`agenttrust_protocol::lifecycle::next`] and appends its evidence
//! to the log in the same transaction. The tables beside the log can be rebuilt from it ([`Store::verify`]);
//! only marks, counters of grants and the inbox are operational.

mod agents;
mod cosign;
mod detail;
mod erase;
mod error;
mod grants;
mod history;
mod inbox;
mod log;
mod marks;
mod moves;
mod open;
mod proofs;
mod reader;
mod refused;
mod replay;
mod requests;
mod schema;
mod sessions;
#[cfg(test)]
mod tests;
mod trust;
mod tx;
mod verify;
mod wait;
mod words;
mod writer;

pub use agents::{Enrollment, EnrollmentState};
pub use detail::{Standing, Stored};
pub use error::{OpenError, StoreError};
pub use grants::GrantCounters;
pub use marks::Counts;
pub use moves::Moved;
pub use open::Settings;
pub use reader::Reader;
pub use requests::{Entry, Placed};
pub use tx::Tx;
pub use verify::{Finding, Verified};
pub use wait::Watch;

use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{Log, SecretKey};
use log::LogKey;
use reader::Readers;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, watch};
use wait::Watches;
use writer::{Operation, Task, Writer};

/// The open store; clones share it. It closes with [`Store::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    jobs: mpsc::Sender<Task>,
    readers: Readers,
    changes: watch::Receiver<u64>,
    watches: Arc<Watches>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database, makes or migrates it, and checks cheaply that it is ours and whole.
    ///
    /// # Errors
    /// [`OpenError`]: `store_foreign`, `store_newer`, `store_corrupt`, `disk_full`, `store_failed`.
    pub fn open(path: &Path, log_key: SecretKey<Log>, settings: Settings) -> Result<Store, OpenError> {
        let key = LogKey::new(log_key);
        let conn = open::open_writer(path, &key, &settings)?;
        let newest = Reader { conn: &conn }.newest().map_err(OpenError::from)?;
        let (news, changes) = watch::channel(newest);
        let (jobs, queue) = mpsc::channel(settings.queue.max(1));
        let watches = Arc::new(Watches::default());
        let (readers, mut threads) = Readers::start(path, settings.readers, settings.queue.max(1))?;
        let kept = i64::from(settings.inbox_kept);
        let writer = Writer { conn, key, kept, jobs: queue, news, watches: watches.clone(), unclean: false };
        let spawned = thread::Builder::new().name("store-write".to_owned()).spawn(move || writer.run());
        threads.push(spawned.map_err(|error| OpenError::new(Trouble::StoreFailed, error.to_string()))?);
        let (path, threads) = (path.to_owned(), Mutex::new(threads));
        Ok(Store { inner: Arc::new(Inner { path, jobs, readers, changes, watches, threads }) })
    }

    /// Runs an operation on the writer's thread and returns once it is on the disk.
    ///
    /// Dropping the future does not undo the operation. Keep signatures and other slow work outside of it. Once a
    /// step of the operation has failed, the operation must fail too: the step may be half done.
    ///
    /// # Errors
    /// The operation's own error, with no effect; `rate_limited` if too many wait; the commit's error.
    pub async fn write<T, E>(
        &self,
        operation: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = Operation::new(operation);
        self.inner.jobs.try_send(Task::Do(Box::new(job))).map_err(|error| writer::refused(&error))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Trouble(Trouble::Internal).into()))
    }

    /// Runs queries on a reading thread, on one snapshot.
    ///
    /// # Errors
    /// The queries' own error; `rate_limited` if too many wait.
    pub async fn read<T, E>(&self, queries: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.readers.run(queries).await
    }

    /// The newest inbox number after each commit: wakes event streams and long polls of devices.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.clone()
    }

    /// Wakes when a request or an enrolment moves. Make the watch first, then read the state, then wait.
    pub fn watch(&self, message: &Hash) -> Watch {
        self.inner.watches.watch(message)
    }

    /// Waits until what is queued is answered and the file is closed; what comes later is `store_failed`.
    pub async fn close(&self) {
        let threads = std::mem::take(&mut *self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // Either fails only where the threads have ended already.
        let _ended = self.inner.jobs.send(Task::Stop).await;
        self.inner.readers.stop();
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
        if !matches!(joined.await, Ok(true)) {
            tracing::error!("a thread of the store panicked");
        }
    }
}
