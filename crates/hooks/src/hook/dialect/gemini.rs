//! Gemini CLI. It gives calls no ids, and tells its model something beside a result only when the tool has ended.

use super::Dialect;
use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Ended, Event, Prompt, Unreadable, Which, json};
use crate::hook::output::{Approval, Denial};
use agenttrust_gate::ExecutionResult;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) struct Gemini;

/// What the model is told of a call that ran as it was proposed.
const UNCHANGED: &str = "AgentTrust: approved; the arguments were not changed.";

#[derive(Deserialize)]
struct Named {
    hook_event_name: String,
}

#[derive(Deserialize)]
struct Tool {
    session_id: String,
    cwd: String,
    tool_name: String,
    tool_input: Box<RawValue>,
    mcp_context: Option<McpContext>,
    tool_response: Option<Response>,
}

/// Whose tool it is, where it is a server's.
#[derive(Deserialize)]
struct McpContext {
    server_name: String,
    tool_name: String,
}

#[derive(Deserialize)]
struct Response {
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct BeforeAgent {
    session_id: String,
    prompt: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hook_specific_output: Option<Specific<'a>>,
}

#[derive(Serialize)]
struct Specific<'a> {
    #[serde(rename = "hookEventName")]
    hook_event_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_input: Option<&'a RawValue>,
    #[serde(rename = "additionalContext", skip_serializing_if = "Option::is_none")]
    additional_context: Option<&'a str>,
}

impl Dialect for Gemini {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        match json::<Named>(event)?.hook_event_name.as_str() {
            "BeforeTool" => Ok(Event::Call(json::<Tool>(event)?.into())),
            "AfterTool" => Ok(Event::Ended(json::<Tool>(event)?.into())),
            "BeforeAgent" => {
                let BeforeAgent { session_id, prompt } = json(event)?;
                Ok(Event::Prompt(Prompt { session: session_id, text: prompt, author: Author::Person }))
            }
            _ => Err(Unreadable),
        }
    }

    fn allowed(&self, _call: &Call, approval: &Approval) -> HookOutput {
        HookOutput::json(&Answer {
            decision: Some("allow"),
            reason: Some(approval.reason),
            system_message: None,
            hook_specific_output: Some(Specific {
                hook_event_name: "BeforeTool",
                tool_input: Some(&approval.arguments),
                additional_context: None,
            }),
        })
    }

    fn denied(&self, denial: &Denial) -> HookOutput {
        HookOutput::json(&Answer {
            decision: Some("deny"),
            reason: Some(&denial.for_model),
            system_message: denial.for_person.as_deref(),
            hook_specific_output: None,
        })
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        let decision = Some("deny");
        HookOutput::json(&Answer { decision, reason: Some(why), system_message: None, hook_specific_output: None })
    }

    /// It says of arguments that were handed back that a hook modified them, also where they are the same.
    fn ended(&self, context: Option<&str>) -> HookOutput {
        HookOutput::json(&Answer {
            decision: None,
            reason: None,
            system_message: None,
            hook_specific_output: Some(Specific {
                hook_event_name: "AfterTool",
                tool_input: None,
                additional_context: Some(context.unwrap_or(UNCHANGED)),
            }),
        })
    }

    fn tells_later(&self) -> bool {
        true
    }
}

impl Tool {
    /// The names that the server's owner gave it, which the client's own name for it may run together.
    fn named(tool_name: String, context: Option<McpContext>) -> (Option<String>, String) {
        match context {
            Some(context) => (Some(context.server_name), context.tool_name),
            None => (None, tool_name),
        }
    }
}

impl From<Tool> for Call {
    fn from(event: Tool) -> Call {
        let (server, tool) = Tool::named(event.tool_name, event.mcp_context);
        Call {
            session: event.session_id,
            cwd: event.cwd,
            tool,
            server,
            arguments: event.tool_input,
            id: None,
            group: None,
            is_editable: true,
        }
    }
}

impl From<Tool> for Ended {
    fn from(event: Tool) -> Ended {
        let (server, tool) = Tool::named(event.tool_name, event.mcp_context);
        let failed = event.tool_response.is_some_and(|response| response.error.is_some());
        let result = if failed { ExecutionResult::Failed } else { ExecutionResult::Executed };
        let call = Which::Like { tool, server, arguments: event.tool_input };
        Ended { session: event.session_id, call, result }
    }
}
