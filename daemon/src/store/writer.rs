//! The one thread that writes: what waits is committed together and then answered.

use super::log::LogKey;
use super::open::BUSY;
use super::tx::{Committed, Tx};
use super::wait::Watches;
use super::{StoreError, schema};
use agenttrust_protocol::door::Trouble;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// The most operations of one commit.
const MAX_BATCH: usize = 512;

/// How long a commit takes further operations in: what is asked first must not wait for ever.
const MAX_GATHER: Duration = Duration::from_millis(5);

/// How long emptying the write-ahead log may hold everybody up.
const TRUNCATE_WITHIN: Duration = Duration::from_millis(100);

/// One operation on its way through the writer.
pub(super) trait Job: Send {
    /// Does it, inside the batch's transaction.
    fn run(&mut self, tx: &mut Tx<'_>);
    /// Tells the caller, once the batch is on the disk or is known not to be.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What stands in the writer's queue.
pub(super) enum Task {
    Do(Box<dyn Job>),
    Stop,
}

/// Why the queue does not take a task.
pub(super) fn refused(error: &mpsc::error::TrySendError<Task>) -> StoreError {
    match error {
        mpsc::error::TrySendError::Full(_) => Trouble::RateLimited.into(),
        mpsc::error::TrySendError::Closed(_) => Trouble::StoreFailed.into(),
    }
}

/// A caller's closure, and where its result goes.
pub(super) struct Operation<F, T, E> {
    operation: Option<F>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Operation<F, T, E> {
    pub fn new(operation: F) -> (Operation<F, T, E>, oneshot::Receiver<Result<T, E>>) {
        let (caller, answer) = oneshot::channel();
        (Operation { operation: Some(operation), result: None, caller }, answer)
    }
}

impl<F, T, E> Job for Operation<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) {
        self.result = self.operation.take().map(|operation| tx.attempt(operation));
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        // An operation's own refusal can rest on others of its batch, so a failed commit outweighs it.
        let result = match committed {
            Ok(()) => self.result.unwrap_or_else(|| Err(StoreError::Trouble(Trouble::Internal).into())),
            Err(error) => Err(error.into()),
        };
        // A caller that went away needs no answer.
        let _gone = self.caller.send(result);
    }
}

/// What the writer's thread owns.
pub(super) struct Writer {
    pub conn: Connection,
    pub key: LogKey,
    /// How many inbox entries are kept.
    pub kept: i64,
    pub jobs: mpsc::Receiver<Task>,
    pub news: watch::Sender<u64>,
    pub watches: Arc<Watches>,
    /// Whether the write-ahead log holds content that was erased.
    pub unclean: bool,
}

impl Writer {
    /// Works until every [`super::Store`] is gone or one says stop, and all that came before is done.
    pub fn run(mut self) {
        while let Some(Task::Do(first)) = self.jobs.blocking_recv() {
            if self.batch(first) {
                break;
            }
        }
        if let Err(error) = truncate_wal(&self.conn) {
            tracing::warn!(%error, "the write-ahead log stays for the next start");
        }
    }

    /// Commits one batch; answers whether it was the last.
    fn batch(&mut self, first: Box<dyn Job>) -> bool {
        let begun = Instant::now();
        let mut stop = false;
        let mut done = vec![first];
        let result = match Tx::begin(&self.conn, &self.key, self.kept) {
            Ok(mut tx) => {
                if let Some(first) = done.first_mut() {
                    first.run(&mut tx);
                }
                while !tx.is_lost() && done.len() < MAX_BATCH && begun.elapsed() < MAX_GATHER {
                    match self.jobs.try_recv() {
                        Ok(Task::Do(mut job)) => {
                            job.run(&mut tx);
                            done.push(job);
                        }
                        Ok(Task::Stop) => {
                            stop = true;
                            break;
                        }
                        Err(_) => break,
                    }
                }
                tx.finish()
            }
            Err(error) => Err(error),
        };
        let committed = match result {
            Ok(committed) => {
                self.tell(committed);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, operations = done.len(), "nothing of this batch was stored");
                Err(error)
            }
        };
        for job in done {
            job.answer(committed.clone());
        }
        stop
    }

    fn tell(&mut self, committed: Committed) {
        self.unclean |= committed.erased;
        if self.unclean {
            match truncate_wal(&self.conn) {
                Ok(()) => self.unclean = false,
                Err(error) => tracing::warn!(%error, "erased content stays in the write-ahead log for now"),
            }
        }
        self.watches.wake(&committed.touched);
        if let Some(newest) = committed.newest {
            self.news.send_replace(newest);
        }
    }
}

/// Moves everything into the database file and empties the write-ahead log, unless readers are in the way for long.
fn truncate_wal(conn: &Connection) -> Result<(), StoreError> {
    conn.busy_timeout(TRUNCATE_WITHIN)?;
    let busy: bool = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    conn.busy_timeout(BUSY)?;
    if busy { Err(schema::busy("readers are in the way")) } else { Ok(()) }
}
