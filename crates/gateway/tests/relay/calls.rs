//! What passes, what is asked about, and how a call ends.

use crate::desk::kit::{Enrolling, World};
use crate::desk::{Desk, call, denies, edits, ended, texts, tools};
use agenttrust_gate::AgentKind;
use agenttrust_protocol::Received;
use agenttrust_protocol::message::Enroll;
use serde_json::json;

#[tokio::test]
async fn everything_else_passes_byte_for_byte_and_in_its_order() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    let to_server = [
        r#" {"jsonrpc":"2.0", "id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}  "#,
        r#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"server/discover","params":{"_meta":{"x":1e400,"\u00e9":"\ud800"}}}"#,
        r#"{"jsonrpc":"2.0","id":"roots-1","result":{"roots":[],"n":123456789012345678901234567890}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"x"}}"#,
    ];
    for line in to_server {
        desk.client.raw(format!("{line}\n").as_bytes()).await;
    }
    for line in to_server {
        assert_eq!(desk.server.line().await, line);
    }
    let to_client = [
        r#"{"jsonrpc":"2.0","id":"a","result":{"x":1.0e0,  "y":"\ud800"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}"#,
        r#"{"jsonrpc":"2.0","id":0,"method":"sampling/createMessage","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"no"}}"#,
    ];
    for line in to_client {
        desk.server.raw(format!("{line}\n").as_bytes()).await;
    }
    for line in to_client {
        assert_eq!(desk.client.line().await, line);
    }
    assert!(world.daemon.state().requests.is_empty());
}

#[tokio::test]
async fn an_approved_call_runs_as_it_was_signed_and_is_reported() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.client
        .raw(b"{\"jsonrpc\":\"2.0\", \"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"write\",\"arguments\":{\"n\":1.50}}}\n")
        .await;
    let expected = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"write","arguments":{"n":1.50}}}"#;
    assert_eq!(desk.server.line().await, expected);
    desk.done(7, "written").await;
    assert_eq!(texts(&desk.client.hear().await), ["written"]);
    ended(&world, &["executed"]).await;
    let state = world.daemon.state();
    let request = &state.requests[0];
    let action = &request.request.body().action;
    assert_eq!((action.tool.as_str(), action.server.as_deref()), ("write", Some("files")));
    assert!(action.digest.is_some() && request.request.body().risk.is_none());
    assert_eq!(request.request.content().unwrap().title.as_deref(), Some("Write"));
    assert!(request.outcome.as_ref().unwrap().1.output.as_ref().unwrap().to_string().contains("written"));
    let enroll = Received::<Enroll>::parse(&state.enrolled[0]).unwrap().open_own().unwrap();
    assert_eq!((enroll.body().kind, enroll.body().program.as_str()), (AgentKind::Gateway, "files /w"));
}

#[tokio::test]
async fn a_denied_call_is_a_result_and_the_server_hears_nothing() {
    let world = World::new().await;
    denies(&world, "Not on a Friday.");
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(7, &json!({"path": "a"})).await;
    let answer = desk.client.hear().await;
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(7), &json!(true)));
    assert!(answer["result"].get("resultType").is_none());
    let said = texts(&answer)[0];
    assert!(said.contains("not approved (denied)") && said.contains("Not on a Friday."), "{said}");
    desk.server.silence().await;
}

#[tokio::test]
async fn an_edited_call_runs_as_edited_and_the_model_is_told() {
    let world = World::new().await;
    edits(&world, r#"{"path":"b"}"#);
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(7, &json!({"path": "a"})).await;
    assert_eq!(desk.server.hear().await["params"], json!({"name": "write", "arguments": {"path": "b"}}));
    desk.done(7, "written").await;
    let notice = r#"AgentTrust: the person changed the arguments; this ran with {"path":"b"}."#;
    assert_eq!(texts(&desk.client.hear().await), [notice, "written"]);
    desk.call(8, &json!({})).await;
    desk.server.hear().await;
    desk.server.say(&json!({"jsonrpc": "2.0", "id": 8, "error": {"code": -32602, "message": "Bad path."}})).await;
    assert_eq!(desk.client.hear().await["error"]["message"], json!(format!("{notice} Bad path.")));
    ended(&world, &["executed", "failed"]).await;
}

#[tokio::test]
async fn a_call_that_fails_is_reported_as_failed() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    desk.server.hear().await;
    desk.server.say(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": true}})).await;
    desk.client.hear().await;
    ended(&world, &["failed"]).await;
}

#[tokio::test]
async fn while_calls_wait_everything_else_flows() {
    let world = World::new().await;
    world.daemon.nobody();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    for id in 1..=3 {
        desk.call(id, &json!({"path": id})).await;
    }
    world.daemon.until(|state| state.requests.len() == 3).await;
    desk.client.say(&json!({"jsonrpc": "2.0", "id": 9, "method": "ping"})).await;
    assert_eq!(desk.server.hear().await["method"], "ping");
    desk.server.say(&json!({"jsonrpc": "2.0", "id": 9, "result": {}})).await;
    assert_eq!(desk.client.hear().await["id"], 9);
    world.daemon.answer_all();
    let mut heard = Vec::new();
    for _ in 1..=3 {
        heard.push(desk.server.hear().await["id"].as_u64().unwrap());
    }
    for id in [3, 1, 2] {
        desk.done(id, "ok").await;
        assert_eq!(desk.client.hear().await["id"], id);
    }
    heard.sort_unstable();
    assert_eq!(heard, [1, 2, 3]);
    ended(&world, &["executed"; 3]).await;
}

#[tokio::test]
async fn who_asked_for_progress_hears_that_a_person_is_waited_for() {
    let world = World::new().await;
    world.daemon.nobody();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({"path": "quiet"})).await;
    let mut loud = call(2, &json!({"path": "loud"}));
    loud["params"]["_meta"] = json!({"progressToken": "p7"});
    desk.client.say(&loud).await;
    let sign = desk.client.hear().await;
    assert_eq!((&sign["method"], &sign["params"]["progressToken"]), (&json!("notifications/progress"), &json!("p7")));
    let words = sign["params"]["message"].as_str().unwrap();
    assert!(words.starts_with("Waiting for your approval on ") && words.ends_with("(AgentTrust)."), "{words}");
    assert!(sign["params"]["progress"].as_f64().unwrap() < 0.001);
    desk.client.silence().await;
}

#[tokio::test]
async fn a_cancelled_call_is_withdrawn_and_never_answered() {
    let world = World::new().await;
    world.daemon.nobody();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    ended(&world, &["pending"]).await;
    let cancelled =
        |id: u64| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    desk.client.say(&cancelled(1)).await;
    ended(&world, &["cancelled"]).await;
    desk.server.silence().await;
    desk.client.silence().await;
    // Of what the server has, it is told.
    desk.client.say(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"})).await;
    desk.client.say(&cancelled(2)).await;
    assert_eq!(desk.server.hear().await["method"], "ping");
    assert_eq!(desk.server.hear().await, cancelled(2));
}

#[tokio::test]
async fn a_client_that_goes_withdraws_all_it_asked() {
    for is_stopped in [false, true] {
        let world = World::new().await;
        world.daemon.nobody();
        let mut desk = Desk::new(&world);
        desk.list(&tools()).await;
        desk.call(1, &json!({"path": 1})).await;
        desk.call(2, &json!({"path": 2})).await;
        ended(&world, &["pending", "pending"]).await;
        if is_stopped {
            desk.stop.send(()).unwrap();
        } else {
            desk.client.hang_up().await;
        }
        ended(&world, &["cancelled", "cancelled"]).await;
        assert!(desk.server.is_over().await);
        desk.server.hang_up().await;
        assert_eq!(desk.gateway.await.unwrap(), Ok(0));
    }
}

#[tokio::test]
async fn answers_that_come_after_the_client_hung_up_still_count() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    desk.server.hear().await;
    desk.client.hang_up().await;
    assert!(desk.server.is_over().await);
    desk.done(1, "late").await;
    assert_eq!(texts(&desk.client.hear().await), ["late"]);
    desk.server.hang_up().await;
    ended(&world, &["executed"]).await;
}

#[tokio::test]
async fn a_server_that_goes_leaves_no_call_without_an_answer() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    desk.server.hear().await;
    world.daemon.nobody();
    desk.call(2, &json!({"path": "waits"})).await;
    world.daemon.until(|state| state.requests.len() == 2).await;
    desk.client.say(&json!({"jsonrpc": "2.0", "id": 3, "method": "ping"})).await;
    desk.server.hear().await;
    desk.server.hang_up().await;
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..3 {
        let answer = desk.client.hear().await;
        answers.insert(answer["id"].as_u64().unwrap(), answer);
    }
    assert!(texts(&answers[&1])[0].contains("Nobody knows whether it ran"), "{answers:?}");
    assert!(texts(&answers[&2])[0].contains("The server has ended."), "{answers:?}");
    assert_eq!(answers[&3]["error"]["message"], "AgentTrust: The server has ended.");
    // What came of the first call nobody knows, so nothing is claimed of it.
    ended(&world, &["claimed", "cancelled"]).await;
    assert_eq!(desk.gateway.await.unwrap(), Ok(1));
}

#[tokio::test]
async fn without_a_daemon_or_an_accepted_agent_the_model_is_told() {
    let world = World::new().await;
    std::fs::remove_file(world.folder.path().join("agent.sock")).unwrap();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    assert!(texts(&desk.client.hear().await)[0].contains("not approved (daemon_down)"));

    let world = World::new().await;
    world.daemon.state().enrolling = Enrolling::Refuse;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    assert!(texts(&desk.client.hear().await)[0].contains("not approved (not_enrolled)"));
    desk.server.silence().await;
}
