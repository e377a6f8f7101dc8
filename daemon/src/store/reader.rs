//! Reading: a consistent snapshot, and the threads that take them.

use super::StoreError;
use super::open::open_reader;
use agenttrust_protocol::door::Trouble;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// A snapshot of the store; every query of one [`super::Store::read`] sees the same state.
pub struct Reader<'c> {
    pub(super) conn: &'c Connection,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Threads with a read-only connection each; a job that is none ends the thread that takes it.
pub(super) struct Readers {
    jobs: mpsc::Sender<Option<Job>>,
    threads: usize,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub fn start(path: &Path, threads: usize, queue: usize) -> Result<(Readers, Vec<JoinHandle<()>>), StoreError> {
        let (jobs, receiver) = mpsc::channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut handles = Vec::new();
        for _ in 0..threads.max(1) {
            let (conn, receiver) = (open_reader(path)?, receiver.clone());
            let spawned = thread::Builder::new().name("store-read".to_owned()).spawn(move || work(&conn, &receiver));
            handles.push(
                spawned
                    .map_err(|error| StoreError::Failed { trouble: Trouble::StoreFailed, detail: error.to_string() })?,
            );
        }
        Ok((Readers { jobs, threads: handles.len() }, handles))
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
        self.jobs.try_send(Some(job)).map_err(|error| refused(&error))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Trouble(Trouble::Internal).into()))
    }
}

impl Readers {
    /// Ends the threads once all that came before is answered.
    pub async fn stop(&self) {
        for _ in 0..self.threads {
            // It fails only where they have ended already.
            let _ended = self.jobs.send(None).await;
        }
    }
}

/// Why a queue does not take a job.
pub(super) fn refused<T>(error: &mpsc::error::TrySendError<T>) -> StoreError {
    match error {
        mpsc::error::TrySendError::Full(_) => Trouble::RateLimited.into(),
        mpsc::error::TrySendError::Closed(_) => Trouble::StoreFailed.into(),
    }
}

fn work(conn: &Connection, jobs: &Mutex<mpsc::Receiver<Option<Job>>>) {
    loop {
        // Held while waiting: the threads take turns, and whoever has a job lets go.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match job {
            Some(Some(job)) => job(conn),
            Some(None) | None => return,
        }
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
