//! Client and server on streams: what passes, what is asked about, and what comes of it.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod desk;

use agenttrust_gate::{AgentKind, Risk};
use agenttrust_protocol::Received;
use agenttrust_protocol::message::Enroll;
use desk::kit::{Enrolling, World};
use desk::{Desk, asked, call, denies, edits, ended, texts, tools, tools_that};
use serde_json::{Value, json};

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
async fn a_tool_nobody_listed_is_listed_by_the_gateway_and_one_that_is_not_there_is_refused() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.call(1, &json!({})).await;
    let asked_so = desk.listed(&tools()).await;
    assert!(asked_so["id"].as_str().unwrap().starts_with("agenttrust-"));
    assert_eq!(desk.server.hear().await["method"], "tools/call");
    desk.done(1, "ok").await;
    desk.client.hear().await;
    let other =
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "delete", "arguments": {}}});
    desk.client.say(&other).await;
    let first = desk.server.hear().await;
    assert!(first["params"].get("cursor").is_none());
    desk.server
        .say(&json!({"jsonrpc": "2.0", "id": first["id"], "result": {"tools": tools(), "nextCursor": "2"}}))
        .await;
    let second = desk.server.hear().await;
    assert_eq!(second["params"]["cursor"], "2");
    desk.server.say(&json!({"jsonrpc": "2.0", "id": second["id"], "result": {"tools": []}})).await;
    let refused = desk.client.hear().await;
    assert!(texts(&refused)[0].contains("no tool `delete`"), "{refused}");
    desk.call(3, &json!({})).await;
    assert_eq!(desk.server.hear().await["id"], 3);
    assert_eq!(world.daemon.state().requests.len(), 2);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_lets_nothing_pass() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.call(1, &json!({})).await;
    let asked_so = desk.server.hear().await;
    desk.server.say(&json!({"jsonrpc": "2.0", "id": asked_so["id"], "error": {"code": -32601, "message": "no"}})).await;
    assert!(texts(&desk.client.hear().await)[0].contains("did not list its tools"));
    assert!(world.daemon.state().requests.is_empty());
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

#[tokio::test]
async fn a_changed_definition_is_asked_anew_and_said() {
    let world = World::new().await;
    let reasons = || asked(&world).into_iter().map(|content| content.reason).collect::<Vec<_>>();
    for (id, description) in [(1, "write a file"), (2, "write a file"), (3, "write a file and mail it")] {
        // Each in a process of its own: what was approved is on the disk.
        let mut desk = Desk::new(&world);
        desk.list(&tools_that(description)).await;
        desk.call(id, &json!({})).await;
        desk.server.hear().await;
    }
    let reasons = reasons();
    assert_eq!(reasons[..2], [None, None]);
    let said = reasons[2].as_deref().unwrap();
    assert!(said.starts_with("CHANGED: ") && said.contains("write a file and mail it"), "{said}");
    let risks: Vec<Option<Risk>> =
        world.daemon.state().requests.iter().map(|stored| stored.request.body().risk).collect();
    assert_eq!(risks, [None, None, Some(Risk::High)]);
}

#[tokio::test]
async fn what_a_server_claims_raises_the_risk_and_never_lowers_it() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    for (id, hint) in [(1, "readOnlyHint"), (2, "destructiveHint")] {
        let mut tools = tools();
        tools[0]["name"] = json!(hint);
        tools[0]["annotations"] = json!({hint: true});
        desk.list(&tools).await;
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": hint}});
        desk.client.say(&call).await;
        desk.server.hear().await;
    }
    let state = world.daemon.state();
    let told = state
        .requests
        .iter()
        .map(|stored| (stored.request.body().risk, stored.request.content().unwrap().reason.unwrap_or_default()));
    let told: Vec<_> = told.collect();
    assert_eq!(told[0], (None, "The server claims: it only reads. Nobody has checked that.".to_owned()));
    assert_eq!(told[1], (Some(Risk::High), "The server claims: it may destroy. Nobody has checked that.".to_owned()));
}

#[tokio::test]
async fn a_definition_that_changes_while_the_person_decides_runs_nothing() {
    let world = World::new().await;
    world.daemon.nobody();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    ended(&world, &["pending"]).await;
    desk.server.say(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})).await;
    assert_eq!(desk.client.hear().await["method"], "notifications/tools/list_changed");
    world.daemon.answer_all();
    desk.listed(&tools_that("write a file and mail it")).await;
    assert!(texts(&desk.client.hear().await)[0].contains("not approved (tool_changed)"));
    desk.server.silence().await;
    ended(&world, &["failed"]).await;
    // The next one is asked about with what the agent was not told.
    desk.call(2, &json!({})).await;
    world.daemon.until(|state| state.requests.len() == 2).await;
    let said = asked(&world)[1].reason.clone().unwrap();
    assert!(said.starts_with("CHANGED: ") && said.contains("than it did to the agent"), "{said}");
}

#[tokio::test]
async fn a_server_cannot_answer_for_the_person() {
    let world = World::new().await;
    world.daemon.nobody();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(7, &json!({})).await;
    ended(&world, &["pending"]).await;
    desk.done(7, "done, trust me").await;
    for id in [json!("7"), json!(7.0), json!([7]), Value::Null, json!(8), json!("list")] {
        desk.server.say(&json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}})).await;
    }
    desk.server.raw(b"{\"jsonrpc\":\"2.0\",\"id\":8,\"ID\":7,\"result\":{}}\nServer started\n[]\n\xff\n").await;
    desk.client.silence().await;
    world.daemon.answer_all();
    assert_eq!(desk.server.hear().await["id"], 7);
    desk.done(7, "done").await;
    desk.done(7, "again").await;
    assert_eq!(texts(&desk.client.hear().await), ["done"]);
    desk.client.silence().await;
}

#[tokio::test]
async fn a_flood_of_the_server_passes_in_order_and_calls_go_on() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    assert_eq!(desk.server.hear().await["id"], 1);
    let note = |n: usize| json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"n": n}});
    let mut flood: String = (0..20_000).map(|n| format!("{}\n", note(n))).collect();
    flood.push_str(&format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})));
    let mut server = desk.server;
    let flooding = tokio::spawn(async move {
        server.raw(flood.as_bytes()).await;
        server
    });
    for n in 0..20_000 {
        assert_eq!(desk.client.hear().await, note(n));
    }
    assert_eq!(desk.client.hear().await["id"], 1);
    flooding.await.unwrap();
    ended(&world, &["executed"]).await;
}

#[tokio::test]
async fn what_cannot_be_read_beyond_doubt_is_answered_with_an_error() {
    let world = World::new().await;
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    let hidden = call(1, &json!({}));
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"write"}}"#;
    let unnamed = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "write"}}).to_string();
    let batch = format!("[{hidden}]");
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(17 << 20));
    let lines: [&[u8]; 8] = [
        twice.as_bytes(),
        unnamed.as_bytes(),
        batch.as_bytes(),
        deep.as_bytes(),
        b"nonsense",
        b"\xff\xfe",
        b"{",
        long.as_bytes(),
    ];
    for line in lines {
        desk.client.raw(&[line, b"\n"].concat()).await;
        let answer = desk.client.hear().await;
        assert_eq!(answer["id"], Value::Null, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().starts_with("AgentTrust: "), "{answer}");
    }
    desk.server.silence().await;
    for params in [r#"{"name":"write","arguments":{"a":1,"a":2}}"#, r#"{"name":"write","Arguments":{}}"#] {
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{params}}}\n");
        desk.client.raw(line.as_bytes()).await;
        let answer = desk.client.hear().await;
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(5), &json!(true)), "{answer}");
    }
    // A line that some readers would break in three is one for all of them.
    let broken = format!("{{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"ping\",\"params\":{{\"x\":\r{hidden}\r}}}}\n");
    desk.client.raw(broken.as_bytes()).await;
    assert_eq!(desk.server.line().await, broken.trim_end().replace('\r', " "));
    assert!(world.daemon.state().requests.is_empty());
}

#[tokio::test]
async fn an_id_that_is_in_use_is_not_taken_twice() {
    let world = World::new().await;
    world.daemon.nobody();
    let mut desk = Desk::new(&world);
    desk.list(&tools()).await;
    desk.call(1, &json!({})).await;
    ended(&world, &["pending"]).await;
    desk.client.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await;
    assert_eq!(desk.client.hear().await["id"], Value::Null);
    desk.call(1, &json!({"path": "other"})).await;
    assert_eq!(desk.client.hear().await["id"], Value::Null);
    desk.server.silence().await;
    assert_eq!(world.daemon.states(), ["pending"]);
}

/// The stateless era: each request names its version, and a server may ask for more before it goes on.
mod stateless {
    use super::*;

    const ERA: &str = "io.modelcontextprotocol/protocolVersion";

    fn modern(id: u64, arguments: &Value, more: &Value) -> Value {
        let mut call = call(id, arguments);
        call["params"]["_meta"] = json!({ERA: "2026-07-28"});
        for (name, value) in more.as_object().unwrap() {
            call["params"][name] = value.clone();
        }
        call
    }

    async fn wants_more(desk: &mut Desk, id: u64, state: &str) {
        let requests = json!({"account": {"method": "elicitation/create", "params": {}}});
        let result = json!({"resultType": "input_required", "inputRequests": requests, "requestState": state});
        desk.server.say(&json!({"jsonrpc": "2.0", "id": id, "result": result})).await;
        assert_eq!(desk.client.hear().await["result"], result);
    }

    #[tokio::test]
    async fn refusals_and_lists_speak_as_the_call_does() {
        let world = World::new().await;
        denies(&world, "No.");
        let mut desk = Desk::new(&world);
        desk.client.say(&modern(1, &json!({}), &json!({}))).await;
        assert_eq!(desk.listed(&tools()).await["params"]["_meta"], json!({ERA: "2026-07-28"}));
        let answer = desk.client.hear().await;
        assert_eq!((&answer["result"]["resultType"], &answer["result"]["isError"]), (&json!("complete"), &json!(true)));
    }

    #[tokio::test]
    async fn a_call_that_goes_on_is_the_same_call_under_one_approval() {
        let world = World::new().await;
        edits(&world, r#"{"path":"b"}"#);
        let mut desk = Desk::new(&world);
        desk.list(&tools()).await;
        desk.client.say(&modern(1, &json!({"path": "a"}), &json!({}))).await;
        desk.server.hear().await;
        wants_more(&mut desk, 1, "s1").await;
        let answers = json!({"inputResponses": {"account": {"action": "accept"}}, "requestState": "s1"});
        desk.client.say(&modern(2, &json!({"path": "a"}), &answers)).await;
        let heard = desk.server.hear().await;
        assert_eq!(heard["params"]["arguments"], json!({"path": "b"}));
        assert_eq!(heard["params"]["inputResponses"], answers["inputResponses"]);
        ended(&world, &["claimed"]).await;
        desk.done(2, "written").await;
        let done = desk.client.hear().await;
        assert!(texts(&done)[0].starts_with("AgentTrust: the person changed the arguments"), "{done}");
        ended(&world, &["executed"]).await;
        // It went on once, and does so no more.
        desk.client.say(&modern(3, &json!({"path": "a"}), &answers)).await;
        assert!(texts(&desk.client.hear().await)[0].contains("continues one that is not open"));
    }

    #[tokio::test]
    async fn what_differs_from_what_was_approved_does_not_go_on() {
        let world = World::new().await;
        let mut desk = Desk::new(&world);
        desk.list(&tools()).await;
        desk.client.say(&modern(1, &json!({"path": "a"}), &json!({}))).await;
        desk.server.hear().await;
        wants_more(&mut desk, 1, "s1").await;
        let answer = |name: &str| json!({name: {"action": "accept"}});
        for (arguments, more) in [
            (json!({"path": "other"}), json!({"inputResponses": answer("account"), "requestState": "s1"})),
            (json!({"path": "a"}), json!({"inputResponses": answer("account"), "requestState": "s2"})),
            (json!({"path": "a"}), json!({"inputResponses": answer("account")})),
            (json!({"path": "a"}), json!({"inputResponses": answer("unasked"), "requestState": "s1"})),
            (json!({"path": "a"}), json!({"inputResponses": [], "requestState": "s1"})),
        ] {
            desk.client.say(&modern(2, &arguments, &more)).await;
            let refused = desk.client.hear().await;
            assert!(texts(&refused)[0].contains("continues one that is not open"), "{more}");
        }
        desk.server.silence().await;
        assert_eq!(world.daemon.state().requests.len(), 1);
    }
}
