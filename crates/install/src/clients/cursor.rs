//! Cursor: `hooks.json`, by its documentation.

use super::each;
use crate::edit::{Edit, Given, path};
use agenttrust_hooks::Wiring;

pub(super) fn hooks(wiring: &Wiring) -> Vec<Edit> {
    let mut edits = each(wiring, |wired| {
        Given::map([
            ("command", Given::text(wiring.shell())),
            ("timeout", Given::number(wired.timeout)),
            ("failClosed", Given::Flag(true)),
        ])
    });
    edits.insert(0, Edit::Set { path: path(["version"]), value: Given::number(1) });
    edits
}
