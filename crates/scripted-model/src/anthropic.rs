//! Anthropic Messages.

use crate::text::{all, items, stream};
use crate::wire::{LAST_WORD, Reply};
use serde_json::{Value, json};

pub(crate) fn declared(request: &Value) -> Vec<String> {
    items(&request["tools"]).filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
}

pub(crate) fn turns_taken(request: &Value) -> usize {
    let calls = |message: &&Value| items(&message["content"]).any(|block| block["type"] == "tool_use");
    items(&request["messages"]).filter(calls).count()
}

pub(crate) fn results(request: &Value) -> Vec<String> {
    let blocks = items(&request["messages"]).flat_map(|message| items(&message["content"]));
    blocks.filter(|block| block["type"] == "tool_result").map(|block| all(&block["content"])).collect()
}

pub(crate) fn answer(request: &Value, reply: &Reply, streams: bool) -> String {
    let calls = reply.calls.iter().enumerate();
    let mut blocks: Vec<Value> = calls
        .map(|(n, call)| json!({"type": "tool_use", "id": reply.call_id(n), "name": call.name, "input": call.input}))
        .collect();
    let stop = if blocks.is_empty() { "end_turn" } else { "tool_use" };
    if blocks.is_empty() {
        blocks.push(json!({"type": "text", "text": LAST_WORD}));
    }
    let message = json!({
        "id": format!("msg_{}", reply.number), "type": "message", "role": "assistant", "model": request["model"],
        "content": blocks, "stop_reason": stop, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    });
    if streams { stream(&events(&message)) } else { message.to_string() }
}

fn events(message: &Value) -> Vec<Value> {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (index, block) in items(&message["content"]).enumerate() {
        let (empty, delta) = if block["type"] == "tool_use" {
            let mut empty = block.clone();
            empty["input"] = json!({});
            (empty, json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}))
        } else {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]}))
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let stop = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}}));
    events.push(json!({"type": "message_stop"}));
    events
}
