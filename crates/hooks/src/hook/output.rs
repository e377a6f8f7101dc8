//! What a hook says, in the words of its client.

use agenttrust_gate::Refused;
use serde::Serialize;
use serde_json::value::RawValue;

/// What the hook's process prints and how it ends: 0 with JSON, or 2 with text, which every client takes for a no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookOutput {
    /// For the client.
    pub stdout: String,
    /// For the model, with exit code 2.
    pub stderr: String,
    /// The exit code.
    pub code: u8,
}

/// An approval: what runs, and what the model is told beside the tool's result.
#[derive(Debug)]
pub(super) struct Approval {
    pub(super) reason: &'static str,
    pub(super) arguments: Option<Box<RawValue>>,
    pub(super) context: Option<String>,
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

impl HookOutput {
    /// No objection and nothing to say.
    pub(super) fn silent() -> HookOutput {
        HookOutput::default()
    }

    /// The last resort, where no event is known that could be answered in its own form.
    pub(super) fn blocked(refused: &Refused) -> HookOutput {
        HookOutput { stderr: format!("{}\n", refused.for_model()), code: 2, ..HookOutput::default() }
    }

    /// The tool may run.
    pub(super) fn allowed(approval: &Approval) -> HookOutput {
        HookOutput::json(&Answer {
            system_message: None,
            hook_specific_output: Decision {
                hook_event_name: "PreToolUse",
                permission_decision: "allow",
                permission_decision_reason: approval.reason,
                updated_input: approval.arguments.as_deref(),
                additional_context: approval.context.as_deref(),
            },
        })
    }

    /// The tool must not run; `reason` is for the model, `for_the_person` for the client's screen.
    pub(super) fn denied(reason: &str, for_the_person: Option<&str>) -> HookOutput {
        HookOutput::json(&Answer {
            system_message: for_the_person,
            hook_specific_output: Decision {
                hook_event_name: "PreToolUse",
                permission_decision: "deny",
                permission_decision_reason: reason,
                updated_input: None,
                additional_context: None,
            },
        })
    }

    /// The prompt must not be worked on.
    pub(super) fn prompt_blocked(reason: &str) -> HookOutput {
        HookOutput::json(&PromptBlocked { decision: "block", reason })
    }

    fn json(answer: &impl Serialize) -> HookOutput {
        match serde_json::to_string(answer) {
            Ok(text) => HookOutput { stdout: text + "\n", ..HookOutput::default() },
            Err(_) => HookOutput::blocked(&agenttrust_gate::Trouble::Internal.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_gate::Trouble;

    #[test]
    fn answers_have_the_clients_form() {
        let edited = RawValue::from_string(r#"{"amount":1.50}"#.to_owned()).unwrap();
        let context = Some("AgentTrust: the person says: less".to_owned());
        let approval = Approval { reason: "AgentTrust: approved", arguments: Some(edited), context };
        insta::assert_snapshot!(HookOutput::allowed(&approval).stdout, @r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow","permissionDecisionReason":"AgentTrust: approved","updatedInput":{"amount":1.50},"additionalContext":"AgentTrust: the person says: less"}}"#);
        insta::assert_snapshot!(HookOutput::denied("AgentTrust: no", Some("AgentTrust: start it")).stdout, @r#"{"systemMessage":"AgentTrust: start it","hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"AgentTrust: no"}}"#);
        insta::assert_snapshot!(HookOutput::prompt_blocked("AgentTrust: no").stdout, @r#"{"decision":"block","reason":"AgentTrust: no"}"#);
    }

    #[test]
    fn the_last_resort_is_an_exit_code_every_client_takes_for_a_no() {
        let output = HookOutput::blocked(&Trouble::BadRequest.into());
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
        assert!(output.stderr.starts_with("AgentTrust: not approved (bad_request)."));
    }
}
