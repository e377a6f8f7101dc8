//! Group commit: many at once, one that fails, one that panics, a disk that is full, a queue that is.

use super::kit::{Ask, NOW, PHONE, World};
use crate::store::{Entry, Settings, StoreError};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::Verdict;
use std::sync::mpsc;

#[tokio::test]
async fn many_writers_share_commits_and_one_that_fails_undoes_itself_alone() {
    let world = World::new().await;
    let before = world.store.read(|reader| reader.log_size()).await.unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let (store, asked) = (world.store.clone(), world.asked(Ask::default()));
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        let placed = tx.insert_request(&asked, Entry::Pending, NOW)?;
                        match n % 10 {
                            3 => Err(StoreError::Trouble(Trouble::Conflict)),
                            7 => panic!("an operation that panics"),
                            _ => Ok(placed.request),
                        }
                    })
                    .await
            })
        })
        .collect();
    let mut stored = Vec::new();
    for (n, task) in tasks.into_iter().enumerate() {
        match (n % 10, task.await.unwrap()) {
            (3, result) => assert_eq!(result, Err(StoreError::Trouble(Trouble::Conflict))),
            (7, result) => assert_eq!(result, Err(StoreError::Trouble(Trouble::Internal))),
            (_, result) => stored.push(result.unwrap()),
        }
    }
    assert_eq!(stored.len(), 160);
    let (log_size, pending, states) = world
        .store
        .read(move |reader| {
            let states: Vec<_> = stored.iter().map(|hash| reader.state(hash)).collect::<Result<_, _>>()?;
            Ok::<_, StoreError>((reader.log_size()?, reader.counts()?.pending, states))
        })
        .await
        .unwrap();
    assert_eq!((log_size, pending), (before + 161, 160), "one session and 160 requests");
    assert!(states.iter().all(|state| *state == Some(State::Pending)));
    assert_eq!(world.store.verify().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_written() {
    let world = World::with(Settings { max_pages: Some(150), ..Settings::default() }).await;
    let mut stored = 0;
    let refusal = loop {
        let asked = world.asked(Ask::default());
        let placed = world.store.write(move |tx| tx.insert_request(&asked, Entry::Pending, NOW)).await;
        match placed {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000, "the disk never fills");
    };
    assert_eq!(refusal.trouble(), Some(Trouble::DiskFull), "{refusal}");
    // In a batch with others too: all of them are told, none is stored.
    let (hold, held) = mpsc::channel::<()>();
    let first = world.store.write(move |_| held.recv().map_err(|_| StoreError::Trouble(Trouble::Internal)));
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let asked = world.asked(Ask::default());
        let store = world.store.clone();
        waiting.push(tokio::spawn(async move {
            store.write(move |tx| tx.insert_request(&asked, Entry::Pending, NOW)).await
        }));
    }
    let release = async {
        tokio::task::yield_now().await;
        hold.send(()).unwrap();
    };
    let (first, ()) = tokio::join!(first, release);
    let mut refused = 0;
    for task in waiting {
        refused += usize::from(task.await.unwrap().is_err());
    }
    assert!(refused > 0 && (first.is_ok() || first.unwrap_err().trouble() == Some(Trouble::DiskFull)));
    let counts = world.store.read(|reader| reader.counts()).await.unwrap();
    assert_eq!(counts.pending, stored + 20 - refused as u64);
    assert_eq!(world.store.verify().await.unwrap().findings, []);

    let world = world.reopen().await;
    let asked = world.ask(Ask::default()).await;
    assert_eq!(world.decide(PHONE, &asked, Verdict::Approve).await, Ok(State::Approved), "once there is space again");
    assert_eq!(world.store.verify().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_full_queue_is_told_at_once() {
    let world = World::with(Settings { queue: 2, ..Settings::default() }).await;
    let (hold, held) = mpsc::channel::<()>();
    let (begun, began) = tokio::sync::oneshot::channel();
    let store = world.store.clone();
    let slow = tokio::spawn(async move {
        store
            .write(move |_| {
                begun.send(()).map_err(|()| StoreError::Trouble(Trouble::Internal))?;
                held.recv().map_err(|_| StoreError::Trouble(Trouble::Internal))
            })
            .await
    });
    began.await.unwrap();
    let mut queued = Vec::new();
    let mut limited = 0;
    for _ in 0..3 {
        let write = world.store.clone();
        let mut task = Box::pin(async move { write.write(|_| Ok::<_, StoreError>(())).await });
        // The first poll queues it or learns that it cannot be queued.
        match futures_poll(&mut task) {
            Some(result) => {
                assert_eq!(result, Err(StoreError::Trouble(Trouble::RateLimited)));
                limited += 1;
            }
            None => queued.push(task),
        }
    }
    assert_eq!((queued.len(), limited), (2, 1));
    hold.send(()).unwrap();
    slow.await.unwrap().unwrap();
    for task in queued {
        task.await.unwrap();
    }
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn readers_see_what_is_committed_and_those_who_wait_wake() {
    let world = World::new().await;
    let mut changes = world.store.changes();
    changes.mark_unchanged();
    let asked = world.asked(Ask::default());
    let request = asked.request.hash();
    let mut watch = world.store.watch(&request);
    let mut other = world.store.watch(&Hash::of(b"other"));
    world.store.write(move |tx| tx.insert_request(&asked, Entry::Pending, NOW)).await.unwrap();
    watch.changed().await;
    changes.changed().await.unwrap();
    let newest = world.store.read(|reader| reader.newest()).await.unwrap();
    assert_eq!(*changes.borrow(), newest);
    let silent = tokio::time::timeout(std::time::Duration::from_millis(10), other.changed()).await;
    assert!(silent.is_err());
}
