//! A daemon, a phone, a gateway and the programs around them, each in a folder and an environment of their own.

use agenttrust_device::CardView;
use agenttrust_tests::kit::{Answer, World, program};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// The longest that one program may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Where `scripts/setup test` puts the pinned programs.
fn agents() -> PathBuf {
    let home = || Path::new(&std::env::var("HOME").unwrap()).join(".cache/agenttrust/agents");
    std::env::var("AGENTTRUST_AGENTS").map_or_else(|_| home(), PathBuf::from)
}

/// A path in one of the folder's folders: npm takes one of several platforms' packages.
pub fn below(folder: &str, path: &str) -> PathBuf {
    let folder = agents().join(folder);
    let folders = std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let found = folders.map(|folder| folder.join(path)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no {path} in {}: run scripts/setup test", folder.display()))
}

/// Node 22, which the inspector needs.
pub fn node() -> PathBuf {
    below("node/node_modules", "bin/node")
}

/// The pinned packages of MCP.
pub fn packages() -> PathBuf {
    agents().join("mcp")
}

/// A script of one of them.
pub fn script(path: &str) -> String {
    let path = packages().join("node_modules/@modelcontextprotocol").join(path);
    assert!(path.exists(), "no {}: run scripts/setup test", path.display());
    path.display().to_string()
}

/// A world with somebody who answers, and a folder for files.
pub struct Bench {
    pub world: World,
    answering: JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl Bench {
    pub async fn new(answer: impl Fn(&CardView) -> Answer + Send + Sync + 'static) -> Bench {
        let world = World::new().await;
        for folder in ["home", "files", "tmp"] {
            std::fs::create_dir_all(world.path(folder)).unwrap();
        }
        let answering = world.answering(answer);
        Bench { world, answering }
    }

    pub fn path(&self, name: &str) -> String {
        self.world.path(name).display().to_string()
    }

    pub fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.world.path("files").join(name)).ok()
    }

    /// The gateway's command line, with the flags that every test needs.
    pub fn gateway(&self, flags: &[&str]) -> Vec<String> {
        let (socket, state) = (self.world.daemon.agent_socket().display().to_string(), self.path("state"));
        let own = [program("agenttrust").display().to_string(), "mcp".to_owned()];
        let own = own.into_iter().chain(["--socket".to_owned(), socket, "--state".to_owned(), state]);
        own.chain(flags.iter().map(|&flag| flag.to_owned())).collect()
    }

    /// The gateway in front of the official filesystem server.
    pub fn files_gateway(&self) -> Vec<String> {
        let (node, files) = (node().display().to_string(), self.path("files"));
        let server = script("server-filesystem/dist/index.js");
        self.gateway(&["--name", "files", "--", &node, &server, &files])
    }

    /// A program in this world's home, and with nothing else of this machine's.
    pub fn command(&self, line: &[String]) -> Command {
        let mut command = Command::new(&line[0]);
        let node_folder = node().parent().unwrap().display().to_string();
        command
            .args(&line[1..])
            .current_dir(self.world.path("files"))
            .env_clear()
            .env("PATH", format!("{node_folder}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("MCP_INSPECTOR_SECRET_STORE", "memory")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a program to its end.
    pub async fn run(&self, line: &[String]) -> Ran {
        self.run_command(self.command(line)).await
    }

    pub async fn run_command(&self, mut command: Command) -> Ran {
        let output = tokio::time::timeout(LIMIT, command.output()).await.expect("it does not end").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The official inspector calls a tool of the server that this entry of its configuration starts or names.
    pub async fn inspect(&self, entry: &Value, tool: &str, arguments: &[(&str, &str)]) -> Ran {
        let config = self.path("inspector.json");
        std::fs::write(&config, json!({"mcpServers": {"it": entry}}).to_string()).unwrap();
        let inspector = script("inspector/clients/launcher/build/index.js");
        let node = node().display().to_string();
        let mut line = [&node, &inspector, "--cli", "--config", &config, "--server", "it", "--method", "tools/call"]
            .map(str::to_owned)
            .to_vec();
        line.extend(["--tool-name".to_owned(), tool.to_owned()]);
        for (name, value) in arguments {
            line.extend(["--tool-arg".to_owned(), format!("{name}={value}")]);
        }
        self.run(&line).await
    }

    /// Starts a program, and waits until it says this on standard error or output.
    pub async fn start(&self, command: Command, what: &'static str) -> Running {
        let mut running = Running::start(command);
        running.said(what).await;
        running
    }

    /// The official everything server over HTTP; answers its address.
    pub async fn everything(&self) -> (Running, String) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let line =
            [node().display().to_string(), script("server-everything/dist/index.js"), "streamableHttp".to_owned()];
        let mut command = self.command(&line);
        command.env("PORT", port.to_string());
        (self.start(command, "listening on port").await, format!("http://127.0.0.1:{port}/mcp"))
    }

    /// A gateway that listens in front of a server behind a URL; answers its own address.
    pub async fn listening(&self, url: &str) -> (Running, String) {
        let line = self.gateway(&["--name", "everything", "--url", url, "--listen", "127.0.0.1:0"]);
        self.start_listening(self.command(&line)).await
    }

    /// Starts a program that says where it listens; answers that.
    pub async fn start_listening(&self, command: Command) -> (Running, String) {
        let running = self.start(command, "listening at ").await;
        let said = running.text.lock().unwrap().clone();
        let address = said.split("listening at ").nth(1).unwrap().lines().next().unwrap().to_owned();
        (running, address)
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A program that runs, with what it said.
pub struct Running {
    /// It ends with this.
    _child: Child,
    pub text: Arc<Mutex<String>>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let text: Arc<Mutex<String>> = Arc::default();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        tokio::spawn(keep(Arc::clone(&text), BufReader::new(out)));
        tokio::spawn(keep(Arc::clone(&text), BufReader::new(err)));
        Running { _child: child, text }
    }

    async fn said(&mut self, what: &str) {
        for _ in 0..LIMIT.as_millis() / 20 {
            if self.text.lock().unwrap().contains(what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never said {what:?}: {}", self.text.lock().unwrap());
    }
}

async fn keep(text: Arc<Mutex<String>>, from: impl tokio::io::AsyncBufRead + Unpin) {
    let mut lines = from.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        text.lock().unwrap().push_str(&format!("{line}\n"));
    }
}

/// A client on the streams of a program, which a test plays itself.
pub struct Client {
    pub child: Child,
    pub to: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    pub fn of(mut command: Command) -> Client {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take(), child.stdout.take().unwrap());
        Client { child, to, lines: BufReader::new(from).lines() }
    }

    pub async fn say(&mut self, message: &Value) {
        self.to.as_mut().unwrap().write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// The next message; `None` at the end.
    pub async fn hear(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await.expect("nothing came").unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// The answer to a request, behind whatever else comes.
    pub async fn ask(&mut self, request: &Value) -> Value {
        self.say(request).await;
        loop {
            let message = self.hear().await.expect("the program has ended");
            if message["id"] == request["id"] && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// Opens a session of the era that has them.
    pub async fn initialize(&mut self) {
        let info = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
        self.ask(&json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": params})).await;
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    }
}

pub fn call(id: u64, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}
