//! The JSON of the doors, fixed: clients of other languages and older versions read it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use agenttrust_protocol::door::*;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Reason, Time};
use common::{NOW, hash, id, thumbprint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The values' JSON, each of which reads back as the same value.
fn shown<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) -> String {
    let show = |value: &T| {
        let text = serde_json::to_string_pretty(value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).as_ref().ok(), Some(value), "{text}");
        text
    };
    values.iter().map(show).collect::<Vec<_>>().join("\n")
}

/// Whether the text is refused as a `T`; a caller that sends more than is understood is told so.
fn refused<T: DeserializeOwned>(text: &str) -> bool {
    serde_json::from_str::<T>(text).is_err()
}

fn messages() -> Vec<String> {
    vec!["header.payload.signature".to_owned(), "header.payload.signature~".to_owned()]
}

fn later() -> Option<Time> {
    Some(NOW.plus(7))
}

#[test]
fn reply() {
    let values = [Reply { state: "approved".to_owned(), messages: messages() }, Reply::state("ok")];
    insta::assert_snapshot!("reply", shown(&values));
    assert!(refused::<Reply>(r#"{"state":"ok","messages":[],"more":1}"#));
    assert!(refused::<Reply>(r#"{"state":"ok"}"#));
}

#[test]
fn held() {
    let values = [Held { version: 2, seq: 9, wait: 30, agent: Some(thumbprint("agent")) }, Held::default()];
    insta::assert_snapshot!("held", shown(&values));
    assert_eq!(serde_json::from_str::<Held>("{}").unwrap(), Held::default());
    assert!(refused::<Held>(r#"{"version":-1}"#));
    assert!(refused::<Held>(r#"{"Version":1}"#));
}

#[test]
fn errors() {
    let closed = ErrorBody { state: Some(State::Denied), ..Trouble::Closed.into() };
    let values = [closed, Trouble::NoDevice.into(), Reason::BadSignature.into()];
    insta::assert_snapshot!("error", shown::<ErrorBody>(&values));
}

/// Every code, in the order of the checks where there is one, with what it says and what to do next.
#[test]
fn failures() {
    let reasons = Reason::ALL.iter().map(|r| format!("{} | {} | {}", r.code(), r.sentence(), r.hint()));
    let troubles =
        Trouble::ALL.iter().map(|t| format!("{} {} | {} | {}", t.status(), t.code(), t.sentence(), t.hint()));
    let lines: Vec<String> = reasons.chain(troubles).collect();
    for line in &lines {
        let (words, sentences) = line.split_once(" | ").unwrap();
        assert!(!words.is_empty(), "{line}");
        for sentence in sentences.split(" | ") {
            assert!(sentence.len() > 6 && sentence.ends_with('.'), "{line}");
        }
    }
    insta::assert_snapshot!("failures", lines.join("\n"));
}

#[test]
fn inbox() {
    let events = [
        InboxEvent::Request { request: hash("request"), messages: messages() },
        InboxEvent::Moved {
            request: hash("request"),
            state: State::Expired,
            by: Some(thumbprint("phone")),
            code: Some("expired".to_owned()),
        },
        InboxEvent::Moved { request: hash("request"), state: State::Cancelled, by: None, code: None },
        InboxEvent::Enroll {
            enroll: hash("enroll"),
            messages: messages(),
            process: Some("pid 4211 · uid 1000 · /usr/bin/python3".to_owned()),
        },
        InboxEvent::Enrolled { enroll: hash("enroll"), accepted: true },
        InboxEvent::Trust { messages: messages() },
        InboxEvent::Pairing { pairing: hash("pair-init"), messages: messages() },
    ];
    let entries: Vec<InboxEntry> =
        events.into_iter().zip(1..).map(|(event, seq)| InboxEntry { seq, at: NOW, event }).collect();
    let values = [InboxPage { reset: true, next: entries.len() as u64, entries }];
    insta::assert_snapshot!("inbox", shown(&values));
}

#[test]
fn seen() {
    let values = [SeenKind::Delivered, SeenKind::Opened].map(|kind| Seen { requests: vec![hash("request")], kind });
    insta::assert_snapshot!("seen", shown(&values));
    assert!(refused::<Seen>(r#"{"requests":[],"kind":"answered"}"#));
}

#[test]
fn request_detail() {
    let mark = Mark { device: thumbprint("phone"), delivered: Some(NOW), opened: later(), answered: None };
    let unseen = Mark { device: thumbprint("laptop"), delivered: None, opened: None, answered: None };
    let values = [RequestDetail {
        state: State::Pending,
        messages: messages(),
        marks: vec![mark, unseen],
        leaves: vec![LeafRef { hash: hash("cert"), index: 2 }, LeafRef { hash: hash("request"), index: 4 }],
    }];
    insta::assert_snapshot!("request_detail", shown(&values));
}

#[test]
fn sessions() {
    let query = SessionsQuery { before: Some(99), limit: Some(20) };
    insta::assert_snapshot!("sessions_query", shown(&[query, SessionsQuery::default()]));
    assert!(refused::<SessionsQuery>(r#"{"agent":"x"}"#));
    let view = SessionView { message: messages().remove(0), requests: 3, last_asked: later() };
    let quiet = SessionView { requests: 0, last_asked: None, ..view.clone() };
    let page = SessionsPage { sessions: vec![view, quiet], next: Some(7) };
    insta::assert_snapshot!("sessions_page", shown(&[page, SessionsPage { sessions: Vec::new(), next: None }]));
}

#[test]
fn history() {
    let query = HistoryQuery {
        agent: Some(thumbprint("agent")),
        session: Some("0198c2f0-7a00-7000-8000-000000000001".to_owned()),
        tool: Some("pay_invoice".to_owned()),
        outcome: Some(State::Executed),
        since: Some(NOW.0),
        until: Some(NOW.0 + 60),
        text: Some("invoice 17".to_owned()),
        before: Some(99),
        limit: Some(50),
    };
    insta::assert_snapshot!("history_query", shown(&[query, HistoryQuery::default()]));
    assert!(refused::<HistoryQuery>(r#"{"tools":"pay"}"#));
    let full = HistoryRow {
        request: hash("request"),
        agent: thumbprint("agent"),
        agent_name: "Invoice agent".to_owned(),
        tool: "pay_invoice".to_owned(),
        server: Some("bank".to_owned()),
        state: State::Executed,
        asked: NOW,
        decided: later(),
        decided_by: vec![thumbprint("phone"), thumbprint("laptop")],
        title: Some("Pay invoice 17".to_owned()),
        target: Some("Example Ltd".to_owned()),
    };
    let erased = HistoryRow {
        server: None,
        state: State::Expired,
        decided: None,
        decided_by: Vec::new(),
        title: None,
        target: None,
        ..full.clone()
    };
    let pages =
        [HistoryPage { rows: vec![full, erased], next: Some(41) }, HistoryPage { rows: Vec::new(), next: None }];
    insta::assert_snapshot!("history_page", shown(&pages));
    let states: Vec<&str> = AgentState::ALL.iter().map(|state| state.as_str()).collect();
    assert_eq!(states, ["pending", "enrolled", "revoked", "refused"]);
}

#[test]
fn counts() {
    let all = CountsQuery { agent: None, since: NOW.0, until: NOW.0 + 86_400, step: 3600 };
    insta::assert_snapshot!("counts_query", shown(&[CountsQuery { agent: Some(thumbprint("agent")), ..all }, all]));
    assert!(refused::<CountsQuery>(r#"{"since":0,"until":1,"step":-1}"#));
    assert!(refused::<CountsQuery>(r#"{"since":0,"until":1}"#));
    assert!(refused::<CountsQuery>(r#"{"since":0,"until":1,"step":1,"tool":"pay"}"#));
    let rows = [(0, State::Executed, 7), (0, State::Denied, 1), (3600, State::Pending, 2)];
    let rows = rows.map(|(after, state, count)| CountRow { from: NOW.plus(after), state, count });
    insta::assert_snapshot!("count_row", shown(&rows));
}

#[test]
fn lists() {
    let agent = AgentView {
        agent: thumbprint("agent"),
        messages: messages(),
        state: AgentState::Enrolled,
        paused: true,
        requests: 12,
        last_asked: Some(NOW),
    };
    let silent = AgentView { paused: false, requests: 0, last_asked: None, ..agent.clone() };
    insta::assert_snapshot!("agent_view", shown(&[agent, silent]));
    let device = DeviceView {
        device: thumbprint("phone"),
        connected: true,
        last_seen: Some(NOW),
        cosigned: Some(17),
        revoked: false,
    };
    let never = DeviceView { connected: false, last_seen: None, cosigned: None, revoked: true, ..device.clone() };
    insta::assert_snapshot!("device_view", shown(&[device, never]));
    let used = GrantView { message: messages().remove(1), live: true, uses: 3, last_used: Some(NOW) };
    let unused = GrantView { live: false, uses: 0, last_used: None, ..used.clone() };
    insta::assert_snapshot!("grant_view", shown(&[used, unused]));
}

#[test]
fn log() {
    let checkpoint = "agenttrust/x\n1\nAAAA\n\n— agenttrust/x AAAA\n".to_owned();
    let values = [
        ConsistencyReply { checkpoint: checkpoint.clone(), proof: vec![hash("a"), hash("b")] },
        ConsistencyReply { checkpoint, proof: Vec::new() },
    ];
    insta::assert_snapshot!("consistency_reply", shown(&values));
}

#[test]
fn host() {
    let paired = DaemonStatus {
        version: "0.1.0".to_owned(),
        pid: 4211,
        started: NOW,
        now: NOW.plus(7),
        skew: Some(-3),
        data: "/home/user/.local/share/agenttrust".to_owned(),
        tdid: Some(Tdid::from(hash("bundle 1"))),
        bundle: 3,
        status_until: later(),
        admins: vec!["Phone".to_owned()],
        devices: 2,
        connected: 1,
        local_only: true,
        pending: 4,
        log_size: 17,
        paused: true,
    };
    let fresh = DaemonStatus {
        skew: None,
        tdid: None,
        bundle: 0,
        status_until: None,
        admins: Vec::new(),
        devices: 0,
        connected: 0,
        local_only: false,
        pending: 0,
        log_size: 0,
        paused: false,
        ..paired.clone()
    };
    insta::assert_snapshot!("daemon_status", shown(&[paired, fresh]));
    let direct = EndpointView {
        endpoint: hash("daemon"),
        addresses: vec!["127.0.0.1:4433".to_owned(), "[2001:db8::1]:4433".to_owned()],
        relay: None,
    };
    let relayed =
        EndpointView { addresses: Vec::new(), relay: Some("https://relay.example/".to_owned()), ..direct.clone() };
    insta::assert_snapshot!("endpoint_view", shown(&[direct, relayed]));
}

#[test]
fn pairing() {
    const STATES: [PairState; 8] = [
        PairState::Offered,
        PairState::Joined,
        PairState::Challenged,
        PairState::Revealed,
        PairState::Confirmed,
        PairState::Paired,
        PairState::Refused,
        PairState::Expired,
    ];
    insta::assert_snapshot!("start_pairing", shown(&[true, false].map(|local| StartPairing { local })));
    assert!(refused::<StartPairing>("{}"));
    let offer = PairingOffer { ticket: "agenttrust://pair/AEAA".to_owned(), expires: NOW.plus(120), digits: true };
    insta::assert_snapshot!("pairing_offer", shown(&[offer]));
    let empty = PairingView { state: PairState::Offered, message: None, r: None, name: None };
    let full = PairingView {
        state: PairState::Revealed,
        message: messages().pop(),
        r: Some(id("r")),
        name: Some("Phone".to_owned()),
    };
    insta::assert_snapshot!("pairing_view", shown(&[empty, full]));
    insta::assert_snapshot!("digits_typed", shown(&[DigitsTyped { digits: "042017".to_owned() }]));
    insta::assert_snapshot!("digits_reply", shown(&STATES.map(|state| DigitsReply { state })));
    insta::assert_snapshot!("reveal", shown(&[Reveal { r: None }, Reveal { r: Some(id("r")) }]));
    insta::assert_snapshot!("pair_answer", shown(&[PairAnswer::Challenge { c: id("c") }, PairAnswer::Refuse]));
    assert!(refused::<PairAnswer>(r#"{"answer":"challenge"}"#));
    assert!(refused::<PairAnswer>(r#"{"answer":"accept"}"#));
    let waiting = PairReply {
        state: PairState::Joined,
        tdid: None,
        c: None,
        log: None,
        transport: None,
        digits: true,
        messages: Vec::new(),
    };
    let challenged = PairReply {
        state: PairState::Challenged,
        tdid: Some(Tdid::from_bytes([0; 32])),
        c: Some(id("c")),
        log: Some(hash("log")),
        transport: Some(thumbprint("daemon")),
        digits: false,
        messages: messages(),
    };
    insta::assert_snapshot!("pair_reply", shown(&[waiting, challenged]));
}

/// Times are whole seconds and hashes one text: two doors cannot mean two things by them.
#[test]
fn small_values() {
    assert_eq!(
        serde_json::to_string(&(NOW, hash(""))).unwrap(),
        r#"[1800000000,"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"]"#
    );
    assert!(refused::<Time>("1.5"));
    assert!(refused::<Time>("\"1\""));
    assert!(refused::<agenttrust_protocol::Hash>("\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV\""));
}
