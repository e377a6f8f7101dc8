//! `json`: is this text strict JSON where these numbers are allowed?

use super::Case;
use data_encoding::HEXLOWER;
use serde_json::json;

pub(super) fn cases() -> Vec<Case> {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let good: &[(&str, &str, &str, String)] = &[
        ("object", "the ordinary case", "integers", r#"{"a":[1,-2,0,"x",true,false,null]}"#.into()),
        ("white-space", "white space around tokens is free", "integers", " \t\r\n{ \"a\" : 1 } \n".into()),
        ("escapes", "every escape of RFC 8259", "integers", r#""\"\\\/\b\f\n\r\t\u00e9""#.into()),
        ("surrogate-pair", "a pair of escapes is one character", "integers", r#""\ud83d\ude00""#.into()),
        ("depth-32", "32 levels are allowed", "integers", deep(32)),
        ("max-integer", "2^53-1 is exact everywhere", "integers", "9007199254740991".into()),
        ("min-integer", "-(2^53-1) is exact everywhere", "integers", "-9007199254740991".into()),
        (
            "proto",
            "names that mean something in JavaScript are data",
            "integers",
            r#"{"__proto__":1,"constructor":2}"#.into(),
        ),
        ("fraction-in-constraint", "plain fractions where constraints stand", "fractions", "0.25".into()),
        ("exponent-in-arguments", "arguments may hold any finite number", "any", "-1.5E+10".into()),
        (
            "same-name-elsewhere",
            "a name may stand again in another object",
            "integers",
            r#"{"a":{"a":1},"b":{"a":2}}"#.into(),
        ),
        ("delete-character", "U+007F needs no escape", "integers", "\"\u{7f}\"".into()),
    ];
    let bad: &[(&str, &str, &str, Vec<u8>)] = &[
        ("empty", "there is no value", "integers", b"".to_vec()),
        ("byte-order-mark", "no BOM", "integers", b"\xef\xbb\xbf{}".to_vec()),
        (
            "duplicate-member",
            "which of the two counts differs between parsers",
            "integers",
            br#"{"a":1,"a":1}"#.to_vec(),
        ),
        ("duplicate-member-deep", "at any depth", "integers", br#"{"b":[{"a":1,"a":2}]}"#.to_vec()),
        ("duplicate-member-escaped", "names are compared unescaped", "integers", br#"{"a":1,"\u0061":2}"#.to_vec()),
        ("lone-high-surrogate", "not a character", "integers", br#""\ud83d""#.to_vec()),
        ("lone-low-surrogate", "not a character", "integers", br#""\ude00""#.to_vec()),
        ("surrogates-swapped", "not a pair", "integers", br#""\ude00\ud83d""#.to_vec()),
        ("noncharacter", "RFC 7493 section 2.1", "integers", br#""\uffff""#.to_vec()),
        ("noncharacter-raw", "RFC 7493 section 2.1", "integers", "\"\u{fdd0}\"".as_bytes().to_vec()),
        ("not-utf-8", "bytes that are no UTF-8", "integers", b"\"\xff\"".to_vec()),
        ("overlong-utf-8", "an overlong encoding of a slash", "integers", b"\"\xc0\xaf\"".to_vec()),
        ("depth-33", "33 levels are too many", "integers", deep(33).into_bytes()),
        ("integer-too-large", "2^53 is not exact everywhere", "integers", b"9007199254740992".to_vec()),
        ("integer-too-small", "-2^53 is not exact everywhere", "any", b"-9007199254740992".to_vec()),
        ("minus-zero", "an integer has one spelling", "any", b"-0".to_vec()),
        ("leading-zero", "an integer has one spelling", "any", b"01".to_vec()),
        ("plus-sign", "not JSON", "any", b"+1".to_vec()),
        ("fraction-in-member", "members are integers", "integers", b"1.0".to_vec()),
        ("exponent-in-member", "members are integers", "integers", b"1e2".to_vec()),
        ("exponent-in-constraint", "constraints know plain fractions only", "fractions", b"1e2".to_vec()),
        ("infinite", "beyond an IEEE double", "any", b"1e999".to_vec()),
        ("bare-dot", "a digit must follow the point", "any", b"1.".to_vec()),
        ("trailing-comma", "not JSON", "integers", b"[1,]".to_vec()),
        ("trailing-bytes", "something follows the value", "integers", b"{}{}".to_vec()),
        ("control-character", "must be escaped", "integers", b"\"\x01\"".to_vec()),
        ("unknown-escape", "not JSON", "integers", br#""\x41""#.to_vec()),
        ("single-quotes", "not JSON", "integers", b"'a'".to_vec()),
        ("comment", "not JSON", "integers", b"/**/1".to_vec()),
        ("nan", "not JSON", "any", b"NaN".to_vec()),
        ("unfinished", "the text ends early", "integers", br#"{"a":"#.to_vec()),
        ("no-break-space", "not JSON white space", "integers", "\u{a0}1".as_bytes().to_vec()),
    ];
    let good = good.iter().map(|(name, why, numbers, text)| {
        let hex = HEXLOWER.encode(text.as_bytes());
        Case::new("json", name, why, json!({"numbers": numbers, "hex": hex, "expect": "ok"}))
    });
    let bad = bad.iter().map(|(name, why, numbers, bytes)| {
        let hex = HEXLOWER.encode(bytes);
        Case::new("json", name, why, json!({"numbers": numbers, "hex": hex, "expect": "bad_json"}))
    });
    good.chain(bad).collect()
}
