//! What should have happened, by the signed decisions, and what did.

use crate::evidence::Action;
use agenttrust_protocol::lifecycle::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The files of a folder, by name.
pub type Files = BTreeMap<String, String>;

/// Reads a flat folder.
///
/// # Errors
/// If it cannot be read.
pub fn files(folder: &Path) -> std::io::Result<Files> {
    let mut found = Files::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        found.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path())?);
    }
    Ok(found)
}

/// Holds the folder and the server's log against the signed actions; answers what disagrees.
pub fn disagreements(actions: &[Action], before: Files, after: &Files, calls: &[Value]) -> Vec<String> {
    let mut expected = before;
    let mut signed_calls = Vec::new();
    for action in actions.iter().filter(|action| action.released && action.state == State::Executed) {
        let arguments: Value = serde_json::from_str(&action.arguments.to_string()).unwrap_or_default();
        let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        match action.tool.as_str() {
            "write_file" => drop(expected.insert(text("path"), text("content"))),
            "delete_file" => drop(expected.remove(&text("path"))),
            "post_json" => {
                signed_calls.push(json!({"method": "POST", "path": text("path"), "body": arguments["body"]}))
            }
            "pay_invoice" => signed_calls.push(json!({"method": "POST", "path": "/payments", "body": arguments})),
            _ => {}
        }
    }
    let mut found = compare_files(&expected, after);
    found.extend(compare_calls(signed_calls, calls));
    found
}

fn compare_files(expected: &Files, found: &Files) -> Vec<String> {
    let names = expected.keys().chain(found.keys()).collect::<std::collections::BTreeSet<_>>();
    let differs = |name: &&&String| expected.get(**name) != found.get(**name);
    names
        .iter()
        .filter(differs)
        .map(|name| match (expected.get(*name), found.get(*name)) {
            (Some(_), None) => format!("{name} is gone, and nobody signed that"),
            (None, Some(_)) => format!("{name} is there, and nobody signed that"),
            _ => format!("{name} holds something else than what was signed"),
        })
        .collect()
}

/// Every call must have been signed, once for each time, and every signed call must have been made.
fn compare_calls(mut signed: Vec<Value>, made: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for call in made {
        match signed.iter().position(|s| s == call) {
            Some(at) => drop(signed.remove(at)),
            None => found.push(format!("the server got a call that nobody signed: {call}")),
        }
    }
    found.extend(signed.iter().map(|call| format!("signed and reported as done, but the server never got it: {call}")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::json::{Numbers, parse};

    fn action(tool: &str, arguments: &str, released: bool) -> Action {
        let arguments = parse(arguments.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone();
        Action { tool: tool.to_owned(), arguments, released, state: State::Executed }
    }

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_was_signed_and_done_agrees() {
        let actions = [
            action("write_file", r#"{"path":"a","content":"x"}"#, true),
            action("delete_file", r#"{"path":"b"}"#, true),
            action("pay_invoice", r#"{"amount":20}"#, true),
            action("pay_invoice", r#"{"amount":900}"#, false),
        ];
        let calls = [json!({"method":"POST","path":"/payments","body":{"amount":20}})];
        let found = disagreements(&actions, files(&[("b", "y")]), &files(&[("a", "x")]), &calls);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn what_nobody_signed_is_found() {
        let signed = [action("pay_invoice", r#"{"amount":20}"#, true)];
        let twice = json!({"method":"POST","path":"/payments","body":{"amount":20}});
        let other = json!({"method":"POST","path":"/payments","body":{"amount":900}});
        for (actions, after, calls) in [
            (&signed[..], files(&[]), vec![]),
            (&signed[..], files(&[]), vec![other]),
            (&signed[..], files(&[]), vec![twice.clone(), twice.clone()]),
            (&signed[..], files(&[("a", "x")]), vec![twice.clone()]),
            (&[][..], files(&[]), vec![twice]),
        ] {
            assert!(!disagreements(actions, files(&[]), &after, &calls).is_empty(), "{after:?} {calls:?}");
        }
        assert_eq!(disagreements(&[], files(&[("a", "x")]), &files(&[]), &[]).len(), 1);
        assert_eq!(disagreements(&[], files(&[("a", "x")]), &files(&[("a", "y")]), &[]).len(), 1);
    }
}
