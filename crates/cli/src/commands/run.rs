//! `agenttrust run`: a command runs only if a person approves exactly it.
//!
//! The command line and the folder are among the signed arguments, and what runs is read back from them: an edited
//! command line is the one that runs.

use crate::args::RunArgs;
use crate::failure::{Exit, Failure, Outcome};
use agenttrust_device::Place;
use agenttrust_gate::{Action, Arguments, ExecutionResult, Gate, GateConfig, NoDevice, Permit, Refused, Verdict};
use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The arguments that say what runs.
const ARGV: &str = "argv";
const CWD: &str = "cwd";

/// Asks, runs, reports; answers the command's own exit code.
///
/// # Errors
/// Exit 77 if it was not approved.
pub async fn run(place: &Place, args: RunArgs, json: bool) -> Outcome<ExitCode> {
    let wanted = arguments(&args)?;
    let gate = GateConfig::new(&args.agent).life(args.wait).program("agenttrust run");
    let gate = if std::env::var_os("AGENTTRUST_SOCKET").is_some() { gate } else { gate.socket(place.agent_socket()) };
    let gate = if args.queue { gate.no_device(NoDevice::Queue) } else { gate };
    let gate = Gate::open(gate).map_err(not_run)?;
    let session = gate.session("run").map_err(not_run)?;
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let asked = tokio::select! {
        asked = session.ask(action(&args, &wanted)) => asked,
        // Dropping the ask withdraws it, so that no device shows it any longer.
        _ = interrupt.recv() => return withdrawn().await,
        _ = terminate.recv() => return withdrawn().await,
    };
    match asked.map_err(|error| Failure::usage(error.to_string(), ""))? {
        Verdict::Refused(refused) => Err(not_run(refused)),
        Verdict::Allowed(permit) => carry_out(permit, json, interrupt, terminate).await,
    }
}

/// What is shown and signed.
fn arguments(args: &RunArgs) -> Outcome<Object> {
    let mut object = Object::default();
    let argv: Outcome<Vec<Value>> = args.command.iter().map(text).collect();
    object.set(ARGV, Value::Array(argv?));
    let cwd = std::env::current_dir().map_err(|error| Failure::usage(format!("The working folder: {error}"), ""))?;
    object.set(CWD, text(&cwd.into_os_string())?);
    for pair in &args.args {
        let bad = || Failure::usage(format!("`--arg {pair}` is not KEY=VALUE."), "Write `--arg amount=120.50`.");
        let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(bad)?;
        if object.get(name).is_some() {
            let message = format!("The argument `{name}` is given twice.");
            return Err(Failure::usage(message, "`argv` and `cwd` are set by the command line itself."));
        }
        object.set(name, value_of(value)?);
    }
    Ok(object)
}

fn text(part: &OsString) -> Outcome<Value> {
    let not_text = || Failure::usage("The command line is not UTF-8, so it cannot be shown and signed.", "");
    part.to_str().map(Value::from).ok_or_else(not_text)
}

/// JSON where it is a number, a truth value, a list or an object; else text.
fn value_of(typed: &str) -> Outcome<Value> {
    match parse(typed.as_bytes(), Numbers::Any) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_))) => Ok(value),
        Ok(Value::String(text)) => Ok(Value::String(text)),
        Ok(Value::Null) | Err(_) => Ok(Value::from(typed)),
    }
}

fn action(args: &RunArgs, wanted: &Object) -> Action {
    let mut action = Action::from_json(&args.tool, &Value::Object(wanted.clone()).to_string());
    if let Some(title) = &args.title {
        action = action.title(title);
    }
    if let Some(reason) = &args.reason {
        action = action.reason(reason);
    }
    if let Some(risk) = args.risk {
        action = action.risk(risk);
    }
    match &args.call {
        Some(call) => action.call(call),
        None => action,
    }
}

async fn carry_out(permit: Permit, json: bool, mut interrupt: Signal, mut terminate: Signal) -> Outcome<ExitCode> {
    if let Some(words) = permit.for_model().filter(|_| !json) {
        tell(&words);
    }
    let (argv, cwd) = match signed_command(permit.arguments()) {
        Ok(command) => command,
        Err(failure) => {
            report(permit, ExecutionResult::Failed, serde_json::json!({ "error": failure.body.message })).await;
            return Err(failure);
        }
    };
    let (program, rest) = argv.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let spawned = tokio::process::Command::new(program).args(rest).current_dir(&cwd).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            report(permit, ExecutionResult::Failed, serde_json::json!({ "error": error.to_string() })).await;
            let message = format!("{program}: {error}");
            return Err(Failure::own(
                "command_failed",
                Exit::Failed,
                message,
                "It was approved; it could not be started.",
            ));
        }
    };
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended,
            // The terminal has sent it to the command as well; what that does with it is its own business.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => forward(&child),
        }
    };
    let status = ended.map_err(|error| Failure::own("command_failed", Exit::Failed, error.to_string(), ""))?;
    let result = if status.success() { ExecutionResult::Executed } else { ExecutionResult::Failed };
    report(permit, result, output_of(status)).await;
    Ok(ExitCode::from(code_of(status)))
}

/// The command line and the folder as they were signed.
fn signed_command(arguments: &Arguments) -> Outcome<(Vec<String>, String)> {
    let unfit = || {
        let message = "The signed arguments name no command: `argv` must be a list of texts and `cwd` a text.";
        Failure::own("not_a_command", Exit::NotRun, message, "Ask again; an edit must leave both in place.")
    };
    let words = arguments.get(ARGV).and_then(Value::as_array).ok_or_else(unfit)?;
    let argv: Option<Vec<String>> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    let argv = argv.filter(|argv| argv.first().is_some_and(|program| !program.is_empty())).ok_or_else(unfit)?;
    // The system ends an argument at a zero byte: more would be shown than runs.
    let cwd = arguments.get(CWD).and_then(Value::as_str).map(str::to_owned).ok_or_else(unfit)?;
    if argv.iter().chain([&cwd]).any(|part| part.contains('\0')) {
        return Err(unfit());
    }
    Ok((argv, cwd))
}

async fn report(permit: Permit, result: ExecutionResult, output: serde_json::Value) {
    if let Err(refused) = permit.report(result, Some(&output)).await {
        tell(&format!("The outcome could not be reported: {refused}"));
    }
}

fn output_of(status: ExitStatus) -> serde_json::Value {
    match (status.code(), status.signal()) {
        (Some(code), _) => serde_json::json!({ "exit_code": code }),
        (None, signal) => serde_json::json!({ "signal": signal }),
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128_i32.saturating_add(signal)));
    u8::try_from(code.unwrap_or(1)).unwrap_or(1)
}

fn forward(child: &tokio::process::Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended in this moment.
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// The withdrawal is on its way in the background; it gets a moment.
async fn withdrawn() -> Outcome<ExitCode> {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    Err(Failure::interrupted())
}

fn not_run(refused: Refused) -> Failure {
    let mut message = refused.sentence().to_owned();
    if let Some(note) = refused.note() {
        message.push_str(&format!(" They say: {note}"));
    }
    let hint = Some(refused.hint().to_owned());
    let body = ErrorBody { code: refused.code().as_str().to_owned(), message, hint, state: None };
    Failure { body, exit: Exit::NotRun }
}

fn listen(kind: SignalKind) -> Outcome<Signal> {
    signal(kind).map_err(|error| Failure::own("internal", Exit::Failed, error.to_string(), ""))
}

fn tell(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command, DaemonCommand};
    use clap::Parser;

    fn wanted(line: &[&str]) -> Outcome<String> {
        let cli = Cli::try_parse_from(["agenttrust", "run"].iter().chain(line)).unwrap();
        let Command::Daemon(DaemonCommand::Run(args)) = cli.command else { panic!("run") };
        let mut object = arguments(&args)?;
        object.set(CWD, Value::from("/here"));
        Ok(object.to_string())
    }

    #[test]
    fn the_command_line_is_part_of_what_is_signed() {
        let text = wanted(&[
            "--tool",
            "pay",
            "--arg",
            "amount=120.50",
            "--arg",
            "to=ACME",
            "--arg",
            "on=true",
            "--arg",
            "cc=[\"a\"]",
            "--arg",
            "id=007",
            "--arg",
            "x=null",
            "--arg",
            "eq=a=b",
            "--",
            "./pay.sh",
            "--fast",
            "a b",
        ]);
        assert_eq!(
            text.unwrap(),
            r#"{"argv":["./pay.sh","--fast","a b"],"cwd":"/here","amount":120.50,"to":"ACME","on":true,"cc":["a"],"id":"007","x":"null","eq":"a=b"}"#
        );
    }

    #[test]
    fn nobody_names_the_command_line_beside_it() {
        for bad in ["argv=[\"rm\"]", "cwd=/", "novalue", "=x"] {
            assert_eq!(wanted(&["--tool", "t", "--arg", bad, "--", "true"]).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn exit_codes_are_the_commands_own() {
        assert_eq!(code_of(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(code_of(ExitStatus::from_raw(15)), 143);
        assert_eq!(output_of(ExitStatus::from_raw(9)).to_string(), r#"{"signal":9}"#);
    }
}
