//! Editing the arguments of a call before approving it: as typed fields, or as JSON text.
//!
//! A number stays exactly as it is typed. What is not strict JSON is refused here, before anything is signed.

use crate::display::pointer;
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The deepest nesting that gets fields of its own; what lies deeper is edited as JSON.
const MAX_FIELD_DEPTH: usize = 3;

/// What an argument's field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A JSON number.
    Number,
    /// `true` or `false`.
    Bool,
    /// Any JSON: lists, objects without members, nothing, and what is nested deeply.
    Json,
}

/// One field of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Field {
    /// Which argument: a JSON pointer (RFC 6901).
    pub path: String,
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: FieldKind,
    /// Its value as text. It is the agent's: a screen shows it through [`crate::display::Text`], and a form field
    /// that holds hidden characters is edited as JSON with escapes.
    pub value: String,
}

/// Why an edit is refused; the arguments stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEdit {
    /// No argument stands there.
    #[error("there is no argument at {0}")]
    NoSuchField(String),
    /// The field takes a number.
    #[error("this must be a number, such as 12 or 9.50")]
    NotANumber,
    /// The field takes a truth value.
    #[error("this must be true or false")]
    NotABool,
    /// The text is not strict JSON.
    #[error("this is not valid JSON: {what} at byte {at}")]
    BadJson {
        /// The offset in bytes.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Arguments are an object.
    #[error("the arguments must be a JSON object: {{…}}")]
    NotAnObject,
}

/// The arguments while a person edits them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    original: Object,
    current: Object,
}

/// One difference between two sets of arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where: a JSON pointer (RFC 6901).
    pub path: String,
    /// What it was; absent if it is new.
    pub old: Option<Value>,
    /// What it is; absent if it is gone.
    pub new: Option<Value>,
}

impl Edit {
    /// Begins with the agent's arguments.
    pub fn new(arguments: &Object) -> Edit {
        Edit { original: arguments.clone(), current: arguments.clone() }
    }

    /// The arguments as they stand.
    pub fn arguments(&self) -> &Object {
        &self.current
    }

    /// The arguments as JSON, an argument a line, for an editor.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        for (at, (name, value)) in self.current.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            out.push_str(&format!("{comma}\n  {}: {}", Value::from(name), visible(value)));
        }
        out.push_str(if self.current.is_empty() { "}\n" } else { "\n}\n" });
        out
    }

    /// The fields of the form.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        push_fields(&mut fields, &self.current, "", 1);
        fields
    }

    /// Sets one field from what was typed.
    ///
    /// # Errors
    /// [`BadEdit`].
    pub fn set(&mut self, path: &str, typed: &str) -> Result<(), BadEdit> {
        let field = self.fields().into_iter().find(|field| field.path == path);
        let field = field.ok_or_else(|| BadEdit::NoSuchField(path.to_owned()))?;
        let value = read(field.kind, typed)?;
        let names: Vec<String> = path.split('/').skip(1).map(unescape).collect();
        self.current = replaced(&self.current, &names, value).ok_or_else(|| BadEdit::NoSuchField(path.to_owned()))?;
        Ok(())
    }

    /// Takes all arguments anew from JSON text.
    ///
    /// # Errors
    /// [`BadEdit::BadJson`], [`BadEdit::NotAnObject`].
    pub fn replace(&mut self, json: &str) -> Result<(), BadEdit> {
        match strict(json)? {
            Value::Object(object) => {
                self.current = object;
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(BadEdit::NotAnObject)
            }
        }
    }

    /// What differs from the agent's arguments; empty if nothing does.
    pub fn changes(&self) -> Vec<Change> {
        changes(&self.original, &self.current)
    }
}

/// The differences, in the order of the original and then of what is new. A number written in another way is one:
/// the person typed it so.
pub fn changes(original: &Object, current: &Object) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut found, original, current, "");
    found
}

fn compare(found: &mut Vec<Change>, original: &Object, current: &Object, parent: &str) {
    // Indexed, because an agent may send a hundred thousand members.
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) = (original.iter().collect(), current.iter().collect());
    for (name, old) in original.iter() {
        let path = pointer(parent, name);
        match (old, after.get(name).copied()) {
            (Value::Object(old), Some(Value::Object(new))) => compare(found, old, new, &path),
            (old, Some(new)) if old.to_string() == new.to_string() => {}
            (old, new) => found.push(Change { path, old: Some(old.clone()), new: new.cloned() }),
        }
    }
    for (name, new) in current.iter().filter(|(name, _)| !before.contains_key(name)) {
        found.push(Change { path: pointer(parent, name), old: None, new: Some(new.clone()) });
    }
}

fn push_fields(fields: &mut Vec<Field>, object: &Object, parent: &str, depth: usize) {
    for (name, value) in object.iter() {
        let path = pointer(parent, name);
        let (kind, text) = match value {
            Value::Object(inner) if !inner.is_empty() && depth < MAX_FIELD_DEPTH => {
                push_fields(fields, inner, &path, depth.saturating_add(1));
                continue;
            }
            Value::String(text) => (FieldKind::Text, text.clone()),
            Value::Number(number) => (FieldKind::Number, number.text().to_owned()),
            Value::Bool(value) => (FieldKind::Bool, value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => (FieldKind::Json, visible(value)),
        };
        fields.push(Field { path, name: name.to_owned(), kind, value: text });
    }
}

fn read(kind: FieldKind, typed: &str) -> Result<Value, BadEdit> {
    match kind {
        // Through the parser, which refuses the characters that no message may hold.
        FieldKind::Text => strict(&Value::from(typed).to_string()),
        FieldKind::Json => strict(typed),
        FieldKind::Number => match strict(typed.trim()) {
            Ok(value @ Value::Number(_)) => Ok(value),
            Ok(_) | Err(_) => Err(BadEdit::NotANumber),
        },
        FieldKind::Bool => match typed.trim() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(BadEdit::NotABool),
        },
    }
}

fn strict(json: &str) -> Result<Value, BadEdit> {
    parse(json.as_bytes(), Numbers::Any).map_err(|bad| BadEdit::BadJson { at: bad.at, what: bad.what })
}

/// JSON in which every hidden character is an escape, so that an editor shows it and keeps it.
fn visible(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        if !c.is_ascii() && crate::display::is_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

fn replaced(object: &Object, path: &[String], value: Value) -> Option<Object> {
    let (name, below) = path.split_first()?;
    let old = object.get(name)?;
    let new = if below.is_empty() { value } else { Value::Object(replaced(old.as_object()?, below, value)?) };
    let mut object = object.clone();
    object.set(name, new);
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Object {
        strict(json).unwrap().as_object().unwrap().clone()
    }

    fn edit() -> Edit {
        Edit::new(&object(
            r#"{"to":"bob","amount":12.50,"urgent":false,"cc":["a"],"memo":null,"a/b~c":{"x":{"y":1,"z":{"deep":1}}}}"#,
        ))
    }

    #[test]
    fn fields_follow_the_arguments() {
        let fields: Vec<String> =
            edit().fields().iter().map(|f| format!("{} {:?} {}", f.path, f.kind, f.value)).collect();
        assert_eq!(
            fields,
            [
                "/to Text bob",
                "/amount Number 12.50",
                "/urgent Bool false",
                "/cc Json [\"a\"]",
                "/memo Json null",
                "/a~1b~0c/x/y Number 1",
                "/a~1b~0c/x/z Json {\"deep\":1}",
            ]
        );
    }

    #[test]
    fn what_is_typed_is_kept_as_typed() {
        let mut edit = edit();
        edit.set("/amount", "9.90").unwrap();
        edit.set("/a~1b~0c/x/y", "2").unwrap();
        edit.set("/cc", "[]").unwrap();
        edit.set("/to", "Bob \"B\" \\ \u{202e}").unwrap();
        assert_eq!(
            Value::Object(edit.arguments().clone()).to_string(),
            "{\"to\":\"Bob \\\"B\\\" \\\\ \u{202e}\",\"amount\":9.90,\"urgent\":false,\"cc\":[],\"memo\":null,\
             \"a/b~c\":{\"x\":{\"y\":2,\"z\":{\"deep\":1}}}}"
        );
        let paths: Vec<String> = edit.changes().into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["/to", "/amount", "/cc", "/a~1b~0c/x/y"]);
    }

    #[test]
    fn bad_input_changes_nothing() {
        let mut changed = edit();
        for (path, typed) in [
            ("/amount", "twelve"),
            ("/amount", "012"),
            ("/amount", "\"1\""),
            ("/amount", "1e999"),
            ("/amount", ""),
            ("/amount", "9007199254740992"),
            ("/urgent", "yes"),
            ("/cc", "[1,]"),
            ("/cc", "{\"a\":1,\"a\":2}"),
            ("/to", "\u{ffff}"),
            ("/nothing", "1"),
            ("", "1"),
            ("/cc/0", "1"),
        ] {
            assert!(changed.set(path, typed).is_err(), "{path} {typed}");
        }
        assert_eq!(changed.replace("[]"), Err(BadEdit::NotAnObject));
        assert!(changed.replace("{").is_err());
        assert_eq!(changed, edit());
        assert!(changed.changes().is_empty());
    }

    #[test]
    fn an_editor_round_trip_changes_nothing() {
        let mut edit = Edit::new(&object("{\"a\":\"x\\u202ey\\ud83d\\ude00\\udb40\\udc41\",\"b\":1.50}"));
        let text = edit.to_json();
        assert_eq!(text, "{\n  \"a\": \"x\\u202ey😀\\udb40\\udc41\",\n  \"b\": 1.50\n}\n");
        edit.replace(&text).unwrap();
        assert!(edit.changes().is_empty());
        assert_eq!(Edit::new(&Object::default()).to_json(), "{}\n");
    }

    #[test]
    fn spelling_and_absence_are_changes() {
        let mut edit = Edit::new(&object(r#"{"n":1,"gone":true,"o":{"a":1,"b":2}}"#));
        edit.replace(r#"{"o":{"b":2,"a":1},"n":1.0,"new":[]}"#).unwrap();
        let found = edit.changes();
        let paths: Vec<(&str, bool, bool)> =
            found.iter().map(|c| (c.path.as_str(), c.old.is_some(), c.new.is_some())).collect();
        assert_eq!(paths, [("/n", true, true), ("/gone", true, false), ("/new", false, true)]);
    }
}
