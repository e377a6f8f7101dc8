//! Claude Code's hook events, as it writes them. Members it adds are passed over; those used here must be there.

use agenttrust_gate::ExecutionResult;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event that this hook answers.
#[derive(Debug)]
pub(super) enum Event {
    /// A tool is about to be called.
    Call(Call),
    /// The person has said what they want.
    Prompt(Prompt),
    /// A tool that was allowed has ended.
    Ended(Ended, ExecutionResult),
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    pub(super) session_id: String,
    pub(super) cwd: String,
    pub(super) tool_name: String,
    pub(super) tool_use_id: String,
    /// Kept as written: what is signed is what the client will run.
    pub(super) tool_input: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Prompt {
    pub(super) session_id: String,
    pub(super) prompt: String,
    /// Who wrote it; releases that do not say fire this event for the person's prompts.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) session_id: String,
    pub(super) tool_use_id: String,
}

#[derive(Deserialize)]
struct Named {
    hook_event_name: String,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// It is malformed, or one that this hook has no answer to.
    pub(super) fn read(text: &[u8]) -> Result<Event, serde_json::Error> {
        let Named { hook_event_name } = serde_json::from_slice(text)?;
        match hook_event_name.as_str() {
            "PreToolUse" => Ok(Event::Call(serde_json::from_slice(text)?)),
            "UserPromptSubmit" => Ok(Event::Prompt(serde_json::from_slice(text)?)),
            "PostToolUse" => Ok(Event::Ended(serde_json::from_slice(text)?, ExecutionResult::Executed)),
            "PostToolUseFailure" => Ok(Event::Ended(serde_json::from_slice(text)?, ExecutionResult::Failed)),
            _ => Err(serde::de::Error::custom("not an event of this hook")),
        }
    }
}

impl Prompt {
    /// Whether a person wrote it, and not a timer, another agent or the client itself.
    pub(super) fn is_from_the_person(&self) -> bool {
        self.source.as_deref().is_none_or(|source| matches!(source, "user" | "sdk"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_kept_as_written() {
        let text = br#"{"session_id":"s","transcript_path":"/t","cwd":"/w","permission_mode":"default","new_in_some_release":{},
            "hook_event_name":"PreToolUse","tool_name":"Pay","tool_input":{"b":1.50, "a":"\u00e9"},"tool_use_id":"c1"}"#;
        let Event::Call(call) = Event::read(text).unwrap() else { panic!("another event") };
        assert_eq!(call.tool_input.get(), r#"{"b":1.50, "a":"\u00e9"}"#);
        assert_eq!((&*call.session_id, &*call.cwd, &*call.tool_name, &*call.tool_use_id), ("s", "/w", "Pay", "c1"));
    }

    #[test]
    fn what_is_not_understood_is_not_an_event() {
        let call = |rest: &str| {
            format!(
                r#"{{"hook_event_name":"PreToolUse","session_id":"s","cwd":"/","tool_name":"T","tool_use_id":"c"{rest}}}"#
            )
        };
        assert!(Event::read(call(r#","tool_input":{}"#).as_bytes()).is_ok());
        for text in [
            "",
            "{}",
            "null",
            r#"{"hook_event_name":"PermissionRequest"}"#,
            &call(""),
            &call(r#","tool_input":{},"tool_input":{"a":1}"#),
            &call(r#","tool_input":{"#),
        ] {
            assert!(Event::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_person_gives_a_task() {
        let of = |source: &str| {
            let text = format!(r#"{{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"go"{source}}}"#);
            let Event::Prompt(prompt) = Event::read(text.as_bytes()).unwrap() else { panic!("another event") };
            prompt.is_from_the_person()
        };
        assert!(of("") && of(r#","source":"user""#) && of(r#","source":"sdk""#));
        assert!(!of(r#","source":"system""#) && !of(r#","source":"loop_wakeup""#) && !of(r#","source":"tomorrows""#));
    }
}
