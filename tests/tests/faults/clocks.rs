//! One of the clocks is off: nothing runs, everyone is told why, and it is over when the clock is right again.

use super::{approving, pay, pay_arguments};
use agenttrust_gate::GateConfig;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, ShiftedClock, World, outcome};
use std::sync::Arc;
use std::time::Duration;

/// An hour and ten years, both ways.
const SHIFTS: [i64; 4] = [3_600, -3_600, 315_360_000, -315_360_000];

/// What an agent may be told of a clock that is off.
const TOLD: [&str; 5] = ["not_yet_valid", "expired", "status_expired", "clock_off", "stale_trust"];

fn executed(states: &[State]) -> usize {
    states.iter().filter(|state| **state == State::Executed).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_clock_is_off_runs_nothing() {
    let world = World::new().await;
    let _person = approving(&world).await;
    for shift in SHIFTS {
        let gate = world.gate_with(|config: GateConfig| config.clock(Arc::new(ShiftedClock::new(shift))));
        let code = outcome(&gate.session("the session").unwrap(), pay(2)).await.unwrap_err();
        assert!(TOLD.contains(&code.as_str()), "{shift}: {code}");
    }
    assert_eq!(outcome(&world.session().await, pay(3)).await, Ok(pay_arguments(3)));
    assert_eq!(executed(&world.phone.states().await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_clock_is_off_releases_nothing() {
    let mut world = World::new().await;
    let _person = approving(&world).await;
    let session = world.session().await;
    for shift in SHIFTS {
        world.daemon.shift_clock(shift);
        world.phone.device.wake();
        let code = outcome(&session, pay(2).life(Duration::from_secs(5))).await.unwrap_err();
        assert!(TOLD.contains(&code.as_str()), "{shift}: {code}");
    }
    world.daemon.shift_clock(0);
    world.phone.device.wake();
    assert_eq!(outcome(&session, pay(3)).await, Ok(pay_arguments(3)));
    assert_eq!(executed(&world.phone.states().await), 2);
}

/// Waits until the device has a card that can be answered, and answers it.
async fn approve_when_possible(world: &World) {
    let mut events = world.phone.device.events();
    loop {
        let cards = world.phone.device.snapshot().cards;
        if let Some(card) = cards.iter().find(|card| card.blocked.is_none()) {
            world.phone.try_give(card, Answer::Approve).await.unwrap();
            return;
        }
        events.next().await.unwrap();
    }
}

/// Moves the device's clock and waits until the person is told how far it is off.
async fn set_clock(world: &World, shift: i64) {
    world.phone.clock().shift(shift);
    world.phone.device.wake();
    while (world.phone.device.snapshot().clock_ahead - shift).abs() > 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_clock_is_off_signs_nothing_until_it_is_right() {
    let world = World::new().await;
    approving(&world).await.abort();
    let session = world.session().await;
    for (n, shift) in SHIFTS.into_iter().enumerate() {
        let amount = i64::try_from(n).unwrap() + 10;
        let asking = tokio::spawn({
            let session = session.clone();
            async move { outcome(&session, pay(amount)).await }
        });
        while world.phone.device.snapshot().cards.iter().all(|card| card.blocked.is_some()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        set_clock(&world, shift).await;
        let cards = world.phone.device.snapshot().cards;
        for card in &cards {
            let refused = world.phone.try_give(card, Answer::Approve).await.unwrap_err();
            assert!(TOLD.contains(&refused.code()) || refused.code() == "closed", "{shift}: {refused}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!asking.is_finished(), "{shift}");

        set_clock(&world, 0).await;
        approve_when_possible(&world).await;
        assert_eq!(asking.await.unwrap(), Ok(pay_arguments(amount)), "{shift}");
    }
}
