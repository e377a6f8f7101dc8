//! From a command line to an exit code.

use crate::args::{Cli, Command, Common, DaemonCommand, PersonCommand};
use crate::commands::{
    agents, approve, approver, devices, doctor, history, install, log, mcp, pair, pause, requests, run, status, up,
};
use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Out, tell};
use crate::terminal::Terminal;
use agenttrust_device::Config;
use agenttrust_device::{Place, environment};
use agenttrust_hooks::hook::HookArgs;
use clap::{CommandFactory, Parser};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.common.json;
    match dispatch(cli) {
        Ok(code) => code,
        Err(failure) => {
            tell(&failure, json);
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Outcome<ExitCode> {
    let Common { data, json } = cli.common;
    let mut out = Out::standard(json);
    match cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "agenttrust", &mut script);
            out.raw(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { folder } => {
            let written = clap_mangen::generate_to(Cli::command(), &folder);
            written.map(|()| ExitCode::SUCCESS).map_err(|error| Failure::io(&folder, &error))
        }
        Command::Detached { command } => match up::detached::become_detached(&command)? {},
        Command::Person(PersonCommand::Log { command }) if log::is_offline(&command) => {
            log::offline(&command, &mut out).map(|()| ExitCode::SUCCESS)
        }
        Command::Hook(args) => Ok(hook(args, data)),
        Command::Mcp(args) => Ok(mcp::mcp(args, data)),
        Command::Install(args) => {
            alone(async || install::install(args, data.as_deref(), &mut out).await).map(|()| ExitCode::SUCCESS)
        }
        Command::Uninstall(args) => install::uninstall(args, &mut out).map(|()| ExitCode::SUCCESS),
        Command::Daemon(command) => {
            running(data.as_deref(), async |place, config| with_daemon(place, command, config, &mut out).await)
        }
        Command::Person(command) => running(data.as_deref(), async |place, config| {
            let mut terminal = Terminal::open(place, config).await?;
            let done = with_device(&mut terminal, place, command, &mut out).await;
            terminal.close().await;
            done.map(|()| ExitCode::SUCCESS)
        }),
    }
}

/// Answers a client that waits: it has its own runtime, and nothing else is set up for it.
fn hook(args: HookArgs, data: Option<PathBuf>) -> ExitCode {
    let elsewhere = environment("AGENTTRUST_SOCKET").is_some();
    agenttrust_hooks::hook::run(match data.filter(|_| !elsewhere) {
        Some(data) => args.with_data(&data),
        None => args,
    })
}

/// For what needs neither a daemon nor a device.
fn alone(command: impl AsyncFnOnce() -> Outcome) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::own("internal", Exit::Failed, error.to_string(), ""))?;
    runtime.block_on(command())
}

fn running(data: Option<&Path>, command: impl AsyncFnOnce(&Place, Config) -> Outcome<ExitCode>) -> Outcome<ExitCode> {
    let nowhere = || Failure::usage("Neither HOME nor --data says where the data folder is.", "Name it: `--data DIR`.");
    let place = Place::find(data, environment).ok_or_else(nowhere)?;
    let config = Config::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::own("internal", Exit::Failed, error.to_string(), ""))?;
    let done = runtime.block_on(command(&place, config));
    // A thread that still watches the keyboard must not keep the process.
    runtime.shutdown_background();
    done
}

async fn with_daemon(place: &Place, command: DaemonCommand, config: Config, out: &mut Out) -> Outcome<ExitCode> {
    match command {
        DaemonCommand::Up => up::up(place, out).await,
        DaemonCommand::Down => up::down(place, out).await,
        DaemonCommand::Status => status::status(place, out).await,
        DaemonCommand::Doctor { client: Some(client), program } => doctor::client::client(client, program, out).await,
        DaemonCommand::Doctor { client: None, program: _ } => doctor::doctor(place, config.clock.now(), out).await,
        DaemonCommand::Pair(args) => pair::pair(place, &args, config, out).await,
        DaemonCommand::Run(args) => return run::run(place, args, out.json).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn with_device(terminal: &mut Terminal, place: &Place, command: PersonCommand, out: &mut Out) -> Outcome {
    match command {
        PersonCommand::Requests => requests::requests(terminal, terminal.now(), out).await,
        PersonCommand::Approve { watch: true, .. } => approver::approver(terminal, place, false, None, out).await,
        PersonCommand::Approve { id, watch: false } => approve::approve(terminal, place, id.as_deref(), out).await,
        PersonCommand::Approver { all, until_pid } => approver::approver(terminal, place, all, until_pid, out).await,
        PersonCommand::Deny { id, reason } => approve::deny(terminal, place, id.as_deref(), reason, out).await,
        PersonCommand::History(args) => history::history(terminal, &args, out).await,
        PersonCommand::Log { command } => log::log(terminal, &command, out).await,
        PersonCommand::Pause(args) => pause::pause(terminal, &args, out).await,
        PersonCommand::Agents { command } => agents::agents(terminal, command.as_ref(), out).await,
        PersonCommand::Devices { command } => devices::devices(terminal, command.as_ref(), out).await,
    }
}
