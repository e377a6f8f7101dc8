//! The demo, unattended; and an agent that does not check, which its checker must notice.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_tests::kit::program;
use agenttrust_tests::workspace_root;
use std::process::{Command, Output};

fn demo(args: &[&str]) -> Output {
    let programs = program("agenttrust").parent().unwrap().to_owned();
    let script = workspace_root().join("scripts/demo");
    Command::new(script).args(args).env("AGENTTRUST_PROGRAMS", programs).output().unwrap()
}

#[test]
fn everything_signed_happens_and_nothing_else() {
    let output = demo(&["--auto"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "5 signed actions, and exactly these happened.",
        "The history is sound.",
        "The person says: Keep the contracts.",
        "the person changed the arguments",
        "Nobody answered in time",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
}

#[test]
fn an_agent_that_does_not_check_is_caught() {
    let output = demo(&["--auto", "--careless"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{text}");
    for expected in ["contracts.txt is gone, and nobody signed that", "\"amount\":1200.5", "/newsletter"] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
}
