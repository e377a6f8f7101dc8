//! What a device asks beside deciding: its inbox, lists, the log, trusted actions, erasure.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use agenttrust_link::{Alpn, BodyStream, Client, Options, State};
use agenttrust_protocol::constraint::Constraint;
use agenttrust_protocol::door::{
    AgentView, ConsistencyReply, DeviceView, GrantView, HistoryPage, InboxEvent, InclusionReply, JOSE, Reply,
    RequestDetail, SessionsPage,
};
use agenttrust_protocol::envelope::Nothing;
use agenttrust_protocol::message::{Event, EventKind, Grant, GrantContent, Paused, Request, Status, Uv, Verdict};
use agenttrust_protocol::{Hash, Received};
use agenttrust_tlog::{Checkpoint, Cosigner, Note, TreeHead, Verifier, verify_consistency, verify_inclusion};
use common::{Agent, House, Phone, call, eventually, get, hash_of, post, seed};
use ed25519_dalek::{SigningKey, VerifyingKey};
use http::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn the_inbox_wakes_and_resumes() {
    let (_house, phone, agent) = House::furnished().await;
    let first = phone.inbox(None, 0).await;
    assert!(first.reset);
    let request = agent.request(300, |_| {});
    let (page, _) = tokio::join!(phone.inbox(Some(first.next), 30), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        agent.ask(&request).await.reply()
    });
    assert!(!page.reset);
    assert!(
        matches!(&page.entries[0].event, InboxEvent::Request { request: hash, .. } if *hash == hash_of::<Request>(&request))
    );
    phone.decide(&request, Verdict::Deny).await.reply();
    let moved = phone.inbox(Some(page.next), 5).await;
    let told = moved.entries.iter().any(
        |entry| matches!(&entry.event, InboxEvent::Moved { by, .. } if *by == Some(phone.key.public().thumbprint())),
    );
    assert!(told, "{moved:?}");
    assert!(phone.inbox(Some(moved.next), 0).await.entries.is_empty());
    assert!(phone.inbox(Some(1_000_000), 0).await.reset, "a number never given is no place to resume");
}

async fn read_until(stream: &mut BodyStream, text: &mut String, wanted: &str) {
    while !text.contains(wanted) {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.expect(text);
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn the_inbox_streams() {
    let (mut house, phone, agent) = House::furnished().await;
    let request = http::Request::get("/v1/inbox").header("accept", "text/event-stream");
    let request = request.body(hyper::body::Bytes::new()).unwrap();
    let mut stream = phone.client.stream(request, Duration::from_secs(10)).await.unwrap().into_body();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "event: next").await;
    assert!(text.starts_with("event: reset"), "{text}");
    let asked = agent.request(300, |_| {});
    agent.ask(&asked).await.reply();
    read_until(&mut stream, &mut text, &hash_of::<Request>(&asked).to_string()).await;
    house.close().await;
}

#[tokio::test]
async fn a_trusted_action_runs_until_it_is_used_up() {
    let (_house, phone, agent) = House::furnished().await;
    let body = Grant {
        agents: vec![agent.key.public().thumbprint()],
        constraints: vec![Constraint::Tool { name: "pay".into(), digest: None }, Constraint::Use { max: 2, per: None }],
        uv: Uv::Presence,
        bundle: phone.trust.bundle_ref(),
        offline: false,
        exp: phone.clock.now().plus(3600),
    };
    let grant = phone.sign(&body, &GrantContent { title: "Bills".into() });
    assert_eq!(phone.post("/v1/grants", &grant).await.reply().state, "ok");
    let own = format!("/v1/trust?agent={}", agent.key.public().thumbprint());
    assert!(get(&agent.socket, &own).await.reply().messages.contains(&grant));

    let named = hash_of::<Grant>(&grant);
    let states = async || {
        let request = agent.request(300, |request| request.grant = Some(named));
        let state = agent.ask(&request).await.reply().state;
        assert_eq!(agent.ask(&request).await.reply().state, state, "again is no second use");
        state
    };
    assert_eq!([states().await, states().await, states().await], ["claimed", "claimed", "pending"]);
    let other = agent.request(300, |request| {
        request.grant = Some(named);
        request.action.tool = "delete".into();
    });
    assert_eq!(agent.ask(&other).await.reply().state, "pending", "what it does not cover is asked");
    let views: Vec<GrantView> = phone.get("/v1/grants").await;
    assert_eq!((views.len(), views[0].uses, views[0].live), (1, 2, true));
}

#[tokio::test]
async fn an_offline_use_is_reported_whenever() {
    let (house, phone, agent) = House::furnished().await;
    let body = Grant {
        agents: vec![agent.key.public().thumbprint()],
        constraints: vec![Constraint::Tool { name: "pay".into(), digest: None }],
        uv: Uv::Presence,
        bundle: phone.trust.bundle_ref(),
        offline: true,
        exp: phone.clock.now().plus(3600),
    };
    let grant = phone.sign(&body, &GrantContent { title: "Bills".into() });
    phone.post("/v1/grants", &grant).await.reply();
    let named = hash_of::<Grant>(&grant);
    let used = agent.request(60, |request| request.grant = Some(named));
    let other = agent.request(60, |request| {
        request.grant = Some(named);
        request.action.tool = "delete".into();
    });
    house.clock.shift(7200);
    assert_eq!(agent.ask(&used).await.reply().state, "claimed", "long after it ended");
    assert_eq!(agent.send(&used, "outcome", &agent.outcome(&used)).await.reply().state, "executed");
    assert_eq!(agent.ask(&other).await.code(), "not_covered");
    let late = agent.request(60, |request| request.grant = Some(named));
    assert_eq!(agent.ask(&late).await.code(), "not_covered", "a use after its end was none");
}

#[tokio::test]
async fn the_log_is_proved_and_cosigned() {
    let (_house, phone, agent) = House::furnished().await;
    let first: ConsistencyReply = phone.get("/v1/log/checkpoint?old=0").await;
    let request = agent.request(300, |_| {});
    agent.ask(&request).await.reply();
    phone.decide(&request, Verdict::Approve).await.reply();

    let origin = format!("agenttrust/{}", phone.trust.tdid());
    let log = VerifyingKey::from_bytes(phone.trust.current().body().log.as_bytes()).unwrap();
    let log = Verifier::new(origin.parse().unwrap(), log);
    let open = |note: &str| Checkpoint::open(&note.parse::<Note>().unwrap(), &log).unwrap();
    let old = *open(&first.checkpoint).head();
    let newer: ConsistencyReply = phone.get(&format!("/v1/log/checkpoint?old={}", old.size)).await;
    let checkpoint = open(&newer.checkpoint);
    let tlog = |hash: &Hash| agenttrust_tlog::Hash::from_bytes(*hash.as_bytes());
    let head: TreeHead = *checkpoint.head();
    verify_consistency(&old, &head, &newer.proof.iter().map(tlog).collect::<Vec<_>>()).unwrap();

    let path = format!("/v1/log/proof/{}?size={}", hash_of::<Request>(&request), head.size);
    let proof: InclusionReply = phone.get(&path).await;
    let leaf = request.split('~').next().unwrap();
    let hashes: Vec<_> = proof.proof.iter().map(tlog).collect();
    verify_inclusion(&agenttrust_tlog::Hash::leaf(leaf.as_bytes()), proof.leaf.index, &head, &hashes).unwrap();
    let leaves: Reply = phone.get(&format!("/v1/log/leaves?from=0&to={}", head.size)).await;
    assert_eq!(leaves.messages.len() as u64, head.size);
    assert_eq!(leaves.messages[proof.leaf.index as usize], leaf);

    let cosigned = |key: &[u8; 32]| {
        let name = format!("{origin}/{}", phone.witness.public().thumbprint()).parse().unwrap();
        let line = Cosigner::new(name, SigningKey::from_bytes(key)).cosign(&checkpoint, 1_700_000_000).unwrap();
        let mut note: Note = newer.checkpoint.parse().unwrap();
        note.put_signature(line).unwrap();
        note.to_string()
    };
    let send = async |note: String| {
        call(&phone.client, Method::POST, "/v1/log/cosignature", "text/plain; charset=utf-8", note).await
    };
    assert_eq!(send(cosigned(&[9; 32])).await.code(), "bad_signature");
    assert_eq!(send(newer.checkpoint.clone()).await.code(), "bad_signature");
    assert_eq!(send("no note".into()).await.code(), "bad_request");
    assert_eq!(send(cosigned(&phone.witness.to_seed())).await.reply().state, "ok");
    let devices: Vec<DeviceView> = phone.get("/v1/devices").await;
    assert_eq!((devices[0].cosigned, devices[0].connected), (Some(head.size), true));

    let note = get(&agent.socket, "/v1/log/checkpoint").await;
    assert_eq!(open(std::str::from_utf8(&note.body).unwrap()).head(), &head);
    let tile = get(&agent.socket, &format!("/v1/log/tile/0/000.p/{}", head.size)).await;
    assert_eq!(tile.body.len() as u64, 32 * head.size);
}

#[tokio::test]
async fn what_came_too_late_is_in_the_log_all_the_same() {
    let (_house, phone, agent) = House::furnished().await;
    let request = agent.request(300, |_| {});
    agent.ask(&request).await.reply();
    phone.decide(&request, Verdict::Deny).await.reply();
    let late = phone.decision(&request, Verdict::Approve, |_, _| {});
    for _ in 0..2 {
        assert_eq!(phone.post("/v1/decisions", &late).await.code(), "closed");
    }
    let checkpoint: ConsistencyReply = phone.get("/v1/log/checkpoint").await;
    let size: u64 = checkpoint.checkpoint.lines().nth(1).unwrap().parse().unwrap();
    let leaves: Reply = phone.get(&format!("/v1/log/leaves?from=0&to={size}")).await;
    let leaf = late.split('~').next().unwrap();
    assert_eq!(leaves.messages.iter().filter(|text| *text == leaf).count(), 1);
    let log = phone.trust.current().body().log;
    let noted = leaves.messages.iter().filter_map(|text| Received::<Event>::parse(text).ok()?.open(|_| Some(log)).ok());
    let refused = noted.filter(|event| event.body().kind == EventKind::Refused);
    let codes: Vec<_> = refused.map(|event| event.body().code.clone().unwrap()).collect();
    assert_eq!(codes, ["closed"]);
    assert!(!agent.wait(&request, 0).await.messages.contains(&late), "the agent is not told of it");
}

#[tokio::test]
async fn lists_marks_history_and_erasure() {
    let (_house, phone, agent) = House::furnished().await;
    let request = agent.request(300, |_| {});
    agent.ask(&request).await.reply();
    let hash = hash_of::<Request>(&request);
    for kind in ["delivered", "opened"] {
        phone.post_json("/v1/seen", json!({"requests": [hash], "kind": kind})).await.reply();
    }
    let sessions = format!("/v1/agents/{}/sessions", agent.key.public().thumbprint());
    let told: SessionsPage = phone.get(&format!("{sessions}?limit=5")).await;
    assert_eq!((told.sessions.len(), told.sessions[0].requests, told.next), (1, 1, None));
    assert!(told.sessions[0].message.matches('~').count() > 1, "with what it discloses");
    let open = phone.post_json("/v1/erasures", json!({"requests": [hash]})).await;
    assert_eq!(open.code(), "conflict", "it may still be answered");
    phone.decide(&request, Verdict::Deny).await.reply();
    let detail: RequestDetail = phone.get(&format!("/v1/requests/{hash}")).await;
    let mark = &detail.marks[0];
    assert!(mark.delivered.is_some() && mark.opened.is_some() && mark.answered.is_some());

    let page: HistoryPage = phone.get("/v1/history?tool=pay&outcome=denied&text=bob").await;
    assert_eq!(page.rows.len(), 1);
    assert_eq!(page.rows[0].title.as_deref(), Some("Pay Bob"));
    phone.post_json("/v1/erasures", json!({"requests": [hash]})).await.reply();
    let page: HistoryPage = phone.get("/v1/history?text=bob").await;
    assert!(page.rows.is_empty());
    let detail: RequestDetail = phone.get(&format!("/v1/requests/{hash}")).await;
    assert!(!detail.messages.contains(&request));
    let told: SessionsPage = phone.get(&sessions).await;
    assert_eq!(told.sessions[0].message.matches('~').count(), 1, "without what is erased");

    let agents: Vec<AgentView> = phone.get("/v1/agents").await;
    assert_eq!((agents[0].state.as_str(), agents[0].requests), ("enrolled", 1));
}

#[tokio::test]
async fn an_agent_the_person_does_not_know_is_refused() {
    let house = House::start().await;
    let phone = Phone::found(&house).await;
    let key = agenttrust_protocol::key::SecretKey::from_seed(&seed());
    let enroll = Agent::enrolment(&house, &key);
    let socket = house.agent_socket();
    assert_eq!(post(&socket, "/v1/enroll?queue=true", &enroll).await.reply().state, "pending");
    let page = phone.inbox(None, 0).await;
    let process = page.entries.iter().find_map(|entry| match &entry.event {
        InboxEvent::Enroll { process, .. } => process.clone(),
        InboxEvent::Request { .. }
        | InboxEvent::Moved { .. }
        | InboxEvent::Enrolled { .. }
        | InboxEvent::Trust { .. }
        | InboxEvent::Pairing { .. } => None,
    });
    assert!(process.unwrap().starts_with(&format!("pid {} · uid ", std::process::id())));
    let hash = hash_of::<agenttrust_protocol::message::Enroll>(&enroll);
    let path = format!("/v1/enroll/{hash}?wait=30");
    let (told, refused) = tokio::join!(get(&socket, &path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        phone.post_json(&format!("/v1/enrollments/{hash}/refuse"), json!({})).await
    });
    assert_eq!((told.reply().state.as_str(), refused.reply().state.as_str()), ("refused", "refused"));
    assert_eq!(post(&socket, "/v1/enroll", &enroll).await.reply().state, "refused");
}

#[tokio::test]
async fn too_many_calls_are_told_so() {
    let limited = "[link]\nbind = \"127.0.0.1:0\"\n[limits]\nagent_calls = 5\nwaiting = 1\n";
    let config = agenttrust_daemon::config::Config::parse(limited, std::path::Path::new("test.toml")).unwrap();
    let house = House::start_with(config).await;
    let socket = house.agent_socket();
    eventually("the limit is reached", async || get(&socket, "/v1/trust").await.code() == "rate_limited").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let phone = Phone::found(&house).await;
    let agent = Agent::accepted(&house, &phone).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let request = agent.request(300, |_| {});
    agent.ask(&request).await.reply();
    let path = format!("/v1/requests/{}?wait=1", hash_of::<Request>(&request));
    let (one, other) = tokio::join!(get(&socket, &path), get(&socket, &path));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429], "one may wait here");
}

/// A handler that is dropped between the commit and what follows from it would leave the daemon behind its own store.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_hangs_up_interrupts_nothing() {
    let house = House::start().await;
    let phone = Phone::found(&house).await;
    let mut trust = phone.trust.clone();
    for round in 0..60_u64 {
        let held = trust.status().unwrap();
        let next = Status {
            seq: held.body().seq + 1,
            prev: Some(held.hash()),
            paused: if round % 2 == 0 { Paused::All } else { Paused::Agents(vec![]) },
            ..held.body().clone()
        };
        let text = phone.sign(&next, &Nothing {});
        let endpoint = common::endpoint(phone.transport).await;
        let client = Client::connect(&endpoint, &phone.address, Alpn::Device, Options::default()).unwrap();
        let mut state = client.state();
        state.wait_for(|state| matches!(state, State::Connected { .. })).await.unwrap();
        let sending = tokio::spawn({
            let (client, text) = (client.clone(), text.clone());
            async move { call(&client, Method::POST, "/v1/status", JOSE, text).await }
        });
        tokio::time::sleep(Duration::from_micros(400 + 150 * round)).await;
        sending.abort();
        client.close();
        endpoint.close().await;
        // It may still be on its way to the disk, so once is not enough; but the daemon must catch up by itself.
        eventually("it goes on from what it has stored", async || {
            let seq = trust.status().unwrap().body().seq;
            for message in phone.get::<Reply>(&format!("/v1/trust?version=1&seq={seq}")).await.messages {
                trust.accept_status(&message).unwrap();
            }
            let last = trust.status().unwrap();
            let more = Status { seq: last.body().seq + 1, prev: Some(last.hash()), ..last.body().clone() };
            phone.post("/v1/status", &phone.sign(&more, &Nothing {})).await.status == 200
        })
        .await;
        let seq = trust.status().unwrap().body().seq;
        for message in phone.get::<Reply>(&format!("/v1/trust?version=1&seq={seq}")).await.messages {
            trust.accept_status(&message).unwrap();
        }
    }
}
