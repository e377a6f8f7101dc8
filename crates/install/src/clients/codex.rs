//! Codex: `config.toml`.

use super::{each, matched};
use crate::edit::{Edit, Given, path};
use agenttrust_hooks::Wiring;

/// A shell that was started with a terminal would be typed into without a hook for what is typed, so there is none.
pub(super) fn hooks(wiring: &Wiring, message: &str) -> Vec<Edit> {
    let mut edits = each(wiring, |wired| {
        let hook = Given::map([
            ("type", Given::text("command")),
            ("command", Given::text(wiring.shell())),
            ("timeout", Given::number(wired.timeout)),
        ]);
        let hook = if wired.asks { hook.with("statusMessage", Given::text(message)) } else { hook };
        matched(wired, hook)
    });
    edits.insert(0, Edit::Set { path: path(["features", "unified_exec_tty"]), value: Given::Flag(false) });
    edits
}
