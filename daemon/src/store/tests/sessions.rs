//! The sessions of an agent, and the requests of one.

use super::kit::{Ask, NOW, World, agent, session};
use agenttrust_protocol::door::{HistoryQuery, SessionsPage, SessionsQuery, Trouble};
use agenttrust_protocol::message::Session;
use agenttrust_protocol::{Hash, Received, Thumbprint};

const FIRST: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

fn me() -> Thumbprint {
    agent(0).public().thumbprint()
}

impl World {
    async fn sessions(&self, agent: Thumbprint, query: SessionsQuery) -> SessionsPage {
        self.store.read(move |reader| reader.sessions(&agent, &query)).await.unwrap()
    }

    /// A request in a new turn of this session.
    async fn turn(&mut self, sid: &str, task: &str) -> Hash {
        self.session = session(&self.trust, &self.cert, sid, task);
        self.ask(Ask::default()).await.request.hash()
    }
}

fn hashes(page: &SessionsPage) -> Vec<Hash> {
    page.sessions.iter().map(|view| Received::<Session>::parse(&view.message).unwrap().hash()).collect()
}

#[tokio::test]
async fn sessions_are_paged_newest_first_and_say_how_much_was_asked() {
    let mut world = World::new().await;
    let mut turns = Vec::new();
    for (sid, task) in [(FIRST, "one"), (FIRST, "two"), (OTHER, "three")] {
        world.turn(sid, task).await;
        turns.insert(0, world.session.hash());
    }
    world.ask(Ask::default()).await;
    let all = world.sessions(me(), SessionsQuery::default()).await;
    assert_eq!((hashes(&all), all.next), (turns.clone(), None));
    assert_eq!(all.sessions.iter().map(|view| view.requests).collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(all.sessions[0].last_asked, Some(NOW));
    assert!(all.sessions[0].message.ends_with('~') && all.sessions[0].message.matches('~').count() > 1, "disclosed");

    let page = world.sessions(me(), SessionsQuery { limit: Some(2), before: None }).await;
    assert_eq!(hashes(&page), turns[..2]);
    let rest = world.sessions(me(), SessionsQuery { limit: Some(2), before: page.next }).await;
    assert_eq!((hashes(&rest), rest.next), (turns[2..].to_vec(), None));
    let nobody = world.sessions(Thumbprint::from_bytes([7; 32]), SessionsQuery::default()).await;
    assert_eq!(nobody.sessions, []);
}

#[tokio::test]
async fn an_erased_session_is_there_without_its_words() {
    let mut world = World::new().await;
    let has_words = |page: &SessionsPage| page.sessions[0].message.matches('~').count() > 1;
    world.session = session(&world.trust, &world.cert, FIRST, "the secret task");
    let (first, second) = (world.run(Ask::default()).await, world.run(Ask::default()).await);
    for (asked, kept) in [(first, true), (second, false)] {
        let request = asked.request.hash();
        world.store.write(move |tx| tx.erase(&[request], NOW)).await.unwrap();
        let page = world.sessions(me(), SessionsQuery::default()).await;
        assert_eq!((has_words(&page), page.sessions[0].requests), (kept, 2), "while a request needs them");
    }
}

#[tokio::test]
async fn history_is_filtered_by_session() {
    let mut world = World::new().await;
    let first = world.turn(FIRST, "one").await;
    let other = world.turn(OTHER, "two").await;
    let second = world.turn(FIRST, "three").await;
    for (sid, expected) in [(FIRST, vec![second, first]), (OTHER, vec![other]), ("nothing", vec![])] {
        let query = HistoryQuery { agent: Some(me()), session: Some(sid.to_owned()), ..HistoryQuery::default() };
        let worded = HistoryQuery { text: Some("amount".to_owned()), ..query.clone() };
        let page = world.store.read(move |reader| reader.history(&query)).await.unwrap();
        assert_eq!(page.rows.iter().map(|row| row.request).collect::<Vec<_>>(), expected, "{sid}");
        let page = world.store.read(move |reader| reader.history(&worded)).await.unwrap();
        assert!(page.rows.iter().all(|row| expected.contains(&row.request)));
    }
    let query = HistoryQuery { session: Some(FIRST.to_owned()), ..HistoryQuery::default() };
    let refused = world.store.read(move |reader| reader.history(&query)).await.unwrap_err();
    assert_eq!(refused.trouble(), Some(Trouble::BadRequest));
}
