//! What a hook says: to the client, to its model, and to whoever sits in front of it.

use agenttrust_gate::{Refused, Trouble};
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
    pub(super) arguments: Box<RawValue>,
    pub(super) is_edited: bool,
    pub(super) context: Option<String>,
}

/// A no: why, for the model, and for the client's screen what the person does not know yet.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) for_model: String,
    pub(super) for_person: Option<String>,
}

impl HookOutput {
    /// No objection and nothing to say.
    pub(super) fn silent() -> HookOutput {
        HookOutput::default()
    }

    /// The last resort, where no event is known that could be answered in its own form.
    pub(super) fn blocked(why: &str) -> HookOutput {
        HookOutput { stderr: format!("{why}\n"), code: 2, ..HookOutput::default() }
    }

    /// An answer that is one line of JSON.
    pub(super) fn json(answer: &impl Serialize) -> HookOutput {
        match serde_json::to_string(answer) {
            Ok(text) => HookOutput { stdout: text + "\n", ..HookOutput::default() },
            Err(_) => HookOutput::blocked(&Refused::from(Trouble::Internal).for_model()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_resort_is_an_exit_code_every_client_takes_for_a_no() {
        let output = HookOutput::blocked("AgentTrust: no.");
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (2, "", "AgentTrust: no.\n"));
    }
}
