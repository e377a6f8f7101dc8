//! Events and decisions in the form that Claude Code began and Codex took over.

use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Ended, Event, Prompt, Unreadable, Which, call_id, json, server_and_tool};
use crate::hook::output::{Approval, Denial};
use agenttrust_gate::ExecutionResult;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Named {
    hook_event_name: String,
}

#[derive(Deserialize)]
struct PreToolUse {
    session_id: String,
    cwd: String,
    /// The sub-agent that acts, in the session of the person's.
    agent_id: Option<String>,
    tool_name: String,
    tool_use_id: String,
    tool_input: Box<RawValue>,
}

#[derive(Deserialize)]
struct PostToolUse {
    session_id: String,
    agent_id: Option<String>,
    tool_use_id: String,
}

#[derive(Deserialize)]
struct UserPromptSubmit {
    session_id: String,
    agent_id: Option<String>,
    prompt: String,
    /// Who wrote it; some releases do not say.
    source: Option<String>,
}

/// Reads an event. What a sub-agent is told to do is a prompt as well, in the model's words.
pub(super) fn read(event: &[u8]) -> Result<Event, Unreadable> {
    match json::<Named>(event)?.hook_event_name.as_str() {
        "PreToolUse" => Ok(Event::Call(json::<PreToolUse>(event)?.into())),
        "PostToolUse" => Ok(Event::Ended(json::<PostToolUse>(event)?.ended(ExecutionResult::Executed))),
        "PostToolUseFailure" => Ok(Event::Ended(json::<PostToolUse>(event)?.ended(ExecutionResult::Failed))),
        "UserPromptSubmit" => Ok(Event::Prompt(json::<UserPromptSubmit>(event)?.into())),
        _ => Err(Unreadable),
    }
}

impl From<PreToolUse> for Call {
    fn from(event: PreToolUse) -> Call {
        let (server, tool) = server_and_tool(event.tool_name);
        Call {
            session: event.session_id,
            cwd: event.cwd,
            tool,
            server,
            arguments: event.tool_input,
            id: Some(call_id(event.agent_id.as_deref(), event.tool_use_id)),
            group: None,
            is_editable: true,
        }
    }
}

impl PostToolUse {
    fn ended(self, result: ExecutionResult) -> Ended {
        let call = Which::Id(call_id(self.agent_id.as_deref(), self.tool_use_id));
        Ended { session: self.session_id, call, result }
    }
}

impl From<UserPromptSubmit> for Prompt {
    fn from(event: UserPromptSubmit) -> Prompt {
        let is_from_a_person = event.source.as_deref().is_none_or(|source| matches!(source, "user" | "sdk"));
        let author = match (event.agent_id, is_from_a_person) {
            (Some(_), _) => Author::Model,
            (None, true) => Author::Person,
            (None, false) => Author::Nobody,
        };
        Prompt { session: event.session_id, text: event.prompt, author }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_message: Option<&'a str>,
    hook_specific_output: Decision<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decision<'a> {
    hook_event_name: &'static str,
    permission_decision: &'static str,
    permission_decision_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_input: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_context: Option<&'a str>,
}

#[derive(Serialize)]
struct PromptBlocked<'a> {
    decision: &'static str,
    reason: &'a str,
}

/// The tool may run, with these arguments where any are given.
pub(super) fn allowed(approval: &Approval, arguments: Option<&RawValue>) -> HookOutput {
    HookOutput::json(&Answer {
        system_message: None,
        hook_specific_output: Decision {
            hook_event_name: "PreToolUse",
            permission_decision: "allow",
            permission_decision_reason: approval.reason,
            updated_input: arguments,
            additional_context: approval.context.as_deref(),
        },
    })
}

/// The tool must not run.
pub(super) fn denied(denial: &Denial) -> HookOutput {
    HookOutput::json(&Answer {
        system_message: denial.for_person.as_deref(),
        hook_specific_output: Decision {
            hook_event_name: "PreToolUse",
            permission_decision: "deny",
            permission_decision_reason: &denial.for_model,
            updated_input: None,
            additional_context: None,
        },
    })
}

/// The prompt must not be worked on.
pub(super) fn prompt_blocked(reason: &str) -> HookOutput {
    HookOutput::json(&PromptBlocked { decision: "block", reason })
}
