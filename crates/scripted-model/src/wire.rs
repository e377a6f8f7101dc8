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
