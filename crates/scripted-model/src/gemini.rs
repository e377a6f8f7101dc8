//! Gemini's generateContent and streamGenerateContent.

use crate::text::{all, items, stream};
use crate::wire::{LAST_WORD, Reply};
use serde_json::{Value, json};

pub(crate) fn declared(request: &Value) -> Vec<String> {
    let functions = items(&request["tools"]).flat_map(|tool| items(&tool["functionDeclarations"]));
    functions.filter_map(|function| function["name"].as_str().map(str::to_owned)).collect()
}

pub(crate) fn turns_taken(request: &Value) -> usize {
    let calls = |content: &&Value| items(&content["parts"]).any(|part| part["functionCall"].is_object());
    items(&request["contents"]).filter(calls).count()
}

pub(crate) fn results(request: &Value) -> Vec<String> {
    let parts = items(&request["contents"]).flat_map(|content| items(&content["parts"]));
    parts
        .map(|part| &part["functionResponse"])
        .filter(|response| response.is_object())
        .map(|response| all(&response["response"]))
        .collect()
}

pub(crate) fn answer(request: &Value, reply: &Reply, streams: bool) -> String {
    let mut parts: Vec<Value> =
        reply.calls.iter().map(|call| json!({"functionCall": {"name": call.name, "args": call.input}})).collect();
    if parts.is_empty() {
        // Side questions want JSON: which model to take, whether the conversation is at its end.
        let wants_json = request["generationConfig"]["responseMimeType"] == "application/json";
        parts.push(json!({"text": if wants_json { "{}" } else { LAST_WORD }}));
    }
    let whole = json!({
        "responseId": format!("resp_{}", reply.number), "modelVersion": "scripted",
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
    });
    if streams { stream(&[whole]) } else { whole.to_string() }
}
