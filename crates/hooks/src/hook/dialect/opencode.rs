//! opencode, whose plugin is ours ([`crate::opencode_plugin`]): it passes three of opencode's events on, one process for
//! each, and does what it is answered.

use super::Dialect;
use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Ended, Event, Prompt, Unreadable, Which, json};
use crate::hook::output::{Approval, Denial};
use agenttrust_gate::ExecutionResult;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) struct Opencode;

#[derive(Deserialize)]
struct Named {
    event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Before {
    session: String,
    directory: String,
    call: String,
    /// The model's message that holds the call, and with it those that it made at once.
    message: Option<String>,
    tool: String,
    args: Box<RawValue>,
}

#[derive(Deserialize)]
struct After {
    session: String,
    call: String,
    failed: bool,
}

#[derive(Deserialize)]
struct Message {
    session: String,
    text: String,
    /// Whether a person wrote it: opencode gives sub-agents their work as a message of the user's.
    person: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'a str>,
}

const EMPTY: Answer<'static> = Answer { decision: "deny", args: None, context: None, reason: None, notice: None };

impl Dialect for Opencode {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        match json::<Named>(event)?.event.as_str() {
            "tool.execute.before" => Ok(Event::Call(json::<Before>(event)?.into())),
            "tool.execute.after" => Ok(Event::Ended(json::<After>(event)?.into())),
            "chat.message" => {
                let Message { session, text, person } = json(event)?;
                Ok(Event::Prompt(Prompt { session, text, author: if person { Author::Person } else { Author::Model } }))
            }
            _ => Err(Unreadable),
        }
    }

    fn allowed(&self, _call: &Call, approval: &Approval) -> HookOutput {
        let (args, context) = (Some(&*approval.arguments), approval.context.as_deref());
        HookOutput::json(&Answer { decision: "allow", args, context, ..EMPTY })
    }

    fn denied(&self, denial: &Denial) -> HookOutput {
        let (reason, notice) = (Some(denial.for_model.as_str()), denial.for_person.as_deref());
        HookOutput::json(&Answer { reason, notice, ..EMPTY })
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        HookOutput::json(&Answer { reason: Some(why), ..EMPTY })
    }

    fn shows_waiting(&self) -> bool {
        true
    }
}

impl From<Before> for Call {
    fn from(event: Before) -> Call {
        Call {
            session: event.session,
            cwd: event.directory,
            tool: event.tool,
            server: None,
            arguments: event.args,
            id: Some(event.call),
            group: event.message,
            is_editable: true,
        }
    }
}

impl From<After> for Ended {
    fn from(event: After) -> Ended {
        let result = if event.failed { ExecutionResult::Failed } else { ExecutionResult::Executed };
        Ended { session: event.session, call: Which::Id(event.call), result }
    }
}
