//! The daemon's host door: HTTP/1.1 over the Unix socket that only this user may open.

use crate::failure::Failure;
use agenttrust_protocol::door::{
    DaemonStatus, DigitsReply, DigitsTyped, EndpointView, ErrorBody, PairingOffer, PairingView, StartPairing, Trouble,
};
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// A daemon that is alive answers within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers of this door are small.
const MAX_ANSWER: usize = 1 << 20;

/// The door; every call opens a connection of its own.
#[derive(Clone, Debug)]
pub struct HostDoor {
    socket: PathBuf,
}

impl HostDoor {
    /// The door at this socket.
    pub fn new(socket: PathBuf) -> HostDoor {
        HostDoor { socket }
    }

    /// How the daemon is.
    ///
    /// # Errors
    /// `daemon_down`, `peer_refused`, as all calls of this door.
    pub async fn status(&self) -> Result<DaemonStatus, Failure> {
        self.call(Method::GET, "/v1/status", Vec::new()).await
    }

    /// How devices reach the daemon.
    ///
    /// # Errors
    /// As [`HostDoor::status`].
    pub async fn endpoint(&self) -> Result<EndpointView, Failure> {
        self.call(Method::GET, "/v1/endpoint", Vec::new()).await
    }

    /// Opens a pairing of the first device.
    ///
    /// # Errors
    /// As [`HostDoor::status`]; `conflict` once there is a device.
    pub async fn start_pairing(&self, local: bool) -> Result<PairingOffer, Failure> {
        self.call(Method::POST, "/v1/pairings", json(&StartPairing { local })?).await
    }

    /// How the pairing stands.
    ///
    /// # Errors
    /// As [`HostDoor::status`].
    pub async fn pairing(&self) -> Result<PairingView, Failure> {
        self.call(Method::GET, "/v1/pairings", Vec::new()).await
    }

    /// Tells the digits that the person read on the new device.
    ///
    /// # Errors
    /// As [`HostDoor::status`]; `digits_wrong`.
    pub async fn digits(&self, digits: &str) -> Result<DigitsReply, Failure> {
        let typed = DigitsTyped { digits: digits.to_owned() };
        self.call(Method::POST, "/v1/pairings/digits", json(&typed)?).await
    }

    /// Ends the pairing.
    ///
    /// # Errors
    /// As [`HostDoor::status`].
    pub async fn cancel_pairing(&self) -> Result<(), Failure> {
        self.call::<serde::de::IgnoredAny>(Method::DELETE, "/v1/pairings", Vec::new()).await.map(|_| ())
    }

    /// Ends the daemon.
    ///
    /// # Errors
    /// As [`HostDoor::status`].
    pub async fn stop(&self) -> Result<(), Failure> {
        self.call::<serde::de::IgnoredAny>(Method::POST, "/v1/stop", json(&serde_json::json!({}))?).await.map(|_| ())
    }

    /// Waits for the end of the daemon that is there now: of a connection on which nothing is asked, the system tells
    /// that at once, and until then it costs nothing.
    ///
    /// # Errors
    /// `daemon_down`, `peer_refused`, if there is none to wait for.
    pub async fn ended(&self) -> Result<(), Failure> {
        let mut stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        // Whether it was closed or cut off, the daemon is gone.
        let _ended = stream.read(&mut [0]).await;
        Ok(())
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, Failure> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
        let slow = |_| Failure::new(Trouble::DaemonDown, "it holds its socket and does not answer");
        let (ok, bytes) = answer.map_err(slow)??;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"null") } else { bytes };
        if ok {
            return serde_json::from_slice(&bytes)
                .map_err(|error| Failure::new(Trouble::BadRequest, error.to_string()));
        }
        match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) => Err(Failure::Daemon(body)),
            Err(error) => Err(Failure::new(Trouble::BadRequest, error.to_string())),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(bool, Bytes), Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let lost = |error: hyper::Error| Failure::new(Trouble::DaemonDown, error.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, "agenttrust");
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| Failure::new(Trouble::BadRequest, error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(lost)?;
        let ok = answer.status().is_success();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let bytes = body.map_err(|error| Failure::new(Trouble::DaemonDown, error.to_string()))?.to_bytes();
        driver.abort();
        Ok((ok, bytes))
    }

    fn unreachable(&self, error: &std::io::Error) -> Failure {
        let detail = format!("{}: {error}", self.socket.display());
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
            Failure::from(Trouble::DaemonDown)
        } else if error.kind() == ErrorKind::PermissionDenied {
            Failure::new(Trouble::PeerRefused, detail)
        } else {
            Failure::new(Trouble::DaemonDown, detail)
        }
    }
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|error| Failure::new(Trouble::Internal, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    /// Answers one call with these bytes and hands back what was asked.
    fn daemon(answer: &'static str) -> (tempfile::TempDir, HostDoor, std::thread::JoinHandle<String>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("host.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 4096];
            let count = stream.read(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&asked[..count]).into_owned()
        });
        (folder, HostDoor::new(socket), thread)
    }

    #[tokio::test]
    async fn nobody_there_means_that_the_daemon_is_down() {
        let folder = tempfile::tempdir().unwrap();
        let door = HostDoor::new(folder.path().join("host.sock"));
        assert_eq!(door.status().await.unwrap_err().code(), "daemon_down");
        // A socket that a killed daemon left behind.
        drop(UnixListener::bind(folder.path().join("host.sock")).unwrap());
        assert_eq!(door.status().await.unwrap_err().code(), "daemon_down");
    }

    #[tokio::test]
    async fn its_end_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("host.sock");
        let door = HostDoor::new(socket.clone());
        assert_eq!(door.ended().await.unwrap_err().code(), "daemon_down", "there is none to wait for");
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        let waiting = tokio::spawn(async move { door.ended().await });
        let (connection, _) = listener.accept().await.unwrap();
        assert!(!waiting.is_finished());
        drop((connection, listener));
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_error_is_the_daemons_own() {
        let body = r#"{"code":"unpaired","message":"No.","hint":"Pair."}"#;
        let answer = format!("HTTP/1.1 409 Conflict\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (_folder, door, thread) = daemon(answer.leak());
        let failure = door.start_pairing(true).await.unwrap_err();
        assert_eq!((failure.code(), failure.body().message.as_str()), ("unpaired", "No."));
        let asked = thread.join().unwrap();
        assert!(asked.starts_with("POST /v1/pairings HTTP/1.1\r\n"), "{asked}");
        assert!(asked.ends_with(r#"{"local":true}"#), "{asked}");
        assert!(!asked.to_lowercase().contains("origin"), "{asked}");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_no_answer() {
        let (_folder, door, _thread) = daemon("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"state\":");
        assert_eq!(door.pairing().await.unwrap_err().code(), "daemon_down");
        let (_folder, door, _thread) = daemon("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(door.pairing().await.unwrap_err().code(), "bad_request");
    }
}
