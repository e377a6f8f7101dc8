//! Claude Code: `settings.json`.

use super::{each, matched};
use crate::edit::{Edit, Given};
use agenttrust_hooks::Wiring;

/// `args` keeps a shell out of it; `onFailure` makes a hook that dies or is late block the call, which it does not do
/// by itself.
pub(super) fn hooks(wiring: &Wiring, message: &str) -> Vec<Edit> {
    each(wiring, |wired| {
        let hook = Given::map([
            ("type", Given::text("command")),
            ("command", Given::text(&wiring.program)),
            ("args", Given::texts(&wiring.args)),
            ("timeout", Given::number(wired.timeout)),
            ("onFailure", Given::text("block")),
        ]);
        let hook = if wired.asks { hook.with("statusMessage", Given::text(message)) } else { hook };
        matched(wired, hook)
    })
}
