//! Strict JSON: RFC 8259 within RFC 7493 (I-JSON), tightened so that every language reads the same value.
//!
//! Refused: a byte order mark, a duplicate member at any depth, lone surrogates and noncharacters, more than
//! [`MAX_DEPTH`] levels, integers beyond ±(2^53−1) or written `-0`, and, outside [`Numbers::Any`], any other way
//! of writing a number. Numbers keep their source text, so that an amount is compared as it was written.

mod parse;
mod write;

pub use parse::{BadJson, Numbers, parse};
pub(crate) use write::write_string;

/// The deepest allowed nesting of arrays and objects; the root is 1.
pub const MAX_DEPTH: usize = 32;

/// The largest integer every language represents exactly, 2^53 − 1.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// A JSON value as it was written: members in source order, numbers as source text.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A number's source text, valid by construction.
#[derive(Clone, Debug)]
pub struct Number(String);

/// An object: distinct names in source order.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<(String, Value)>);

impl Value {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// The items, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(items) = self { Some(items) } else { None }
    }

    /// The integer, if it is a number written as one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Value::Number(number) = self { number.as_integer() } else { None }
    }

    /// The JSON type's name, for messages to people.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// Whether every number inside is written as an integer.
    pub(crate) fn only_integers(&self) -> bool {
        match self {
            Value::Null | Value::Bool(_) | Value::String(_) => true,
            Value::Number(number) => number.as_integer().is_some(),
            Value::Array(items) => items.iter().all(Value::only_integers),
            Value::Object(object) => object.iter().all(|(_, value)| value.only_integers()),
        }
    }
}

/// Deep equality of values: objects without regard to order, numbers by their exact decimal value.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            (
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
                _,
            ) => false,
        }
    }
}

impl Eq for Value {}

impl Number {
    /// The source text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The integer, if it is written as one.
    pub fn as_integer(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// Sign, significant digits without leading or trailing zeros, and power of ten: equal values, equal parts.
    fn normal(&self) -> (bool, String, i64) {
        let (negative, text) = match self.0.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, self.0.as_str()),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return (false, String::new(), 0);
        }
        let dropped = digits.len().saturating_sub(digits.trim_end_matches('0').len());
        let shift = i64::try_from(dropped).unwrap_or(i64::MAX).saturating_sub(fraction.len() as i64);
        let exponent: i64 = exponent.parse().unwrap_or(i64::MAX);
        (negative, significant.to_owned(), exponent.saturating_add(shift))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.0 == other.0 || self.normal() == other.normal()
    }
}

impl Eq for Number {}

impl From<i64> for Value {
    /// An integer; values beyond ±[`MAX_INTEGER`] do not survive a round trip and are the caller's to avoid.
    fn from(value: i64) -> Value {
        Value::Number(Number(value.to_string()))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

impl Object {
    /// Members in source order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a member: in its place if there is one of that name, else at the end.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        let sorted = |object: &Object| {
            let mut members: Vec<usize> = (0..object.0.len()).collect();
            members.sort_by(|a, b| object.0.get(*a).map(|m| &m.0).cmp(&object.0.get(*b).map(|m| &m.0)));
            members
        };
        self.0.len() == other.0.len()
            && sorted(self).into_iter().zip(sorted(other)).all(|(a, b)| self.0.get(a) == other.0.get(b))
    }
}

impl Eq for Object {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any(text: &str) -> Result<Value, BadJson> {
        parse(text.as_bytes(), Numbers::Any)
    }

    #[test]
    fn refuses_what_languages_read_differently() {
        for bad in [
            "",
            " ",
            "\u{feff}1",
            "[1,]",
            "{\"a\":1,\"a\":2}",
            "{\"a\":{\"b\":1,\"\\u0062\":2}}",
            "\"\\ud800\"",
            "\"\\udc00\\ud800\"",
            "\"\\ud800x\"",
            "\"\u{ffff}\"",
            "\"\\ufdd0\"",
            "\"\\uD83F\\uDFFE\"",
            "01",
            "-0",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e999",
            "1e-0001",
            "1e-99999999999999999999",
            "9007199254740992",
            "-9007199254740992",
            "nul",
            "tru",
            "'a'",
            "{a:1}",
            "[1 2]",
            "1 2",
            "\"\t\"",
            "\"\\x\"",
            "\"",
            "[",
            "{\"a\"",
            "{\"a\":",
            "/**/1",
            "NaN",
            "Infinity",
            "{,}",
            "\u{a0}1",
        ] {
            assert!(any(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(parse(b"\"\xff\"", Numbers::Any).is_err());
    }

    #[test]
    fn depth_is_limited_at_32() {
        assert!(any(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_ok());
        assert!(any(&format!("{}{}", "[".repeat(33), "]".repeat(33))).is_err());
        assert!(any(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn numbers_follow_the_place_they_stand_in() {
        for (text, integer, plain, full) in [
            ("1", true, true, true),
            ("-9007199254740991", true, true, true),
            ("1.5", false, true, true),
            ("1e2", false, false, true),
            ("1.0", false, true, true),
            ("-0.0", false, true, true),
        ] {
            assert_eq!(parse(text.as_bytes(), Numbers::Integers).is_ok(), integer, "{text}");
            assert_eq!(parse(text.as_bytes(), Numbers::Fractions).is_ok(), plain, "{text}");
            assert_eq!(parse(text.as_bytes(), Numbers::Any).is_ok(), full, "{text}");
        }
    }

    #[test]
    fn equality_is_of_values_not_of_spelling() {
        for (a, b, same) in [
            ("1", "1.0", true),
            ("100", "1e2", true),
            ("0.10", "0.1", true),
            ("0", "-0.0", true),
            ("1", "-1", false),
            ("1", "\"1\"", false),
            ("{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}", true),
            ("[1,2]", "[2,1]", false),
            ("{\"a\":1}", "{\"a\":1,\"b\":1}", false),
            ("null", "false", false),
            ("10", "1", false),
            ("1.5e3", "1500", true),
        ] {
            assert_eq!(any(a).unwrap() == any(b).unwrap(), same, "{a} and {b}");
        }
    }

    #[test]
    fn names_that_mean_something_elsewhere_are_data() {
        let value = any("{\"__proto__\":{\"a\":1},\"constructor\":2}").unwrap();
        assert_eq!(value.as_object().unwrap().get("constructor"), Some(&Value::from(2)));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any_bool().prop_map(Value::Bool),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            "[^\u{fffe}\u{ffff}]*"
                .prop_filter("no noncharacters", |s| !s.chars().any(parse::is_noncharacter))
                .prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                    .prop_filter("no noncharacters", |m| !m.keys().any(|k| k.chars().any(parse::is_noncharacter)))
                    .prop_map(|m| Value::Object(Object(m.into_iter().collect()))),
            ]
        })
    }

    fn any_bool() -> impl Strategy<Value = bool> {
        prop::bool::ANY
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(value in values()) {
            prop_assert_eq!(any(&value.to_string()).unwrap(), value);
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_agree_with_serde_json(bytes in prop::collection::vec(prop::num::u8::ANY, 0..60)) {
            if parse(&bytes, Numbers::Any).is_ok() {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            }
        }
    }
}
