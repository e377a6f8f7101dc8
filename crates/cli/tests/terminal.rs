//! The PIN comes from a person at a controlling terminal, and from nowhere else.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use agenttrust_device::{Folder, KeyStore, Keys, Pin, PinCost};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BIN: &str = env!("CARGO_BIN_EXE_agenttrust");
const PIN: &str = "483920";

/// The program at a terminal of its own.
struct Session {
    master: File,
    child: Child,
    seen: String,
}

impl Session {
    fn start(data: &Path, arguments: &[&str]) -> Session {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
        // `setsid` makes the terminal at its standard input the controlling one.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", BIN, "--data"]).arg(data).args(arguments);
        let child = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().expect("setsid of util-linux");
        Session { master: File::from(master), child, seen: String::new() }
    }

    fn expect(&mut self, text: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.seen.contains(text) {
            assert!(Instant::now() < end, "waited for {text:?}, saw {:?}", self.seen);
            assert!(self.read(), "waited for {text:?}, the program ended: {:?}", self.seen);
        }
        let (_, after) = self.seen.split_once(text).unwrap();
        self.seen = after.to_owned();
    }

    fn read(&mut self) -> bool {
        let mut watched = [PollFd::new(&self.master, PollFlags::IN)];
        let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        if poll(&mut watched, Some(&moment)).unwrap() == 0 {
            return true;
        }
        let mut bytes = [0; 4096];
        // The terminal fails once nobody has its other side open.
        match self.master.read(&mut bytes) {
            Ok(count) => self.seen.push_str(&String::from_utf8_lossy(&bytes[..count])),
            Err(_) => return false,
        }
        true
    }

    fn send(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Everything that was said until the end, and the exit code.
    fn end(mut self) -> (String, i32) {
        while self.read() {}
        (self.seen, self.child.wait().unwrap().code().unwrap())
    }
}

/// A terminal device's sealed keys, without a daemon.
fn sealed(data: &Path) {
    let folder = Folder::open(&data.join("terminal")).unwrap();
    let cheap = PinCost { memory_kib: 8, passes: 1 };
    KeyStore::Pin(Pin::with_cost(PIN, cheap)).save(&folder, &Keys::generate()).unwrap();
}

/// Every command of the person.
const COMMANDS: &[&[&str]] = &[
    &["requests"],
    &["approve"],
    &["approve", "--watch"],
    &["approver"],
    &["deny", "--reason", "no"],
    &["agents"],
    &["agents", "accept", "x"],
    &["agents", "revoke", "x"],
    &["devices"],
    &["devices", "remove", "x"],
    &["history"],
    &["history", "--evidence"],
    &["log", "show"],
    &["log", "export", "out"],
    &["log", "verify"],
    &["pause"],
    &["pause", "--lift"],
    &["pair", "--this-terminal"],
    &["pair", "--this-terminal", "--ticket"],
];

#[test]
fn without_a_terminal_nothing_is_done_whatever_comes_on_standard_input() {
    let scratch = tempfile::tempdir().unwrap();
    sealed(scratch.path());
    for arguments in COMMANDS {
        let mut command = Command::new("setsid");
        command.args(["--wait", BIN, "--json", "--data"]).arg(scratch.path()).args(*arguments);
        command.env("AGENTTRUST_PIN", PIN).env("PIN", PIN).current_dir(scratch.path());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("setsid");
        // It may have refused before it was written to.
        let _gone = child.stdin.take().unwrap().write_all(format!("{PIN}\n{PIN}\ny\ny\n").as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {said}");
        assert!(said.contains(r#""code":"no_terminal""#), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_pin_is_read_unseen_from_the_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    sealed(scratch.path());
    let mut session = Session::start(scratch.path(), &["requests"]);
    session.expect("PIN of this terminal: ");
    session.send("000000\r");
    session.expect("That is not the PIN.");
    session.expect("PIN of this terminal: ");
    // Backspace and Ctrl-U are obeyed.
    session.send("garbage\u{15}48392x\u{7f}0\r");
    let (said, code) = session.end();
    // The keys opened; that no device's memory lies beside them is found next.
    assert!(said.contains("(unpaired)"), "{said}");
    assert_eq!(code, 5);
    assert!(!said.contains("4839") && !said.contains("garbage"), "{said}");
}

#[test]
fn after_three_wrong_pins_it_is_over() {
    let scratch = tempfile::tempdir().unwrap();
    sealed(scratch.path());
    let mut session = Session::start(scratch.path(), &["approve"]);
    for _ in 0..3 {
        session.expect("PIN of this terminal: ");
        session.send("111111\r");
    }
    let (said, code) = session.end();
    assert!(said.contains("(wrong_pin)"), "{said}");
    assert_eq!(code, 4);
    // The next command is told to wait, whatever the PIN.
    let mut session = Session::start(scratch.path(), &["approve"]);
    session.expect("PIN of this terminal: ");
    session.send(&format!("{PIN}\r"));
    let (said, code) = session.end();
    assert!(said.contains("before the next try"), "{said}");
    assert_eq!(code, 4);
}

#[test]
fn what_was_typed_before_the_prompt_is_not_an_answer() {
    let scratch = tempfile::tempdir().unwrap();
    sealed(scratch.path());
    let mut session = Session::start(scratch.path(), &["requests"]);
    session.send("000000\r000000\r000000\r");
    session.expect("PIN of this terminal: ");
    session.send(&format!("{PIN}\r"));
    let (said, _) = session.end();
    assert!(said.contains("(unpaired)"), "{said}");
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    sealed(scratch.path());
    let mut session = Session::start(scratch.path(), &["requests"]);
    session.expect("PIN of this terminal: ");
    assert!(!tcgetattr(&session.master).unwrap().local_modes.contains(LocalModes::ECHO));
    session.send("48\u{3}");
    session.expect("(interrupted)");
    assert!(tcgetattr(&session.master).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    assert_eq!(session.end().1, 130);
}

#[test]
fn a_new_pin_is_long_enough_and_typed_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let mut session = Session::start(scratch.path(), &["pair", "--this-terminal", "--ticket"]);
    session.expect("Paste the code");
    session.send("agenttrust://pair/NONSENSE\r");
    session.expect("New PIN: ");
    session.send("12345\r");
    session.expect("A PIN has at least six characters.");
    session.expect("New PIN: ");
    session.send("123456\r");
    session.expect("The same again: ");
    session.send("123457\r");
    session.expect("They differ.");
    session.expect("New PIN: ");
    session.send("123456\r");
    session.expect("The same again: ");
    session.send("123456\r");
    let (said, code) = session.end();
    assert!(said.contains("(ticket_invalid)"), "{said}");
    assert_eq!(code, 4);
    assert!(!scratch.path().join("terminal/keys.json").exists(), "nothing is kept of a pairing that failed");
}

#[test]
fn a_terminal_that_is_no_device_is_told_so() {
    let scratch = tempfile::tempdir().unwrap();
    let (said, code) = Session::start(scratch.path(), &["approve"]).end();
    assert!(said.contains("(not_a_device)") && said.contains("agenttrust pair --this-terminal"), "{said}");
    assert_eq!(code, 5);
}
