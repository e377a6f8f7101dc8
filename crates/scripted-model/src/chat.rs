//! OpenAI Chat.

use crate::text::{all, items, stream};
use crate::wire::{LAST_WORD, Reply};
use serde_json::{Value, json};

pub(crate) fn declared(request: &Value) -> Vec<String> {
    items(&request["tools"]).filter_map(|tool| tool["function"]["name"].as_str().map(str::to_owned)).collect()
}

pub(crate) fn turns_taken(request: &Value) -> usize {
    items(&request["messages"]).filter(|message| items(&message["tool_calls"]).next().is_some()).count()
}

pub(crate) fn results(request: &Value) -> Vec<String> {
    items(&request["messages"])
        .filter(|message| message["role"] == "tool")
        .map(|message| all(&message["content"]))
        .collect()
}

pub(crate) fn answer(request: &Value, reply: &Reply, streams: bool) -> String {
    let calls: Vec<Value> = reply
        .calls
        .iter()
        .enumerate()
        .map(|(n, call)| {
            let function = json!({"name": call.name, "arguments": call.input.to_string()});
            json!({"index": n, "id": reply.call_id(n), "type": "function", "function": function})
        })
        .collect();
    let (message, finish) = if calls.is_empty() {
        (json!({"role": "assistant", "content": LAST_WORD}), "stop")
    } else {
        (json!({"role": "assistant", "content": null, "tool_calls": calls}), "tool_calls")
    };
    let mut whole = json!({
        "id": format!("chatcmpl-{}", reply.number), "object": "chat.completion", "created": 0,
        "model": request["model"], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    if !streams {
        whole["choices"] = json!([{"index": 0, "message": message, "finish_reason": finish}]);
        return whole.to_string();
    }
    whole["object"] = json!("chat.completion.chunk");
    let mut said = whole.clone();
    said["usage"] = Value::Null;
    said["choices"] = json!([{"index": 0, "delta": message, "finish_reason": null}]);
    whole["choices"] = json!([{"index": 0, "delta": {}, "finish_reason": finish}]);
    stream(&[said, whole]) + "data: [DONE]\n\n"
}
