//! The server behind a URL.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// How long it may take to reach the server.
const CONNECTING: Duration = Duration::from_secs(10);

/// A server's address and what it is told beside a client's own headers.
#[derive(Clone, Debug)]
pub struct Upstream {
    url: Uri,
    headers: HeaderMap,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why there can be no such server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUpstream {
    /// The URL is none of HTTP.
    Url,
    /// A header's name or value cannot be sent.
    Header,
    /// This machine's certificates cannot be read.
    Certificates,
}

impl Upstream {
    /// A server at this URL, which is sent these headers in place of a client's own of the same names.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(url: &str, headers: &[(String, String)]) -> Result<Upstream, BadUpstream> {
        let url: Uri = url.parse().map_err(|_| BadUpstream::Url)?;
        if !matches!(url.scheme_str(), Some("http" | "https"))
            || url.authority().is_none_or(|a| a.as_str().contains('@'))
        {
            return Err(BadUpstream::Url);
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(name).map_err(|_| BadUpstream::Header)?;
            let mut value = HeaderValue::try_from(value).map_err(|_| BadUpstream::Header)?;
            value.set_sensitive(true);
            map.insert(name, value);
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECTING));
        let tls = HttpsConnectorBuilder::new().with_native_roots().map_err(|_| BadUpstream::Certificates)?;
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Upstream { url, headers: map, client })
    }

    /// The path under which the server stands, and under which it is offered.
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// Sends one request, with the headers given and the server's own.
    ///
    /// # Errors
    /// The connection's.
    pub(super) async fn send(
        &self,
        method: Method,
        mut headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>, Error> {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = headers;
        self.client.request(request).await
    }
}

/// Tells the log why the server cannot be reached: the last cause says most.
pub(super) fn lament(error: &Error) {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    crate::say(&format!("the server cannot be reached: {cause}"));
}
