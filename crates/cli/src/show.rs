//! Signed messages as people read them in a list; nothing here is verified.

use agenttrust_device::approver::display::safe_line;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use data_encoding::BASE64URL_NOPAD;

/// A message's payload.
pub fn payload(message: &str) -> Option<Object> {
    let segment = message.split('.').nth(1)?;
    let json = BASE64URL_NOPAD.decode(segment.as_bytes()).ok()?;
    parse(&json, Numbers::Fractions).ok()?.as_object().cloned()
}

/// The type of a message in one word: `request`.
pub fn kind(message: &str) -> String {
    let typ = typ_of(message).unwrap_or_default();
    let word = typ.strip_prefix("agenttrust-").and_then(|rest| rest.strip_suffix("-v1"));
    word.map_or_else(|| "unreadable".to_owned(), |word| safe_line(word, 20))
}

/// The name of a leaf: over the payload where several may sign it, else over the whole.
pub fn hash(leaf: &str) -> Hash {
    let named = match kind(leaf).as_str() {
        "bundle" | "grant" => leaf.split('.').nth(1).unwrap_or_default(),
        _ => leaf,
    };
    Hash::of(named.as_bytes())
}

/// What it says, in a few words.
pub fn summary(leaf: &str) -> String {
    let Some(payload) = payload(leaf) else { return String::new() };
    let text =
        |name: &str| payload.get(name).and_then(Value::as_str).map(|text| safe_line(text, 40)).unwrap_or_default();
    let short = |name: &str| {
        payload.get(name).and_then(Value::as_str).map(|text| crate::short::short(&text)).unwrap_or_default()
    };
    let number = |name: &str| payload.get(name).map(ToString::to_string).unwrap_or_default();
    let action = || {
        payload
            .get("action")
            .and_then(Value::as_object)
            .and_then(|action| action.get("tool")?.as_str().map(str::to_owned))
    };
    match kind(leaf).as_str() {
        "bundle" => format!("version {}", number("version")),
        "status" => format!("seq {}", number("seq")),
        "enroll" => format!("{} ({})", text("name"), text("kind")),
        "agent-cert" => text("name"),
        "request" => safe_line(&action().unwrap_or_default(), 60),
        "decision" => format!("{} {} · seq {}", text("outcome"), short("req"), number("seq")),
        "claim" | "cancel" => short("req"),
        "outcome" => format!("{} {}", text("result"), short("req")),
        "event" => format!("{} {} {}", text("kind"), short("of"), text("code")).trim_end().to_owned(),
        _ => String::new(),
    }
}
