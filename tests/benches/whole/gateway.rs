//! The gateway in front of an MCP server: what it adds to a message that passes, and to a call beyond its decision.

use super::loops;
use super::series::Series;
use agenttrust_gate::Session;
use agenttrust_tests::kit::{World, program};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that answers at once, in a few lines.
const SERVER: &str = r#"
import json, sys
tools = [{"name": "echo", "description": "Says it again", "inputSchema": {"type": "object"}}]
for line in sys.stdin:
    message = json.loads(line)
    result = {"ping": {}, "tools/list": {"tools": tools}}.get(message["method"], {"content": []})
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

/// What the gateway takes, beside what is in it anyway.
#[derive(Default)]
pub struct Gateway {
    /// A message to the server and its answer, with nothing in between.
    pub direct: Series,
    /// The same through the gateway.
    pub through: Series,
    /// A call through the gateway that is approved at once.
    pub call: Series,
    /// An ask of the SDK in a running process: the decision alone.
    pub decision: Series,
}

struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    count: usize,
}

impl Peer {
    fn start(command: &mut Command) -> Peer {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Peer { child, to, from: BufReader::new(from), count: 0 }
    }

    /// Sends one request and reads its answer.
    fn ask(&mut self, method: &str, params: &str) -> (Duration, String) {
        self.count += 1;
        let message = format!(r#"{{"jsonrpc":"2.0","id":{},"method":"{method}","params":{params}}}"#, self.count);
        let (began, mut answer) = (Instant::now(), String::new());
        self.to.write_all(format!("{message}\n").as_bytes()).expect("it reads");
        self.from.read_line(&mut answer).expect("it answers");
        (began.elapsed(), answer)
    }

    fn end(mut self) {
        drop(self.to);
        self.child.wait().expect("it ends");
    }
}

/// The gateway in turns with the bare server, and a call in turns with the same ask in a process that runs.
pub async fn measure(world: &World, session: &Session, times: usize) -> Gateway {
    let python = ["python3", "-c", SERVER];
    let mut direct = Peer::start(Command::new(python[0]).args(&python[1..]));
    let mut gateway = Command::new(program("agenttrust"));
    gateway.args(["mcp", "--name", "echo", "--socket"]).arg(world.daemon.agent_socket());
    gateway.arg("--state").arg(world.path("gateway")).arg("--").args(python);
    let mut through = Peer::start(&mut gateway);
    let mut measured = Gateway::default();
    for number in 0..times + 3 {
        let call = format!(r#"{{"name":"echo","arguments":{{"number":{number}}}}}"#);
        let (bare, _) = direct.ask("ping", "{}");
        let (passed, _) = tokio::task::block_in_place(|| through.ask("ping", "{}"));
        let (called, answer) = tokio::task::block_in_place(|| through.ask("tools/call", &call));
        assert!(answer.contains(r#""content": []"#), "{answer}");
        let decision = loops::one(session, number).await;
        // The first ones enrol the agent and warm the file cache.
        if number >= 3 {
            measured.direct.push(bare);
            measured.through.push(passed);
            measured.call.push(called);
            measured.decision.push(decision);
        }
    }
    direct.end();
    tokio::task::block_in_place(|| through.end());
    measured
}
