//! Copilot CLI: a file of its own in the folder of hooks.

use super::each;
use crate::edit::{Edit, Given, path};
use agenttrust_hooks::Wiring;

pub(super) fn hooks(wiring: &Wiring) -> Vec<Edit> {
    let mut edits = each(wiring, |wired| {
        Given::map([
            ("type", Given::text("command")),
            ("bash", Given::text(wiring.shell())),
            ("timeoutSec", Given::number(wired.timeout)),
        ])
    });
    edits.insert(0, Edit::Set { path: path(["version"]), value: Given::number(1) });
    edits
}
