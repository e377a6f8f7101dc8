//! Codex notes its trust in a hook by the hook's place in the list of its event. Where ours leave a list, the hooks of
//! others move up, and Codex would skip them without a word; so their trust moves with them.

use toml_edit::{DocumentMut, Item, TableLike};

/// Moves what Codex notes of the hooks for this event; `stays` says of each place in the list whether its hook stays.
pub(crate) fn move_trust(document: &mut DocumentMut, event: &str, stays: &[bool]) {
    let hooks = document.get_mut("hooks").and_then(Item::as_table_like_mut);
    let Some(state) = hooks.and_then(|hooks| hooks.get_mut("state")?.as_table_like_mut()) else { return };
    let mut places: Vec<(usize, String, String)> = state.iter().filter_map(|(key, _)| place(key, event)).collect();
    // Each moves to a place that the one before it has left.
    places.sort();
    for (old, head, hook) in places {
        let key = format!("{head}:{old}:{hook}");
        let new = stays.iter().take(old).filter(|stays| **stays).count();
        match stays.get(old) {
            Some(false) => drop(state.remove(&key)),
            Some(true) if new != old => rename(state, &key, &format!("{head}:{new}:{hook}")),
            Some(true) | None => {}
        }
    }
}

fn rename(state: &mut dyn TableLike, old: &str, new: &str) {
    if let Some(item) = state.remove(old) {
        state.insert(new, item);
    }
}

/// The parts of `/home/me/.codex/config.toml:pre_tool_use:1:0`, the place in the list first.
fn place(key: &str, event: &str) -> Option<(usize, String, String)> {
    let mut parts = key.rsplitn(3, ':');
    let (hook, place, head) = (parts.next()?, parts.next()?, parts.next()?);
    let is_of = head.ends_with(&format!("config.toml:{}", snake(event)));
    is_of.then_some((place.parse().ok()?, head.to_owned(), hook.to_owned()))
}

/// `PreToolUse` as Codex writes it there.
fn snake(event: &str) -> String {
    let mut name = String::new();
    for c in event.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_moves_up_with_its_hook() {
        let text = "[hooks.state]\n\
                    \"/c/config.toml:pre_tool_use:0:0\" = { trusted_hash = \"mine\" }\n\
                    \"/c/config.toml:pre_tool_use:2:1\" = { trusted_hash = \"c\" }\n\
                    \"/c/config.toml:pre_tool_use:1:0\" = { trusted_hash = \"ours\" }\n\
                    \"/c/hooks.json:pre_tool_use:2:0\" = { trusted_hash = \"elsewhere\" }\n\
                    \"/c/config.toml:stop:2:0\" = { trusted_hash = \"stop\" }\n";
        let mut document: DocumentMut = text.parse().unwrap();
        move_trust(&mut document, "PreToolUse", &[true, false, true]);
        let state = document["hooks"]["state"].as_table_like().unwrap();
        let mut kept: Vec<(&str, &str)> =
            state.iter().map(|(key, item)| (key, item["trusted_hash"].as_str().unwrap())).collect();
        kept.sort_unstable();
        assert_eq!(
            kept,
            [
                ("/c/config.toml:pre_tool_use:0:0", "mine"),
                ("/c/config.toml:pre_tool_use:1:1", "c"),
                ("/c/config.toml:stop:2:0", "stop"),
                ("/c/hooks.json:pre_tool_use:2:0", "elsewhere"),
            ]
        );
    }
}
