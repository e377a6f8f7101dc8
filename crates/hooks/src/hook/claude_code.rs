//! Claude Code: a tool call is asked, the person's prompt becomes the task, the end of a tool becomes the outcome.

use super::event::{Call, Ended, Event, Prompt};
use super::output::Approval;
use super::{HookConfig, HookOutput};
use agenttrust_gate::{Action, AskError, ExecutionResult, Gate, GateConfig, Permit, Reason, Refused, Trouble, Verdict};
use agenttrust_protocol::message::MAX_TASK;
use serde_json::value::RawValue;
use std::time::Duration;

/// The longest text put before a result; a file that was edited would fill the model's view a second time.
const MAX_CONTEXT: usize = 4 << 10;

/// Tools whose arguments hold the answer of the person at the client's own screen: to send them their arguments back
/// would say that it was given.
const ANSWERED_ON_SCREEN: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// Answers one event of Claude Code: `PreToolUse`, `PostToolUse`, `PostToolUseFailure` or `UserPromptSubmit`, as it
/// stands on the hook's standard input.
///
/// A tool is allowed only with a permit; every error is a refusal with its reason.
pub async fn claude_code(event: &[u8], config: HookConfig) -> HookOutput {
    match Event::read(event) {
        Ok(Event::Call(call)) => match ask(&call, config).await {
            Ok(Verdict::Allowed(permit)) => allow(&call, &permit),
            Ok(Verdict::Refused(refused)) => deny(&refused),
            Err(error) => deny_mistake(&error),
        },
        Ok(Event::Prompt(prompt)) => match begin(&prompt, config.gate) {
            Ok(()) => HookOutput::silent(),
            Err(refused) => HookOutput::prompt_blocked(&for_person(&refused)),
        },
        Ok(Event::Ended(ended, result)) => match report(&ended, result, config.gate).await {
            Ok(()) => HookOutput::silent(),
            // The tool has run; the outcome stays unknown, which is said where it is shown.
            Err(refused) => HookOutput { stderr: format!("{}\n", for_person(&refused)), ..HookOutput::silent() },
        },
        Err(_) => HookOutput::blocked(&Trouble::BadRequest.into()),
    }
}

async fn ask(call: &Call, config: HookConfig) -> Result<Verdict, AskError> {
    // The last second is for saying so.
    let life = config.deadline.saturating_sub(Duration::from_secs(1)).max(Duration::from_secs(1));
    let opened = Gate::open(config.gate.life(life)).and_then(|gate| gate.session(&call.session_id));
    let session = match opened {
        Ok(session) => session.cwd(&call.cwd),
        Err(refused) => return Ok(Verdict::Refused(refused)),
    };
    session.ask(Action::from_json(&call.tool_name, call.tool_input.get()).call(&call.tool_use_id)).await
}

/// What was signed goes to the client also where it is what was asked: another hook may have rewritten the call since,
/// and the answer that comes last, after a person's, is the one that counts.
fn allow(call: &Call, permit: &Permit) -> HookOutput {
    let is_needed = permit.edited() || !ANSWERED_ON_SCREEN.contains(&call.tool_name.as_str());
    let arguments = match is_needed.then(|| RawValue::from_string(permit.arguments().to_json())).transpose() {
        Ok(arguments) => arguments,
        Err(_) => return deny(&Trouble::Internal.into()),
    };
    let reason = match permit.edited() {
        true => "AgentTrust: approved with arguments that the person changed",
        false => "AgentTrust: approved",
    };
    let short = |text: String| if text.len() <= MAX_CONTEXT { text } else { format!("{reason}.") };
    HookOutput::allowed(&Approval { reason, arguments, context: permit.for_model().map(short) })
}

/// Of their own no the person need not be told.
fn deny(refused: &Refused) -> HookOutput {
    let by_the_person = refused.code() == Reason::Denied.into();
    let for_person = (!by_the_person).then(|| for_person(refused));
    HookOutput::denied(&refused.for_model(), for_person.as_deref())
}

fn deny_mistake(error: &AskError) -> HookOutput {
    let code = match error {
        AskError::Arguments(_) => Reason::BadJson,
        AskError::NotAnObject | AskError::NoTool | AskError::NoTime => Reason::BadPayload,
    };
    let refused = Refused::from(code);
    HookOutput::denied(&format!("{} ({error})", refused.for_model()), Some(&for_person(&refused)))
}

/// The code, a sentence and the next step, for the client's screen.
fn for_person(refused: &Refused) -> String {
    format!("AgentTrust ({}): {} {}", refused.code(), refused.sentence(), refused.hint())
}

/// Keeps the person's words as the task of the turn; words of anybody else begin a turn without a task.
fn begin(prompt: &Prompt, gate: GateConfig) -> Result<(), Refused> {
    let task = prompt.is_from_the_person().then(|| clip(&prompt.prompt));
    Gate::open(gate)?.session(&prompt.session_id)?.begin_turn(task, None)
}

/// As much of a text as a task may hold.
fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TASK)).unwrap_or_default()
}

async fn report(ended: &Ended, result: ExecutionResult, gate: GateConfig) -> Result<(), Refused> {
    Gate::open(gate)?.report(&ended.session_id, &ended.tool_use_id, result, None).await.map(|_| ())
}
