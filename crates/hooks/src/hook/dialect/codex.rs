//! Codex. Its events have the form of Claude Code's; a sub-agent's have the session of the person's and an id of the
//! sub-agent. Of a shell command it tells the command alone, not the folder or the terminal it is to run in.

use super::{Dialect, decision};
use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Ended, Event, Prompt, Unreadable, Which, call_id, json, server_and_tool};
use crate::hook::output::{Approval, Denial};
use agenttrust_gate::ExecutionResult;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) struct Codex;

#[derive(Deserialize)]
struct Named {
    hook_event_name: String,
}

#[derive(Deserialize)]
struct PreToolUse {
    session_id: String,
    cwd: String,
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
}

impl Dialect for Codex {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        match json::<Named>(event)?.hook_event_name.as_str() {
            "PreToolUse" => Ok(Event::Call(json::<PreToolUse>(event)?.into())),
            "PostToolUse" => Ok(Event::Ended(json::<PostToolUse>(event)?.into())),
            "UserPromptSubmit" => Ok(Event::Prompt(json::<UserPromptSubmit>(event)?.into())),
            _ => Err(Unreadable),
        }
    }

    /// It rejects an allowance without arguments, and takes one with them.
    fn allowed(&self, _call: &Call, approval: &Approval) -> HookOutput {
        decision::allowed(approval, Some(&approval.arguments))
    }

    fn denied(&self, denial: &Denial) -> HookOutput {
        decision::denied(denial)
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        decision::prompt_blocked(why)
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

impl From<PostToolUse> for Ended {
    fn from(event: PostToolUse) -> Ended {
        let call = Which::Id(call_id(event.agent_id.as_deref(), event.tool_use_id));
        Ended { session: event.session_id, call, result: ExecutionResult::Executed }
    }
}

impl From<UserPromptSubmit> for Prompt {
    fn from(event: UserPromptSubmit) -> Prompt {
        let author = if event.agent_id.is_some() { Author::Model } else { Author::Person };
        Prompt { session: event.session_id, text: event.prompt, author }
    }
}
