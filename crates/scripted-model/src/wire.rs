//! The four formats behind one door.

use crate::script::ToolUse;
use crate::{anthropic, chat, gemini, responses};
use serde_json::Value;

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Anthropic,
    Responses,
    Chat,
    Gemini { streams: bool },
}

/// What the model says next.
pub(crate) struct Reply {
    /// The number of the request; clients merge messages of one id.
    pub(crate) number: usize,
    /// The turn whose calls these are.
    pub(crate) turn: usize,
    /// The calls; without any the model is at its end.
    pub(crate) calls: Vec<ToolUse>,
}

/// What the model says at its end.
pub(crate) const LAST_WORD: &str = "done";

impl Reply {
    /// An id for a call, which carries its turn.
    pub(crate) fn call_id(&self, n: usize) -> String {
        format!("call_{}_{n}", self.turn)
    }
}

impl Wire {
    /// The format of a path.
    pub(crate) fn of(path: &str) -> Option<Wire> {
        match path {
            _ if path.ends_with("/messages") => Some(Wire::Anthropic),
            _ if path.ends_with("/responses") => Some(Wire::Responses),
            _ if path.ends_with("/chat/completions") => Some(Wire::Chat),
            _ if path.ends_with(":generateContent") => Some(Wire::Gemini { streams: false }),
            _ if path.ends_with(":streamGenerateContent") => Some(Wire::Gemini { streams: true }),
            _ => None,
        }
    }

    /// The names of the tools that the client offers. A side question, such as one for a title, offers none.
    pub(crate) fn declared(self, request: &Value) -> Vec<String> {
        match self {
            Wire::Anthropic => anthropic::declared(request),
            Wire::Responses => responses::declared(request),
            Wire::Chat => chat::declared(request),
            Wire::Gemini { .. } => gemini::declared(request),
        }
    }

    /// How many of the script's turns this conversation holds already.
    pub(crate) fn turns_taken(self, request: &Value) -> usize {
        match self {
            Wire::Anthropic => anthropic::turns_taken(request),
            Wire::Responses => responses::turns_taken(request),
            Wire::Chat => chat::turns_taken(request),
            Wire::Gemini { .. } => gemini::turns_taken(request),
        }
    }

    /// What every call of the conversation came to.
    pub(crate) fn results(self, request: &Value) -> Vec<String> {
        match self {
            Wire::Anthropic => anthropic::results(request),
            Wire::Responses => responses::results(request),
            Wire::Chat => chat::results(request),
            Wire::Gemini { .. } => gemini::results(request),
        }
    }

    /// Whether the answer is a stream, and the answer.
    pub(crate) fn answer(self, request: &Value, reply: &Reply) -> (bool, String) {
        let streams = request["stream"] == true || self == Wire::Gemini { streams: true };
        let text = match self {
            Wire::Anthropic => anthropic::answer(request, reply, streams),
            Wire::Responses => responses::answer(request, reply, streams),
            Wire::Chat => chat::answer(request, reply, streams),
            Wire::Gemini { .. } => gemini::answer(request, reply, streams),
        };
        (streams, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GEMINI: Wire = Wire::Gemini { streams: false };

    /// A request that declares a tool, and what the conversation is once both calls of the first turn have ended.
    fn conversation(wire: Wire, said: &Value) -> Value {
        let results = ["one", "two"];
        match wire {
            Wire::Anthropic => {
                let ended =
                    results.map(|text| json!({"type": "tool_result", "content": [{"type": "text", "text": text}]}));
                json!({"messages": [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": ended}]})
            }
            Wire::Responses => {
                let calls = said["output"].as_array().unwrap().iter().cloned();
                let ended = results.map(|text| json!({"type": "function_call_output", "output": text}));
                json!({"input": calls.chain(ended).collect::<Vec<_>>()})
            }
            Wire::Chat => {
                let ended = results.map(|text| json!({"role": "tool", "content": text}));
                let said = said["choices"][0]["message"].clone();
                json!({"messages": std::iter::once(said).chain(ended).collect::<Vec<_>>()})
            }
            Wire::Gemini { .. } => {
                let ended =
                    results.map(|text| json!({"functionResponse": {"name": "bash", "response": {"output": text}}}));
                json!({"contents": [said["candidates"][0]["content"], {"role": "user", "parts": ended}]})
            }
        }
    }

    #[test]
    fn a_conversation_says_which_turn_it_is_and_what_calls_came_to() {
        let call = || ToolUse { name: "bash", input: json!({"command": "ls"}) };
        for wire in [Wire::Anthropic, Wire::Responses, Wire::Chat, GEMINI] {
            let reply = Reply { number: 3, turn: 0, calls: vec![call(), call()] };
            let (streams, text) = wire.answer(&json!({"model": "m"}), &reply);
            assert!(!streams, "{wire:?}");
            let said: Value = serde_json::from_str(&text).unwrap();
            let next = conversation(wire, &said);
            assert_eq!((wire.turns_taken(&json!({})), wire.turns_taken(&next)), (0, 1), "{wire:?}");
            assert_eq!(wire.results(&next), ["one", "two"], "{wire:?}");
        }
    }

    #[test]
    fn a_stream_ends_as_its_format_wants_it() {
        let reply = || Reply { number: 0, turn: 0, calls: Vec::new() };
        let end = |wire: Wire| {
            let (streams, text) = wire.answer(&json!({"model": "m", "stream": true}), &reply());
            assert!(streams && text.contains(LAST_WORD), "{text}");
            text.trim_end().lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(end(Wire::Anthropic), r#"data: {"type":"message_stop"}"#);
        assert!(end(Wire::Responses).contains(r#""type":"response.completed""#));
        assert_eq!(end(Wire::Chat), "data: [DONE]");
        assert!(end(Wire::Gemini { streams: true }).contains(r#""finishReason":"STOP""#));
    }

    #[test]
    fn tools_are_known_by_their_names() {
        let tools = |wire: Wire, tools: Value| wire.declared(&json!({ "tools": tools }));
        assert_eq!(tools(Wire::Anthropic, json!([{"name": "Bash"}])), ["Bash"]);
        let namespace = json!([{"type": "namespace", "tools": [{"name": "inner"}]}, {"type": "web_search"}]);
        assert_eq!(tools(Wire::Responses, namespace), ["namespace", "inner", "web_search"]);
        assert_eq!(tools(Wire::Chat, json!([{"function": {"name": "bash"}}])), ["bash"]);
        assert_eq!(tools(GEMINI, json!([{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}])), ["a", "b"]);
    }

    #[test]
    fn a_path_has_a_format() {
        let of = |path: &str| Wire::of(path);
        assert_eq!(of("/v1/messages"), Some(Wire::Anthropic));
        assert_eq!(of("/v1beta/models/gemini-2.5-pro:streamGenerateContent"), Some(Wire::Gemini { streams: true }));
        assert_eq!(of("/v1/messages/count_tokens"), None);
    }
}
