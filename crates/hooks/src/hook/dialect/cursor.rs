//! Cursor, written to its documentation and not run here. `preToolUse` comes before every tool and takes arguments
//! back; the two older events, of a shell command and of a server's tool, only take a yes or a no.

use super::Dialect;
use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Ended, Event, Prompt, Unreadable, Which, json, object};
use crate::hook::output::{Approval, Denial};
use agenttrust_gate::ExecutionResult;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) struct Cursor;

#[derive(Deserialize)]
struct Named {
    hook_event_name: String,
    conversation_id: String,
    #[serde(default)]
    workspace_roots: Vec<String>,
    cwd: Option<String>,
}

#[derive(Deserialize)]
struct Tool {
    tool_name: String,
    tool_input: Box<RawValue>,
    tool_use_id: Option<String>,
}

#[derive(Deserialize)]
struct Shell {
    command: Box<RawValue>,
}

#[derive(Deserialize)]
struct Submitted {
    prompt: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    permission: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_input: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Stopped<'a> {
    #[serde(rename = "continue")]
    goes_on: bool,
    user_message: &'a str,
}

impl Dialect for Cursor {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        let named: Named = json(event)?;
        match named.hook_event_name.as_str() {
            "preToolUse" => Ok(Event::Call(named.call(json(event)?, true)?)),
            "beforeMCPExecution" => Ok(Event::Call(named.call(json(event)?, false)?)),
            "beforeShellExecution" => {
                let Shell { command } = json(event)?;
                let tool_input = RawValue::from_string(format!(r#"{{"command":{}}}"#, command.get()))?;
                let tool = Tool { tool_name: "Shell".to_owned(), tool_input, tool_use_id: None };
                Ok(Event::Call(named.call(tool, false)?))
            }
            "postToolUse" => Ok(Event::Ended(named.ended(json(event)?, ExecutionResult::Executed)?)),
            "postToolUseFailure" => Ok(Event::Ended(named.ended(json(event)?, ExecutionResult::Failed)?)),
            "beforeSubmitPrompt" => {
                let Submitted { prompt } = json(event)?;
                Ok(Event::Prompt(Prompt { session: named.conversation_id, text: prompt, author: Author::Person }))
            }
            _ => Err(Unreadable),
        }
    }

    fn allowed(&self, call: &Call, approval: &Approval) -> HookOutput {
        HookOutput::json(&Answer {
            permission: "allow",
            user_message: None,
            agent_message: approval.context.as_deref(),
            updated_input: call.is_editable.then_some(&approval.arguments),
        })
    }

    fn denied(&self, denial: &Denial) -> HookOutput {
        denied(&denial.for_model, denial.for_person.as_deref())
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        HookOutput::json(&Stopped { goes_on: false, user_message: why })
    }

    /// An exit code of 2 is documented as a no; an answer beside it does no harm.
    fn blocked(&self, why: &str) -> HookOutput {
        HookOutput { stdout: denied(why, None).stdout, ..HookOutput::blocked(why) }
    }
}

fn denied(for_model: &str, for_person: Option<&str>) -> HookOutput {
    HookOutput::json(&Answer {
        permission: "deny",
        user_message: Some(for_person.unwrap_or(for_model)),
        agent_message: Some(for_model),
        updated_input: None,
    })
}

impl Named {
    fn call(self, tool: Tool, is_editable: bool) -> Result<Call, Unreadable> {
        let folder = self.cwd.filter(|cwd| !cwd.is_empty()).or_else(|| self.workspace_roots.into_iter().next());
        Ok(Call {
            session: self.conversation_id,
            cwd: folder.unwrap_or_default(),
            tool: tool.tool_name,
            server: None,
            arguments: object(tool.tool_input)?,
            id: tool.tool_use_id,
            group: None,
            is_editable,
        })
    }

    fn ended(self, tool: Tool, result: ExecutionResult) -> Result<Ended, Unreadable> {
        let call = match tool.tool_use_id {
            Some(id) => Which::Id(id),
            None => Which::Like { tool: tool.tool_name, server: None, arguments: object(tool.tool_input)? },
        };
        Ok(Ended { session: self.conversation_id, call, result })
    }
}
