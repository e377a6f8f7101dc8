//! A server behind a URL that a test plays itself, and a client of HTTP that sends what it is told.

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

const LIMIT: Duration = Duration::from_secs(10);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One request that reached the server, and the place for its answer.
pub struct Heard {
    pub method: String,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    answer: oneshot::Sender<Response<Body>>,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn answer(self, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.to_owned())).boxed_unsync();
        let _gone = self.answer.send(response.body(body).unwrap());
    }

    pub fn result(self, result: &Value) {
        let message = serde_json::json!({"jsonrpc": "2.0", "id": self.json()["id"], "result": result});
        self.answer(200, &[("content-type", "application/json")], &message.to_string());
    }

    /// Answers with a stream, whose pieces are sent one by one.
    pub fn stream(self) -> mpsc::UnboundedSender<String> {
        let (send, take) = mpsc::unbounded_channel();
        let body = BodyExt::boxed_unsync(StreamBody::new(Pieces(take)));
        let response = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
        let _gone = self.answer.send(response);
        send
    }

    /// Whether whoever asked has gone.
    pub async fn gone(mut self) {
        tokio::time::timeout(LIMIT, self.answer.closed()).await.unwrap();
    }
}

struct Pieces(mpsc::UnboundedReceiver<String>);

impl futures_core::Stream for Pieces {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece.into()))))
    }
}

/// The server.
pub struct Web {
    pub address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Web {
    pub async fn new() -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                let service = service_fn(move |request| hear(request, tell.clone()));
                let serving =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        Web { address, heard }
    }

    pub async fn hear(&mut self) -> Heard {
        tokio::time::timeout(LIMIT, self.heard.recv()).await.expect("nothing came").unwrap()
    }

    pub async fn silence(&mut self) {
        let heard = tokio::time::timeout(Duration::from_millis(150), self.heard.recv()).await;
        assert!(heard.is_err(), "{:?}", heard.map(|heard| heard.map(|heard| String::from_utf8(heard.body))));
    }
}

async fn hear(
    request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Heard>,
) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let (answer, answered) = oneshot::channel();
    let (method, uri) = (head.method.to_string(), head.uri.to_string());
    tell.send(Heard { method, uri, headers: head.headers, body, answer })?;
    Ok(answered.await?)
}

/// The client: one connection for each request.
#[derive(Clone)]
pub struct Browser {
    pub address: SocketAddr,
}

/// An answer on its way.
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    text: String,
    _connection: tokio::task::JoinHandle<()>,
}

impl Browser {
    pub fn new(address: SocketAddr) -> Browser {
        Browser { address }
    }

    /// Sends a request with these headers; `host` is the listener's own unless it is among them.
    pub async fn send(&self, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let mut request = Request::builder().method(method).uri("/v1/mcp");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let response = tokio::time::timeout(LIMIT, send.send_request(request)).await.unwrap().unwrap();
        let (head, body) = response.into_parts();
        Got { status: head.status.as_u16(), headers: head.headers, body, text: String::new(), _connection: connection }
    }

    pub async fn post(&self, headers: &[(&str, &str)], message: &Value) -> Got {
        let own = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        let all: Vec<(&str, &str)> = own.into_iter().chain(headers.iter().copied()).collect();
        self.send("POST", &all, message.to_string().as_bytes()).await
    }
}

impl Got {
    /// Reads until this is in it.
    pub async fn until(&mut self, what: &str) -> &str {
        while !self.text.contains(what) {
            let frame = tokio::time::timeout(LIMIT, self.body.frame()).await.expect("nothing came");
            let frame = frame.unwrap_or_else(|| panic!("the answer has ended: {}", self.text)).unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
        &self.text
    }

    pub async fn text(mut self) -> String {
        while let Some(frame) = tokio::time::timeout(LIMIT, self.body.frame()).await.expect("it does not end") {
            self.text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
        self.text
    }

    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}
