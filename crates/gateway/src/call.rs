//! One call of a tool: what is asked about, and what is then sent to the server.

use crate::message::Id;
use agenttrust_protocol::Hash;
use agenttrust_protocol::json::{Numbers, Object, Value, parse};

/// The members of a call that are passed on: what the person signs, and what the protocol itself says beside it.
const KNOWN: [&str; 6] = ["name", "arguments", "_meta", "inputResponses", "requestState", "task"];

/// The member of `_meta` that only the stateless era of the protocol has.
const ERA: &str = "io.modelcontextprotocol/protocolVersion";

/// The member of `_meta` to which progress is reported.
const PROGRESS: &str = "progressToken";

/// A call as a client made it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: Id,
    pub(crate) tool: String,
    /// As the client gave them; none are an empty object.
    pub(crate) arguments: Object,
    params: Object,
}

impl Call {
    /// Reads a call strictly: here the bytes matter, for they are what the person signs.
    ///
    /// # Errors
    /// Why it cannot be asked about, in words for the model.
    pub(crate) fn read(id: Id, message: &[u8]) -> Result<Call, String> {
        let value = parse(message, Numbers::Any).map_err(|bad| {
            format!(
                "The call is not JSON that every program reads alike ({bad}). Write numbers beyond ±(2^53−1) as text \
                 and each member once."
            )
        })?;
        let params = value.as_object().and_then(|outer| outer.get("params")).and_then(Value::as_object);
        let params = params.ok_or("The call has no `params` object.")?.clone();
        if let Some((unknown, _)) = params.iter().find(|(name, _)| !KNOWN.contains(name)) {
            return Err(format!("The call has a member `{unknown}` that the person would not see."));
        }
        let tool = params.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let tool = tool.ok_or("The call names no tool.")?.to_owned();
        let arguments = match params.get("arguments") {
            Some(value) => value.as_object().ok_or("The arguments must be a JSON object.")?.clone(),
            None => Object::default(),
        };
        Ok(Call { id, tool, arguments, params })
    }

    /// The token under which the client wants to hear of progress.
    pub(crate) fn progress(&self) -> Option<&Value> {
        self.meta()?.get(PROGRESS).filter(|token| token.as_str().is_some() || token.as_integer().is_some())
    }

    /// The version of the protocol that the call itself names, which makes it one of the stateless era.
    pub(crate) fn stateless(&self) -> Option<&str> {
        self.meta()?.get(ERA)?.as_str()
    }

    fn meta(&self) -> Option<&Object> {
        self.params.get("_meta")?.as_object()
    }

    /// The state that the server handed out when it asked for more, and the client's answers, where this call goes on
    /// with an earlier one.
    pub(crate) fn continued(&self) -> Option<Continued<'_>> {
        let (state, answers) = (self.params.get("requestState"), self.params.get("inputResponses"));
        (state.is_some() || answers.is_some()).then_some(Continued { state, answers })
    }

    /// What a later part of the same call must have in common with this one.
    pub(crate) fn likeness(&self, state: Option<&Value>) -> Hash {
        let state = state.map_or_else(String::new, canonical);
        let (tool, arguments) = (Value::from(self.tool.as_str()), Value::Object(self.arguments.clone()));
        Hash::of(format!("{tool} {} {state}", canonical(&arguments)).as_bytes())
    }

    /// The call as it goes to the server: nothing but what was read, with these arguments.
    pub(crate) fn message(&self, arguments: &Object) -> Vec<u8> {
        let mut params = self.params.clone();
        if !arguments.is_empty() || params.get("arguments").is_some() {
            params.set("arguments", Value::Object(arguments.clone()));
        }
        request(&self.id, crate::message::CALL, &params)
    }

    /// A request for the server's tools, made in the way this call was.
    pub(crate) fn list(&self, id: &Id, cursor: Option<&str>) -> Vec<u8> {
        let mut params = Object::default();
        let mut meta = Object::default();
        for (name, value) in self.meta().into_iter().flat_map(Object::iter).filter(|(name, _)| *name != PROGRESS) {
            meta.set(name, value.clone());
        }
        if !meta.is_empty() {
            params.set("_meta", Value::Object(meta));
        }
        if let Some(cursor) = cursor {
            params.set("cursor", Value::from(cursor));
        }
        request(id, "tools/list", &params)
    }
}

/// What makes a call the continuation of an earlier one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Continued<'a> {
    pub(crate) state: Option<&'a Value>,
    pub(crate) answers: Option<&'a Value>,
}

fn request(id: &Id, method: &str, params: &Object) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#).into_bytes()
}

/// A value's text with the members of every object in order, for comparing by bytes.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(&mut text, value);
    text
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(&str, &Value)> = object.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (n, (name, value)) in members.into_iter().enumerate() {
                out.push(if n == 0 { '{' } else { ',' });
                out.push_str(&Value::from(name).to_string());
                out.push(':');
                write_canonical(out, value);
            }
            out.push_str(if object.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                out.push(if n == 0 { '[' } else { ',' });
                write_canonical(out, item);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(params: &str) -> Result<Call, String> {
        let message = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
        Call::read(Id::Number(7), message.as_bytes())
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_goes_on_is_what_was_read_with_the_signed_arguments() {
        let made =
            call(r#"{ "name": "pay", "arguments": {"amount": 1.50}, "_meta": {"progressToken": "p"} }"#).unwrap();
        let mut signed = made.arguments.clone();
        signed.set("amount", Value::from(2));
        let expected = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{"amount":2},"_meta":{"progressToken":"p"}}}"#;
        assert_eq!(text(made.message(&signed)), expected);
        assert!(text(made.message(&made.arguments)).contains(r#"{"amount":1.50}"#));
        assert!(!text(call(r#"{"name":"now"}"#).unwrap().message(&Object::default())).contains("arguments"));
    }

    #[test]
    fn what_the_person_would_not_see_or_programs_read_differently_is_no_call() {
        for (params, why) in [
            (r#"{"name":"pay","arguments":{"to":"a","to":"b"}}"#, "stands twice"),
            (r#"{"name":"pay","name":"delete"}"#, "stands twice"),
            (r#"{"name":"pay","Name":"delete"}"#, "`Name`"),
            (r#"{"name":"pay","Arguments":{}}"#, "`Arguments`"),
            (r#"{"name":"pay","arguments":{"n":9007199254740993}}"#, "as text"),
            (r#"{"name":"pay","arguments":[]}"#, "JSON object"),
            (r#"{"name":"pay","arguments":null}"#, "JSON object"),
            (r#"{"name":""}"#, "names no tool"),
            (r#"{"arguments":{}}"#, "names no tool"),
            ("[]", "`params`"),
        ] {
            let refused = call(params).unwrap_err();
            assert!(refused.contains(why), "{params}: {refused}");
        }
    }

    #[test]
    fn the_list_is_asked_for_as_the_call_was() {
        let made = call(&format!(r#"{{"name":"t","_meta":{{"{ERA}":"2026-07-28","progressToken":1}}}}"#)).unwrap();
        assert_eq!(made.stateless(), Some("2026-07-28"));
        let expected = format!(
            r#"{{"jsonrpc":"2.0","id":"x","method":"tools/list","params":{{"_meta":{{"{ERA}":"2026-07-28"}},"cursor":"c"}}}}"#
        );
        assert_eq!(text(made.list(&Id::Text("x".to_owned()), Some("c"))), expected);
        let older = call(r#"{"name":"t"}"#).unwrap();
        assert_eq!(
            text(older.list(&Id::Number(1), None)),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#
        );
    }

    #[test]
    fn a_continuation_is_bound_to_tool_arguments_and_state() {
        let one = call(r#"{"name":"t","arguments":{"a":1,"b":{"c":2,"d":3}}}"#).unwrap();
        let same = call(r#"{"arguments":{"b":{"d":3,"c":2},"a":1},"name":"t","inputResponses":{}}"#).unwrap();
        let other = call(r#"{"name":"t","arguments":{"a":1,"b":{"c":2,"d":4}}}"#).unwrap();
        let state = Value::from("s");
        assert_eq!(one.likeness(Some(&state)), same.likeness(Some(&state)));
        assert_ne!(one.likeness(Some(&state)), other.likeness(Some(&state)));
        assert_ne!(one.likeness(Some(&state)), one.likeness(None));
        assert!(one.continued().is_none() && same.continued().is_some());
    }
}
