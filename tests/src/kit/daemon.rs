//! The real `agenttrustd` on a data folder of its own.

use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to answer.
const START: Duration = Duration::from_secs(20);

/// A program of this workspace, beside the running test.
///
/// # Panics
/// If it has not been built: `cargo build --workspace` does that.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().expect("the test's own path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: cargo build --workspace", path.display());
    path
}

/// A running daemon; it ends with the value.
pub struct Daemon {
    child: Child,
    data: PathBuf,
    env: Vec<(String, String)>,
    /// The command that starts it somewhere else, and that command's arguments.
    before: Vec<String>,
    /// Set where the folder is to go with the value.
    _folder: Option<tempfile::TempDir>,
}

impl Daemon {
    /// Starts one on a new folder, reachable over loopback alone.
    #[must_use]
    pub fn spawn() -> Daemon {
        let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        private(&data);
        std::fs::write(data.join("config.toml"), "[link]\nbind = \"127.0.0.1:0\"\n").expect("a file");
        let mut daemon = Daemon::start(&data, &[]);
        daemon._folder = Some(folder);
        daemon
    }

    /// Starts one on this folder.
    #[must_use]
    pub fn start(data: &Path, env: &[(&str, &str)]) -> Daemon {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Daemon::run(data, env, Vec::new())
    }

    /// Starts one on this folder in a network namespace, reachable on all its interfaces.
    #[must_use]
    pub fn start_in(namespace: &str, data: &Path) -> Daemon {
        let before = ["ip", "netns", "exec", namespace].map(str::to_owned).to_vec();
        Daemon::run(data, Vec::new(), before)
    }

    fn run(data: &Path, env: Vec<(String, String)>, before: Vec<String>) -> Daemon {
        let child = launch(data, &env, &before);
        let mut daemon = Daemon { child, data: data.to_owned(), env, before, _folder: None };
        daemon.wait_until_it_answers();
        daemon
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The agents' socket.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        self.data.join("agent.sock")
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    /// Starts it again on the same folder.
    pub fn restart(&mut self) {
        self.child = launch(&self.data, &self.env, &self.before);
        self.wait_until_it_answers();
    }

    /// Stops it and starts it again with its clock so many seconds ahead of the system's.
    pub fn shift_clock(&mut self, ahead: i64) {
        self.stop();
        self.env = vec![("AGENTTRUST_CLOCK_SHIFT".to_owned(), ahead.to_string())];
        self.restart();
    }

    /// Stops it and starts it again so that its files cannot grow beyond so many bytes: what it writes then fails as
    /// on a broken disk. `None` lets them grow again.
    pub fn limit_files(&mut self, bytes: Option<u64>) {
        self.stop();
        // The shell's unit is 512 bytes; a limit that is ignored is an error of the write, not the end of the process.
        let limited = |bytes: u64| format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
        let command = |bytes| vec!["sh".to_owned(), "-c".to_owned(), limited(bytes)];
        self.before = bytes.map(command).unwrap_or_default();
        self.restart();
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(&mut self) {
        let (status, _) = self.host("POST", "/v1/stop", "");
        assert_eq!(status, 200);
        self.child.wait().expect("it has ended");
    }

    /// A call on the host door: the HTTP status and the body.
    #[must_use]
    pub fn host(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        host(&self.data, method, path, body)
    }

    /// A new pairing ticket.
    #[must_use]
    pub fn ticket(&self, local: bool) -> String {
        ticket(&self.data, local)
    }

    fn wait_until_it_answers(&mut self) {
        let since = Instant::now();
        let socket = self.data.join("host.sock");
        while !call(&socket, "GET", "/v1/status", "").is_ok_and(|(status, _)| status == 200) {
            if let Some(status) = self.child.try_wait().expect("its state") {
                panic!("agenttrustd ended: {status}");
            }
            assert!(since.elapsed() < START, "agenttrustd does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A call on the host door of the daemon with this data folder: the HTTP status and the body.
#[must_use]
pub fn host(data: &Path, method: &str, path: &str, body: &str) -> (u16, Value) {
    call(&data.join("host.sock"), method, path, body).expect("the host door answers")
}

/// A new pairing ticket of the daemon with this data folder.
#[must_use]
pub fn ticket(data: &Path, local: bool) -> String {
    let (status, offer) = host(data, "POST", "/v1/pairings", &format!("{{\"local\":{local}}}"));
    assert_eq!(status, 200, "{offer}");
    offer["ticket"].as_str().expect("a ticket").to_owned()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn launch(data: &Path, env: &[(String, String)], before: &[String]) -> Child {
    let mut command = match before {
        [] => Command::new(program("agenttrustd")),
        [starter, arguments @ ..] => {
            let mut command = Command::new(starter);
            command.args(arguments).arg(program("agenttrustd"));
            command
        }
    };
    command.arg("--data").arg(data).args(["--log", "warn"]).stdin(Stdio::null());
    command.envs(env.iter().map(|(k, v)| (k, v)));
    command.spawn().expect("agenttrustd starts")
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("a folder of ours");
}

/// One HTTP/1.1 call over a Unix socket.
fn call(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(START))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(invalid)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(invalid)?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}
