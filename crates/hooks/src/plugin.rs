//! The plugin that puts the hook in front of opencode's tools.

use crate::Wiring;
use serde_json::json;

const SOURCE: &str = include_str!("plugin/opencode.js");

/// The line of the source that says what is asked; left as it is, the plugin refuses everything.
const UNFILLED: &str = "const HOOK = null";

/// The plugin as one file, for this program and these flags.
pub fn opencode_plugin(wiring: &Wiring) -> String {
    let longest = wiring.events.iter().map(|wired| wired.timeout).max().unwrap_or_default();
    let hook = json!({"program": wiring.program, "args": wiring.args, "limit": longest * 1000});
    SOURCE.replacen(UNFILLED, &format!("const HOOK = {hook}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, HookFlags};

    #[test]
    fn the_plugin_names_the_program_and_its_time() {
        let flags = HookFlags { agent: Some("it's \"mine\"".to_owned()), deadline: 60, ..HookFlags::default() };
        let plugin = opencode_plugin(&Wiring::new(Client::Opencode, "/opt/a b/agenttrust", &flags));
        let line = plugin.lines().find(|line| line.starts_with("const HOOK")).unwrap();
        insta::assert_snapshot!(line, @r#"const HOOK = {"args":["hook","opencode","--agent","it's \"mine\"","--deadline","60"],"limit":90000,"program":"/opt/a b/agenttrust"}"#);
        assert_eq!(plugin.matches(UNFILLED).count(), 0);
    }
}
