//! `constraint`: one constraint on one call: true, false, error, or `bad` where it is malformed.

mod texts;

use super::Case;
use serde_json::json;

const TASK: &str = "Pay invoice 4711 to Example GmbH, then mail `billing@example.com`.";

pub(super) fn cases() -> Vec<Case> {
    TABLE
        .iter()
        .chain(texts::TABLE)
        .map(|(name, why, place, constraint, arguments, expect)| {
            let content = json!({
                "place": place,
                "constraint": constraint,
                "tool": "pay_invoice",
                "server": "bank",
                "sid": "0198c2f0-7a00-7000-8000-000000000001",
                "task": TASK,
                "arguments": arguments,
                "expect": expect,
            });
            Case::new("constraint", name, why, content)
        })
        .collect()
}

/// Name, why, place, constraint, arguments, result.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const TABLE: &[Row] = &[
    ("tool-exact", "the exact name", "grant", r#"{"c":"tool","name":"pay_invoice"}"#, "{}", "true"),
    ("tool-other", "another name", "grant", r#"{"c":"tool","name":"pay"}"#, "{}", "false"),
    ("tool-star-in-rule", "`*` at the end matches a beginning", "rule", r#"{"c":"tool","name":"pay*"}"#, "{}", "true"),
    ("tool-star-nothing", "`*` may match nothing", "rule", r#"{"c":"tool","name":"pay_invoice*"}"#, "{}", "true"),
    ("tool-star-only", "`*` alone matches every tool", "rule", r#"{"c":"tool","name":"*"}"#, "{}", "true"),
    ("tool-case", "byte for byte", "rule", r#"{"c":"tool","name":"Pay_invoice"}"#, "{}", "false"),
    ("server-same", "the exact server", "grant", r#"{"c":"server","is":"bank"}"#, "{}", "true"),
    ("server-other", "another server", "grant", r#"{"c":"server","is":"mail"}"#, "{}", "false"),
    (
        "session-same",
        "this session",
        "grant",
        r#"{"c":"session","sid":"0198c2f0-7a00-7000-8000-000000000001"}"#,
        "{}",
        "true",
    ),
    (
        "session-other",
        "another session",
        "grant",
        r#"{"c":"session","sid":"0198c2f0-7a00-7000-8000-000000000002"}"#,
        "{}",
        "false",
    ),
    ("unknown", "an unknown constraint", "grant", r#"{"c":"weekday","is":"monday"}"#, "{}", "bad"),
    ("member-extra", "an unknown member", "grant", r#"{"c":"server","is":"bank","port":1}"#, "{}", "bad"),
    ("member-missing", "a missing member", "grant", r#"{"c":"server"}"#, "{}", "bad"),
    ("pattern-two", "exactly one member", "grant", r#"{"c":"args","keys":{"a":{"le":1,"ge":0}}}"#, r#"{"a":1}"#, "bad"),
    ("pattern-none", "exactly one member", "grant", r#"{"c":"args","keys":{"a":{}}}"#, r#"{"a":1}"#, "bad"),
    ("pattern-false", "`true` or an object", "grant", r#"{"c":"args","keys":{"a":false}}"#, r#"{"a":1}"#, "bad"),
    (
        "pattern-unknown",
        "an unknown operator",
        "grant",
        r#"{"c":"args","keys":{"a":{"regex":"."}}}"#,
        r#"{"a":1}"#,
        "bad",
    ),
    ("any-value", "`true` takes any value", "grant", r#"{"c":"args","keys":{"a":true}}"#, r#"{"a":null}"#, "true"),
    ("any-missing", "but there must be one", "grant", r#"{"c":"args","keys":{"a":true}}"#, "{}", "error"),
    (
        "closed-in-grant",
        "an argument that is not named is not covered",
        "grant",
        r#"{"c":"args","keys":{"a":true}}"#,
        r#"{"a":1,"b":2}"#,
        "false",
    ),
    (
        "open-in-rule",
        "a rule does not ask about others",
        "rule",
        r#"{"c":"args","keys":{"a":true}}"#,
        r#"{"a":1,"b":2}"#,
        "true",
    ),
    ("eq-same", "equal", "grant", r#"{"c":"args","keys":{"a":{"eq":"x"}}}"#, r#"{"a":"x"}"#, "true"),
    ("eq-other", "not equal", "grant", r#"{"c":"args","keys":{"a":{"eq":"x"}}}"#, r#"{"a":"y"}"#, "false"),
    (
        "eq-other-type",
        "another type cannot be compared",
        "grant",
        r#"{"c":"args","keys":{"a":{"eq":"1"}}}"#,
        r#"{"a":1}"#,
        "error",
    ),
    (
        "eq-deep",
        "without regard to the order of members",
        "grant",
        r#"{"c":"args","keys":{"a":{"eq":{"x":[1],"y":2}}}}"#,
        r#"{"a":{"y":2,"x":[1]}}"#,
        "true",
    ),
    (
        "eq-number-spelling",
        "numbers by value",
        "grant",
        r#"{"c":"args","keys":{"a":{"eq":1.50}}}"#,
        r#"{"a":15e-1}"#,
        "true",
    ),
    ("in-one", "one of them", "grant", r#"{"c":"args","keys":{"a":{"in":["x","y"]}}}"#, r#"{"a":"y"}"#, "true"),
    ("in-none", "none of them", "grant", r#"{"c":"args","keys":{"a":{"in":["x","y"]}}}"#, r#"{"a":"z"}"#, "false"),
    (
        "in-type",
        "a type none of them has",
        "grant",
        r#"{"c":"args","keys":{"a":{"in":["x","y"]}}}"#,
        r#"{"a":true}"#,
        "error",
    ),
    ("le-below", "at most", "grant", r#"{"c":"args","keys":{"a":{"le":100}}}"#, r#"{"a":99.99}"#, "true"),
    ("le-equal", "at most", "grant", r#"{"c":"args","keys":{"a":{"le":100}}}"#, r#"{"a":100.00}"#, "true"),
    (
        "le-above",
        "by one millionth",
        "grant",
        r#"{"c":"args","keys":{"a":{"le":100}}}"#,
        r#"{"a":100.000001}"#,
        "false",
    ),
    (
        "le-too-fine",
        "more than six digits cannot be told",
        "grant",
        r#"{"c":"args","keys":{"a":{"le":100}}}"#,
        r#"{"a":100.0000001}"#,
        "error",
    ),
    (
        "le-exponent",
        "exponents cannot be told",
        "grant",
        r#"{"c":"args","keys":{"a":{"le":100}}}"#,
        r#"{"a":1e1}"#,
        "error",
    ),
    (
        "le-string",
        "a number in quotes is no number",
        "grant",
        r#"{"c":"args","keys":{"a":{"le":100}}}"#,
        r#"{"a":"99"}"#,
        "error",
    ),
    ("ge-above", "at least", "rule", r#"{"c":"args","keys":{"a":{"ge":1000}}}"#, r#"{"a":1000.5}"#, "true"),
    ("ge-below", "at least", "rule", r#"{"c":"args","keys":{"a":{"ge":1000}}}"#, r#"{"a":999.999999}"#, "false"),
    (
        "ge-negative",
        "negative numbers count as such",
        "rule",
        r#"{"c":"args","keys":{"a":{"ge":-5}}}"#,
        r#"{"a":-5.5}"#,
        "false",
    ),
];
