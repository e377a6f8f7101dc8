//! One approval, one run: races of threads and processes, crashes, and calls that are asked again.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod kit;

use agenttrust_gate::{Action, Gate, GateConfig, Hash, Verdict};
use kit::{Act, World, allowed, code, pay};
use serde_json::json;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_wait_for_one_answer_one_runs() {
    for _ in 0..10 {
        let world = World::new().await;
        world.daemon.nobody();
        let runs = Arc::new(AtomicUsize::new(0));
        let asks: Vec<_> = (0..8)
            .map(|_| {
                // Each with its own connection to the record, as processes have.
                let (session, runs) = (world.session(), Arc::clone(&runs));
                tokio::spawn(async move {
                    match session.ask(pay().call("call-1")).await.unwrap() {
                        Verdict::Allowed(permit) => {
                            runs.fetch_add(1, Ordering::SeqCst);
                            drop(permit);
                        }
                        Verdict::Refused(refused) => assert_eq!(refused.code().as_str(), "spent"),
                    }
                })
            })
            .collect();
        world.daemon.until(|state| state.requests.len() == 1).await;
        world.daemon.answer_all();
        for ask in asks {
            ask.await.unwrap();
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(world.daemon.state().requests.len(), 1);
    }
}

/// A process of its own: asks, and tells by its exit code whether it may run.
#[test]
#[ignore = "the other tests start it as their child"]
fn child() {
    let folder = std::path::PathBuf::from(std::env::var("CHILD_FOLDER").unwrap());
    let config = GateConfig::new("bot").program("/usr/bin/bot").state(folder.join("state"));
    let gate = Gate::open(config.socket(folder.join("agent.sock")).clock(kit::TestClock::new())).unwrap();
    let verdict = gate.session("thread-42").unwrap().ask_blocking(pay().call("call-1")).unwrap();
    std::process::exit(match verdict {
        Verdict::Allowed(_) => 10,
        Verdict::Refused(refused) if refused.code().as_str() == "spent" => 11,
        Verdict::Refused(refused) => panic!("{refused}"),
    });
}

fn start_child(world: &World) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "child"]).env("CHILD_FOLDER", world.folder.path());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn exit_code(mut child: std::process::Child) -> Option<i32> {
    tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_runs() {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    world.daemon.nobody();
    let children: Vec<_> = (0..3).map(|_| start_child(&world)).collect();
    world.daemon.until(|state| state.calls.iter().filter(|call| *call == "POST /v1/requests").count() == 3).await;
    world.daemon.answer_all();
    let mut codes = Vec::new();
    for child in children {
        codes.push(exit_code(child).await.unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes, [10, 11, 11]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_while_it_asks_resumes_and_runs_once() {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    world.daemon.nobody();
    let mut child = start_child(&world);
    world.daemon.until(|state| state.requests.len() == 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.daemon.states(), ["pending"], "the prompt stays open");
    world.daemon.answer_all();
    let permit = allowed(&world.session(), pay().call("call-1")).await;
    permit.run(|_| async { Ok::<_, String>(()) }).await.unwrap();
    assert_eq!(world.daemon.states(), ["executed"], "the stored request, not a second one");
    assert_eq!(code(&world.session(), pay().call("call-1")).await, "spent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_between_mark_and_claim_never_runs() {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    world.daemon.tamper(|path, reply| if path.ends_with("/claim") { Act::Hang } else { Act::Reply(reply) });
    let mut child = start_child(&world);
    world.daemon.until(|state| state.calls.iter().any(|call| call.ends_with("/claim"))).await;
    child.kill().unwrap();
    child.wait().unwrap();
    world.daemon.tamper(|_, reply| Act::Reply(reply));
    assert_eq!(code(&world.session(), pay().call("call-1")).await, "spent");
}

/// Asks, and is gone before an answer came; like a kill, nothing is withdrawn.
async fn vanish(world: &World, action: Action) {
    let session = world.session();
    let asked = world.daemon.state().requests.len();
    let asking = std::thread::spawn(move || session.ask_blocking(action));
    world.daemon.until(|state| state.requests.len() > asked).await;
    // The thread waits on; its process would be gone. What it does later finds the request used or over.
    drop(asking);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_later_a_long_request_is_still_the_same() {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    world.daemon.nobody();
    let long = || pay().call("call-1").life(Duration::from_secs(3 * 24 * 3600));
    vanish(&world, long()).await;
    world.clock.pass(2 * 24 * 3600);
    world.daemon.answer_all();
    let mut outcomes = vec![code_or_permit(&world, long()).await];
    // The first asker, still alive here, and the second raced for one approval.
    world.daemon.until(|state| state.requests[0].state == "claimed").await;
    outcomes.push(code_or_permit(&world, long()).await);
    assert!(outcomes.contains(&"spent") && world.daemon.state().requests.len() == 1, "{outcomes:?}");
}

async fn code_or_permit(world: &World, action: Action) -> &'static str {
    match world.session().ask(action).await.unwrap() {
        Verdict::Allowed(_) => "permit",
        Verdict::Refused(refused) => refused.code().as_str(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_later_an_expired_request_is_asked_anew() {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    world.daemon.nobody();
    vanish(&world, pay().call("call-1")).await;
    world.clock.pass(2 * 24 * 3600);
    world.daemon.state().requests[0].state = "expired".to_owned();
    world.daemon.person(kit::person(|domain, request, now| ("approved", vec![domain.approve(0, request, now)])));
    drop(allowed(&world.session(), pay().call("call-1")).await);
    assert_eq!(world.daemon.states(), ["expired", "claimed"]);
}

#[tokio::test]
async fn the_same_call_with_other_arguments_or_in_another_session_is_another_call() {
    let world = World::new().await;
    let session = world.session();
    drop(allowed(&session, pay().call("call-1")).await);
    assert_eq!(code(&session, pay().call("call-1")).await, "spent");
    let equal = Action::from_json("pay", r#"{"amount":1.2e2,"to":"acme"}"#).call("call-1");
    assert_eq!(code(&session, equal).await, "spent", "equal arguments, written otherwise");
    drop(allowed(&session, Action::new("pay", &json!({"to": "acme", "amount": 121})).call("call-1")).await);
    drop(allowed(&session, pay().server("bank").call("call-1")).await);
    drop(allowed(&world.gate().session("thread-43").unwrap(), pay().call("call-1")).await);
    session.close().unwrap();
    drop(allowed(&world.session(), pay().call("call-1")).await);
    assert_eq!(world.daemon.state().requests.len(), 5);
}

#[tokio::test]
async fn an_answer_for_a_tool_that_changed_runs_nothing() {
    let world = World::new().await;
    let (before, after) = (Hash::of(b"pays"), Hash::of(b"pays somebody else"));
    let session = world.session();
    let permit = allowed(&session, pay().digest(before)).await;
    let permit = permit.check_tool(&before).await.unwrap();
    assert_eq!(permit.check_tool(&after).await.unwrap_err().code().as_str(), "tool_changed");
    assert_eq!(world.daemon.states(), ["failed"]);
    let unpinned = tokio::task::spawn_blocking({
        let session = session.clone();
        move || match session.ask_blocking(pay()).unwrap() {
            Verdict::Allowed(permit) => permit.check_tool_blocking(&after).unwrap_err(),
            Verdict::Refused(refused) => panic!("{refused}"),
        }
    });
    assert_eq!(unpinned.await.unwrap().code().as_str(), "tool_changed", "nobody was shown that definition");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_is_not_resumed_for_a_tool_that_changed() {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    world.daemon.nobody();
    let call = |definition: &[u8]| pay().digest(Hash::of(definition)).call("call-1");
    vanish(&world, call(b"pays")).await;
    assert_eq!(code(&world.session(), call(b"pays somebody else")).await, "tool_changed");
    assert_eq!(world.daemon.states(), ["cancelled"], "the person need not answer any more");

    world.daemon.person(kit::person(|domain, request, now| ("approved", vec![domain.approve(0, request, now)])));
    let permit = allowed(&world.session(), call(b"pays somebody else")).await;
    assert_eq!(permit.check_tool(&Hash::of(b"pays somebody else")).await.unwrap().request(), {
        world.daemon.state().requests[1].request.hash()
    });
    assert_eq!(code(&world.session(), call(b"pays")).await, "spent", "one call runs once");
}

#[tokio::test]
async fn a_request_only_the_daemon_knows_is_withdrawn_and_asked_anew() {
    let world = World::new().await;
    world.daemon.nobody();
    world.gate().enroll().await.unwrap();
    let session = world.session();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.ask(pay().call("call-1")).await }
    });
    world.daemon.until(|state| state.requests.len() == 1).await;
    // Its withdrawal gets lost, so the daemon still finds it by its call.
    world.daemon.tamper(|path, reply| if path.ends_with("/cancel") { Act::Drop } else { Act::Reply(reply) });
    asking.abort();
    world.daemon.until(|state| state.calls.iter().any(|call| call.ends_with("/cancel"))).await;
    world.daemon.state().requests[0].state = "pending".to_owned();
    world.daemon.tamper(|_, reply| Act::Reply(reply));
    let again = tokio::spawn(async move { allowed(&session, pay().call("call-1")).await });
    world.daemon.until(|state| state.requests.len() == 2).await;
    world.daemon.answer_all();
    drop(again.await.unwrap());
    assert_eq!(world.daemon.states(), ["cancelled", "claimed"]);
}
