//! Whatever a client writes, without a permit nothing is allowed.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod desk;
#[path = "../../../sdk/rust/tests/kit/mod.rs"]
mod kit;

use agenttrust_gate::GateConfig;
use agenttrust_hooks::Client;
use agenttrust_hooks::hook::{HookConfig, HookOutput, answer};
use desk::{CLIENTS, event, is_a_no};
use proptest::prelude::*;
use std::time::Duration;

/// Answers it where nobody can be asked.
fn without_a_daemon(client: Client, event: &[u8]) -> HookOutput {
    let folder = tempfile::tempdir().unwrap();
    let gate = GateConfig::new("bot").state(folder.path().join("state")).socket(folder.path().join("agent.sock"));
    let config = HookConfig { gate, deadline: Duration::from_secs(5), canary: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(answer(client, event, config))
}

/// A call with some of its bytes replaced, left out or doubled.
fn bent() -> impl Strategy<Value = (Client, Vec<u8>)> {
    let bends = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..4);
    (prop::sample::select(&CLIENTS[..]), bends).prop_map(|(client, bends)| {
        let mut bytes = event(client, "call").into_bytes();
        for (at, byte, how) in bends {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        (client, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bent_call_is_a_no((client, bytes) in bent()) {
        let output = without_a_daemon(client, &bytes);
        prop_assert!(is_a_no(client, &output), "{client:?} {} {output:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn noise_is_a_no(client in prop::sample::select(&CLIENTS[..]), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let output = without_a_daemon(client, &bytes);
        prop_assert!(is_a_no(client, &output), "{client:?} {bytes:?} {output:?}");
    }
}
