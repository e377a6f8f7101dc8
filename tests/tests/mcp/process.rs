//! The gateway as a process: how it begins, and how it ends.

use crate::bench::{Bench, Client, call};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::Answer;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::time::Duration;

/// A client whose call waits for somebody who does not answer.
async fn waiting() -> (Bench, Client) {
    let (seen, mut cards) = tokio::sync::mpsc::unbounded_channel();
    let bench = Bench::new(move |_| {
        seen.send(()).unwrap();
        Answer::Ignore
    });
    let bench = bench.await;
    let mut client = Client::of(bench.command(&bench.files_gateway()));
    client.initialize().await;
    let mut message = call(1, "write_file", &json!({"path": bench.path("files/note.txt"), "content": "x"}));
    message["params"]["_meta"] = json!({"progressToken": 1});
    client.say(&message).await;
    cards.recv().await.unwrap();
    (bench, client)
}

fn id(client: &Client) -> Pid {
    Pid::from_raw(client.child.id().unwrap().cast_signed()).unwrap()
}

async fn is_withdrawn(bench: &Bench) {
    for _ in 0..200 {
        if bench.world.phone.states().await == [State::Cancelled] {
            return assert_eq!(bench.file("note.txt"), None);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not withdrawn: {:?}", bench.world.phone.states().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_which_device_is_waited_for_and_may_change_its_mind() {
    let (bench, mut client) = waiting().await;
    let sign = client.hear().await.unwrap();
    assert_eq!(sign["params"]["message"], "Waiting for your approval on Virtual phone (AgentTrust).");
    client.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})).await;
    is_withdrawn(&bench).await;
    let pong = client.ask(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"})).await;
    assert_eq!(pong["result"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_and_a_gateway_that_is_told_to_end_leave_nothing_open() {
    for signal in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let (bench, mut client) = waiting().await;
        match signal {
            None => drop(client.to.take()),
            Some(signal) => kill_process(id(&client), signal).unwrap(),
        }
        let ended = tokio::time::timeout(Duration::from_secs(10), client.child.wait()).await;
        assert_eq!(ended.expect("it does not end").unwrap().code(), Some(0), "{signal:?}");
        is_withdrawn(&bench).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_calls_are_refused_and_the_rest_works() {
    let bench = Bench::new(|_| Answer::Approve).await;
    let nobody = bench.path("nobody.sock");
    let mut line = bench.files_gateway();
    let at = line.iter().position(|word| word == "--socket").unwrap();
    line[at + 1] = nobody;
    let mut client = Client::of(bench.command(&line));
    client.initialize().await;
    let list = client.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
    assert!(list["result"]["tools"].as_array().unwrap().len() > 5);
    let answer = client.ask(&call(2, "write_file", &json!({"path": bench.path("files/a"), "content": "x"}))).await;
    assert!(answer.to_string().contains("not approved (daemon_down)"), "{answer}");
    assert_eq!(bench.file("a"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_ends_the_gateway_with_an_answer_to_what_was_open() {
    let bench = Bench::new(|_| Answer::Approve).await;
    let script = "read line; read line; exit 3";
    let mut client = Client::of(bench.command(&bench.gateway(&["--", "/bin/sh", "-c", script])));
    client.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await;
    client.say(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"})).await;
    let mut ids = Vec::new();
    while let Some(answer) = client.hear().await {
        assert_eq!(answer["error"]["message"], "AgentTrust: The server has ended.");
        ids.push(answer["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    assert_eq!(client.child.wait().await.unwrap().code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_begin_says_why() {
    let bench = Bench::new(|_| Answer::Approve).await;
    for (flags, code, why) in [
        (&["--", "/no/such/server"][..], 1, "`/no/such/server` cannot be started"),
        (&["--url", "ftp://127.0.0.1/"], 2, "no URL that begins with http"),
        (
            &["--url", "http://me:secret@127.0.0.1/"],
            2,
            "no URL that begins with http:// or https:// and holds no password",
        ),
        (&["--url", "http://127.0.0.1/", "--header-env", "A=NONE"], 2, "NONE, for the header A, is not set"),
        (&["--url", "http://127.0.0.1/", "--listen", "0.0.0.0:0"], 2, "an address of this machine alone"),
        (&[], 2, "required"),
    ] {
        let ran = bench.run(&bench.gateway(flags)).await;
        assert_eq!(ran.code, Some(code), "{flags:?} {ran:?}");
        assert!(ran.stderr.contains(why) && ran.stdout.is_empty(), "{flags:?} {ran:?}");
        assert!(!ran.stderr.contains("secret"), "{ran:?}");
    }
}
