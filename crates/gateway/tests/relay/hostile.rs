//! Servers and clients that mean harm.

use crate::desk::kit::World;
use crate::desk::{Desk, call, ended, texts, tools};
use serde_json::{Value, json};

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
