//! The command line as a person uses it: in a terminal, with every screen compared to the one kept beside this file.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::{Command, Done, Event};
use agenttrust_gate::{Action, Session};
use agenttrust_tests::kit::{Answer, Desk, PIN, Phone, Terminal, World, outcome, program};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::time::Duration;
use tokio::task::JoinHandle;

fn pay(amount: i64) -> Action {
    Action::new("pay_invoice", &json!({"amount": amount, "invoice": "4711"})).title("Pay invoice 4711")
}

fn ask(session: &Session, action: Action) -> JoinHandle<Result<Value, String>> {
    let session = session.clone();
    tokio::spawn(async move { outcome(&session, action).await })
}

#[test]
fn a_terminal_becomes_the_first_device() {
    let desk = Desk::bare();
    let mut terminal = desk.run(&["pair", "--this-terminal", "--name", "Desk"]);
    terminal.wait_for("New PIN: ").line("12");
    terminal.wait_for("New PIN: ").line(PIN).wait_for("The same again: ").line("7391-bleu");
    terminal.wait_for("They differ.").wait_for("New PIN: ").line(PIN).wait_for("The same again: ").line(PIN);
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.plain().contains(PIN), "the PIN is not shown");
    assert_snapshot!("paired", terminal.lasting());

    let mut again = desk.run(&["pair", "--this-terminal"]);
    assert_ne!(again.end(), 0);
    assert_snapshot!("paired_again", again.lasting());

    let mut status = desk.run(&["status"]);
    assert_eq!(status.end(), 0);
    assert_snapshot!("status", status.lasting());

    let nowhere = OsStr::new("unix:path=/nowhere");
    let mut doctor = desk.run_with(&["doctor"], &[("DBUS_SESSION_BUS_ADDRESS", nowhere)]);
    doctor.end();
    assert_snapshot!("doctor", doctor.lasting());
    assert_snapshot!("devices", desk.done(&["devices"]).lasting());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_approver_answers_requests_as_they_come() {
    let desk = Desk::new();
    let gate = desk.gate();
    let knocking = tokio::spawn(async move { gate.enroll().await.map(|()| gate) });
    let mut terminal = desk.open(&["approver"]);
    terminal.wait_for("[y]es, it may ask").answer("y").wait_for("It may ask now.");
    let session = knocking.await.unwrap().unwrap().session("the session").unwrap();
    session.begin_turn(Some("Pay what is due"), None).unwrap();

    let reason = "It is due on Friday.";
    let asked = ask(&session, pay(120).reason(reason));
    terminal.wait_for("[y]es [n]o").answer("y").wait_for("done");
    assert_eq!(asked.await.unwrap(), Ok(json!({"amount": 120, "invoice": "4711"})));

    let asked = ask(&session, pay(121));
    terminal.wait_for("[y]es [n]o").answer("d").wait_for("Words to the agent: ").line("Wait until Friday.");
    terminal.wait_for("the agent is told no");
    assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));

    let asked = ask(&session, pay(122));
    terminal.wait_for("[y]es [n]o").answer("e").wait_for("by field").answer("f");
    terminal.wait_for("new: ").line("a lot").wait_for("new: ").line("20").wait_for("new: ").line("");
    terminal.wait_for("Sign exactly this?").answer("y").wait_for("done");
    assert_eq!(asked.await.unwrap(), Ok(json!({"amount": 20, "invoice": "4711"})));

    let asked = ask(&session, pay(123));
    terminal.wait_for("[y]es [n]o").send("s").wait_for("[r]eturn to 1 skipped").send("r");
    terminal.wait_for("[y]es [n]o").answer("n").wait_for("the agent is told no");
    assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));
    terminal.wait_for("Waiting for requests").send("q");
    assert_eq!(terminal.end(), 0);
    // What becomes of requests that were answered is told beside, whenever it happens.
    let lasting = terminal.lasting();
    let own = lasting.lines().filter(|line| !line.starts_with("  <id> pay_invoice: "));
    assert_snapshot!("approver", own.collect::<Vec<_>>().join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_survives_a_restart_of_the_daemon() {
    let mut desk = Desk::new();
    let session = desk.session().await;
    let mut terminal = desk.open(&["approver"]);
    let asked = ask(&session, pay(120));
    terminal.wait_for("[y]es [n]o");
    desk.daemon.kill();
    terminal.wait_for("The connection to the daemon is lost");
    desk.daemon.restart();
    terminal.wait_for("Connected.").wait_for("[y]es [n]o").answer("y");
    assert_eq!(asked.await.unwrap(), Ok(json!({"amount": 120, "invoice": "4711"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_answer_one_request_each() {
    let desk = Desk::new();
    let session = desk.session().await;
    let first = ask(&session, pay(120));
    desk.until_pending(1).await;
    let second = ask(&session, pay(5000).life(Duration::from_secs(900)));
    desk.until_pending(2).await;
    let requests = desk.done(&["requests"]);
    assert_snapshot!("requests", requests.lasting());
    let ids: Vec<String> = requests.screen().lines().filter(|line| line.contains("office")).collect();
    let ids: Vec<&str> = ids.iter().map(|line| line.get(..8).unwrap()).collect();

    let mut approve = desk.open(&["approve", ids[0]]);
    approve.wait_for("[y]es [n]o").answer("y");
    assert_eq!(approve.end(), 0);
    assert_snapshot!("approve", approve.lasting());
    assert_snapshot!("deny", desk.done(&["deny", ids[1], "--reason", "Once is enough."]).lasting());
    assert_eq!(first.await.unwrap(), Ok(json!({"amount": 120, "invoice": "4711"})));
    assert_eq!(second.await.unwrap(), Err("denied".to_owned()));

    let edited = ask(&session, pay(120));
    desk.until_pending(1).await;
    let mut approve = desk.run_with(&["approve"], &[("EDITOR", OsStr::new("sed -i s/120/20/"))]);
    approve.wait_for("PIN of this terminal: ").line(PIN);
    approve
        .wait_for("[y]es [n]o")
        .answer("e")
        .wait_for("[b]ack")
        .answer("j")
        .wait_for("Sign exactly this?")
        .answer("y");
    assert_eq!(approve.end(), 0);
    assert_eq!(edited.await.unwrap(), Ok(json!({"amount": 20, "invoice": "4711"})));
    assert_snapshot!("approve_edited", approve.lasting());

    assert_snapshot!("agents", desk.done(&["agents"]).lasting());
    assert_snapshot!("history", desk.done(&["history"]).lasting());
    assert_snapshot!("history_denied", desk.done(&["history", "--outcome", "denied"]).lasting());
    assert_snapshot!("log_verify", desk.done(&["log", "verify"]).lasting());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_shown_with_what_it_was_told_and_what_it_did() {
    let desk = Desk::new();
    let session = desk.session().await;
    for (amount, task, key) in
        [(1, "Pay the open invoices.\nAsk before \u{1b}[2J large ones.", "y"), (2, "And the rent.", "n")]
    {
        session.begin_turn(Some(task), None).unwrap();
        let asked = ask(&session, pay(amount));
        desk.until_pending(1).await;
        let mut approve = desk.open(&["approve"]);
        approve.wait_for("[y]es [n]o").answer(key);
        assert_eq!(approve.end(), 0, "{}", approve.plain());
        assert_eq!(asked.await.unwrap().is_ok(), key == "y");
    }
    let shown = desk.done(&["agents", "show", "office"]).lasting();
    // Where it runs is another place on each machine.
    let lines = shown.lines().map(|line| if line.contains(" · session ") { "<time>  <place>" } else { line });
    assert_snapshot!("agents_show", lines.collect::<Vec<_>>().join("\n"));

    let shown = desk.done(&["--json", "agents", "show", "office", "--turns", "1"]).plain();
    let shown: serde_json::Value =
        serde_json::from_str(shown.split_once('{').map(|(_, rest)| format!("{{{rest}")).unwrap().trim()).unwrap();
    assert_eq!((&shown["agent"]["name"], &shown["did"]), (&json!("office"), &json!({"denied": 1, "executed": 1})));
    let turn = &shown["sessions"]["list"][0]["turns"][0];
    assert_eq!((&turn["task"], &turn["requests"]), (&json!("And the rent."), &json!(1)));
    assert!(shown["sessions"]["next"].is_u64(), "there is an earlier one");
    let sid = shown["sessions"]["list"][0]["sid"].as_str().unwrap();
    let history = desk.done(&["history", "--agent", "office", "--session", sid]).plain();
    assert_eq!(history.matches("pay_invoice").count(), 2, "{history}");
}

/// The last of many words.
const LAST: &str = "at-the-very-end";

/// An argument that is longer than what is shown of it at first, of an agent that says nothing about the risk.
fn long() -> Action {
    let memo = format!("{}{LAST}", "all is well and as it was. ".repeat(200));
    Action::new("pay_invoice", &json!({"amount": 120, "memo": memo}))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_approved_that_was_not_shown_whole() {
    let desk = Desk::new();
    let session = desk.session().await;
    let asked = ask(&session, long());
    desk.until_pending(1).await;
    let mut approve = desk.open(&["approve"]);
    approve.wait_for(LAST).wait_for("[y]es [n]o").answer("y");
    assert_eq!(approve.end(), 0, "{}", approve.plain());
    assert!(asked.await.unwrap().is_ok());

    let mut terminal = desk.open(&["approver"]);
    let asked = ask(&session, long());
    terminal.wait_for("[m]ore, then [y]es");
    assert!(!terminal.plain().contains(LAST), "{}", terminal.plain());
    terminal.answer("y").wait_for("look at all of it first, with [m]").wait_for("[m]ore, then [y]es");
    assert!(!asked.is_finished());
    terminal.send("m").wait_for(LAST).wait_for("[y]es [n]o").answer("y").wait_for("done");
    assert!(asked.await.unwrap().is_ok());

    // To say no, nobody has to read it.
    let asked = ask(&session, long());
    terminal.wait_for("[m]ore, then [y]es").answer("n").wait_for("the agent is told no");
    assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));
    terminal.wait_for("Waiting for requests").send("q");
    assert_eq!(terminal.end(), 0);
}

/// An editor that fails the first time, writes what is no JSON the second time, and mends that the third time.
const CLUMSY: &str = r#"#!/bin/sh
count=$(($(cat "$0.count" 2>/dev/null || echo 0) + 1))
echo $count >"$0.count"
case $count in
  1) exit 3 ;;
  2) printf '{"amount": 20,, "invoice": "4711"}' >"$1" ;;
  *) sed -i 's/,,/,/' "$1" ;;
esac
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_survives_mistakes_and_is_gone_on_with() {
    let desk = Desk::new();
    let session = desk.session().await;
    let asked = ask(&session, pay(120));
    desk.until_pending(1).await;
    let editor = desk.path("editor");
    std::fs::write(&editor, CLUMSY).unwrap();
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut approve = desk.run_with(&["approve"], &[("EDITOR", editor.as_os_str())]);
    approve.wait_for("PIN of this terminal: ").line(PIN).wait_for("[y]es [n]o").answer("e");
    approve.wait_for("[b]ack").answer("j").wait_for("ended with an error. (editor_failed)");
    approve.wait_for("[b]ack").answer("j").wait_for("not valid JSON").wait_for("(bad_request)");
    approve.wait_for("[b]ack").answer("j").wait_for("/amount: 120 → 20");
    approve.wait_for("Sign exactly this?").answer("e").wait_for("[b]ack").answer("f");
    approve.wait_for("/amount (number): 20").wait_for("new: ").line("");
    approve.wait_for("/invoice (text): 4711").wait_for("new: ").line("4712");
    approve.wait_for("/amount: 120 → 20").wait_for("/invoice: ").wait_for("Sign exactly this?").answer("y");
    assert_eq!(approve.end(), 0, "{}", approve.plain());
    assert_eq!(asked.await.unwrap(), Ok(json!({"amount": 20, "invoice": "4712"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_until_it_is_lifted() {
    let desk = Desk::new();
    let session = desk.session().await;
    assert_snapshot!("pause", desk.done(&["pause"]).lasting());
    assert_eq!(ask(&session, pay(120)).await.unwrap(), Err("paused".to_owned()));
    assert_snapshot!("pause_lifted", desk.done(&["pause", "--lift"]).lasting());
    let asked = ask(&session, pay(120));
    desk.until_pending(1).await;
    let mut approve = desk.open(&["approve"]);
    approve.wait_for("[y]es [n]o").answer("y");
    assert_eq!(approve.end(), 0);
    assert!(asked.await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_answers_nothing() {
    let desk = Desk::new();
    let session = desk.session().await;
    let asked = ask(&session, pay(120));
    desk.until_pending(1).await;
    let mut approve = desk.run(&["approve"]);
    for wrong in ["7391-blu", "", "7391-bluee"] {
        approve.wait_for("PIN of this terminal: ").line(wrong);
    }
    assert_eq!(approve.end(), 4);
    assert!(approve.plain().contains("(wrong_pin)"), "{}", approve.plain());
    assert_snapshot!("wrong_pin", approve.lasting());
    desk.until_pending(1).await;
    assert!(!asked.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_elsewhere_is_over_here() {
    let world = World::new().await;
    let mut joining = start(&world, &["pair", "--this-terminal", "--name", "Desk", "--ticket"]);
    let phone = &world.phone;
    let Ok(Done::Offer { offer, .. }) = phone.device.run(Command::OfferPairing).await else {
        panic!("no pairing code")
    };
    let mut events = phone.device.events();
    joining.wait_for("Paste the code that the other device shows: ").line(&offer.ticket);
    joining.wait_for("New PIN: ").line(PIN).wait_for("The same again: ").line(PIN);
    joining.wait_for("Type these digits on the other device.");
    let plain = joining.plain();
    let digits: String = plain.lines().rev().nth(2).unwrap().split_whitespace().collect();
    let joiner = loop {
        if let Event::PairingDigits { joiner, .. } = events.next().await.unwrap() {
            break joiner;
        }
    };
    let confirm =
        Command::ConfirmPairing { joiner, digits, name: None, owner: "ann".to_owned(), admin: true, local: true };
    phone.device.run(confirm).await.unwrap();
    assert_eq!(joining.end(), 0, "{}", joining.plain());
    assert_snapshot!("joined", joining.lasting());

    let accepting = world.answering(|_| Answer::Ignore);
    let session = world.session().await;
    accepting.abort();
    let mut terminal = start(&world, &["approver"]);
    terminal.wait_for("PIN of this terminal: ").line(PIN).wait_for("Waiting for requests");
    let asked = ask(&session, pay(120));
    terminal.wait_for("[y]es [n]o");
    answer_on(phone).await;
    assert!(asked.await.unwrap().is_ok());
    terminal.wait_for("This request is over").wait_for("Waiting for requests").send("q");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.plain().contains("answered on Virtual phone"), "{}", terminal.plain());
}

fn start(world: &World, arguments: &[&str]) -> Terminal {
    Terminal::start(&program("agenttrust"), arguments, &[("AGENTTRUST_DATA", world.daemon.data().as_os_str())])
}

async fn answer_on(phone: &Phone) {
    // It may have reached the other device first.
    let mut events = phone.device.events();
    let mut cards = phone.device.snapshot().cards;
    while cards.is_empty() {
        events.next().await.unwrap();
        cards = phone.device.snapshot().cards;
    }
    let card = cards.remove(0);
    phone.try_give(&card, Answer::Approve).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_expires_is_over_while_it_is_shown() {
    let desk = Desk::new();
    let session = desk.session().await;
    let mut terminal = desk.open(&["approver"]);
    terminal.wait_for("Waiting for requests");
    let asked = ask(&session, pay(120).life(Duration::from_secs(3)));
    terminal.wait_for("[y]es [n]o").wait_for("This request is over: expired");
    terminal.answer("y").wait_for("Waiting for requests").send("q");
    assert_eq!(terminal.end(), 0);
    let code = asked.await.unwrap().unwrap_err();
    assert!(code == "timed_out" || code == "expired", "{code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_leaves_the_terminal_as_it_was() {
    let desk = Desk::new();
    let session = desk.session().await;
    let asked = ask(&session, pay(120));
    desk.until_pending(1).await;
    let agenttrust = program("agenttrust");
    let script = format!(
        "trap : INT; before=$(stty -g); {} approve; echo \"exit $?\"; [ \"$before\" = \"$(stty -g)\" ] && echo 'as it was'",
        agenttrust.display()
    );
    let shell = |at: &[(&str, &str)]| {
        let env = [("AGENTTRUST_DATA", desk.daemon.data().as_os_str())];
        let mut terminal = Terminal::start("/bin/sh".as_ref(), &["-c", &script], &env);
        for (text, keys) in at {
            terminal.wait_for(text).answer(keys);
        }
        terminal.wait_for("exit 130").wait_for("as it was");
        assert_eq!(terminal.end(), 0);
        assert!(terminal.plain().contains("nothing was signed"), "{}", terminal.plain());
    };
    let pin = format!("{PIN}\r");
    shell(&[("PIN of this terminal: ", "\x03")]);
    shell(&[("PIN of this terminal: ", &pin), ("[y]es [n]o", "\x03")]);
    shell(&[("PIN of this terminal: ", &pin), ("[y]es [n]o", "e"), ("by field", "\x03")]);
    desk.until_pending(1).await;
    assert!(!asked.is_finished());
}
