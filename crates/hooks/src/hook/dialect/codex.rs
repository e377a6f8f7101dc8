//! Codex. Of a shell command it tells the command alone, not the folder or the terminal it is to run in, and not
//! whether it failed.

use super::{Dialect, shared};
use crate::hook::HookOutput;
use crate::hook::event::{Call, Event, Unreadable};
use crate::hook::output::{Approval, Denial};

pub(super) struct Codex;

impl Dialect for Codex {
    fn read(&self, event: &[u8]) -> Result<Event, Unreadable> {
        shared::read(event)
    }

    /// It rejects an allowance without arguments, and takes one with them.
    fn allowed(&self, _call: &Call, approval: &Approval) -> HookOutput {
        shared::allowed(approval, Some(&approval.arguments))
    }

    fn denied(&self, denial: &Denial) -> HookOutput {
        shared::denied(denial)
    }

    fn prompt_blocked(&self, why: &str) -> HookOutput {
        shared::prompt_blocked(why)
    }
}
