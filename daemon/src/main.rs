//! `agenttrustd`: the daemon as a program.

use agenttrust_daemon::clock::Clock;
use agenttrust_daemon::config::{DEFAULT_TEXT, Level, Sources, default_data_folder};
use agenttrust_daemon::failure::StartError;
use agenttrust_daemon::notify::{READY, STOPPING, notify};
use agenttrust_daemon::start::{Options, read_config, start};
use agenttrust_protocol::door::Trouble;
use clap::{Parser, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The AgentTrust daemon: takes agents' requests in, carries them to your devices, keeps the history.
///
/// It answers on `agent.sock` and `host.sock` in its data folder once it is ready. `agenttrust up` starts it for you.
#[derive(Parser)]
#[command(name = "agenttrustd", version)]
struct Arguments {
    /// The data folder [default: $XDG_DATA_HOME/agenttrust; env: AGENTTRUST_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file [default: config.toml in the data folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the commented default configuration, which documents every key, and exit
    #[arg(long)]
    print_config: bool,
    /// What is written to standard error [env: AGENTTRUST_LOG]
    #[arg(long, value_name = "LEVEL")]
    log: Option<Level>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.print_config {
        return match std::io::stdout().write_all(DEFAULT_TEXT.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    match prepare(arguments).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if even standard error is gone.
            let _told = writeln!(std::io::stderr(), "agenttrustd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Decides every setting and starts the log.
fn prepare(arguments: Arguments) -> Result<Options, StartError> {
    let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let nowhere = || StartError::new(Trouble::BadConfig, "neither --data nor AGENTTRUST_DATA nor HOME says where");
    let data = Sources { flag: arguments.data, env: env("AGENTTRUST_DATA").map(PathBuf::from), file: None };
    let data = data.decide(|| default_data_folder(|name| env(name).map(PathBuf::from)).unwrap_or_default());
    if data.as_os_str().is_empty() {
        return Err(nowhere());
    }
    let config = read_config(&data, arguments.config.as_deref())?;
    let level = Sources { flag: arguments.log, env: level(env("AGENTTRUST_LOG"))?, file: Some(config.log.level) };
    start_log(level.decide(Level::default));
    // For tests of clocks that are off: seconds ahead of the system's. Whoever can set it can set this user's clock
    // otherwise too, and a wrong clock only ever makes the daemon refuse: devices and agents look at their own.
    let clock = match env("AGENTTRUST_CLOCK_SHIFT").and_then(|text| text.to_str()?.parse().ok()) {
        Some(seconds) => Clock::shifted(seconds),
        None => Clock::default(),
    };
    Ok(Options { clock, ..Options::new(data, config) })
}

fn level(text: Option<std::ffi::OsString>) -> Result<Option<Level>, StartError> {
    let Some(text) = text else { return Ok(None) };
    let known = text.to_str().and_then(|text| Level::from_str(text, true).ok());
    let unknown =
        || StartError::new(Trouble::BadConfig, "AGENTTRUST_LOG: expected off, error, warn, info, debug or trace");
    known.map(Some).ok_or_else(unknown)
}

/// Writes to standard error. Libraries may name addresses and paths, so they speak up only where that is wanted.
fn start_log(level: Level) {
    let libraries = if level >= Level::Debug { Level::Warn } else { Level::Off };
    let ours = level.as_str();
    let filter = format!("{},agenttrust_daemon={ours},agenttrust_link={ours}", libraries.as_str());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

fn run(options: Options) -> Result<(), StartError> {
    let failed = |error: std::io::Error| StartError::new(Trouble::Internal, error.to_string());
    allow_many_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let (mut terminated, mut interrupted) =
            (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?);
        let running = start(options).await?;
        let stop = running.gate().stop.clone();
        notify(READY);
        tokio::select! {
            _ = terminated.recv() => running.stop(),
            _ = interrupted.recv() => running.stop(),
            () = stop.cancelled() => {}
        }
        notify(STOPPING);
        running.ended().await;
        Ok(())
    })
}

/// Every waiting call is an open file; the usual soft limit of 1,024 is soon reached, the hard one is not.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
