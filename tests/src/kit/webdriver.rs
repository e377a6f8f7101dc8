//! A WebDriver client for as much as the tests of the real window need.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A step takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

/// The key under which an element's name stands.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session with a driver on this machine.
pub struct WebDriver {
    port: u16,
    session: String,
}

/// What the driver did not do.
#[derive(Debug)]
pub struct Refused(pub String);

impl WebDriver {
    /// Starts a program by way of `tauri-driver` and drives its window.
    ///
    /// From then on the engine's own driver behind it is spoken to: `tauri-driver` keeps connections to that one, which
    /// closes them, and now and then loses a call between the two.
    ///
    /// # Errors
    /// What the driver says.
    pub fn start(port: u16, native: u16, application: &str, arguments: &[&str]) -> Result<WebDriver, Refused> {
        let options = json!({"application": application, "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"tauri:options": options}}});
        let answer = call(port, "POST", "/session", &wanted)?;
        let session = answer["sessionId"].as_str().ok_or_else(|| Refused(answer.to_string()))?.to_owned();
        Ok(WebDriver { port: native, session })
    }

    /// Runs a script's body with these arguments and answers what it returns.
    ///
    /// # Errors
    /// What the driver says.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Result<Value, Refused> {
        self.post("/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// The element that a script returns, if it returns one.
    ///
    /// # Errors
    /// What the driver says.
    pub fn find(&self, script: &str, arguments: &[Value]) -> Result<Option<String>, Refused> {
        Ok(self.run(script, arguments)?[ELEMENT].as_str().map(str::to_owned))
    }

    /// Clicks an element.
    ///
    /// # Errors
    /// What the driver says.
    pub fn click(&self, element: &str) -> Result<(), Refused> {
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    /// Empties a field and types into it.
    ///
    /// # Errors
    /// What the driver says.
    pub fn write(&self, element: &str, text: &str) -> Result<(), Refused> {
        self.post(&format!("/element/{element}/clear"), &json!({}))?;
        self.post(&format!("/element/{element}/value"), &json!({"text": text})).map(drop)
    }

    /// A picture of the window, as a PNG in base64.
    ///
    /// # Errors
    /// What the driver says.
    pub fn picture(&self) -> Result<String, Refused> {
        let answer = call(self.port, "GET", &format!("/session/{}/screenshot", self.session), &Value::Null)?;
        answer.as_str().map(str::to_owned).ok_or_else(|| Refused(answer.to_string()))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        call(self.port, "POST", &format!("/session/{}{path}", self.session), body)
    }
}

/// One call: the answer's `value`.
fn call(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, Refused> {
    let text = exchange(port, method, path, body).map_err(|error| Refused(format!("{method} {path}: {error}")))?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|error| Refused(format!("{error}: {text}")))?;
    let value = answer["value"].take();
    if value.get("error").is_some() {
        return Err(Refused(value.to_string()));
    }
    Ok(value)
}

fn exchange(port: u16, method: &str, path: &str, body: &Value) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut length = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length:").and_then(|text| text.trim().parse().ok()).or(length);
    }
    let mut answer = vec![0; length.unwrap_or_default()];
    match length {
        Some(_) => reader.read_exact(&mut answer)?,
        None => drop(reader.read_to_end(&mut answer)?),
    }
    String::from_utf8(answer).map_err(|_| std::io::ErrorKind::InvalidData.into())
}
