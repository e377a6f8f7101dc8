//! What a server says of its tools, and when it says something else.

use crate::desk::kit::World;
use crate::desk::{Desk, asked, ended, texts, tools, tools_that};
use agenttrust_gate::Risk;
use serde_json::json;

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
