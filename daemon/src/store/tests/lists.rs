//! The inbox, history, and what is left of it after erasing.

use super::kit::{Ask, NOW, PHONE, World, device, enroll, enrollment};
use crate::store::{Entry, Settings, StoreError};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::{CountRow, CountsQuery, HistoryPage, HistoryQuery, InboxEvent, InboxPage, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Paused, Request, Verdict};
use agenttrust_protocol::{Hash, Received, Thumbprint, Time};
use std::collections::BTreeMap;
use std::fs;

impl World {
    async fn inbox(&self, after: Option<u64>, limit: usize) -> InboxPage {
        self.store.read(move |reader| reader.inbox(after, limit, NOW)).await.unwrap()
    }

    async fn history(&self, query: HistoryQuery) -> HistoryPage {
        self.store.read(move |reader| reader.history(&query)).await.unwrap()
    }

    async fn find(&self, text: &str) -> Vec<Hash> {
        all_pages(self, HistoryQuery { text: Some(text.into()), ..HistoryQuery::default() }).await
    }

    async fn erase(&self, requests: &[&Asked]) -> Result<usize, StoreError> {
        let requests: Vec<Hash> = requests.iter().map(|asked| asked.request.hash()).collect();
        self.store.write(move |tx| tx.erase(&requests, NOW)).await
    }
}

fn kinds(page: &InboxPage) -> Vec<&'static str> {
    page.entries
        .iter()
        .map(|entry| match &entry.event {
            InboxEvent::Request { .. } => "request",
            InboxEvent::Moved { state, .. } => state.as_str(),
            InboxEvent::Enroll { .. } => "enroll",
            InboxEvent::Enrolled { .. } => "enrolled",
            InboxEvent::Trust { .. } => "trust",
            InboxEvent::Pairing { .. } => "pairing",
        })
        .collect()
}

#[tokio::test]
async fn a_device_resumes_where_it_was_and_begins_with_what_is_open() {
    let mut world = World::new().await;
    let answered = world.run(Ask::default()).await;
    let open = world.ask(Ask::default()).await;
    let waiting = enrollment(4);
    world.store.write(move |tx| tx.enroll(&waiting, Some("pid 9"), NOW)).await.unwrap();

    let first = world.inbox(None, 100).await;
    assert!(first.reset);
    assert_eq!(kinds(&first), ["request", "enroll"]);
    let InboxEvent::Request { request, messages } = &first.entries[0].event else { panic!("not a request") };
    assert_eq!((*request, messages.len()), (open.request.hash(), 3));
    assert_eq!(messages[2], open.request.as_str());

    assert_eq!(world.inbox(Some(first.next), 100).await.entries, []);
    let from_zero = world.inbox(Some(0), 100).await;
    let everything = ["trust", "trust", "enrolled", "approved", "claimed", "executed", "request", "enroll"];
    assert_eq!(kinds(&from_zero), everything, "without what no longer waits");
    let InboxEvent::Moved { request, by, .. } = &from_zero.entries[3].event else { panic!("not a move") };
    assert_eq!((*request, *by), (answered.request.hash(), Some(device(PHONE).public().thumbprint())));

    world.status(PHONE, Vec::new(), Paused::All).await;
    world.decide(PHONE, &open, Verdict::Deny).await.unwrap();
    let next = world.inbox(Some(first.next), 1).await;
    assert_eq!((kinds(&next), next.reset), (vec!["trust"], false));
    let last = world.inbox(Some(next.next), 1).await;
    assert_eq!(kinds(&last), ["denied"]);
    assert_eq!(world.inbox(Some(last.next), 1).await.entries, []);
    assert!(world.inbox(Some(last.next + 1), 100).await.reset, "a number from another life");
}

#[tokio::test]
async fn a_request_that_needs_more_answers_is_told_again_with_those_it_has() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let before = world.inbox(None, 100).await.next;
    let decision = world.decision(PHONE, &asked, Verdict::Approve, None);
    let text = decision.as_str().to_owned();
    world.store.write(move |tx| tx.add_decision(&decision, None, NOW)).await.unwrap();
    for after in [Some(before), Some(0), None] {
        let page = world.inbox(after, 100).await;
        let told: Vec<_> = page
            .entries
            .iter()
            .filter_map(
                |entry| if let InboxEvent::Request { messages, .. } = &entry.event { messages.last() } else { None },
            )
            .collect();
        assert_eq!(told, [&text], "once, after {after:?}");
    }
}

#[tokio::test]
async fn what_is_open_survives_forgetting_and_can_be_paged() {
    let world = World::with(Settings { inbox_kept: 2_000, ..Settings::default() }).await;
    let mut open = Vec::new();
    for _ in 0..30 {
        open.push(world.ask(Ask::default()).await.request.hash());
    }
    let early = world.inbox(None, 100).await.next;
    let asked: Vec<Asked> = (0..1_500).map(|_| world.asked(Ask::default())).collect();
    for chunk in asked.chunks(100) {
        let chunk = chunk.to_vec();
        let write = world.store.write(move |tx| {
            for asked in &chunk {
                tx.insert_request(asked, Entry::Pending, NOW)?;
                let decision = super::kit::refusal(asked);
                tx.add_decision(&decision, Some(agenttrust_protocol::lifecycle::Transition::Deny), NOW)?;
            }
            Ok::<_, StoreError>(())
        });
        write.await.unwrap();
    }
    assert!(world.inbox(Some(early), 100).await.reset, "the beginning is forgotten");
    let (mut found, mut after, mut resets) = (Vec::new(), None, 0);
    loop {
        let page = world.inbox(after, 7).await;
        resets += usize::from(page.reset);
        if page.entries.is_empty() {
            break;
        }
        found.extend(page.entries.iter().filter_map(|entry| {
            if let InboxEvent::Request { request, .. } = entry.event { Some(request) } else { None }
        }));
        after = Some(page.next);
    }
    open.sort();
    found.sort();
    assert_eq!(resets, 1);
    assert_eq!(found, open);
}

#[tokio::test]
async fn history_is_filtered_and_paged_without_gap_or_repetition() {
    let mut world = World::new().await;
    let mut stored = Vec::new();
    for n in 0..60_i64 {
        let tool = ["pay", "send", "read"][(n % 3) as usize];
        let asked = world.asked(Ask { tool, ..Ask::default() });
        let copy = asked.clone();
        // Several share a second, and the clock goes back once.
        let at = NOW.plus(if n < 40 { n / 4 } else { n / 4 - 5 });
        world.store.write(move |tx| tx.insert_request(&copy, Entry::Pending, at)).await.unwrap();
        if n % 2 == 0 {
            world.decide(PHONE, &asked, Verdict::Deny).await.unwrap();
        }
        let state = if n % 2 == 0 { State::Denied } else { State::Pending };
        stored.push((at, n, tool, state, asked.request.hash()));
    }
    world.cert = enroll(&world.store, &world.trust, 0).await;
    stored.sort_by_key(|row| (row.0, row.1));
    stored.reverse();
    let agent = super::kit::agent(0).public().thumbprint();
    for tool in [None, Some("send")] {
        for outcome in [None, Some(State::Denied), Some(State::Pending), Some(State::Failed)] {
            for agent in [None, Some(agent)] {
                for (since, until) in [(None, None), (Some(NOW.0 + 5), Some(NOW.0 + 9))] {
                    let query = HistoryQuery {
                        agent,
                        tool: tool.map(str::to_owned),
                        outcome,
                        since,
                        until,
                        limit: Some(7),
                        ..HistoryQuery::default()
                    };
                    let expected: Vec<Hash> = stored
                        .iter()
                        .filter(|row| tool.is_none_or(|tool| tool == row.2))
                        .filter(|row| outcome.is_none_or(|outcome| outcome == row.3))
                        .filter(|row| since.is_none_or(|since| row.0.0 >= since))
                        .filter(|row| until.is_none_or(|until| row.0.0 < until))
                        .map(|row| row.4)
                        .collect();
                    assert_eq!(all_pages(&world, query.clone()).await, expected, "{query:?}");
                }
            }
        }
    }
    let nobody = HistoryQuery { agent: Some(device(9).public().thumbprint()), ..HistoryQuery::default() };
    assert_eq!(world.history(nobody).await.rows, []);
    let lost = HistoryQuery { before: Some(3), ..HistoryQuery::default() };
    let refused = world.store.read(move |reader| reader.history(&lost)).await;
    assert_eq!(refused, Err(StoreError::Trouble(Trouble::BadRequest)));
}

/// The counts as the list itself gives them.
async fn counted(world: &World, query: &CountsQuery) -> Vec<CountRow> {
    let wanted = HistoryQuery {
        agent: query.agent,
        since: Some(query.since),
        until: Some(query.until),
        limit: Some(200),
        ..HistoryQuery::default()
    };
    let mut counts: BTreeMap<(Time, State), u64> = BTreeMap::new();
    for row in world.history(wanted).await.rows {
        let step = query.step as i64;
        let from = Time(query.since + (row.asked.0 - query.since) / step * step);
        *counts.entry((from, row.state)).or_default() += 1;
    }
    counts.into_iter().map(|((from, state), count)| CountRow { from, state, count }).collect()
}

async fn counts(world: &World, query: CountsQuery) -> Result<Vec<CountRow>, StoreError> {
    world.store.read(move |reader| reader.history_counts(&query)).await
}

#[tokio::test]
async fn counts_over_time_agree_with_the_list() {
    let world = World::new().await;
    for n in 0..40_i64 {
        let asked = world.asked(Ask { tool: ["pay", "send"][n as usize % 2], ..Ask::default() });
        let at = NOW.plus(n * n * 7 - 3_000);
        let deny = (n % 3 == 0).then(|| super::kit::refusal(&asked));
        let write = world.store.write(move |tx| {
            tx.insert_request(&asked, Entry::Pending, at)?;
            if let Some(deny) = deny {
                tx.add_decision(&deny, Some(agenttrust_protocol::lifecycle::Transition::Deny), at)?;
            }
            Ok::<_, StoreError>(())
        });
        write.await.unwrap();
    }
    world.run(Ask::default()).await;
    let agent = world.history(HistoryQuery::default()).await.rows[0].agent;
    let whole = CountsQuery { agent: None, since: NOW.0 - 4_000, until: NOW.0 + 20_000, step: 600 };
    let all = counts(&world, whole).await.unwrap();
    assert_eq!(all.iter().map(|row| row.count).sum::<u64>(), 41);
    assert!(all.iter().any(|row| row.state == State::Executed) && all.iter().any(|row| row.count > 1), "{all:?}");
    for (since, until, step) in [(-4_000, 20_000, 600), (-2_999, 1_777, 13), (0, 400, 1), (-50_000, 50_000, 99_999_999)]
    {
        for agent in [None, Some(agent)] {
            let query = CountsQuery { agent, since: NOW.0 + since, until: NOW.0 + until, step };
            assert_eq!(counts(&world, query).await, Ok(counted(&world, &query).await), "{query:?}");
        }
    }
    let nobody = CountsQuery { agent: Some(Thumbprint::from_bytes([9; 32])), ..whole };
    assert_eq!(counts(&world, nobody).await, Ok(Vec::new()));
    for bad in [
        CountsQuery { step: 0, ..whole },
        CountsQuery { step: u64::MAX, ..whole },
        CountsQuery { step: 1, ..whole },
        CountsQuery { until: whole.since, ..whole },
        CountsQuery { since: i64::MIN, until: i64::MAX, ..whole },
    ] {
        assert_eq!(counts(&world, bad).await, Err(StoreError::Trouble(Trouble::BadRequest)), "{bad:?}");
    }
}

async fn all_pages(world: &World, mut query: HistoryQuery) -> Vec<Hash> {
    let mut found = Vec::new();
    loop {
        let page = world.history(query.clone()).await;
        found.extend(page.rows.iter().map(|row| row.request));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn words_are_found_until_they_are_erased() {
    let world = World::new().await;
    let rent = world
        .run(Ask {
            arguments: r#"{"to":"Zoë Müller","path":"/srv/bills/march.pdf","n":[4711]}"#,
            title: Some("Pay the March rent"),
            ..Ask::default()
        })
        .await;
    let other = world.run(Ask { arguments: r#"{"to":"Bob"}"#, title: Some("Pay lunch"), ..Ask::default() }).await;
    let (rent_hash, other_hash) = (rent.request.hash(), other.request.hash());
    let late = world.decision(PHONE, &rent, Verdict::Deny, Some("toolate"));
    world.store.write(move |tx| tx.refuse_decision(&late, "closed", NOW)).await.unwrap();
    for (text, expected) in [
        ("rent", vec![rent_hash]),
        ("RENT march", vec![rent_hash]),
        ("zoe", vec![rent_hash]),
        ("bills/march", vec![rent_hash]),
        ("4711", vec![rent_hash]),
        ("pay", vec![other_hash, rent_hash]),
        ("done", vec![other_hash, rent_hash]),
        ("care", vec![other_hash, rent_hash]),
        ("toolate", vec![rent_hash]),
        ("rent lunch", vec![]),
        ("ren", vec![]),
        ("amount", vec![]),
        ("\"' OR *", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(world.find(text).await, expected, "{text:?}");
    }
    let page = world.history(HistoryQuery::default()).await;
    let titles: Vec<_> = page.rows.iter().map(|row| row.title.as_deref()).collect();
    assert_eq!(titles, [Some("Pay lunch"), Some("Pay the March rent")]);

    assert_eq!(world.erase(&[&rent]).await, Ok(1));
    assert_eq!(world.erase(&[&rent]).await, Ok(0));
    for text in ["rent", "zoe", "4711", "march", "toolate"] {
        assert_eq!(world.find(text).await, [], "{text}");
    }
    assert_eq!(world.find("done").await, [other_hash]);
    assert_eq!(world.history(HistoryQuery::default()).await.rows[1].title, None);
    let detail = world.store.read(move |reader| reader.request_detail(&rent_hash)).await.unwrap().unwrap();
    let request = Received::<Request>::parse(&detail.messages[2]).unwrap();
    assert_eq!(request.hash(), rent_hash, "the signed part stays");
    assert!(request.as_str().ends_with('~') && !request.as_str().contains("~W"));
    assert_eq!(detail.messages.len(), 9, "with an event each for the late decision and the erasure");
    assert!(detail.messages[1].len() > detail.messages[1].find('~').unwrap() + 1, "the session is still in use");
    world.erase(&[&other]).await.unwrap();
    let detail = world.store.read(move |reader| reader.request_detail(&rent_hash)).await.unwrap().unwrap();
    assert!(detail.messages[1].ends_with('~') && detail.messages[1].matches('~').count() == 1, "now it is not");
    assert_eq!(world.store.verify().await.unwrap().findings, []);

    let back = world.ask(Ask::default()).await.request.hash();
    let standing = world.store.read(move |reader| reader.standing(&back)).await.unwrap().unwrap();
    assert_eq!(standing.session, world.session.as_str(), "a session in use again has its content again");
}

fn files(world: &World) -> Vec<u8> {
    let names = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| !path.ends_with("agenttrust.db-shm")).flat_map(|path| fs::read(path).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn erased_words_leave_the_files_even_if_a_reader_was_in_the_way() {
    let world = World::new().await;
    let asked = world.run(Ask { title: Some("XyzzyPlughQuux"), ..Ask::default() }).await;
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (begun, began) = tokio::sync::oneshot::channel();
    let store = world.store.clone();
    let reading = tokio::spawn(async move {
        store
            .read(move |reader| {
                let size = reader.log_size()?;
                begun.send(()).map_err(|()| StoreError::Trouble(Trouble::Internal))?;
                let _released = held.recv();
                Ok::<_, StoreError>(size)
            })
            .await
    });
    began.await.unwrap();
    world.erase(&[&asked]).await.unwrap();
    assert!(holds(&files(&world), "XyzzyPlughQuux"), "the reader still sees it");
    hold.send(()).unwrap();
    reading.await.unwrap().unwrap();
    world.ask(Ask::default()).await;
    assert!(!holds(&files(&world), "XyzzyPlughQuux"));
}

#[tokio::test]
async fn erased_words_are_not_in_the_files_either() {
    let world = World::new().await;
    let secret = "XyzzyPlughQuux";
    let asked = world.run(Ask { title: Some("XyzzyPlughQuux"), ..Ask::default() }).await;
    let segments: Vec<String> = asked.request.as_str().split('~').skip(1).map(str::to_owned).collect();
    let files = || files(&world);
    let lower = secret.to_lowercase();
    let before = files();
    assert!(holds(&before, secret) && holds(&before, &lower) && holds(&before, &segments[0]));
    world.erase(&[&asked]).await.unwrap();
    let after = files();
    for text in [secret, &lower, &segments[0], &segments[1]] {
        assert!(!holds(&after, text), "{text}");
    }
}

#[tokio::test]
async fn what_is_open_or_unknown_is_not_erased() {
    let world = World::new().await;
    let (over, open) = (world.run(Ask::default()).await, world.ask(Ask::default()).await);
    assert_eq!(world.erase(&[&over, &open]).await, Err(StoreError::Trouble(Trouble::Conflict)));
    let missing = world.asked(Ask::default());
    assert_eq!(world.erase(&[&over, &missing]).await, Err(StoreError::Trouble(Trouble::NotFound)));
    assert_eq!(world.erase(&[&over]).await, Ok(1), "nothing was erased before");
}
