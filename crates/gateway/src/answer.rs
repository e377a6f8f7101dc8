//! What the gateway itself says to a client, and what it puts in front of a server's answer.

use crate::call::Call;
use crate::catalog::Place;
use crate::message::{Id, Unfit};
use agenttrust_protocol::json::Value;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::HashSet;

/// The member of a structured result that holds a word to the model.
const MEMBER: &str = "agenttrust";

/// A refused call: a result, not an error of the protocol, for models read results.
pub(crate) fn refused(call_id: &Id, is_stateless: bool, text: &str) -> Vec<u8> {
    let era = if is_stateless { r#""resultType":"complete","# } else { "" };
    let content = json!([{ "type": "text", "text": text }]);
    format!(r#"{{"jsonrpc":"2.0","id":{call_id},"result":{{{era}"content":{content},"isError":true}}}}"#).into_bytes()
}

/// The text for a model whose call was refused by the gateway and by nobody's decision.
pub(crate) fn not_asked(why: &str) -> String {
    format!("AgentTrust: not approved (not_asked). Do not retry unchanged. {why}")
}

/// An error of the protocol.
pub(crate) fn error(unfit: &Unfit) -> Vec<u8> {
    let id = unfit.id.as_ref().map_or_else(|| "null".to_owned(), Id::to_string);
    let error = json!({ "code": unfit.code, "message": format!("AgentTrust: {}", unfit.why) });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes()
}

/// A sign of life for a client that waits. The number stays below whatever a server may begin to count with.
pub(crate) fn progress(call: &Call, count: u32, words: &str) -> Option<Vec<u8>> {
    let token: &Value = call.progress()?;
    let (progress, words) = (format!("{:.6}", f64::from(count) / 1e6), json!(words));
    let params = format!(r#"{{"progressToken":{token},"progress":{progress},"message":{words}}}"#);
    Some(format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#).into_bytes())
}

/// What a client is told while nobody has answered.
pub(crate) fn waiting_words(devices: &[String]) -> String {
    match devices {
        [] => "Waiting for the approval of a person (AgentTrust).".to_owned(),
        [one] => format!("Waiting for your approval on {one} (AgentTrust)."),
        [all @ .., last] => format!("Waiting for your approval on {} or {last} (AgentTrust).", all.join(", ")),
    }
}

/// An object whose values stay the bytes they were.
struct Raw(Vec<(String, Box<RawValue>)>);

impl Raw {
    fn read(text: &str) -> Option<Raw> {
        let members: RawMembers = serde_json::from_str(text).ok()?;
        let names: HashSet<&str> = members.0.iter().map(|(name, _)| name.as_str()).collect();
        (names.len() == members.0.len()).then_some(Raw(members.0))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.get())
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        if let Some((_, old)) = self.0.iter_mut().find(|(known, _)| known == name) {
            *old = value;
        }
    }

    fn text(&self) -> String {
        let members = self.0.iter().map(|(name, value)| format!("{}:{}", json!(name), value.get()));
        format!("{{{}}}", members.collect::<Vec<String>>().join(","))
    }
}

struct RawMembers(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for RawMembers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<RawMembers, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = RawMembers;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<RawMembers, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// The server's answer with a text in front of its content, or of its error's message; `None` where it has neither. In
/// a structured result the text stands where there is a place for it: some clients show nothing else to their model.
pub(crate) fn with_notice(message: &[u8], notice: &str, place: &Place) -> Option<Vec<u8>> {
    let mut outer = Raw::read(std::str::from_utf8(message).ok()?)?;
    if let Some(result) = outer.get("result") {
        let mut result = Raw::read(result)?;
        let content: Vec<Box<RawValue>> = serde_json::from_str(result.get("content")?).ok()?;
        let ours = to_raw_value(&json!({ "type": "text", "text": notice })).ok()?;
        let all: Vec<Box<RawValue>> = [ours].into_iter().chain(content).collect();
        result.set("content", to_raw_value(&all).ok()?);
        if let Some(structured) = result.get("structuredContent").and_then(|text| structured(text, notice, place)) {
            result.set("structuredContent", structured);
        }
        outer.set("result", RawValue::from_string(result.text()).ok()?);
    } else {
        let mut error = Raw::read(outer.get("error")?)?;
        let message: String = serde_json::from_str(error.get("message")?).ok()?;
        error.set("message", to_raw_value(&format!("{notice} {message}")).ok()?);
        outer.set("error", RawValue::from_string(error.text()).ok()?);
    }
    Some(outer.text().into_bytes())
}

fn structured(text: &str, notice: &str, place: &Place) -> Option<Box<RawValue>> {
    let mut members = Raw::read(text)?;
    match place {
        Place::Member if members.get(MEMBER).is_none() => {
            members.0.push((MEMBER.to_owned(), to_raw_value(notice).ok()?));
        }
        Place::Before(name) => {
            let held: String = serde_json::from_str(members.get(name)?).ok()?;
            members.set(name, to_raw_value(&format!("{notice}\n{held}")).ok()?);
        }
        Place::Member | Place::Nowhere => return None,
    }
    RawValue::from_string(members.text()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_refusal_is_a_result_that_says_it_is_an_error() {
        let id = Id::Text("a\"b".to_owned());
        let expected =
            r#"{"jsonrpc":"2.0","id":"a\"b","result":{"content":[{"text":"no","type":"text"}],"isError":true}}"#;
        assert_eq!(text(refused(&id, false, "no")), expected);
        assert!(text(refused(&id, true, "no")).contains(r#""result":{"resultType":"complete","content""#));
    }

    #[test]
    fn a_notice_changes_nothing_else() {
        let answer = br#"{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890.50,"content":[{"type":"text","text":"\ud800"}],"isError":false}}"#;
        let told = text(with_notice(answer, "Edited.", &Place::Member).unwrap());
        let expected = r#"{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890.50,"content":[{"text":"Edited.","type":"text"},{"type":"text","text":"\ud800"}],"isError":false}}"#;
        assert_eq!(told, expected);
        let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"Broken."}}"#;
        assert!(
            text(with_notice(error, "Edited.", &Place::Member).unwrap()).contains(r#""message":"Edited. Broken.""#)
        );
        assert_eq!(with_notice(br#"{"jsonrpc":"2.0","id":1,"result":{"task":{}}}"#, "Edited.", &Place::Member), None);
    }

    #[test]
    fn a_structured_result_says_it_where_it_has_a_place() {
        let answer =
            br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"n":1.0,"text":"It is."}}}"#;
        let told = |place: Place| {
            let told: serde_json::Value =
                serde_json::from_slice(&with_notice(answer, "Edited.", &place).unwrap()).unwrap();
            told["result"]["structuredContent"].to_string()
        };
        assert_eq!(told(Place::Member), r#"{"agenttrust":"Edited.","n":1.0,"text":"It is."}"#);
        assert_eq!(told(Place::Before("text".to_owned())), r#"{"n":1.0,"text":"Edited.\nIt is."}"#);
        for place in [Place::Before("other".to_owned()), Place::Before("n".to_owned()), Place::Nowhere] {
            assert_eq!(told(place), r#"{"n":1.0,"text":"It is."}"#);
        }
    }
}
