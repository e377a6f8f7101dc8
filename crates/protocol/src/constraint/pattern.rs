//! P, what one argument of a call must look like.

use super::Truth;
use super::decimal::Decimal;
use super::text::{Authority, Folder, authority, like, named};
use crate::json::Value;
use crate::wire::{Members, Wire, text, write_member};

/// What one argument must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Any value, as long as there is one.
    True,
    /// Deeply equal.
    Eq(Value),
    /// Deeply equal to one of these, of which there is at least one.
    In(Vec<Value>),
    /// A number that is at most this.
    Le(Decimal),
    /// A number that is at least this.
    Ge(Decimal),
    /// A string that matches as a whole; `*` stands for any run.
    Like(String),
    /// A path that is this folder or lies below it.
    Under(Folder),
    /// A URL at one of these, of which there is at least one.
    Host(Vec<Authority>),
    /// A name or number that the person's own task holds.
    Named,
    /// An array, every element of which looks like this.
    All(Box<Pattern>),
}

impl Pattern {
    /// Whether the value looks like this; the task is what the person asked for, where that is known.
    pub fn holds(&self, value: &Value, task: Option<&str>) -> Truth {
        match self {
            Pattern::True => Truth::True,
            Pattern::Eq(operand) => equals_one(std::slice::from_ref(operand), value),
            Pattern::In(operands) => equals_one(operands, value),
            Pattern::Le(limit) => Truth::of(Decimal::read(value).map(|found| found <= *limit)),
            Pattern::Ge(limit) => Truth::of(Decimal::read(value).map(|found| found >= *limit)),
            Pattern::Like(pattern) => Truth::of(value.as_str().map(|found| like(pattern, found))),
            Pattern::Under(folder) => Truth::of(value.as_str().and_then(|found| folder.holds(found))),
            Pattern::Host(hosts) => {
                let found = value.as_str().and_then(authority);
                Truth::of(found.map(|found| hosts.iter().any(|host| host.as_str() == found)))
            }
            Pattern::Named => is_named(value, task),
            Pattern::All(each) => match value.as_array() {
                Some(items) => items.iter().map(|item| each.holds(item, task)).max().unwrap_or(Truth::Error),
                None => Truth::Error,
            },
        }
    }
}

fn equals_one(operands: &[Value], value: &Value) -> Truth {
    let comparable = operands.iter().any(|operand| operand.kind() == value.kind());
    Truth::of(comparable.then(|| operands.contains(value)))
}

fn is_named(value: &Value, task: Option<&str>) -> Truth {
    let name = match value {
        Value::String(text) => text.as_str(),
        Value::Number(number) => number.text(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => "",
    };
    Truth::of(task.filter(|_| !name.is_empty()).map(|task| named(task, name)))
}

/// `true`, or an object of exactly one member.
impl Wire for Pattern {
    fn read(value: &Value) -> Option<Pattern> {
        if let Value::Bool(true) = value {
            return Some(Pattern::True);
        }
        let object = value.as_object()?;
        let (name, _) = object.iter().next()?;
        let mut members = Members::new(object);
        let pattern = match name {
            "eq" => Pattern::Eq(members.take(name)?),
            "in" => Pattern::In(some_of(members.take(name)?)?),
            "le" => Pattern::Le(members.take(name)?),
            "ge" => Pattern::Ge(members.take(name)?),
            "like" => Pattern::Like(members.take(name)?),
            "under" => Pattern::Under(members.take(name)?),
            "host" => Pattern::Host(some_of(members.take(name)?)?),
            "named" => members.take::<bool>(name)?.then_some(Pattern::Named)?,
            "all" => Pattern::All(Box::new(members.take(name)?)),
            _ => return None,
        };
        members.is_done().then_some(pattern)
    }

    fn write(&self, out: &mut String) {
        let (name, operand) = match self {
            Pattern::True => {
                out.push_str("true");
                return;
            }
            Pattern::Eq(operand) => ("eq", text(operand)),
            Pattern::In(operands) => ("in", text(operands)),
            Pattern::Le(limit) => ("le", text(limit)),
            Pattern::Ge(limit) => ("ge", text(limit)),
            Pattern::Like(pattern) => ("like", text(pattern)),
            Pattern::Under(folder) => ("under", text(folder)),
            Pattern::Host(hosts) => ("host", text(hosts)),
            Pattern::Named => ("named", text(&true)),
            Pattern::All(each) => ("all", text(each.as_ref())),
        };
        out.push('{');
        write_member(out, name, &operand);
        out.push('}');
    }
}

/// A list without an operand could never hold; in a rule it would silently switch the rule off.
fn some_of<T>(operands: Vec<T>) -> Option<Vec<T>> {
    (!operands.is_empty()).then_some(operands)
}

#[cfg(test)]
mod tests {
    use super::Truth::{Error, False, True};
    use super::*;
    use crate::json::{Numbers, parse};
    use proptest::prelude::*;

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), Numbers::Any).unwrap()
    }

    fn pattern(text: &str) -> Option<Pattern> {
        Pattern::read(&json(text))
    }

    fn check(cases: &[(&str, &str, Truth)], task: Option<&str>) {
        for (p, value, expected) in cases {
            let found = pattern(p).unwrap_or_else(|| panic!("{p} is a pattern")).holds(&json(value), task);
            assert_eq!(found, *expected, "{p} on {value}");
        }
    }

    #[test]
    fn equality() {
        check(
            &[
                ("true", "null", True),
                ("true", "[]", True),
                (r#"{"eq":1}"#, "1", True),
                (r#"{"eq":1}"#, "1.0", True),
                (r#"{"eq":1}"#, "2", False),
                (r#"{"eq":1}"#, "\"1\"", Error),
                (r#"{"eq":1}"#, "null", Error),
                (r#"{"eq":"a"}"#, "\"a\"", True),
                (r#"{"eq":"a"}"#, "\"A\"", False),
                (r#"{"eq":"a"}"#, "[\"a\"]", Error),
                (r#"{"eq":null}"#, "null", True),
                (r#"{"eq":null}"#, "false", Error),
                (r#"{"eq":true}"#, "false", False),
                (r#"{"eq":true}"#, "0", Error),
                (r#"{"eq":[1,"a"]}"#, "[1,\"a\"]", True),
                (r#"{"eq":[1,"a"]}"#, "[1,2]", False),
                (r#"{"eq":[]}"#, "{}", Error),
                (r#"{"eq":{"a":1,"b":2}}"#, r#"{"b":2,"a":1}"#, True),
                (r#"{"eq":{"a":1}}"#, r#"{"a":"1"}"#, False),
                (r#"{"eq":{"a":1}}"#, r#"{"a":1,"b":1}"#, False),
                (r#"{"in":[1,"a"]}"#, "\"a\"", True),
                (r#"{"in":[1,"a"]}"#, "1", True),
                (r#"{"in":[1,"a"]}"#, "2", False),
                (r#"{"in":[1,"a"]}"#, "true", Error),
                (r#"{"in":[[1],null]}"#, "[1]", True),
                (r#"{"in":[[1],null]}"#, "[2]", False),
                (r#"{"in":[[1],null]}"#, "1", Error),
            ],
            None,
        );
    }

    #[test]
    fn limits() {
        check(
            &[
                (r#"{"le":10}"#, "10", True),
                (r#"{"le":10}"#, "9.999999", True),
                (r#"{"le":10}"#, "10.000001", False),
                (r#"{"le":10}"#, "-11", True),
                (r#"{"le":10}"#, "1e0", Error),
                (r#"{"le":10}"#, "1.0000000", Error),
                (r#"{"le":10}"#, "\"1\"", Error),
                (r#"{"le":10}"#, "null", Error),
                (r#"{"le":10}"#, "[1]", Error),
                (r#"{"le":0.3}"#, "0.30", True),
                (r#"{"le":0.3}"#, "0.300001", False),
                (r#"{"ge":-0.5}"#, "-0.5", True),
                (r#"{"ge":-0.5}"#, "-0.500001", False),
                (r#"{"ge":0}"#, "-0.0", True),
                (r#"{"ge":0}"#, "1000000000000000", Error),
                (r#"{"ge":0}"#, "999999999999999.999999", True),
                (r#"{"ge":0}"#, "true", Error),
            ],
            None,
        );
    }

    #[test]
    fn text_patterns() {
        check(
            &[
                (r#"{"like":"a*"}"#, "\"abc\"", True),
                (r#"{"like":"a*"}"#, "\"b\"", False),
                (r#"{"like":"*"}"#, "1", Error),
                (r#"{"like":"*"}"#, "[\"a\"]", Error),
                (r#"{"under":"/srv/a"}"#, "\"/srv/a\"", True),
                (r#"{"under":"/srv/a"}"#, "\"/srv/a/b\"", True),
                (r#"{"under":"/srv/a"}"#, "\"/srv/ab\"", False),
                (r#"{"under":"/srv/a"}"#, "\"/srv\"", False),
                (r#"{"under":"/srv/a"}"#, "\"/srv/a/../b\"", Error),
                (r#"{"under":"/srv/a"}"#, "\"/srv/a/\"", Error),
                (r#"{"under":"/srv/a"}"#, "\"/other/..\"", Error),
                (r#"{"under":"/srv/a"}"#, "\"srv/a\"", Error),
                (r#"{"under":"/srv/a"}"#, "\"/srv/a\\\\b\"", Error),
                (r#"{"under":"/srv/a"}"#, "\"\"", Error),
                (r#"{"under":"/srv/a"}"#, "7", Error),
                (r#"{"host":["a.example","b.example:81"]}"#, "\"https://a.example/x\"", True),
                (r#"{"host":["a.example","b.example:81"]}"#, "\"http://b.example:81\"", True),
                (r#"{"host":["a.example","b.example:81"]}"#, "\"http://b.example\"", False),
                (r#"{"host":["a.example"]}"#, "\"https://a.example:443/\"", False),
                (r#"{"host":["a.example"]}"#, "\"https://sub.a.example/\"", False),
                (r#"{"host":["a.example"]}"#, "\"https://a.example@b.example/\"", Error),
                (r#"{"host":["a.example"]}"#, "\"a.example\"", Error),
                (r#"{"host":["a.example"]}"#, "null", Error),
            ],
            None,
        );
    }

    #[test]
    fn named_looks_into_the_task() {
        let named = r#"{"named":true}"#;
        let cases = [
            (named, "\"Bob\"", True),
            (named, "12.50", True),
            (named, "12", False),
            (named, "12.5", False),
            (named, "\"alice\"", False),
            (named, "\"\"", Error),
            (named, "true", Error),
            (named, "null", Error),
            (named, "[\"bob\"]", Error),
            (r#"{"all":{"named":true}}"#, "[\"bob\",12.50]", True),
        ];
        check(&cases, Some("Send 12.50 to bob."));
        check(&[(named, "\"bob\"", Error)], None);
        check(&[(named, "\"bob\"", False)], Some(""));
    }

    #[test]
    fn in_all_an_error_beats_a_false() {
        check(
            &[
                (r#"{"all":true}"#, "[null]", True),
                (r#"{"all":{"le":5}}"#, "[1,2,5]", True),
                (r#"{"all":{"le":5}}"#, "[1,6]", False),
                (r#"{"all":{"le":5}}"#, "[6,\"x\"]", Error),
                (r#"{"all":{"le":5}}"#, "[\"x\",6]", Error),
                (r#"{"all":{"le":5}}"#, "[]", Error),
                (r#"{"all":{"le":5}}"#, "5", Error),
                (r#"{"all":{"le":5}}"#, "{}", Error),
                (r#"{"all":{"all":{"eq":1}}}"#, "[[1],[1,1]]", True),
                (r#"{"all":{"all":{"eq":1}}}"#, "[[2],[]]", Error),
                (r#"{"all":{"all":{"eq":1}}}"#, "[[2],[1]]", False),
            ],
            None,
        );
    }

    #[test]
    fn the_wire_form_is_read_and_written_alike() {
        for good in [
            "true",
            r#"{"eq":{"a":[1,null,"x"]}}"#,
            r#"{"in":[1.5,"a",false]}"#,
            r#"{"le":-0.25}"#,
            r#"{"ge":999999999999999.999999}"#,
            r#"{"like":"a\"*"}"#,
            r#"{"under":"/srv/a"}"#,
            r#"{"host":["a.example","b.example:81"]}"#,
            r#"{"named":true}"#,
            r#"{"all":{"all":true}}"#,
        ] {
            assert_eq!(text(&pattern(good).unwrap()), good);
        }
        for bad in [
            "false",
            "null",
            "1",
            "\"*\"",
            "[]",
            "{}",
            r#"{"eq":1,"le":2}"#,
            r#"{"ne":1}"#,
            r#"{"Eq":1}"#,
            r#"{"in":1}"#,
            r#"{"in":[]}"#,
            r#"{"le":"1"}"#,
            r#"{"le":1e2}"#,
            r#"{"le":1.0000001}"#,
            r#"{"ge":null}"#,
            r#"{"like":1}"#,
            r#"{"like":["a"]}"#,
            r#"{"under":"a"}"#,
            r#"{"under":"/"}"#,
            r#"{"under":"/a/"}"#,
            r#"{"under":"/a/../b"}"#,
            r#"{"host":"a.example"}"#,
            r#"{"host":[]}"#,
            r#"{"host":["A.example"]}"#,
            r#"{"host":["https://a.example"]}"#,
            r#"{"host":[1]}"#,
            r#"{"named":false}"#,
            r#"{"named":"x"}"#,
            r#"{"all":false}"#,
            r#"{"all":{}}"#,
            r#"{"all":[true]}"#,
        ] {
            assert_eq!(pattern(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_wider_limit_holds_for_all_that_a_narrower_one_holds_for(
            value in -1_000_000_000_i64..1_000_000_000, low in -1_000_000_000_i64..1_000_000_000, more in 0..1_000_000_i64,
        ) {
            let thousandths = |n: i64| json(&format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1000, n.abs() % 1000));
            let found = thousandths(value);
            let limit = |n: i64| Decimal::read(&thousandths(n)).unwrap();
            let expected = |holds: bool| if holds { True } else { False };
            prop_assert_eq!(Pattern::Le(limit(low)).holds(&found, None), expected(value <= low));
            prop_assert_eq!(Pattern::Ge(limit(low)).holds(&found, None), expected(value >= low));
            if value <= low {
                prop_assert_eq!(Pattern::Le(limit(low + more)).holds(&found, None), True);
            }
        }
    }
}
