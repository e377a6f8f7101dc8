//! A small shop's back office: takes notes and payments, and writes down every call it gets, one JSON line each.
#![allow(clippy::print_stdout, reason = "it prints the address it listens on")]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use clap::Parser;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Listens on a free port of 127.0.0.1 and prints its address.
#[derive(Parser)]
struct Args {
    /// Where to write down what was called.
    #[arg(long)]
    log: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let log = OpenOptions::new().create(true).append(true).open(&args.log)?;
    let app = Router::new().fallback(take).with_state(Arc::new(Mutex::new(log)));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await
}

/// Writes the call down before it is answered, so that nothing happens unrecorded.
async fn take(State(log): State<Arc<Mutex<File>>>, method: Method, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "not JSON\n".to_owned());
    };
    let line = json!({"method": method.as_str(), "path": uri.path(), "body": body});
    let written = log.lock().is_ok_and(|mut log| writeln!(log, "{line}").is_ok());
    if written { (StatusCode::OK, "done\n".to_owned()) } else { (StatusCode::INTERNAL_SERVER_ERROR, String::new()) }
}
