//! Reading JSON that nobody promised the shape of.

use serde_json::Value;

/// The items of a list, and none where it is no list.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// All text in a value, whatever holds it, without the names of types.
pub(crate) fn all(value: &Value) -> String {
    let mut found = Vec::new();
    collect(value, &mut found);
    found.join("\n")
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            members.iter().filter(|(name, _)| *name != "type").for_each(|(_, member)| collect(member, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A list of events as a stream of server-sent ones, each with its type as its name where it has one.
pub(crate) fn stream(events: &[Value]) -> String {
    events.iter().fold(String::new(), |mut text, event| {
        if let Some(name) = event["type"].as_str() {
            text.push_str(&format!("event: {name}\n"));
        }
        text.push_str(&format!("data: {event}\n\n"));
        text
    })
}
