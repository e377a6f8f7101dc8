//! What the model is told to say.

use serde_json::Value;

/// One call of a tool, as the model proposes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse {
    /// The tool's name.
    pub name: &'static str,
    /// Its arguments: an object, or a text for a tool that takes free text.
    ///
    /// A member `"after:TEXT"` becomes the number that stands after `TEXT` in the last result that holds it: how a
    /// model names a process that an earlier call started.
    pub input: Value,
}

impl ToolUse {
    /// The arguments, with what earlier results give them.
    pub(crate) fn filled(&self, results: &[String]) -> Value {
        let mut input = self.input.clone();
        for member in input.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
            let number = member.as_str().and_then(|text| number_after(text.strip_prefix("after:")?, results));
            if let Some(number) = number {
                *member = number.into();
            }
        }
        input
    }
}

fn number_after(text: &str, results: &[String]) -> Option<u64> {
    let rest = results.iter().rev().find_map(|result| Some(result.split_once(text)?.1))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
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
    /// The alternative that a client with these tools is sent.
    pub fn pick(&self, declared: &[String]) -> Option<&ToolUse> {
        self.0.iter().find(|call| declared.iter().any(|name| name == call.name))
    }
}

/// Turn by turn what is proposed.
#[derive(Debug)]
pub(crate) struct Script(pub(crate) Vec<Vec<Proposal>>);

impl Script {
    /// The calls of a turn, for a client with these tools that was told these results. Without a call the model is at
    /// its end.
    pub(crate) fn calls(&self, turn: usize, declared: &[String], results: &[String]) -> Vec<ToolUse> {
        let proposed = self.0.get(turn).into_iter().flatten();
        let picked = proposed.filter_map(|proposal| proposal.pick(declared));
        picked.map(|call| ToolUse { name: call.name, input: call.filled(results) }).collect()
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
            script.calls(turn, &declared, &[]).iter().map(|call| call.name).collect::<Vec<_>>()
        };
        assert_eq!(names(0, &["write", "bash", "shell"]), ["shell", "write"]);
        assert_eq!(names(0, &["bash"]), ["bash"]);
        assert!(names(0, &[]).is_empty() && names(1, &["bash"]).is_empty());
    }

    #[test]
    fn a_call_names_what_an_earlier_one_started() {
        let call = ToolUse { name: "write_stdin", input: json!({"session": "after:session ID ", "chars": "ls"}) };
        let results = ["running with session ID 7\n", "nothing"].map(str::to_owned);
        assert_eq!(call.filled(&results), json!({"session": 7, "chars": "ls"}));
        assert_eq!(call.filled(&[]), call.input);
    }
}
