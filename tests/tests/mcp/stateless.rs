//! The official SDK's client and server of the stateless era, with the gateway between them: the server asks the client
//! for more before it goes on, and repeats of arguments in headers are held against the body.

use crate::bench::{Bench, node, packages};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::Answer;
use serde_json::{Value, json};
use tokio::process::Command;

const SCRIPT: &str = include_str!("stateless.mjs");

/// The script, in the folder where its imports are.
fn script(bench: &Bench, mode: &str) -> Command {
    let words = [&node().display().to_string(), "--input-type=module", "-e", SCRIPT];
    let mut command = bench.command(&words.map(|word: &str| word.to_owned()));
    command.current_dir(packages()).env("MODE", mode);
    command
}

async fn bench() -> Bench {
    Bench::new(|card| Answer::Edit(card.json.replace(r#""eu""#, r#""us""#))).await
}

/// The client calls; one approval covers both rounds, with what was signed in each.
async fn deploys(bench: &Bench, target: &Value) {
    let mut client = script(bench, "call");
    client.env("TARGET", target.to_string());
    let ran = bench.run_command(client).await;
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let texts: Vec<&str> =
        answer["result"]["content"].as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap()).collect();
    assert!(texts[0].starts_with("AgentTrust: the person changed the arguments"), "{texts:?}");
    assert_eq!(texts[1..], ["deployed to us: original"]);
    assert_eq!(bench.world.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_approval_covers_the_rounds_of_a_call_over_http() {
    let bench = bench().await;
    let (_server, url) = bench.start_listening(script(&bench, "serve-http")).await;
    let (_gateway, address) = bench.listening(&url).await;
    deploys(&bench, &json!(address)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_approval_covers_the_rounds_of_a_call_on_streams() {
    let bench = bench().await;
    let node = node().display().to_string();
    let server =
        ["--name", "deployer", "--", "/usr/bin/env", "MODE=serve-stdio", &node, "--input-type=module", "-e", SCRIPT];
    deploys(&bench, &json!(bench.gateway(&server))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_approval_covers_the_rounds_of_a_call_over_the_bridge() {
    let bench = bench().await;
    let (_server, url) = bench.start_listening(script(&bench, "serve-http")).await;
    deploys(&bench, &json!(bench.gateway(&["--name", "deployer", "--url", &url]))).await;
}
