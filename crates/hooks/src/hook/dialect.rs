//! How each client puts its events and reads its answers.

mod claude_code;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod opencode;
mod shared;

use super::HookOutput;
use super::event::{Call, Event, Unreadable};
use super::output::{Approval, Denial};
use crate::Client;

/// One client's words.
pub(super) trait Dialect: Sync {
    /// Reads an event as it stands on the hook's standard input.
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable>;

    /// The tool may run, with the arguments of the approval.
    fn allowed(&self, call: &Call, approval: &Approval) -> HookOutput;

    /// The tool must not run.
    fn denied(&self, denial: &Denial) -> HookOutput;

    /// The prompt must not be worked on; `why` is for the person.
    fn prompt_blocked(&self, why: &str) -> HookOutput;

    /// A tool has ended; `context` is what its model has yet to be told.
    fn ended(&self, context: Option<&str>) -> HookOutput {
        let _nothing_is_kept_for_later = context;
        HookOutput::silent()
    }

    /// Whether the model can be told something only when the tool has ended.
    fn tells_later(&self) -> bool {
        false
    }

    /// Whether what the hook writes to its standard error is shown while it waits.
    fn shows_waiting(&self) -> bool {
        false
    }

    /// The last resort, where no event is known that could be answered in its own form.
    fn blocked(&self, why: &str) -> HookOutput {
        HookOutput::blocked(why)
    }
}

/// The words of this client.
pub(super) fn of(client: Client) -> &'static dyn Dialect {
    match client {
        Client::ClaudeCode => &claude_code::ClaudeCode,
        Client::Codex => &codex::Codex,
        Client::Gemini => &gemini::Gemini,
        Client::Copilot => &copilot::Copilot,
        Client::Opencode => &opencode::Opencode,
        Client::Cursor => &cursor::Cursor,
    }
}
