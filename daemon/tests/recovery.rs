//! The recovery key: what it signs waits for 72 hours, over every restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use agenttrust_protocol::door::DaemonStatus;
use agenttrust_protocol::envelope::{Nothing, Unsigned};
use agenttrust_protocol::key::{Recovery, SecretKey};
use agenttrust_protocol::message::{Bundle, Device};
use agenttrust_protocol::{Head, Opened};
use common::{House, Phone, eventually, random, seed};
use http::Method;
use serde_json::Value;
use std::time::Duration;

const HOUR: i64 = 3600;

async fn version(house: &House) -> u64 {
    let status: DaemonStatus = house.host(Method::GET, "/v1/status", Value::Null).await.json();
    status.bundle
}

async fn restart_at(house: &mut House, seconds: i64) {
    house.close().await;
    house.clock.shift(seconds);
    house.open().await;
}

fn follow(held: &Opened<Bundle>, change: impl FnOnce(&mut Bundle)) -> Bundle {
    let body = held.body();
    let mut next = Bundle { version: body.version + 1, prev: Some(held.hash()), ..body.clone() };
    change(&mut next);
    next
}

#[tokio::test]
async fn a_recovery_bundle_counts_after_72_hours_over_restarts() {
    let mut house = House::start().await;
    let mut phone = Phone::found(&house).await;
    let recovery = SecretKey::<Recovery>::from_seed(&seed());
    let named = follow(phone.trust.current(), |bundle| bundle.recovery = Some(recovery.public()));
    let named = phone.sign(&named, &Nothing {});
    phone.trust.accept_bundle(&named, house.now()).unwrap();
    assert_eq!(phone.post("/v1/bundles", &named).await.reply().state, "ok");
    phone.move_status(|_| {}).await;

    let (key, witness, transport) = (SecretKey::from_seed(&seed()), SecretKey::from_seed(&seed()), seed());
    let new = Device {
        key: SecretKey::public(&key),
        witness: SecretKey::public(&witness),
        transport: SecretKey::<agenttrust_protocol::key::Transport>::from_seed(&transport).public().thumbprint(),
        name: "new phone".into(),
        ..phone.trust.current().body().devices[0].clone()
    };
    let body = follow(phone.trust.current(), |bundle| bundle.devices = vec![new]);
    let head = Head::new(&mut random(), house.now(), Some(phone.trust.tdid()));
    let unsigned = Unsigned::new(&head, &body, &Nothing {}, &mut random());
    let text = unsigned.join(vec![unsigned.part(&key), unsigned.recovery_part(&recovery)]).into_string();
    assert_eq!(phone.post("/v1/bundles", &text).await.reply().state, "pending");
    assert_eq!(version(&house).await, 2);

    for hours in [1, 71] {
        restart_at(&mut house, hours * HOUR).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(version(&house).await, 2, "after {hours} hours");
    }
    restart_at(&mut house, 72 * HOUR + 60).await;
    eventually("it counts", async || version(&house).await == 3).await;
    restart_at(&mut house, 0).await;
    assert_eq!(version(&house).await, 3, "a clock set back does not undo it");
}
