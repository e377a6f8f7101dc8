//! The main path over a real socket: asked, answered by signed messages, run, reported; and the honest failures.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod kit;

use agenttrust_gate::{Action, ExecutionResult, NoDevice, Reported, Trouble, Verdict};
use agenttrust_protocol::door::Reply;
use agenttrust_protocol::message::Verdict as Word;
use kit::{Act, Enrolling, World, allowed, code, pay, person, refused};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn what_was_approved_runs_and_is_reported() {
    let world = World::new().await;
    let session = world.session();
    session.begin_turn(Some("Pay what we owe acme"), None).unwrap();
    let permit = allowed(&session, pay().title("Pay").target("acme").reason("it is due").call("call-1")).await;
    assert!(!permit.edited());
    assert_eq!(permit.for_model(), None);
    assert_eq!(world.daemon.states(), ["claimed"]);

    let told = permit.run(|arguments| async move { Ok::<_, String>(arguments.to_json()) }).await.unwrap();
    assert_eq!(told, r#"{"amount":120,"to":"acme"}"#);
    assert_eq!(world.daemon.states(), ["executed"]);
    let state = world.daemon.state();
    let output = state.requests[0].outcome.as_ref().unwrap().1.output.as_ref().unwrap();
    assert_eq!(output.as_str(), Some(told.as_str()));
    assert_eq!(state.requests[0].request.content().unwrap().title.as_deref(), Some("Pay"));
    assert_eq!(state.sessions.len(), 1);
}

#[tokio::test]
async fn a_tool_that_fails_is_reported_as_failed() {
    let world = World::new().await;
    let permit = allowed(&world.session(), pay()).await;
    let error = permit.run(|_| async { Err::<(), _>("no such account") }).await.unwrap_err();
    assert_eq!(error, "no such account");
    assert_eq!(world.daemon.states(), ["failed"]);
}

#[tokio::test]
async fn what_the_person_changed_is_what_runs() {
    let world = World::new().await;
    world.daemon.person(person(|domain, request, now| {
        let edit = domain.decide(0, request, Word::Modify, now, |_, content| {
            let text = r#"{"to":"acme","amount":12.50}"#;
            let value = agenttrust_protocol::json::parse(text.as_bytes(), agenttrust_protocol::json::Numbers::Any);
            content.arguments = value.unwrap().as_object().cloned();
            content.note = Some("only the deposit".to_owned());
        });
        ("approved", vec![edit])
    }));
    let permit = allowed(&world.session(), pay()).await;
    assert!(permit.edited());
    assert_eq!(permit.arguments().to_json(), r#"{"to":"acme","amount":12.50}"#);
    assert_eq!(permit.arguments().read::<Value>().unwrap(), json!({"to": "acme", "amount": 12.5}));
    let text = r#"AgentTrust: the person changed the arguments; this ran with {"to":"acme","amount":12.50}. The person says: only the deposit"#;
    assert_eq!(permit.for_model().as_deref(), Some(text));
    assert_eq!(permit.report(ExecutionResult::Executed, Some(&json!({"ok": 1.5}))).await.unwrap(), Reported::Delivered);
}

#[tokio::test]
async fn a_denial_carries_the_persons_words_and_is_repeated_for_the_same_call() {
    let world = World::new().await;
    world.daemon.person(person(|domain, request, now| {
        let no = |_: &mut _, content: &mut agenttrust_protocol::message::DecisionContent| {
            content.note = Some("ask Ann first".to_owned());
        };
        ("denied", vec![domain.decide(0, request, Word::Deny, now, no)])
    }));
    let session = world.session();
    for _ in 0..2 {
        let refused = refused(&session, pay().call("call-1")).await;
        assert_eq!(refused.code().as_str(), "denied");
        assert_eq!(refused.note(), Some("ask Ann first"));
        assert!(refused.for_model().ends_with("The person says: ask Ann first"));
    }
    assert_eq!(world.daemon.count("POST /v1/requests"), 1);
    assert_eq!(code(&session, pay()).await, "denied", "a call without an id is a new one");
    assert_eq!(world.daemon.count("POST /v1/requests"), 2);
}

#[tokio::test]
async fn the_answer_may_come_late_and_the_daemon_may_restart() {
    let world = World::new().await;
    world.daemon.nobody();
    let session = world.session();
    let asking = tokio::spawn(async move { session.ask(pay()).await });
    world.daemon.until(|state| state.requests.len() == 1).await;
    let socket = world.folder.path().join("agent.sock");
    let away = world.folder.path().join("away.sock");
    std::fs::rename(&socket, &away).unwrap();
    world.daemon.tamper(|_, _| Act::Drop);
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.daemon.tamper(|_, reply| Act::Reply(reply));
    std::fs::rename(&away, &socket).unwrap();
    world.daemon.answer_all();
    assert!(matches!(asking.await.unwrap().unwrap(), Verdict::Allowed(_)));
}

#[tokio::test]
async fn nobody_answers_in_time() {
    let world = World::new().await;
    world.daemon.nobody();
    let (session, clock) = (world.session(), world.clock.clone());
    let asking = tokio::spawn(async move { code(&session, pay().life(Duration::from_secs(60))).await });
    world.daemon.until(|state| state.requests.len() == 1).await;
    clock.pass(61);
    assert_eq!(asking.await.unwrap(), "timed_out");
    world.daemon.until(|state| state.requests[0].state == "cancelled").await;
}

#[tokio::test]
async fn a_clock_set_back_does_not_lengthen_the_wait() {
    let world = World::new().await;
    world.daemon.nobody();
    let (session, clock) = (world.session(), world.clock.clone());
    let asking = tokio::spawn(async move { code(&session, pay().life(Duration::from_secs(60))).await });
    world.daemon.until(|state| state.requests.len() == 1).await;
    clock.pass(121);
    clock.set_wall(-121);
    world.daemon.answer_all();
    let code = asking.await.unwrap();
    assert!(["expired", "timed_out"].contains(&code), "{code}");
    assert_eq!(world.daemon.count("/claim"), 0);
}

#[tokio::test]
async fn a_dropped_ask_is_withdrawn() {
    let world = World::new().await;
    world.daemon.nobody();
    let session = world.session();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.ask(pay().call("call-1")).await }
    });
    world.daemon.until(|state| state.requests.len() == 1).await;
    asking.abort();
    world.daemon.until(|state| state.requests[0].state == "cancelled").await;
    world.daemon.person(person(|domain, request, now| ("approved", vec![domain.approve(0, request, now)])));
    drop(allowed(&session, pay().call("call-1")).await);
    assert_eq!(world.daemon.states(), ["cancelled", "claimed"], "a withdrawn call is asked anew");
}

#[tokio::test]
async fn nobody_listens() {
    let world = World::new().await;
    let gate = agenttrust_gate::Gate::open(world.config().socket("/nowhere/agent.sock")).unwrap();
    let refused = refused(&gate.session("s").unwrap(), pay()).await;
    assert_eq!(refused.code().as_str(), "daemon_down");
    assert_eq!(refused.hint(), "Start it with `agenttrust up`.");
}

#[tokio::test]
async fn no_device_is_said_at_once_unless_the_agent_queues() {
    let world = World::new().await;
    let refuse = |path: &str, reply: Reply| match path {
        "POST /v1/requests" => Act::Error(Trouble::NoDevice),
        _ => Act::Reply(reply),
    };
    world.daemon.tamper(refuse);
    assert_eq!(code(&world.session(), pay().call("call-1")).await, "no_device");
    world.daemon.tamper(|_, reply| Act::Reply(reply));
    let gate = agenttrust_gate::Gate::open(world.config().no_device(NoDevice::Queue)).unwrap();
    world.daemon.state().requests.clear();
    drop(allowed(&gate.session("thread-42").unwrap(), pay().call("call-1")).await);
}

#[tokio::test]
async fn the_person_is_asked_once_whether_they_know_the_agent() {
    let world = World::new().await;
    world.daemon.state().enrolling = Enrolling::Ignore;
    let gate = world.gate();
    assert_eq!((gate.root(), gate.devices()), (None, vec![]));
    let enrolling = tokio::spawn({
        let gate = gate.clone();
        async move { gate.enroll().await }
    });
    world.daemon.until(|state| state.enrolled.len() == 1).await;
    world.clock.pass(301);
    assert_eq!(enrolling.await.unwrap().unwrap_err().code().as_str(), "not_enrolled");

    world.daemon.state().enrolling = Enrolling::Accept;
    world.gate().enroll().await.unwrap();
    gate.enroll().await.unwrap();
    assert_eq!(world.daemon.state().enrolled.len(), 1, "another process sends the same message");
    let root = gate.root().unwrap();
    assert_eq!((root.fingerprint.len(), root.pinned), (16, false));
    assert_eq!(gate.devices(), ["phone 0"]);

    world.daemon.state().enrolling = Enrolling::Refuse;
    let other = agenttrust_gate::GateConfig::new("other")
        .state(world.folder.path())
        .socket(world.folder.path().join("agent.sock"));
    let other = agenttrust_gate::Gate::open(other.clock(world.clock.clone())).unwrap();
    assert_eq!(other.enroll().await.unwrap_err().code().as_str(), "not_enrolled");
}

#[tokio::test]
async fn a_first_ask_waits_for_the_enrolment() {
    let world = World::new().await;
    world.daemon.state().enrolling = Enrolling::Ignore;
    let session = world.session();
    let asking = tokio::spawn(async move { session.ask(pay()).await });
    world.daemon.until(|state| state.enrolled.len() == 1).await;
    let text = world.daemon.state().enrolled[0].clone();
    let enroll = agenttrust_protocol::Received::<agenttrust_protocol::message::Enroll>::parse(&text)
        .unwrap()
        .open_own()
        .unwrap();
    let cert = world.daemon.state().domain.certify(&enroll, kit::at(0));
    world.daemon.state().cert = Some(cert);
    world.daemon.state().enrolling = Enrolling::Accept;
    assert!(matches!(asking.await.unwrap().unwrap(), Verdict::Allowed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_calls_work_inside_a_runtime_and_out_of_it() {
    let world = World::new().await;
    let gate = world.gate();
    assert_eq!(gate.enroll_blocking(), Ok(()));
    assert_eq!(world.daemon.state().enrolled.len(), 1);
    let session = world.session();
    let Verdict::Allowed(permit) = session.ask_blocking(pay()).unwrap() else { panic!("refused") };
    assert_eq!(permit.run_blocking(|_| Ok::<_, String>("paid")), Ok("paid"));
    let outside = std::thread::spawn(move || {
        let Verdict::Allowed(permit) = session.ask_blocking(pay()).unwrap() else { panic!("refused") };
        permit.report_blocking(ExecutionResult::Executed, None).unwrap()
    });
    let outside = tokio::task::spawn_blocking(|| outside.join().unwrap()).await.unwrap();
    assert_eq!(outside, Reported::Delivered);
    assert_eq!(world.daemon.states(), ["executed", "executed"]);
}

#[tokio::test]
async fn an_outcome_the_daemon_could_not_take_goes_out_later() {
    let world = World::new().await;
    let session = world.session();
    let permit = allowed(&session, pay()).await;
    world.daemon.tamper(|path, reply| if path.ends_with("/outcome") { Act::Drop } else { Act::Reply(reply) });
    // The stand-in takes the outcome and loses the answer, so the same bytes come again.
    assert_eq!(permit.report(ExecutionResult::Executed, None).await.unwrap(), Reported::Kept);
    world.daemon.tamper(|_, reply| Act::Reply(reply));
    let before = world.daemon.count("/outcome");
    drop(allowed(&session, pay()).await);
    assert_eq!(world.daemon.states(), ["executed", "claimed"]);
    assert_eq!(world.daemon.count("/outcome"), before + 1);
}

#[tokio::test]
async fn a_later_process_reports_what_an_earlier_one_was_allowed() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay().call("call-1")).await);
    let later = world.gate();
    let executed = ExecutionResult::Executed;
    assert_eq!(later.report("thread-42", "call-2", executed, None).await, Ok(None));
    assert_eq!(later.report("thread-43", "call-1", executed, None).await, Ok(None));
    assert_eq!(later.report("thread-42", "call-1", executed, None).await, Ok(Some(Reported::Delivered)));
    assert_eq!(world.daemon.states(), ["executed"]);
}

#[tokio::test]
async fn parallel_asks_of_one_turn_share_its_session() {
    let world = World::new().await;
    let session = world.session();
    let asks = (0..16).map(|n| {
        let session = session.clone();
        let action = Action::new("pay", &json!({"n": n})).group("turn-1").call(&format!("call-{n}"));
        tokio::spawn(async move {
            allowed(&session, action).await.run(|a| async move { Ok::<_, String>(a.to_json()) }).await
        })
    });
    let asks: Vec<_> = asks.collect();
    for (n, ask) in asks.into_iter().enumerate() {
        assert_eq!(ask.await.unwrap().unwrap(), format!(r#"{{"n":{n}}}"#));
    }
    assert_eq!(world.daemon.states(), vec!["executed"; 16]);
    assert_eq!(world.daemon.state().sessions.len(), 1);
    session.begin_turn(Some("and now the rest"), session.current()).unwrap();
    drop(allowed(&session, pay()).await);
    assert_eq!(world.daemon.state().sessions.len(), 2);
}

#[tokio::test]
async fn every_error_of_the_door_keeps_its_code() {
    for trouble in [Trouble::Unpaired, Trouble::DiskFull, Trouble::ClockOff, Trouble::StoreFailed, Trouble::PeerRefused]
    {
        for call in ["GET /v1/trust", "POST /v1/sessions", "POST /v1/requests"] {
            let world = World::new().await;
            world.daemon.tamper(move |path, reply| if path == call { Act::Error(trouble) } else { Act::Reply(reply) });
            assert_eq!(code(&world.session(), pay()).await, trouble.code(), "{call}");
        }
    }
}
