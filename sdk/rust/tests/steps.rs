//! Replays `tests/vectors/steps`: what comes of one call after another against a daemon that answers as told.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod kit;

use agenttrust_gate::{Action, Gate, GateConfig, Trouble, Verdict};
use kit::{Act, World, person};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn action(ask: &Value) -> Action {
    let text = |name: &str| ask[name].as_str();
    let action = Action::from_json(text("tool").unwrap(), text("arguments").unwrap()).call(text("call").unwrap());
    match text("digest") {
        Some(digest) => action.digest(digest.parse().unwrap()),
        None => action,
    }
}

/// How the daemon and the person behave in this step.
fn arrange(world: &World, step: &Value) {
    let claim = step["claim"].as_str().unwrap_or("claimed").to_owned();
    let known = step["known"].as_str().map(str::to_owned);
    world.daemon.tamper(move |path, mut reply| match (path.ends_with("/claim"), claim.as_str()) {
        (true, "refused") => Act::Error(Trouble::Conflict),
        (true, "lost") => Act::Drop,
        (true, state) => {
            reply.state = state.to_owned();
            Act::Reply(reply)
        }
        (false, _) => {
            if let (true, Some(known)) = (path.starts_with("POST /v1/requests"), &known) {
                reply.state.clone_from(known);
            }
            Act::Reply(reply)
        }
    });
    match step["person"].as_str() {
        Some(_) => world.daemon.nobody(),
        None => {
            world.daemon.answer_all();
            world.daemon.person(person(|domain, request, now| ("approved", vec![domain.approve(0, request, now)])));
        }
    }
}

/// A process of its own that asks until it is killed.
#[test]
#[ignore = "the other test starts it as its child"]
fn child() {
    let folder = PathBuf::from(std::env::var("CHILD_FOLDER").unwrap());
    let config = GateConfig::new("bot").program("/usr/bin/bot").state(folder.join("state"));
    let gate = Gate::open(config.socket(folder.join("agent.sock")).clock(kit::TestClock::new())).unwrap();
    let ask: Value = serde_json::from_str(&std::env::var("CHILD_ASK").unwrap()).unwrap();
    let _never = gate.session("thread-42").unwrap().ask_blocking(action(&ask));
}

fn start_child(world: &World, ask: &Value) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "child"]).env("CHILD_FOLDER", world.folder.path());
    command.env("CHILD_ASK", ask.to_string()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn run(world: &World, step: &Value) -> String {
    let tool = step["tool"].as_str().map(|digest| digest.parse().unwrap());
    if step["person"] == "nobody" {
        let asked = world.daemon.state().requests.len();
        let mut child = start_child(world, &step["ask"]);
        world.daemon.until(|state| state.requests.len() > asked).await;
        child.kill().unwrap();
        child.wait().unwrap();
        return "killed".to_owned();
    }
    let permit = match world.session().ask(action(&step["ask"])).await.unwrap() {
        Verdict::Allowed(permit) => permit,
        Verdict::Refused(refused) => return refused.code().to_string(),
    };
    let permit = match &tool {
        Some(tool) => permit.check_tool(tool).await,
        None => Ok(permit),
    };
    match permit {
        Ok(permit) => permit.run(|_| async { Ok::<_, String>("ok".to_owned()) }).await.unwrap(),
        Err(refused) => refused.code().to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/steps");
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let world = World::new().await;
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            arrange(&world, step);
            let found = run(&world, step).await;
            if found != step["result"] {
                wrong.push(format!("{} step {at}: {found}, not {}", path.display(), step["result"]));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
