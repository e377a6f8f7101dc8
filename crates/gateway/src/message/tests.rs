use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn kind(text: &str) -> Result<FromClient, &'static str> {
    from_client(text.as_bytes()).map_err(|unfit| unfit.why)
}

fn is_refused(text: &str) -> bool {
    from_client(text.as_bytes()).is_err()
}

#[test]
fn messages_are_told_apart() {
    let seven = Id::Number(7);
    assert_eq!(
        kind(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}"#),
        Ok(FromClient::Call(seven.clone()))
    );
    assert_eq!(
        kind(" {\"method\" : \"tools\\/call\",\t\"id\":\"7\", \"jsonrpc\":\"2.0\"} "),
        Ok(FromClient::Call(Id::Text("7".to_owned())))
    );
    let ping = FromClient::Request(seven, "ping".to_owned());
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#), Ok(ping));
    let note = FromClient::Notification("notifications/initialized".to_owned());
    assert_eq!(kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), Ok(note));
    // Inside of what is not a call, other programs' numbers and texts are their business.
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"n":18446744073709551616,"s":"\ud800","x":1,"x":2}}"#;
    assert_eq!(kind(answer), Ok(FromClient::Response));
}

#[test]
fn what_may_be_a_call_to_somebody_is_not_passed_on() {
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":"{}"}}"#, "x".repeat(MAX_MESSAGE));
    for text in [
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call"}]"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":-0,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method ":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method\u0000":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"TOOLS/CALL"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":" tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"tools/call"}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\"}",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        "// a remark\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        "",
        "7",
        &deep,
        &long,
    ] {
        assert!(is_refused(text), "{}", text.get(..100).unwrap_or(text));
    }
    assert!(from_client(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").is_err());
}

#[test]
fn whom_to_answer_is_told_only_where_it_is_certain() {
    let id = |text: &str| from_client(text.as_bytes()).unwrap_err().id;
    assert_eq!(id(r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call"}"#), Some(Id::Number(1)));
    assert_eq!(id(r#"{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}"#), None);
}

#[test]
fn a_servers_answer_is_one_or_none() {
    let response = |text: &str| from_server(text.as_bytes());
    assert_eq!(
        response(r#"{"jsonrpc":"2.0","id":"7","result":{}}"#),
        Ok(FromServer::Response(Id::Text("7".to_owned())))
    );
    for text in [
        r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"id":8,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"ID":8,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
        r#"[{"jsonrpc":"2.0","id":7,"result":{}}]"#,
        "Server started",
    ] {
        assert!(response(text).is_err(), "{text}");
    }
}

#[test]
fn one_line_is_the_same_message_for_readers_that_break_lines_elsewhere() {
    let plain = br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"s":"a\nb"}}"#;
    assert_eq!(one_line(plain), &plain[..]);
    let broken = "{\"a\":\r\"x\u{2028}y\u{85}z\u{2029}\",\n\"b\":1}";
    let line = String::from_utf8(one_line(broken.as_bytes()).into_owned()).unwrap();
    assert!(!line.contains(['\r', '\n', '\u{85}', '\u{2028}', '\u{2029}']), "{line}");
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(&line), value(broken));
}

#[tokio::test]
async fn lines_are_whole_and_not_too_long() {
    let mut long = vec![b'x'; MAX_MESSAGE + 1];
    long.extend_from_slice(b"\nb\r\n\n  \nhalf");
    let stream = [&b"a\n"[..], &long].concat();
    let mut lines = Lines::new(tokio::io::BufReader::with_capacity(1000, &stream[..]));
    let mut found = Vec::new();
    while let Some(line) = lines.next().await {
        found.push(line);
    }
    assert_eq!(found, [Line::Whole(b"a".to_vec()), Line::TooLong, Line::Whole(b"b\r".to_vec())]);
}

/// How a server that is lenient in some way reads a line: what it would run, if anything.
fn lenient_calls(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).into_owned();
    let pieces = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}']).map(str::to_owned);
    let all: Vec<String> = pieces.chain([text.clone()]).collect();
    all.iter().any(|piece| {
        let trimmed = piece.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\0');
        let no_trailing = trimmed.replace(",}", "}").replace(",]", "]");
        [trimmed, &no_trailing].iter().any(|text| {
            // As many values as there are, one behind the other; the last of equal members counts, or the first.
            let values = serde_json::Deserializer::from_str(text).into_iter::<Members>();
            values.map_while(Result::ok).any(|value| value.calls())
        })
    })
}

/// JSON with all members, those that stand twice included.
enum Members {
    Object(Vec<(String, Members)>),
    Array(Vec<Members>),
    Text(String),
    Other,
}

impl Members {
    fn calls(&self) -> bool {
        match self {
            Members::Array(items) => items.iter().any(Members::calls),
            Members::Object(members) => members.iter().any(|(name, value)| {
                let c_string = |text: &str| text.split('\0').next().unwrap_or_default().trim().to_lowercase();
                c_string(name) == "method" && matches!(value, Members::Text(text) if c_string(text) == CALL)
            }),
            Members::Text(_) | Members::Other => false,
        }
    }
}

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members::Object(members))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Members, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Members::Array(items))
            }
            fn visit_str<E>(self, text: &str) -> Result<Members, E> {
                Ok(Members::Text(text.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Members, E> {
                Ok(Members::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Members, E> {
                Ok(Members::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Members, E> {
                Ok(Members::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Members, E> {
                Ok(Members::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Members, E> {
                Ok(Members::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Pieces of messages, put together in ways that nobody thought of.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(r#"{"jsonrpc":"2.0","#),
        Just(r#""id":1,"#),
        Just(r#""id":1}"#),
        Just(r#""method":"ping","#),
        Just(r#""method":"tools/call","#),
        Just(r#""method":"tools/call"}"#),
        Just(r#""Method":"tools/call","#),
        Just(r#""m\u0065thod":"Tools/Call","#),
        Just(r#""method\u0000":"tools/call\u0000x"}"#),
        Just(r#""params":{"method":"tools/call"},"#),
        Just(r#""params":"#),
        Just(r#""x":["#),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("["),
        Just(","),
        Just("null"),
        Just("\"\u{2028}"),
        Just("\""),
        Just("\r"),
        Just("\n"),
        Just("\u{feff}"),
        Just("\u{85}"),
        Just(" "),
        Just("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}"),
    ];
    proptest::collection::vec(piece, 1..9).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A message with some more members than it should have, in any order.
fn members() -> impl Strategy<Value = Vec<u8>> {
    let proper = [r#""jsonrpc":"2.0""#, r#""id":1"#, r#""method":"ping""#];
    let more = vec![
        r#""method":"tools/call""#,
        r#""Method":"tools/call""#,
        r#""method ":"Tools/Call""#,
        r#""m\u0065thod\u0000":"tools/call\u0000x""#,
        r#""params":{"method":"tools/call"}"#,
        "\"x\":\r{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\"}\r",
        "\"y\":\n[{\"id\":7,\"method\":\"tools/call\"}]\n",
        "\"z\":\"\u{2028}\u{85}\"",
        r#""result":{}"#,
    ];
    let more = proptest::sample::subsequence(more, 0..4);
    let all = more.prop_map(move |more| proper.into_iter().chain(more).collect::<Vec<&str>>()).prop_shuffle();
    all.prop_map(|members| format!("{{{}}}", members.join(",")).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever passes ungated is a call to no reader, however lenient.
    #[test]
    fn nothing_passes_that_a_lenient_server_would_run(message in prop_oneof![pieces(), members()]) {
        match from_client(&message) {
            Ok(FromClient::Call(_)) | Err(_) => {}
            Ok(FromClient::Request(..) | FromClient::Notification(_) | FromClient::Response) => {
                let sent = one_line(&message);
                prop_assert!(!lenient_calls(&sent), "{}", String::from_utf8_lossy(&sent));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _told = from_client(&message);
        let _told = from_server(&message);
        let _line = one_line(&message);
    }

    /// The strict reading of a call and the loose one see the same thing, or the strict one refuses.
    #[test]
    fn a_call_that_is_forwarded_reads_the_same_everywhere(name in "[a-z]{1,5}", value in "\\PC{0,8}") {
        let arguments = serde_json::json!({ "v": value });
        let text = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": CALL, "params": {"name": name, "arguments": arguments}});
        if let Ok(call) = crate::call::Call::read(Id::Number(1), text.to_string().as_bytes()) {
            let forwarded: Value = serde_json::from_slice(&call.message(&call.arguments)).unwrap();
            prop_assert_eq!(forwarded, text);
        }
    }
}
