//! What is done about an event: a call is asked, the person's prompt becomes the task, the end of a tool becomes the
//! outcome.

use super::dialect::{self, Dialect};
use super::event::{Author, Call, Ended, Event, Prompt, Which};
use super::output::{Approval, Denial};
use super::running::Running;
use super::{HookConfig, HookOutput};
use crate::{Client, status_message};
use agenttrust_gate::{
    Action, AskError, ExecutionResult, Gate, GateConfig, Permit, Reason, Refused, Session, Trouble, Verdict,
};
use agenttrust_protocol::message::MAX_TASK;
use serde_json::value::RawValue;
use std::io::Write;
use std::time::Duration;

/// The longest text put before a result; a file that was edited would fill the model's view a second time.
const MAX_CONTEXT: usize = 4 << 10;

/// Of an event that is not understood.
pub(super) const UNREADABLE: &str = "AgentTrust: not approved (bad_request). Do not retry unchanged. The hook does not \
                                     understand what the client told it. Next step, for the person: Update AgentTrust \
                                     and the client, then run agenttrust doctor.";

/// How long an ask goes on before the screen says that it waits: what is answered at once flickers otherwise.
const QUIET: Duration = Duration::from_millis(250);

/// Answers one event of this client, as it stands on the hook's standard input.
///
/// A tool is allowed only with a permit; every error is a refusal with its reason.
pub async fn answer(client: Client, event: &[u8], config: HookConfig) -> HookOutput {
    let words = dialect::of(client);
    match words.read(event) {
        Ok(Event::Call(call)) => match config.canary {
            Some(token) => words.denied(&canary(&token)),
            None => decide(words, &call, config).await,
        },
        Ok(Event::Prompt(_) | Event::Ended(_)) if config.canary.is_some() => HookOutput::silent(),
        Ok(Event::Prompt(prompt)) => match begin(&prompt, config.gate) {
            Ok(()) => HookOutput::silent(),
            Err(refused) => words.prompt_blocked(&for_person(&refused)),
        },
        Ok(Event::Ended(ended)) => match report(words, &ended, config.gate).await {
            Ok(output) => output,
            // The tool has run; the outcome stays unknown, which is said where it is shown.
            Err(refused) => HookOutput { stderr: format!("{}\n", for_person(&refused)), ..HookOutput::silent() },
        },
        Err(_) => words.blocked(UNREADABLE),
    }
}

async fn decide(words: &dyn Dialect, call: &Call, config: HookConfig) -> HookOutput {
    // The last second is for saying so.
    let life = config.deadline.saturating_sub(Duration::from_secs(1)).max(Duration::from_secs(1));
    let opened = Gate::open(config.gate.life(life)).and_then(|gate| Ok((gate.session(&call.session)?, gate)));
    let (session, gate) = match opened {
        Ok((session, gate)) => (session.cwd(&call.cwd), gate),
        Err(refused) => return words.denied(&denial(&refused)),
    };
    let running = Running::of(&gate);
    let id = call.id.clone().unwrap_or_else(Running::new_id);
    let verdict = tokio::select! {
        biased;
        verdict = session.ask(action(call, &id)) => verdict,
        never = say_that_it_waits(words, &gate) => match never {},
    };
    match verdict {
        Ok(Verdict::Allowed(permit)) => allow(words, call, permit, &running, &id).await,
        Ok(Verdict::Refused(refused)) => words.denied(&denial(&refused)),
        Err(error) => words.denied(&mistake(&error)),
    }
}

fn action(call: &Call, id: &str) -> Action {
    let mut action = Action::from_json(&call.tool, call.arguments.get()).call(id);
    if let Some(server) = &call.server {
        action = action.server(server);
    }
    if let Some(group) = &call.group {
        action = action.group(group);
    }
    action
}

/// Where the client shows it, the screen names the devices that the call waits for.
async fn say_that_it_waits(words: &dyn Dialect, gate: &Gate) -> std::convert::Infallible {
    tokio::time::sleep(QUIET).await;
    if words.shows_waiting() {
        drop(writeln!(std::io::stderr(), "{}", status_message(&gate.devices())));
    }
    std::future::pending().await
}

async fn allow(words: &dyn Dialect, call: &Call, permit: Permit, running: &Running, id: &str) -> HookOutput {
    let Ok(arguments) = RawValue::from_string(permit.arguments().to_json()) else {
        return words.denied(&denial(&Trouble::Internal.into()));
    };
    if permit.edited() && !call.is_editable {
        return cannot_edit(words, permit).await;
    }
    let reason = match permit.edited() {
        true => "AgentTrust: approved with arguments that the person changed",
        false => "AgentTrust: approved",
    };
    let short = |text: String| if text.len() <= MAX_CONTEXT { text } else { format!("{reason}.") };
    let context = permit.for_model().map(short);
    if call.id.is_none() {
        let later = context.as_deref().filter(|_| words.tells_later());
        running.begin(call, &arguments, id, later);
    }
    words.allowed(call, &Approval { reason, arguments, is_edited: permit.edited(), context })
}

/// What the person changed cannot be handed back, so the model is told to call the tool that way.
async fn cannot_edit(words: &dyn Dialect, permit: Permit) -> HookOutput {
    let arguments = permit.arguments().to_json();
    let for_model = format!(
        "AgentTrust: not run. The person approved other arguments, which cannot be put in place of these here. \
         Next step: Call the tool again with exactly these arguments: {arguments}"
    );
    // Whether or not the daemon hears of it, the tool does not run.
    drop(permit.report(ExecutionResult::Failed, None).await);
    words.denied(&Denial { for_model, for_person: None })
}

/// Of their own no the person need not be told.
fn denial(refused: &Refused) -> Denial {
    let by_the_person = refused.code() == Reason::Denied.into();
    Denial { for_model: refused.for_model(), for_person: (!by_the_person).then(|| for_person(refused)) }
}

fn mistake(error: &AskError) -> Denial {
    let code = match error {
        AskError::Arguments(_) => Reason::BadJson,
        AskError::NotAnObject | AskError::NoTool | AskError::NoTime => Reason::BadPayload,
    };
    let refused = Refused::from(code);
    let for_model = format!("{} ({error})", refused.for_model());
    Denial { for_model, for_person: Some(for_person(&refused)) }
}

/// The no of a proof that the hook stands in front of the tools: nobody is asked.
fn canary(token: &str) -> Denial {
    let for_model = format!(
        "AgentTrust: not approved (doctor_canary: {token}). Do not retry unchanged. agenttrust doctor is at work, and \
         no tool runs meanwhile."
    );
    Denial { for_model, for_person: None }
}

/// The code, a sentence and the next step, for the client's screen.
fn for_person(refused: &Refused) -> String {
    format!("AgentTrust ({}): {} {}", refused.code(), refused.sentence(), refused.hint())
}

/// Keeps the person's words as the task of the turn; words of nobody begin a turn without a task.
fn begin(prompt: &Prompt, gate: GateConfig) -> Result<(), Refused> {
    let task = match prompt.author {
        Author::Model => return Ok(()),
        Author::Person => Some(clip(&prompt.text)),
        Author::Nobody => None,
    };
    let session: Session = Gate::open(gate)?.session(&prompt.session)?;
    session.begin_turn(task, None)
}

/// As much of a text as a task may hold.
fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TASK)).unwrap_or_default()
}

async fn report(words: &dyn Dialect, ended: &Ended, gate: GateConfig) -> Result<HookOutput, Refused> {
    let gate = Gate::open(gate)?;
    let (id, context) = match &ended.call {
        Which::Id(id) => (id.clone(), None),
        Which::Like { .. } => match Running::of(&gate).end(ended) {
            Some((id, context)) => (id, context),
            None => return Ok(HookOutput::silent()),
        },
    };
    let reported = gate.report(&ended.session, &id, ended.result, None).await;
    let output = words.ended(context.as_deref());
    // What the model has yet to be told is told also where the daemon is gone.
    if output != HookOutput::silent() { Ok(output) } else { reported.map(|_| output) }
}
