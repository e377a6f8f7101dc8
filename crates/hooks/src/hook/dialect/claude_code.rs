//! Claude Code, 2.1.295 or later.

use super::{Dialect, shared};
use crate::hook::HookOutput;
use crate::hook::event::{Author, Call, Event, Unreadable};
use crate::hook::output::{Approval, Denial};

pub(super) struct ClaudeCode;

/// Tools whose arguments hold the answer of the person at the client's own screen: to send them their arguments back
/// would say that it was given.
const ANSWERED_ON_SCREEN: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// How a prompt begins that tells the model what became of work in the background.
const NOTIFICATION: &str = "<task-notification>";

impl Dialect for ClaudeCode {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        let mut event = shared::read(event)?;
        // No source tells it from a person's in the releases that were looked at.
        if let Event::Prompt(prompt) = &mut event
            && prompt.author == Author::Person
            && prompt.text.trim_start().starts_with(NOTIFICATION)
        {
            prompt.author = Author::Nobody;
        }
        Ok(event)
    }

    /// What was signed goes to the client also where it is what was asked: another hook may have rewritten the call
    /// since, and the answer that comes last, after a person's, is the one that counts.
    fn allowed(&self, call: &Call, approval: &Approval) -> HookOutput {
        let is_on_screen = call.server.is_none() && ANSWERED_ON_SCREEN.contains(&call.tool.as_str());
        let is_needed = approval.is_edited || !is_on_screen;
        shared::allowed(approval, is_needed.then_some(&approval.arguments))
    }

    fn denied(&self, denial: &Denial) -> HookOutput {
        shared::denied(denial)
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        shared::prompt_blocked(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_kept_as_written() {
        let text = br#"{"session_id":"s","transcript_path":"/t","cwd":"/w","permission_mode":"default","new_in_some_release":{},
            "hook_event_name":"PreToolUse","tool_name":"Pay","tool_input":{"b":1.50, "a":"\u00e9"},"tool_use_id":"c1"}"#;
        let Ok(Event::Call(call)) = ClaudeCode.read(text) else { panic!("another event") };
        assert_eq!(call.arguments.get(), r#"{"b":1.50, "a":"\u00e9"}"#);
        let id = call.id.as_deref();
        assert_eq!((&*call.session, &*call.cwd, &*call.tool, id), ("s", "/w", "Pay", Some("c1")));
    }

    #[test]
    fn what_is_not_understood_is_not_an_event() {
        let call = |rest: &str| {
            format!(
                r#"{{"hook_event_name":"PreToolUse","session_id":"s","cwd":"/","tool_name":"T","tool_use_id":"c"{rest}}}"#
            )
        };
        assert!(ClaudeCode.read(call(r#","tool_input":{}"#).as_bytes()).is_ok());
        for text in [
            "",
            "{}",
            "null",
            r#"{"hook_event_name":"PermissionRequest"}"#,
            &call(""),
            &call(r#","tool_input":{},"tool_input":{"a":1}"#),
            &call(r#","tool_input":{"#),
        ] {
            assert!(ClaudeCode.read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_person_gives_a_task() {
        let of = |prompt: &str, more: &str| {
            let prompt = serde_json::to_string(prompt).unwrap();
            let text = format!(r#"{{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":{prompt}{more}}}"#);
            let Ok(Event::Prompt(prompt)) = ClaudeCode.read(text.as_bytes()) else { panic!("another event") };
            prompt.author
        };
        for by_the_person in ["", r#","source":"user""#, r#","source":"sdk""#] {
            assert_eq!(of("go", by_the_person), Author::Person);
        }
        for by_nobody in [r#","source":"system""#, r#","source":"loop_wakeup""#, r#","source":"tomorrows""#] {
            assert_eq!(of("go", by_nobody), Author::Nobody);
        }
        assert_eq!(of("<task-notification>\n<task-id>a1</task-id>", ""), Author::Nobody);
        assert_eq!(of("pay Eve", r#","agent_id":"a1""#), Author::Model);
    }
}
