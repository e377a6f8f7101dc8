//! The calls that run, of clients that give them no ids: when one ends, it is found by what it is.
//!
//! One small file for each, in the agent's own folder; its name tells the call, and what it holds the model has yet to
//! be told. Nothing here lets a tool run: a file that is lost leaves an outcome unknown.

use super::event::{Call, Ended, Which};
use agenttrust_gate::{Gate, Hash};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long a call is looked for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The folder of the calls that run.
pub(super) struct Running(PathBuf);

impl Running {
    pub(super) fn of(gate: &Gate) -> Running {
        Running(gate.folder().join("running"))
    }

    /// An id of a call that no other one has.
    pub(super) fn new_id() -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("{}-{}", now.as_nanos(), std::process::id())
    }

    /// A call begins, with these arguments.
    pub(super) fn begin(&self, call: &Call, arguments: &RawValue, id: &str, context: Option<&str>) {
        let name = format!("{}.{id}", key(&call.session, call.server.as_deref(), &call.tool, arguments));
        drop(fs::create_dir_all(&self.0));
        drop(fs::write(self.0.join(name), context.unwrap_or_default()));
    }

    /// A call has ended: its id, and what its model has yet to be told. Of equal calls that run at once any one is
    /// taken, each once.
    pub(super) fn end(&self, ended: &Ended) -> Option<(String, Option<String>)> {
        let Which::Like { tool, server, arguments } = &ended.call else { return None };
        let key = key(&ended.session, server.as_deref(), tool, arguments);
        let entries = fs::read_dir(&self.0).ok()?.filter_map(Result::ok);
        let mut found = None;
        for entry in entries {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_prefix(key.as_str())?.strip_prefix('.'));
            match id {
                Some(id) if found.is_none() => {
                    let context = fs::read_to_string(entry.path()).ok();
                    // Whoever removes it has it.
                    let is_mine = fs::remove_file(entry.path()).is_ok();
                    found = is_mine.then(|| (id.to_owned(), context.filter(|context| !context.is_empty())));
                }
                _ => forget_if_old(&entry),
            }
        }
        found
    }
}

fn forget_if_old(entry: &fs::DirEntry) {
    let begun = entry.metadata().and_then(|metadata| metadata.modified()).ok();
    if begun.and_then(|begun| begun.elapsed().ok()).is_some_and(|age| age > LONGEST) {
        drop(fs::remove_file(entry.path()));
    }
}

/// What a call is known by: a client may write its arguments anew, so that they count by what they say.
fn key(session: &str, server: Option<&str>, tool: &str, arguments: &RawValue) -> String {
    let said = serde_json::from_str(arguments.get()).map_or_else(|_| arguments.get().to_owned(), plain);
    let whole = serde_json::json!([session, server, tool, said]).to_string();
    Hash::of(whole.as_bytes()).to_string()
}

/// The same text for the same value, however it was written.
fn plain(value: Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            let member = |(name, value)| format!("{}:{}", Value::String(name), plain(value));
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.into_iter().map(plain).collect::<Vec<_>>().join(",")),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_gate::ExecutionResult;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn call(arguments: &str) -> Call {
        Call {
            session: "s".to_owned(),
            cwd: "/".to_owned(),
            tool: "pay".to_owned(),
            server: Some("shop".to_owned()),
            arguments: raw(arguments),
            id: None,
            group: None,
            is_editable: true,
        }
    }

    fn ended(arguments: &str) -> Ended {
        let call = Which::Like { tool: "pay".to_owned(), server: Some("shop".to_owned()), arguments: raw(arguments) };
        Ended { session: "s".to_owned(), call, result: ExecutionResult::Executed }
    }

    #[test]
    fn equal_calls_end_once_each() {
        let folder = tempfile::tempdir().unwrap();
        let running = Running(folder.path().join("running"));
        let written = r#"{"amount":1.50,"n":1e2,"to":{"b":[1],"a":"é"}}"#;
        running.begin(&call(written), &raw(written), "one", Some("say so"));
        running.begin(&call(written), &raw(written), "two", None);
        assert_eq!(running.end(&ended(r#"{"amount":2}"#)), None);
        let again = r#"{ "to": {"a":"\u00e9","b":[1.0]}, "n":100, "amount":1.5 }"#;
        let mut ids = [running.end(&ended(again)).unwrap(), running.end(&ended(again)).unwrap()];
        ids.sort();
        assert_eq!(ids, [("one".to_owned(), Some("say so".to_owned())), ("two".to_owned(), None)]);
        assert_eq!(running.end(&ended(again)), None);
    }

    #[test]
    fn a_call_that_never_ended_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let running = Running(folder.path().to_owned());
        for (id, age) in [("old", LONGEST + Duration::from_secs(60)), ("new", Duration::ZERO)] {
            running.begin(&call(r#"{"n":1}"#), &raw(r#"{"n":1}"#), id, None);
            let name = format!("{}.{id}", key("s", Some("shop"), "pay", &raw(r#"{"n":1}"#)));
            let file = fs::File::options().write(true).open(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        assert_eq!(running.end(&ended(r#"{"n":2}"#)), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
