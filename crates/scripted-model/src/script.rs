//! What the model is told to say.

use serde_json::Value;

/// One call of a tool, as the model proposes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse {
    /// The tool's name.
    pub name: &'static str,
    /// Its arguments: an object, or a text for a tool that takes free text.
    pub input: Value,
}

/// One call, for which a client may have one tool or another: the first that the client declared is called, and none
/// where it declared none of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal(Vec<ToolUse>);

impl From<ToolUse> for Proposal {
    fn from(call: ToolUse) -> Proposal {
        Proposal(vec![call])
    }
}

impl From<Vec<ToolUse>> for Proposal {
    fn from(alternatives: Vec<ToolUse>) -> Proposal {
        Proposal(alternatives)
    }
}

impl Proposal {
    fn pick(&self, declared: &[String]) -> Option<&ToolUse> {
        self.0.iter().find(|call| declared.iter().any(|name| name == call.name))
    }
}

/// Turn by turn what is proposed.
#[derive(Debug)]
pub(crate) struct Script(pub(crate) Vec<Vec<Proposal>>);

impl Script {
    /// The calls of a turn, for a client with these tools. Without a call the model is at its end.
    pub(crate) fn calls(&self, turn: usize, declared: &[String]) -> Vec<&ToolUse> {
        let proposed = self.0.get(turn).into_iter().flatten();
        proposed.filter_map(|proposal| proposal.pick(declared)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_declared_alternative_is_called() {
        let call = |name| ToolUse { name, input: json!({}) };
        let script = Script(vec![vec![vec![call("shell"), call("bash")].into(), call("write").into()]]);
        let names = |turn, tools: &[&str]| {
            let declared: Vec<String> = tools.iter().map(|&tool| tool.to_owned()).collect();
            script.calls(turn, &declared).iter().map(|call| call.name).collect::<Vec<_>>()
        };
        assert_eq!(names(0, &["write", "bash", "shell"]), ["shell", "write"]);
        assert_eq!(names(0, &["bash"]), ["bash"]);
        assert!(names(0, &[]).is_empty() && names(1, &["bash"]).is_empty());
    }
}
