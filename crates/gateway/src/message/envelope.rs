//! The outermost object of a message.

use super::{INVALID_REQUEST, MAX_MESSAGE, MAX_NESTING, PARSE_ERROR, Unfit, looks_like};
use agenttrust_protocol::json::MAX_INTEGER;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The members that JSON-RPC knows.
const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

const TWICE: &str = "A member stands twice, or under a name that can be mistaken for another.";

/// A request's id: a text or an integer that every language reads alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Id {
    Number(i64),
    Text(String),
}

impl Id {
    fn read(raw: &RawValue) -> Option<Id> {
        let text = raw.get();
        if text.starts_with('"') {
            return serde_json::from_str(text).ok().map(Id::Text);
        }
        let number: i64 = text.parse().ok()?;
        // One spelling for each number.
        let is_plain = number.to_string() == text && (-MAX_INTEGER..=MAX_INTEGER).contains(&number);
        is_plain.then_some(Id::Number(number))
    }

    pub(crate) fn from_json(value: &serde_json::Value) -> Option<Id> {
        let raw = serde_json::value::to_raw_value(value).ok()?;
        Id::read(&raw)
    }
}

/// The id as JSON.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
        }
    }
}

/// A message's outermost members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Envelope<'a> {
    pub(crate) id: Option<Id>,
    pub(crate) method: Option<String>,
    pub(crate) result: Option<&'a RawValue>,
    pub(crate) error: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the outermost object.
    ///
    /// # Errors
    /// [`Unfit`] for anything that two readers may read differently.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Envelope<'a>, Unfit> {
        let parse = |why| Err(Unfit::new(PARSE_ERROR, why));
        if bytes.len() > MAX_MESSAGE {
            return parse("The message is too long.");
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return parse("The message is not UTF-8.") };
        match text.trim_start_matches([' ', '\t', '\r', '\n']).as_bytes().first() {
            Some(b'{') => {}
            Some(b'[') => return Err(Unfit::new(INVALID_REQUEST, "Batches are not passed on: send one message each.")),
            Some(_) | None => return parse("The message is not a JSON object."),
        }
        if nesting(bytes) > MAX_NESTING {
            return parse("The message is nested too deeply.");
        }
        let Ok(outer) = serde_json::from_str::<Outer<'a>>(text) else { return parse("The message is not JSON.") };
        outer.0
    }
}

struct Outer<'a>(Result<Envelope<'a>, Unfit>);

impl<'de> Deserialize<'de> for Outer<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Outer<'de>, D::Error> {
        deserializer.deserialize_map(OuterVisitor)
    }
}

struct OuterVisitor;

impl<'de> Visitor<'de> for OuterVisitor {
    type Value = Outer<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outer<'de>, A::Error> {
        let (mut seen, mut ambiguous) = ([None::<&RawValue>; MEMBERS.len()], false);
        while let Some(name) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            match MEMBERS.iter().position(|member| *member == name).and_then(|at| seen.get_mut(at)) {
                Some(place) => ambiguous |= place.replace(value).is_some(),
                None => ambiguous |= name.contains(char::is_control) || MEMBERS.iter().any(|m| looks_like(&name, m)),
            }
        }
        let [version, id, method, _params, result, error] = seen;
        let mut envelope = Envelope { result, error, ..Envelope::default() };
        let mut why = ambiguous.then_some(TWICE);
        if version.is_none_or(|version| version.get() != "\"2.0\"") {
            why = why.or(Some("The message is not of JSON-RPC 2.0."));
        }
        if let Some(raw) = id {
            envelope.id = Id::read(raw);
            why = why.or(envelope.id.is_none().then_some("The id is neither a text nor an integer."));
        }
        if let Some(raw) = method {
            let method: Result<String, _> = serde_json::from_str(raw.get());
            envelope.method = Some(method.map_err(|_| A::Error::custom("the method is no text"))?);
        }
        Ok(Outer(match why {
            // Of an ambiguous message not even the id is certain.
            Some(why) => Err(Unfit { id: envelope.id.filter(|_| !ambiguous), code: INVALID_REQUEST, why }),
            None => Ok(envelope),
        }))
    }
}

/// How deep brackets nest outside of strings; of what is no JSON it tells some number.
fn nesting(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
