//! GitHub Copilot CLI. Its events do not name themselves, so their members tell what they are; it gives calls no ids,
//! and each sub-agent has a session of its own.

use super::Dialect;
use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Ended, Event, Prompt, Unreadable, Which, json, object};
use crate::hook::output::{Approval, Denial};
use agenttrust_gate::ExecutionResult;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) struct Copilot;

/// All the members that tell its events apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    session_id: String,
    cwd: String,
    agent_id: Option<IgnoredAny>,
    tool_name: Option<String>,
    /// An object, or the text of one.
    tool_args: Option<Box<RawValue>>,
    tool_result: Option<ToolResult>,
    error: Option<IgnoredAny>,
    prompt: Option<String>,
    /// An event that names itself is another client's.
    #[serde(rename = "hook_event_name")]
    name: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    result_type: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    permission_decision: &'static str,
    permission_decision_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_args: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_context: Option<&'a str>,
}

#[derive(Serialize)]
struct PromptBlocked<'a> {
    decision: &'static str,
    reason: &'a str,
}

impl Dialect for Copilot {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        let raw: Raw = json(event)?;
        if raw.name.is_some() {
            return Err(Unreadable);
        }
        match (raw.tool_name, raw.tool_args, raw.tool_result, raw.error, raw.prompt) {
            (Some(tool), Some(arguments), None, None, None) => Ok(Event::Call(Call {
                session: raw.session_id,
                cwd: raw.cwd,
                tool,
                server: None,
                arguments: object(arguments)?,
                id: None,
                group: None,
                is_editable: true,
            })),
            (Some(tool), Some(arguments), result, error, None) => {
                let failed = error.is_some() || result.is_some_and(|result| result.result_type != "success");
                let result = if failed { ExecutionResult::Failed } else { ExecutionResult::Executed };
                let call = Which::Like { tool, server: None, arguments: object(arguments)? };
                Ok(Event::Ended(Ended { session: raw.session_id, call, result }))
            }
            (None, None, None, None, Some(text)) => {
                let author = if raw.agent_id.is_some() { Author::Model } else { Author::Person };
                Ok(Event::Prompt(Prompt { session: raw.session_id, text, author }))
            }
            _ => Err(Unreadable),
        }
    }

    fn allowed(&self, _call: &Call, approval: &Approval) -> HookOutput {
        HookOutput::json(&Answer {
            permission_decision: "allow",
            permission_decision_reason: approval.reason,
            modified_args: Some(&approval.arguments),
            additional_context: approval.context.as_deref(),
        })
    }

    /// It shows the person the model's reason, and has no place for more.
    fn denied(&self, denial: &Denial) -> HookOutput {
        denied(&denial.for_model)
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        HookOutput::json(&PromptBlocked { decision: "block", reason: why })
    }

    /// Of a hook that fails its model reads the exit code alone, but an answer beside it is read.
    fn blocked(&self, why: &str) -> HookOutput {
        HookOutput { stdout: denied(why).stdout, ..HookOutput::blocked(why) }
    }
}

fn denied(reason: &str) -> HookOutput {
    HookOutput::json(&Answer {
        permission_decision: "deny",
        permission_decision_reason: reason,
        modified_args: None,
        additional_context: None,
    })
}
