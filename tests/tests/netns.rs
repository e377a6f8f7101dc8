//! Daemon and phone in two network namespaces, joined by one cable: paired with digits, asked and answered over it,
//! and again after the cable was out.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use agenttrust_gate::{Action, Gate, GateConfig, NoDevice};
use agenttrust_tests::kit::{Daemon, Ledger, outcome, program};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Two namespaces and the cable between them; they go with the value.
struct Cable {
    ends: [String; 2],
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Cable {
    /// Lays the cable; `None` where this process may not.
    fn lay() -> Option<Cable> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let id = std::process::id();
        let cable = Cable { ends: [format!("atd{id}"), format!("atp{id}")] };
        let [daemon, phone] = cable.names();
        let laid = ip(&["netns", "add", daemon])
            && ip(&["netns", "add", phone])
            && ip(&["link", "add", daemon, "netns", daemon, "type", "veth", "peer", "name", phone, "netns", phone]);
        let up = |end: &str, address: &str| {
            ip(&["-n", end, "addr", "add", address, "dev", end])
                && ip(&["-n", end, "link", "set", "lo", "up"])
                && ip(&["-n", end, "link", "set", end, "up"])
        };
        (laid && up(daemon, "10.83.0.1/24") && up(phone, "10.83.0.2/24")).then_some(cable)
    }

    fn names(&self) -> [&str; 2] {
        [&self.ends[0], &self.ends[1]]
    }

    /// Pulls the phone's end out, or puts it in again.
    fn plug(&self, state: &str) {
        let [_, phone] = self.names();
        assert!(ip(&["-n", phone, "link", "set", phone, state]));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for end in &self.ends {
            ip(&["netns", "del", end]);
        }
    }
}

/// The phone's program in its namespace; it ends with the value.
struct Phone(Child);

impl Phone {
    fn start(namespace: &str, folder: &Path, arguments: &[&str]) -> Phone {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program("load-phone"));
        command.arg("--everywhere").arg("--folder").arg(folder).args(arguments);
        Phone(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn pair(daemon: &Daemon, namespace: &str, folder: &Path) {
    let ticket = daemon.ticket(false);
    let mut joining = Phone::start(namespace, folder, &["join", "--ticket", &ticket]);
    let mut line = String::new();
    BufReader::new(joining.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let digits = line.trim().strip_prefix("digits ").expect("the phone shows digits");
    let (status, reply) = daemon.host("POST", "/v1/pairings/digits", &format!("{{\"digits\":\"{digits}\"}}"));
    assert_eq!(status, 200, "{reply}");
    assert!(joining.0.wait().unwrap().success());
}

/// Waits until so many connections came up and whether the last one still stands is as wanted.
fn wait_for_line(ledger: &Path, up: bool) {
    let since = Instant::now();
    loop {
        let lines = Ledger::read(ledger, "line");
        if lines.last().is_some_and(|words| words[0].starts_with("Connected") == up) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(40), "the line is not as wanted: {lines:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn netns_a_phone_on_another_machine_pairs_answers_and_comes_back() {
    let Some(cable) = Cable::lay() else {
        eprintln!("skipped: network namespaces need root and iproute2");
        return;
    };
    let [daemon_end, phone_end] = cable.names();
    let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
    let data = folder.path().join("data");
    let daemon = Daemon::start_in(daemon_end, &data);
    let (device, ledger) = (folder.path().join("phone"), folder.path().join("phone.ledger"));
    pair(&daemon, phone_end, &device);

    let _phone = Phone::start(phone_end, &device, &["serve", "--ledger", ledger.to_str().unwrap()]);
    wait_for_line(&ledger, true);

    let config = GateConfig::new("office").state(folder.path().join("agent")).socket(daemon.agent_socket());
    let gate = Gate::open(config.no_device(NoDevice::Queue)).unwrap();
    let session = gate.session("the session").unwrap();
    let pay = |amount: u64| Action::new("pay_invoice", &json!({ "amount": amount }));
    assert_eq!(outcome(&session, pay(1)).await, Ok(json!({"amount": 1})));

    cable.plug("down");
    wait_for_line(&ledger, false);

    let waiting = tokio::spawn(async move { outcome(&session, pay(2)).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished(), "nobody could answer");
    cable.plug("up");
    wait_for_line(&ledger, true);

    assert_eq!(waiting.await.unwrap(), Ok(json!({"amount": 2})));
}
