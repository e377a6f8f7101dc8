//! Reading: a consistent snapshot, and the threads that take them.

use super::StoreError;
use super::open::open_reader;
use agenttrust_protocol::door::Trouble;
use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// A snapshot of the store; every query of one [`super::Store::read`] sees the same state.
pub struct Reader<'c> {
    pub(super) conn: &'c Connection,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Threads with a read-only connection each; a job that is none ends the thread that takes it.
pub(super) struct Readers {
    jobs: Sender<Option<Job>>,
    /// Queries that may wait; one more, or a few where many come at once, is `rate_limited`.
    queue: usize,
    threads: usize,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub fn start(path: &Path, threads: usize, queue: usize) -> Result<(Readers, Vec<JoinHandle<()>>), StoreError> {
        let (jobs, receiver) = crossbeam_channel::unbounded();
        let mut handles = Vec::new();
        for _ in 0..threads.max(1) {
            let (conn, receiver) = (open_reader(path)?, receiver.clone());
            let spawned = thread::Builder::new().name("store-read".to_owned()).spawn(move || work(&conn, &receiver));
            handles.push(
                spawned
                    .map_err(|error| StoreError::Failed { trouble: Trouble::StoreFailed, detail: error.to_string() })?,
            );
        }
        Ok((Readers { jobs, queue, threads: handles.len() }, handles))
    }

    /// Runs queries on one of the threads.
    pub async fn run<T, E>(&self, queries: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            // A caller that went away needs no answer.
            let _gone = caller.send(snapshot(conn, queries));
        });
        if self.jobs.len() >= self.queue {
            return Err(StoreError::Trouble(Trouble::RateLimited).into());
        }
        self.jobs.send(Some(job)).map_err(|_| StoreError::Trouble(Trouble::StoreFailed))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Trouble(Trouble::Internal).into()))
    }
}

impl Readers {
    /// Ends the threads once all that came before is answered.
    pub fn stop(&self) {
        for _ in 0..self.threads {
            // It fails only where they have ended already.
            let _ended = self.jobs.send(None);
        }
    }
}

fn work(conn: &Connection, jobs: &Receiver<Option<Job>>) {
    while let Ok(Some(job)) = jobs.recv() {
        job(conn);
    }
}

fn snapshot<T, E: From<StoreError>>(
    conn: &Connection,
    queries: impl FnOnce(&Reader<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = conn.unchecked_transaction().map_err(StoreError::from)?;
    let result = catch_unwind(AssertUnwindSafe(|| queries(&Reader { conn })));
    begun.finish().map_err(StoreError::from)?;
    result.unwrap_or_else(|_| Err(StoreError::Trouble(Trouble::Internal).into()))
}
