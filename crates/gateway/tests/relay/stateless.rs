//! The stateless era: each request names its version, and a server may ask for more before it goes on.

use crate::desk::kit::World;
use crate::desk::{Desk, call, denies, edits, ended, texts, tools};
use serde_json::{Value, json};

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
