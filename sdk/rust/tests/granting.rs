//! Trusted actions: used without asking where they cover, and nowhere else.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod kit;

use agenttrust_gate::{Action, Clock, ExecutionResult, Gate, Hash, Reported, Trouble};
use agenttrust_protocol::constraint::Constraint;
use agenttrust_protocol::message::{Grant, RevokedKind, Uv};
use agenttrust_protocol::{Received, message};
use kit::{Act, Domain, World, allowed, at, code, pay};
use serde_json::json;

/// A world whose person has granted `pay`, changed like this.
async fn granted(change: impl FnOnce(&mut Grant)) -> (World, Gate) {
    let world = World::new().await;
    world.daemon.nobody();
    let gate = world.gate();
    gate.enroll().await.unwrap();
    grant(&world, &gate, change);
    let gate = world.gate();
    (world, gate)
}

fn grant(world: &World, gate: &Gate, change: impl FnOnce(&mut Grant)) {
    let mut state = world.daemon.state();
    let text = state.domain.grant(gate.agent(), world.clock.now(), change);
    state.grants.push(text);
}

fn used(world: &World) -> Vec<Option<Hash>> {
    world.daemon.state().requests.iter().map(|stored| stored.request.body().grant).collect()
}

/// Asks, and gives up waiting: tells whether the person was asked.
async fn asks_the_person(world: &World, gate: &Gate, action: Action) -> bool {
    let session = gate.session("thread-42").unwrap();
    let before = world.daemon.state().requests.len();
    let asking = tokio::spawn(async move { session.ask(action).await });
    world.daemon.until(|state| state.requests.len() > before).await;
    let pending = world.daemon.states()[before] == "pending";
    asking.abort();
    pending
}

#[tokio::test]
async fn a_grant_runs_without_asking_and_is_counted_and_reported() {
    let (world, gate) = granted(|grant| grant.constraints.push(Constraint::Use { max: 2, per: Some(3600) })).await;
    let session = gate.session("thread-42").unwrap();
    for _ in 0..2 {
        let permit = allowed(&session, pay()).await;
        assert_eq!(permit.arguments().to_json(), r#"{"amount":120,"to":"acme"}"#);
        permit.run(|_| async { Ok::<_, String>(()) }).await.unwrap();
    }
    assert_eq!(world.daemon.states(), ["executed", "executed"]);
    assert!(used(&world).iter().all(Option::is_some));
    assert_eq!(world.daemon.count("/claim"), 0);
    assert!(asks_the_person(&world, &world.gate(), pay()).await, "used up, also for another process");
    world.clock.pass(3600);
    drop(allowed(&world.gate().session("thread-42").unwrap(), pay()).await);
}

#[tokio::test]
async fn what_a_grant_does_not_cover_is_asked() {
    let (world, gate) = granted(|_| {}).await;
    assert!(asks_the_person(&world, &gate, Action::new("delete", &json!({}))).await);
    assert!(asks_the_person(&world, &gate, pay().server("bank")).await);
    type Change = fn(&mut Grant);
    let changes: [(&str, Change); 3] = [
        ("another agent's", |grant| grant.agents = vec![agenttrust_gate::Thumbprint::from_bytes([7; 32])]),
        ("of a bundle not in the chain", |grant| grant.bundle.hash = Hash::of(b"another")),
        ("expired", |grant| grant.exp = at(1)),
    ];
    for (what, change) in changes {
        world.daemon.state().grants.clear();
        grant(&world, &gate, change);
        world.clock.pass(62);
        assert!(asks_the_person(&world, &world.gate(), pay()).await, "{what}");
    }
}

#[tokio::test]
async fn a_grant_too_weak_for_the_rules_is_not_used() {
    let mut domain = Domain::new(1);
    domain.next_bundle(at(-10), |bundle| {
        let verified = Some(message::RequiredUv::Verified);
        let require = message::Require { uv: verified, ..message::Require::ONE };
        bundle.rules.push(message::Rule { matches: vec![], require });
    });
    let world = World::with(domain).await;
    world.daemon.nobody();
    let gate = world.gate();
    gate.enroll().await.unwrap();
    grant(&world, &gate, |grant| grant.uv = Uv::Presence);
    assert!(asks_the_person(&world, &world.gate(), pay()).await);
    grant(&world, &gate, |_| {});
    world.daemon.state().grants.remove(0);
    drop(allowed(&world.gate().session("other").unwrap(), pay()).await);
}

#[tokio::test]
async fn a_revoked_grant_is_not_used_even_if_the_daemon_offers_it() {
    let (world, gate) = granted(|_| {}).await;
    drop(allowed(&gate.session("thread-42").unwrap(), pay()).await);
    let hash = Received::<Grant>::parse(&world.daemon.state().grants[0]).unwrap().hash();
    world.daemon.state().domain.revoke(RevokedKind::Grant, hash, at(0));
    assert!(asks_the_person(&world, &world.gate(), pay()).await);
    // The news comes with the answer itself.
    let (world, gate) = granted(|_| {}).await;
    let session = gate.session("thread-42").unwrap();
    gate.enroll().await.unwrap();
    let hash = Received::<Grant>::parse(&world.daemon.state().grants[0]).unwrap().hash();
    world.daemon.state().domain.revoke(RevokedKind::Grant, hash, at(0));
    assert_eq!(code(&session, pay()).await, "revoked");
}

#[tokio::test]
async fn the_daemon_may_ask_the_person_all_the_same() {
    let (world, gate) = granted(|grant| grant.constraints.push(Constraint::Use { max: 1, per: None })).await;
    world.daemon.state().grants_count = false;
    let session = gate.session("thread-42").unwrap();
    let asking = tokio::spawn(async move { allowed(&session, pay().call("call-1")).await });
    world.daemon.until(|state| state.requests.len() == 1).await;
    world.daemon.answer_all();
    drop(asking.await.unwrap());
    assert_eq!(world.daemon.states(), ["claimed"]);
    assert_eq!(world.daemon.count("/claim"), 1, "approved and claimed like any other");
    assert!(asks_the_person(&world, &world.gate(), pay()).await, "what was reserved is not returned");
}

#[tokio::test]
async fn a_use_without_an_answer_never_runs() {
    let (world, gate) = granted(|_| {}).await;
    let session = gate.session("thread-42").unwrap();
    gate.enroll().await.unwrap();
    world.daemon.tamper(|path, reply| if path == "POST /v1/requests" { Act::Drop } else { Act::Reply(reply) });
    assert_eq!(code(&session, pay().call("call-1")).await, "daemon_down");
    world.daemon.tamper(|_, reply| Act::Reply(reply));
    assert_eq!(code(&session, pay().call("call-1")).await, "spent");

    world.daemon.tamper(|path, reply| match path {
        "POST /v1/requests" => Act::Error(Trouble::DiskFull),
        _ => Act::Reply(reply),
    });
    assert_eq!(code(&session, pay().call("call-2")).await, "disk_full");
}

#[tokio::test]
async fn an_offline_grant_needs_no_daemon_and_is_reported_when_there_is_one() {
    let (world, gate) = granted(|grant| grant.offline = true).await;
    let session = gate.session("thread-42").unwrap();
    gate.enroll().await.unwrap();
    let (socket, away) = (world.folder.path().join("agent.sock"), world.folder.path().join("away.sock"));
    std::fs::rename(&socket, &away).unwrap();
    world.daemon.tamper(|_, _| Act::Drop);
    world.clock.pass(2);
    let permit = allowed(&session, pay().call("call-1")).await;
    assert_eq!(permit.report(ExecutionResult::Executed, Some(&json!("paid"))).await.unwrap(), Reported::Kept);
    assert_eq!(code(&session, pay().call("call-1")).await, "spent");
    assert_eq!(code(&session, Action::new("delete", &json!({}))).await, "daemon_down");
    drop(allowed(&world.gate().session("thread-42").unwrap(), pay()).await);

    world.daemon.tamper(|_, reply| Act::Reply(reply));
    std::fs::rename(&away, &socket).unwrap();
    world.clock.pass(24 * 3600);
    gate.flush().await.unwrap();
    assert_eq!(world.daemon.states(), ["executed", "claimed"]);
    gate.flush().await.unwrap();
}

#[tokio::test]
async fn an_offline_grant_ends_with_the_status() {
    let (world, gate) = granted(|grant| {
        grant.offline = true;
        grant.exp = at(100 * 24 * 3600);
    })
    .await;
    gate.enroll().await.unwrap();
    std::fs::remove_file(world.folder.path().join("agent.sock")).unwrap();
    world.daemon.tamper(|_, _| Act::Drop);
    let session = gate.session("thread-42").unwrap();
    world.clock.pass(71 * 3600);
    drop(allowed(&session, pay()).await);
    world.clock.pass(2 * 3600);
    assert_eq!(code(&session, pay()).await, "daemon_down");
}
