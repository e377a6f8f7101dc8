//! The server and its record.

use crate::script::{Proposal, Script};
use crate::text;
use crate::wire::{Reply, Wire};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;

/// The longest request that is read, in bytes: conversations carry files.
const MAX_REQUEST: usize = 64 << 20;

/// A model on a loopback port, until it is dropped.
#[derive(Debug)]
pub struct ScriptedModel {
    /// Where it listens, without a path.
    pub url: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    asked: Mutex<Vec<Asked>>,
}

/// One request to the model.
#[derive(Debug)]
struct Asked {
    wire: Wire,
    body: Value,
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        // What was recorded stays true whatever panicked since.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScriptedModel {
    /// Proposes these calls, turn by turn, and says "done" after the last.
    ///
    /// Which turn it is it reads from the conversation, so that side questions of the client do not disturb it.
    ///
    /// # Errors
    /// No loopback port is free.
    pub async fn start<P: Into<Proposal>>(turns: Vec<Vec<P>>) -> io::Result<ScriptedModel> {
        let turns = turns.into_iter().map(|turn| turn.into_iter().map(P::into).collect()).collect();
        let shared = Arc::new(Shared { script: Script(turns), asked: Mutex::default() });
        let app =
            Router::new().fallback(answer).layer(DefaultBodyLimit::max(MAX_REQUEST)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Ok(ScriptedModel { url, shared, server })
    }

    /// How often it was asked, side questions included.
    pub fn times_asked(&self) -> usize {
        self.shared.asked().len()
    }

    /// The names of the tools that the client offered, in its longest list.
    pub fn declared(&self) -> Vec<String> {
        let asked = self.shared.asked();
        let lists = asked.iter().map(|asked| asked.wire.declared(&asked.body));
        lists.max_by_key(Vec::len).unwrap_or_default()
    }

    /// What every tool call came to, as the model was told last.
    pub fn results(&self) -> Vec<String> {
        let asked = self.shared.asked();
        let lists = asked.iter().map(|asked| asked.wire.results(&asked.body));
        lists.max_by_key(Vec::len).unwrap_or_default()
    }

    /// Everything the client sent, as text.
    pub fn told(&self) -> String {
        self.shared.asked().iter().map(|asked| text::all(&asked.body)).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response {
    let path = uri.path();
    let Some(wire) = Wire::of(path) else { return beside(path) };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let declared = wire.declared(&body);
    let turn = wire.turns_taken(&body);
    let number = shared.asked().len();
    let reply = Reply { number, turn, calls: shared.script.calls(turn, &declared, &wire.results(&body)) };
    let (streams, text) = wire.answer(&body, &reply);
    shared.asked().push(Asked { wire, body });
    let kind = if streams { "text/event-stream" } else { "application/json" };
    ([(CONTENT_TYPE, kind)], text).into_response()
}

/// What clients ask beside the conversation.
fn beside(path: &str) -> Response {
    let body = match path {
        _ if path.ends_with("/count_tokens") => json!({"input_tokens": 10}),
        _ if path.ends_with(":countTokens") => json!({"totalTokens": 10}),
        _ if path.ends_with("/models") => {
            let model = json!({"id": "scripted", "object": "model", "created": 0, "owned_by": "agenttrust"});
            json!({"object": "list", "data": [model], "models": []})
        }
        _ => json!({}),
    };
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
