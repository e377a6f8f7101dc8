//! Gemini CLI: `settings.json`.

use super::{each, matched};
use crate::edit::{Edit, Given};
use agenttrust_hooks::Wiring;

/// What Gemini CLI calls our hooks that wait for nobody.
const NAME: &str = "AgentTrust";

/// The name is all that Gemini CLI shows of a hook while it waits for it.
pub(super) fn hooks(wiring: &Wiring, message: &str) -> Vec<Edit> {
    each(wiring, |wired| {
        let hook = Given::map([
            ("name", Given::text(if wired.asks { message } else { NAME })),
            ("type", Given::text("command")),
            ("command", Given::text(wiring.shell())),
            ("timeout", Given::number(wired.timeout)),
        ]);
        matched(wired, hook)
    })
}

/// Whether a name in the list of hooks that are switched off is one of ours.
pub(super) fn is_ours(name: &str) -> bool {
    name.contains(NAME)
}
