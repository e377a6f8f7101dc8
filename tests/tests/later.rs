//! Days pass: a call that was left open is resumed, the trust status renews itself, and one that ran out comes back
//! with the device that may sign it.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

use agenttrust_device::approver::trustview::Standing;
use agenttrust_device::{CardView, Event};
use agenttrust_gate::{Action, GateConfig, Session};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, ShiftedClock, World, outcome, program};
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const HOUR: i64 = 3_600;

/// A process of an agent that asks one call, the same each time, and tells what it was answered.
fn agent(world: &World, ahead: i64) -> Child {
    let mut command = Command::new(program("load-agent"));
    command.arg("--state").arg(world.path("agent")).arg("--socket").arg(world.daemon.agent_socket());
    command.args(["once", "--call", "the call", "--life", "259200", "--ahead", &ahead.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn told(agent: Child) -> String {
    let output = agent.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The card that can be answered now.
async fn card(world: &World) -> CardView {
    let mut events = world.phone.device.events();
    loop {
        if let Some(card) = world.phone.device.snapshot().cards.iter().find(|card| card.blocked.is_none()) {
            return card.clone();
        }
        events.next().await.unwrap();
    }
}

/// Everybody's clock goes on; the agents bring their own.
fn pass(world: &mut World, ahead: i64) {
    world.daemon.shift_clock(ahead);
    world.phone.clock().shift(ahead);
    world.phone.device.wake();
}

fn session(world: &World, ahead: i64) -> Session {
    let gate = world.gate_with(|config: GateConfig| config.clock(Arc::new(ShiftedClock::new(ahead))));
    gate.session("the session").unwrap()
}

fn pay(amount: i64) -> Action {
    Action::new("pay_invoice", &json!({ "amount": amount }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_while_it_asks_resumes_two_days_later_and_runs_once() {
    let mut world = World::new().await;
    let accepting = world.answering(|_| Answer::Ignore);
    let mut asking = agent(&world, 0);
    let before = card(&world).await;
    accepting.abort();
    asking.kill().unwrap();
    asking.wait().unwrap();

    pass(&mut world, 48 * HOUR);
    let again = agent(&world, 48 * HOUR);
    let card = card(&world).await;
    assert_eq!(card.id, before.id, "the same request, not a second one");
    world.phone.try_give(&card, Answer::Approve).await.unwrap();
    assert_eq!(told(again), "allowed");
    assert_eq!(told(agent(&world, 48 * HOUR)), "spent");
    assert_eq!(world.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_renewed_at_half_of_its_life_without_a_word() {
    let mut world = World::new().await;
    let _person = world.answering(|_| Answer::Approve);
    drop(world.session().await);
    let first = world.phone.device.snapshot().trust.standing;

    let mut events = world.phone.device.events();
    pass(&mut world, 37 * HOUR);
    let second = loop {
        if let Event::TrustChanged { trust } = events.next().await.unwrap() {
            break trust.standing;
        }
    };
    let (Standing::Fresh { until: first }, Standing::Fresh { until: second }) = (first, second) else {
        panic!("a fresh status")
    };
    assert!((37 * HOUR..38 * HOUR).contains(&second.since(first)));
    // The first status is over by now; the agent learns of the second one by itself.
    pass(&mut world, 80 * HOUR);
    assert_eq!(outcome(&session(&world, 80 * HOUR), pay(1)).await, Ok(json!({ "amount": 1 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_ran_out_runs_nothing_until_a_device_that_may_renew_it_is_back() {
    let mut world = World::new().await;
    let person = world.answering(|_| Answer::Approve);
    drop(world.session().await);
    person.abort();

    // The device sleeps, as far as its clock is concerned: while that is off it signs nothing.
    world.daemon.shift_clock(80 * HOUR);
    let late = session(&world, 80 * HOUR);
    let refused = outcome(&late, pay(1).life(Duration::from_secs(2))).await;
    assert_eq!(refused, Err("timed_out".to_owned()));

    world.phone.clock().shift(80 * HOUR);
    world.phone.device.wake();
    let _person = world.answering(|_| Answer::Approve);
    assert_eq!(outcome(&late, pay(2)).await, Ok(json!({ "amount": 2 })));
}
