//! `agenttrust hook CLIENT`: one process for each event of a coding agent, JSON in, JSON out.
//!
//! Most clients run the tool when their hook dies, is late or says something they cannot read. So every way out of
//! here is an explicit refusal but one, and the last word is spoken before the client's own time-out.

mod dialect;
mod event;
mod flow;
mod output;
mod running;
mod stop;

pub use flow::answer;
pub use output::HookOutput;

use crate::{Client, HookFlags};
use agenttrust_gate::{GateConfig, Refused, Trouble};
use clap::Args;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The longest event that is read, in bytes; a signed message holds far less.
const MAX_EVENT: u64 = 16 << 20;

/// How long after its deadline a hook that hangs is answered for.
const GRACE: Duration = Duration::from_secs(5);

/// How long a withdrawn request is given to reach the daemon.
const FAREWELL: Duration = Duration::from_secs(1);

/// The command line of `agenttrust hook`.
#[derive(Args, Clone, Debug)]
pub struct HookArgs {
    /// The coding agent that calls the hook
    #[arg(value_enum)]
    client: Client,
    #[command(flatten)]
    flags: HookFlags,
}

impl HookArgs {
    /// Uses the daemon with this data folder, unless a socket was named.
    pub fn with_data(mut self, folder: &Path) -> HookArgs {
        self.flags.socket.get_or_insert_with(|| folder.join("agent.sock"));
        self
    }
}

/// What a hook asks with.
#[derive(Clone, Debug)]
pub struct HookConfig {
    /// The agent, its folder and its daemon.
    pub gate: GateConfig,
    /// How long the person has; afterwards the answer is a refusal.
    pub deadline: Duration,
    /// With a word to be found in the refusal, every call is refused at once and nobody is asked: for a proof that the
    /// hook stands in front of the tools.
    pub canary: Option<String>,
}

/// Runs the subcommand to its end. Nothing but an approval of the person, verified here, makes a client run a tool.
pub fn run(args: HookArgs) -> ExitCode {
    let (config, client, started) = (args.flags.config(args.client), args.client, Instant::now());
    let latest = config.deadline + GRACE;
    let (give, take) = channel();
    let work = move || work(client, config, started, &give);
    if std::thread::Builder::new().name("hook".to_owned()).spawn(work).is_err() {
        return emit(&blocked(client, Trouble::Internal));
    }
    // Of a thread that panics or hangs the client hears nothing, so it is answered for here.
    let output = take.recv_timeout(latest).unwrap_or_else(|error| {
        let trouble = match error {
            RecvTimeoutError::Timeout => Trouble::TimedOut,
            RecvTimeoutError::Disconnected => Trouble::Internal,
        };
        blocked(client, trouble)
    });
    let code = emit(&output);
    // The thread lets go of its end once there is nothing left to withdraw.
    drop(take.recv_timeout(FAREWELL));
    code
}

/// Reads the event and answers it, unless the client or the deadline says that it is too late; then what was asked is
/// withdrawn.
fn work(client: Client, config: HookConfig, started: Instant, give: &Sender<HookOutput>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let withdraws = runtime.block_on(async {
        let deadline = tokio::time::sleep_until((started + config.deadline).into());
        let (output, withdraws) = tokio::select! {
            biased;
            output = event(client, config) => (output, false),
            () = stop::stopped() => (blocked(client, Trouble::Closed), true),
            () = deadline => (blocked(client, Trouble::TimedOut), true),
        };
        drop(give.send(output));
        withdraws
    });
    if withdraws {
        runtime.block_on(async { tokio::time::sleep(FAREWELL).await });
    }
    runtime.shutdown_background();
}

async fn event(client: Client, config: HookConfig) -> HookOutput {
    match tokio::task::spawn_blocking(read_event).await {
        Ok(Ok(event)) => answer(client, &event, config).await,
        Ok(Err(_)) | Err(_) => refusal(client, flow::UNREADABLE),
    }
}

fn blocked(client: Client, trouble: Trouble) -> HookOutput {
    refusal(client, &Refused::from(trouble).for_model())
}

/// A no to whatever it was that the client asked.
pub(crate) fn refusal(client: Client, why: &str) -> HookOutput {
    dialect::of(client).blocked(why)
}

fn read_event() -> io::Result<Vec<u8>> {
    let mut event = Vec::new();
    io::stdin().lock().take(MAX_EVENT + 1).read_to_end(&mut event)?;
    if event.len() as u64 > MAX_EVENT { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(event) }
}

/// Says it. An answer that the client cannot have read is a refusal: exit code 2 is one in every client.
fn emit(output: &HookOutput) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let said = stdout.write_all(output.stdout.as_bytes()).and_then(|()| stdout.flush());
    let stderr = if said.is_ok() { output.stderr.as_str() } else { "AgentTrust: the answer could not be printed.\n" };
    drop(io::stderr().write_all(stderr.as_bytes()));
    ExitCode::from(if said.is_ok() { output.code } else { 2 })
}
