//! Strict JSON: whatever it accepts, others read alike.

use agenttrust_protocol::json::{MAX_DEPTH, MAX_INTEGER, Numbers, Value, parse};

/// Tries one text in the three places where numbers differ.
pub fn run(data: &[u8]) -> bool {
    let [integers, fractions, any] =
        [Numbers::Integers, Numbers::Fractions, Numbers::Any].map(|numbers| parse(data, numbers).ok());
    if let Some(strict) = &integers {
        assert_eq!(Some(strict), fractions.as_ref(), "what is stricter accepts less, and reads it alike");
        assert!(whole_numbers(strict));
    }
    if let Some(stricter) = &fractions {
        assert_eq!(Some(stricter), any.as_ref(), "what is stricter accepts less, and reads it alike");
    }
    let Some(value) = any else { return false };
    assert!(depth(&value) <= MAX_DEPTH);
    let theirs = serde_json::from_slice(data).expect("what we accept is JSON");
    assert!(alike(&value, &theirs), "{value} is not {theirs}");
    let text = value.to_string();
    let again = parse(text.as_bytes(), Numbers::Any).expect("what was read can be written");
    assert_eq!(again, value);
    assert_eq!(again.to_string(), text);
    true
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
    }
}

fn whole_numbers(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.as_integer().is_some_and(|n| n.abs() <= MAX_INTEGER),
        Value::Array(items) => items.iter().all(whole_numbers),
        Value::Object(object) => object.iter().all(|(_, value)| whole_numbers(value)),
    }
}

/// Within the error that serde_json allows itself for the sake of speed.
fn near(exact: f64, other: f64) -> bool {
    (exact - other).abs() <= exact.abs() * 4.0 * f64::EPSILON + f64::MIN_POSITIVE
}

fn alike(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::String(a), serde_json::Value::String(b)) => a == b,
        (Value::Number(a), serde_json::Value::Number(b)) => match a.as_integer() {
            Some(integer) => b.as_i64() == Some(integer),
            None => a.text().parse().is_ok_and(|exact: f64| b.as_f64().is_some_and(|other| near(exact, other))),
        },
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| alike(value, other)))
        }
        (
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
            _,
        ) => false,
    }
}
