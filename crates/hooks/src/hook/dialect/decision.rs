//! The decision about a tool call in the form that Claude Code began and Codex took over.

use crate::hook::HookOutput;
use crate::hook::output::{Approval, Denial};
use serde::Serialize;
use serde_json::value::RawValue;

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
