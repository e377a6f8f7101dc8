//! The official inspector, the gateway, and the official filesystem server.

use crate::bench::{Bench, Client, call};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::Answer;
use serde_json::{Value, json};

/// The entry of a client's configuration that starts the gateway.
fn entry(bench: &Bench) -> Value {
    let line = bench.files_gateway();
    json!({"command": line[0], "args": line[1..]})
}

async fn write(bench: &Bench) -> String {
    let path = bench.path("files/note.txt");
    let arguments = [("path", path.as_str()), ("content", "original")];
    bench.inspect(&entry(bench), "write_file", &arguments).await.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_writes_what_was_approved() {
    let bench = Bench::new(|card| {
        assert_eq!(card.display.tool.raw(), "write_file");
        assert_eq!(card.display.server.as_ref().unwrap().raw(), "files");
        assert!(card.display.pinned);
        Answer::Approve
    });
    let bench = bench.await;
    let answer = write(&bench).await;
    assert_eq!(bench.file("note.txt").as_deref(), Some("original"), "{answer}");
    assert_eq!(bench.world.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_is_told_why_nothing_was_written() {
    let bench = Bench::new(|_| Answer::Deny("Wait until Friday.".to_owned())).await;
    let answer = write(&bench).await;
    assert_eq!(bench.file("note.txt"), None);
    assert!(answer.contains("not approved (denied)") && answer.contains("Wait until Friday."), "{answer}");
    assert!(answer.contains(r#""isError": true"#), "{answer}");
    assert_eq!(bench.world.phone.states().await, [State::Denied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_writes_what_the_person_made_of_it() {
    let bench = Bench::new(|card| Answer::Edit(card.json.replace("original", "EDITED"))).await;
    let answer = write(&bench).await;
    assert_eq!(bench.file("note.txt").as_deref(), Some("EDITED"), "{answer}");
    assert!(answer.contains("AgentTrust: the person changed the arguments; this ran with"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_one_client_run_beside_each_other_and_are_answered_one_by_one() {
    let bench = Bench::new(|card| match card.json.contains("second") {
        true => Answer::Deny("Not this one.".to_owned()),
        false => Answer::Approve,
    });
    let bench = bench.await;
    let mut client = Client::of(bench.command(&bench.files_gateway()));
    client.initialize().await;
    for (id, name) in [(1, "first"), (2, "second"), (3, "third")] {
        client
            .say(&call(id, "write_file", &json!({"path": bench.path(&format!("files/{name}")), "content": name})))
            .await;
    }
    let mut errors = [false; 4];
    for _ in 0..3 {
        let answer = client.hear().await.unwrap();
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        errors[id] = answer["result"]["isError"] == json!(true);
    }
    assert_eq!(errors, [false, false, true, false]);
    let files = ["first", "second", "third"].map(|name| bench.file(name));
    assert_eq!(files, [Some("first".to_owned()), None, Some("third".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_in_the_history_as_failed() {
    let bench = Bench::new(|_| Answer::Approve).await;
    let mut client = Client::of(bench.command(&bench.files_gateway()));
    client.initialize().await;
    let outside = json!({"path": "/etc/agenttrust-test", "content": "x"});
    let answer = client.ask(&call(1, "write_file", &outside)).await;
    assert_eq!(answer["result"]["isError"], json!(true), "{answer}");
    drop(client.to.take());
    assert!(client.child.wait().await.unwrap().success());
    assert_eq!(bench.world.phone.states().await, [State::Failed]);
}
