//! What can go wrong around the programs: the disk, the files, the clocks, the callers. Each fault is told with its
//! code, approves nothing, and is over when its cause is.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod clocks;
mod disk;
mod doors;
mod files;
mod flips;

use agenttrust_gate::Action;
use agenttrust_tests::kit::{Answer, World};
use serde_json::json;
use tokio::task::JoinHandle;

fn pay(amount: i64) -> Action {
    Action::new("pay_invoice", &json!({ "invoice": "4711", "amount": amount }))
}

/// A world whose person approves, with an agent that asked once already.
async fn approving(world: &World) -> JoinHandle<()> {
    let person = world.answering(|_| Answer::Approve);
    assert_eq!(agenttrust_tests::kit::outcome(&world.session().await, pay(1)).await, Ok(pay_arguments(1)));
    person
}

fn pay_arguments(amount: i64) -> serde_json::Value {
    json!({ "invoice": "4711", "amount": amount })
}
