//! The official inspector, the gateway, and the official everything server, over HTTP and over the bridge to it.

use crate::bench::{Bench, Client, call};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::Answer;
use serde_json::json;

async fn echo(bench: &Bench, address: &str) -> String {
    let entry = json!({"type": "streamable-http", "url": address});
    let ran = bench.inspect(&entry, "echo", &[("message", "original")]).await;
    format!("{}{}", ran.stdout, if ran.stdout.is_empty() { ran.stderr } else { String::new() })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_over_http_is_allowed_denied_and_edited() {
    let next = std::sync::Mutex::new(vec![
        Answer::Edit(r#"{"message":"EDITED"}"#.to_owned()),
        Answer::Deny("Not now.".to_owned()),
        Answer::Approve,
    ]);
    let bench = Bench::new(move |_| next.lock().unwrap().pop().unwrap()).await;
    let (_server, url) = bench.everything().await;
    let (_gateway, address) = bench.listening(&url).await;
    let allowed = echo(&bench, &address).await;
    assert!(allowed.contains("Echo: original"), "{allowed}");
    let denied = echo(&bench, &address).await;
    assert!(denied.contains("not approved (denied)") && denied.contains("Not now."), "{denied}");
    let edited = echo(&bench, &address).await;
    assert!(edited.contains("Echo: EDITED") && edited.contains("the person changed the arguments"), "{edited}");
    assert_eq!(bench.world.phone.states().await, [State::Executed, State::Denied, State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_on_streams_uses_a_server_over_http() {
    let bench = Bench::new(|_| Answer::Approve).await;
    let (_server, url) = bench.everything().await;
    let line = bench.gateway(&["--name", "everything", "--url", &url]);
    let entry = json!({"command": line[0], "args": line[1..]});
    let ran = bench.inspect(&entry, "echo", &[("message", "original")]).await;
    assert!(ran.stdout.contains("Echo: original"), "{ran:?}");
    // Its own progress passes in its order.
    let mut client = Client::of(bench.command(&line));
    client.initialize().await;
    let mut long = call(1, "trigger-long-running-operation", &json!({"duration": 1, "steps": 3}));
    long["params"]["_meta"] = json!({"progressToken": "p"});
    client.say(&long).await;
    let mut progress = Vec::new();
    let answer = loop {
        let message = client.hear().await.unwrap();
        match message["method"].as_str() {
            Some("notifications/progress") => progress.push(message["params"]["progress"].as_f64().unwrap()),
            Some(_) => {}
            None if message["id"] == json!(1) => break message,
            None => {}
        }
    };
    assert!(answer.to_string().contains("completed"), "{answer}");
    assert!(progress.is_sorted() && progress.ends_with(&[1.0, 2.0, 3.0]), "{progress:?}");
    drop(client.to.take());
    assert!(client.child.wait().await.unwrap().success());
    assert_eq!(bench.world.phone.states().await, [State::Executed, State::Executed]);
}
