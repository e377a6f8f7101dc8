//! OpenAI Responses.

use crate::text::{all, items, stream};
use crate::wire::{LAST_WORD, Reply};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A tool without a name is known by its type; some stand in a namespace.
pub(crate) fn declared(request: &Value) -> Vec<String> {
    let flat = items(&request["tools"]).flat_map(|tool| std::iter::once(tool).chain(items(&tool["tools"])));
    flat.filter_map(|tool| tool["name"].as_str().or(tool["type"].as_str()).map(str::to_owned)).collect()
}

/// The conversation is a flat list, so the turns are counted by the ids of their calls.
pub(crate) fn turns_taken(request: &Value) -> usize {
    let calls = items(&request["input"]).filter(|item| is_of(item, "_call"));
    let turns = calls.filter_map(|call| Some(call["call_id"].as_str()?.strip_prefix("call_")?.split_once('_')?.0));
    turns.collect::<BTreeSet<_>>().len()
}

pub(crate) fn results(request: &Value) -> Vec<String> {
    items(&request["input"]).filter(|item| is_of(item, "_call_output")).map(|item| all(&item["output"])).collect()
}

fn is_of(item: &Value, kind: &str) -> bool {
    item["type"].as_str().is_some_and(|name| name.ends_with(kind))
}

pub(crate) fn answer(request: &Value, reply: &Reply, streams: bool) -> String {
    let mut output: Vec<Value> =
        reply.calls.iter().enumerate().map(|(n, call)| item(reply, n, call.name, &call.input)).collect();
    if output.is_empty() {
        output.push(json!({
            "type": "message", "id": format!("msg_{}", reply.number), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": LAST_WORD, "annotations": []}],
        }));
    }
    let response = json!({
        "id": format!("resp_{}", reply.number), "object": "response", "created_at": 0, "model": request["model"],
        "status": "completed", "output": output, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "usage": {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
        },
    });
    if streams { stream(&events(&response)) } else { response.to_string() }
}

fn item(reply: &Reply, n: usize, name: &str, input: &Value) -> Value {
    let (id, call_id) = (format!("item_{}_{n}", reply.number), reply.call_id(n));
    if let Value::String(text) = input {
        return json!({
            "type": "custom_tool_call", "id": id, "call_id": call_id, "name": name, "input": text,
            "status": "completed",
        });
    }
    json!({
        "type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": input.to_string(),
        "status": "completed",
    })
}

fn events(response: &Value) -> Vec<Value> {
    let mut begun = response.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    let mut events = vec![json!({"type": "response.created", "response": begun})];
    for (index, item) in items(&response["output"]).enumerate() {
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": item}));
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": response}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events
}
