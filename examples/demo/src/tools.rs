//! The agent's tools. They do what they are told; whether they may is not their business.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::path::{Component, Path, PathBuf};
use tokio::net::TcpStream;

/// Where the tools work.
#[derive(Clone, Debug)]
pub struct Workplace {
    /// The only folder whose files they touch.
    pub folder: PathBuf,
    /// The server's address, `http://127.0.0.1:PORT`.
    pub server: String,
}

/// The tools' names, as they stand in requests.
pub const NAMES: [&str; 5] = ["read_file", "write_file", "delete_file", "post_json", "pay_invoice"];

impl Workplace {
    /// Runs a tool with these arguments and answers what it returned.
    ///
    /// # Errors
    /// A sentence for the model.
    pub async fn run(&self, tool: &str, arguments: &Map<String, Value>) -> Result<Value, String> {
        let text = |name: &str| {
            arguments.get(name).and_then(Value::as_str).ok_or_else(|| format!("{tool} needs a text `{name}`"))
        };
        match tool {
            "read_file" => std::fs::read_to_string(self.path(text("path")?)?).map(Value::from).map_err(said),
            "write_file" => {
                std::fs::write(self.path(text("path")?)?, text("content")?).map(|()| json!("written")).map_err(said)
            }
            "delete_file" => std::fs::remove_file(self.path(text("path")?)?).map(|()| json!("deleted")).map_err(said),
            "post_json" => self.post(text("path")?, arguments.get("body").unwrap_or(&Value::Null)).await,
            "pay_invoice" => self.post("/payments", &Value::Object(arguments.clone())).await,
            other => Err(format!("there is no tool {other}")),
        }
    }

    /// A file of the folder: one plain name, so that no path leads out of it.
    fn path(&self, name: &str) -> Result<PathBuf, String> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(name)), None) => Ok(self.folder.join(name)),
            _ => Err(format!("{name} is not a file of the scratch folder")),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let host = self.server.strip_prefix("http://").ok_or("the server's address is not http")?;
        let stream = TcpStream::connect(host).await.map_err(said)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", host)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(said)?;
        let response = sender.send_request(request).await.map_err(said)?;
        let status = response.status();
        let text = response.into_body().collect().await.map_err(said)?.to_bytes();
        connection.abort();
        if status.is_success() {
            Ok(json!(String::from_utf8_lossy(&text).trim()))
        } else {
            Err(format!("the server answered {status}"))
        }
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
