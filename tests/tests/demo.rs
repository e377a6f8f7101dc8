//! The demo, unattended and by hand; and an agent that does not check, which its checker must notice.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_tests::kit::{PIN, Terminal, program};
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

#[test]
fn a_person_at_the_terminal_answers_it_to_its_end() {
    let programs = program("agenttrust").parent().unwrap().to_owned();
    let script = workspace_root().join("scripts/demo");
    let mut demo = Terminal::start(&script, &["--terminal"], &[("AGENTTRUST_PROGRAMS", programs.as_os_str())]);
    demo.wait_for("Choose a PIN").wait_for("New PIN: ").line(PIN).wait_for("The same again: ").line(PIN);
    demo.wait_for("PIN of this terminal: ").line(PIN);
    demo.wait_for("[y]es, it may ask").answer("y").wait_for("It may ask now.");
    for title in ["Read the notes", "Write a summary", "Delete the draft"] {
        demo.wait_for(title).wait_for("[y]es [n]o").answer("y");
    }
    demo.wait_for("Delete old contracts").wait_for("[y]es [n]o").answer("d");
    demo.wait_for("Words to the agent: ").line("Keep the contracts.");
    demo.wait_for("Send the report").wait_for("[y]es [n]o").answer("y");
    demo.wait_for("Pay the invoice").wait_for("[y]es [n]o").answer("e").wait_for("[b]ack").answer("f");
    for (field, value) in [("amount", "120.50"), ("currency", ""), ("iban", ""), ("invoice", ""), ("payee", "")] {
        demo.wait_for(&format!("/{field} (")).wait_for("new: ").line(value);
    }
    demo.wait_for("/amount: 1200.5 → 120.50").wait_for("Sign exactly this?").answer("y");
    demo.wait_for("Send the newsletter").wait_for("[y]es [n]o").answer("n");
    demo.wait_for("What the agent says:").wait_for("The person says: Keep the contracts.");
    demo.wait_for("the person changed the arguments").wait_for("PIN of this terminal: ").line(PIN);
    demo.wait_for("5 signed actions, and exactly these happened.");
    demo.wait_for("PIN of this terminal: ").line(PIN).wait_for("The history is sound.");
    assert_eq!(demo.end(), 0, "{}", demo.plain());
    assert!(!demo.plain().contains(PIN), "the PIN is not shown");
}
