//! A model that says what it is told to: enough of the Anthropic Messages API for Claude Code to run without a network.
//!
//! Its record of what it was sent is the proof of what the model was told.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use tokio::task::AbortHandle;

/// One call of a tool, as the model proposes it.
#[derive(Clone, Debug)]
pub struct ToolUse {
    /// The tool's name.
    pub name: &'static str,
    /// Its arguments.
    pub input: Value,
}

/// A model on a loopback port, until it is dropped.
#[derive(Debug)]
pub struct ScriptedModel {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    turns: Vec<Vec<ToolUse>>,
    asked: Mutex<Vec<Value>>,
}

impl ScriptedModel {
    /// Proposes these calls, turn by turn, and says "done" after the last.
    ///
    /// Which turn it is it reads from the conversation, so that side questions of the client do not disturb it.
    pub async fn start(turns: Vec<Vec<ToolUse>>) -> ScriptedModel {
        let shared = Arc::new(Shared { turns, asked: Mutex::default() });
        let app = Router::new()
            .route("/v1/messages", routing::post(messages))
            .route("/v1/messages/count_tokens", routing::post(|| async { Json(json!({"input_tokens": 10})) }))
            .fallback(|| async { Json(json!({})) })
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let url = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        ScriptedModel { url, shared, server }
    }

    /// What every tool call came to, as the model was told last.
    pub fn results(&self) -> Vec<String> {
        let asked = self.shared.asked.lock().expect("no test panicked here");
        let last = asked.iter().max_by_key(|request| results(request).len());
        last.map(results).unwrap_or_default()
    }

    /// Everything the client sent, as text.
    pub fn told(&self) -> String {
        let asked = self.shared.asked.lock().expect("no test panicked here");
        asked.iter().map(|request| text_of(&request["messages"])).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn messages(State(shared): State<Arc<Shared>>, Json(request): Json<Value>) -> Response {
    // A side question, such as one for a title, offers no tools.
    let has_tools = request["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let turn = has_tools.then(|| turns_taken(&request));
    let (number, streams, model) = {
        let mut asked = shared.asked.lock().expect("no test panicked here");
        let about = (asked.len(), request["stream"] == true, request["model"].clone());
        asked.push(request);
        about
    };
    let calls = turn.and_then(|turn| Some((turn, shared.turns.get(turn)?)));
    let blocks: Vec<Value> = match calls {
        Some((turn, calls)) => calls.iter().enumerate().map(|(n, call)| tool_use(turn, n, call)).collect(),
        None => vec![json!({"type": "text", "text": "done"})],
    };
    let message = json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": model, "content": blocks,
        "stop_reason": if calls.is_some() { "tool_use" } else { "end_turn" }, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    });
    if streams {
        ([(CONTENT_TYPE, "text/event-stream")], stream(&message)).into_response()
    } else {
        Json(message).into_response()
    }
}

fn tool_use(turn: usize, n: usize, call: &ToolUse) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_{turn}_{n}"), "name": call.name, "input": call.input})
}

/// The message as the events of a stream.
fn stream(message: &Value) -> String {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
        let (empty, delta) = match block["type"].as_str() {
            Some("tool_use") => {
                let mut empty = block.clone();
                empty["input"] = json!({});
                (empty, json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}))
            }
            _ => (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]})),
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let stop = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().fold(String::new(), |mut text, event| {
        let name = event["type"].as_str().unwrap_or_default();
        writeln!(text, "event: {name}\ndata: {event}\n").expect("a string takes all");
        text
    })
}

/// How many of the script's turns this conversation holds already.
fn turns_taken(request: &Value) -> usize {
    let calls = |message: &&Value| blocks(message).any(|block| block["type"] == "tool_use");
    messages_of(request).filter(calls).count()
}

fn results(request: &Value) -> Vec<String> {
    let of_results = messages_of(request).flat_map(blocks).filter(|block| block["type"] == "tool_result");
    of_results.map(|block| text_of(&block["content"])).collect()
}

fn messages_of(request: &Value) -> impl Iterator<Item = &Value> {
    request["messages"].as_array().into_iter().flatten()
}

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}

/// All text in a message, whatever holds it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Value::Object(members) => {
            let held = ["text", "content"].iter().filter_map(|name| members.get(*name));
            held.map(text_of).collect::<Vec<_>>().join(" ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}
