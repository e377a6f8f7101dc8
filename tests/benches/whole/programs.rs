//! The programs themselves: their start, their rest, their size, and the hook.

use super::loops;
use super::machine::{resident, ticks};
use super::series::Series;
use agenttrust_gate::Session;
use agenttrust_tests::kit::{Daemon, World, host, program};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the daemons are watched doing nothing.
pub const REST: Duration = Duration::from_secs(60);

fn start(data: &Path) -> Child {
    let mut command = Command::new(program("agenttrustd"));
    command.arg("--data").arg(data).args(["--log", "warn"]).stdin(Stdio::null());
    command.spawn().expect("it starts")
}

/// From the start of the process to its first answer, on a folder that no daemon holds.
pub fn cold_start(data: &Path, times: usize) -> Series {
    let mut series = Series::default();
    let socket = data.join("host.sock");
    for _ in 0..times {
        let began = Instant::now();
        let mut child = start(data);
        while UnixStream::connect(&socket).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not start");
            std::thread::sleep(Duration::from_micros(200));
        }
        let (status, _) = host(data, "GET", "/v1/status", "");
        series.push(began.elapsed());
        assert_eq!(status, 200);
        let (status, _) = host(data, "POST", "/v1/stop", "");
        assert_eq!(status, 200);
        child.wait().expect("it ends");
    }
    series
}

/// One daemon at rest: memory in MB, clock ticks of CPU.
pub struct Rest {
    pub memory: f64,
    pub ticks: u64,
}

/// A daemon nobody is connected to, and one with a device.
pub async fn rest(connected: &World) -> [Rest; 2] {
    let alone = Daemon::spawn();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pids = [alone.pid(), connected.daemon.pid()];
    let before = pids.map(ticks);
    tokio::time::sleep(REST).await;
    let after = pids.map(ticks);
    [0, 1].map(|which| Rest { memory: resident(pids[which]), ticks: after[which] - before[which] })
}

fn run(command: &mut Command, input: &str) -> (Duration, String) {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    (began.elapsed(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a hook takes, beside what is in it anyway.
#[derive(Default)]
pub struct Hook {
    /// The whole process, while the person approves at once.
    pub whole: Series,
    /// An ask of the SDK in a running process: the decision alone.
    pub decision: Series,
    /// A process that only starts.
    pub bare: Series,
}

/// The hook of a coding agent, in turns with the same ask in a process that runs.
pub async fn hook(world: &World, session: &Session, times: usize) -> Hook {
    let mut measured = Hook::default();
    for number in 0..times + 3 {
        let event = format!(
            r#"{{"session_id":"s","transcript_path":"/t","cwd":"/w","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{{"command":"make release"}},"tool_use_id":"t{number}"}}"#
        );
        let mut command = Command::new(program("agenttrust"));
        command.args(["hook", "claude-code", "--socket"]).arg(world.daemon.agent_socket());
        command.arg("--state").arg(world.path("hook"));
        let (took, answer) = tokio::task::block_in_place(|| run(&mut command, &event));
        assert!(answer.contains(r#""permissionDecision":"allow""#), "{answer}");
        let decision = loops::one(session, number).await;
        let (start, _) = tokio::task::block_in_place(|| run(Command::new(program("agenttrust")).arg("--version"), ""));
        // The first ones enrol the agent and warm the file cache.
        if number >= 3 {
            measured.whole.push(took);
            measured.decision.push(decision);
            measured.bare.push(start);
        }
    }
    measured
}

/// Size in MB (10^6 bytes) of a program as built, without symbols.
pub fn size(name: &str) -> f64 {
    std::fs::metadata(program(name)).expect("it is built").len() as f64 / 1e6
}
