//! What of a message's headers goes on, and who may send one at all.

use hyper::header::{
    self, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap,
    HeaderName, HeaderValue, ORIGIN,
};
use std::net::{IpAddr, SocketAddr};

pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

const PARAM: &str = "mcp-param-";

/// Headers that are about one connection (RFC 9110, 7.6.1), and those that the next hop is told anew or not at all.
const NOT_ON: [HeaderName; 16] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HOST,
    ORIGIN,
    EXPECT,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    ACCEPT_ENCODING,
];

/// A client's headers as they go to the server. What repeats arguments does not: only what was signed is repeated.
pub(super) fn to_server(from: &HeaderMap) -> HeaderMap {
    let mut headers = without_hops(from);
    for name in &NOT_ON {
        headers.remove(name);
    }
    let repeated: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(PARAM)).cloned().collect();
    for name in repeated {
        headers.remove(name);
    }
    headers
}

/// A server's headers as they go to the client.
pub(super) fn to_client(from: &HeaderMap) -> HeaderMap {
    let mut headers = without_hops(from);
    for name in NOT_ON.iter().filter(|name| **name != CONTENT_TYPE && **name != CONTENT_ENCODING) {
        headers.remove(name);
    }
    headers
}

fn without_hops(from: &HeaderMap) -> HeaderMap {
    let mut headers = from.clone();
    let named = from.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    for name in named.flat_map(|names| names.split(',')) {
        if let Ok(name) = HeaderName::try_from(name.trim()) {
            headers.remove(name);
        }
    }
    headers
}

/// Repeats what a call says in its headers, as the stateless era wants it.
pub(super) fn repeat(headers: &mut HeaderMap, method: &str, name: Option<&str>, mirrored: &[(String, String)]) {
    let value = |text: &str| HeaderValue::try_from(crate::catalog::header_value(text)).ok();
    headers.remove(NAME);
    if let Some(method) = value(method) {
        headers.insert(METHOD, method);
    }
    if let Some(name) = name.and_then(value) {
        headers.insert(NAME, name);
    }
    for (header, text) in mirrored {
        if let (Ok(header), Ok(text)) = (HeaderName::try_from(header), HeaderValue::try_from(text)) {
            headers.insert(header, text);
        }
    }
}

/// Whether a message is JSON in the one encoding that is read here.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = only(headers, &CONTENT_TYPE) else { return false };
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().as_deref() == Some("application/json");
    let others = ["charset=utf-8", "charset=\"utf-8\"", ""];
    is_json && parts.all(|part| others.contains(&part.as_str())) && !headers.contains_key(CONTENT_ENCODING)
}

/// Whether a request was meant for this listener, and was not sent by a page of the web: a name that resolves to this
/// machine must not let one in.
pub(super) fn is_from_here(headers: &HeaderMap, here: SocketAddr) -> bool {
    let is_ours = |authority: &str| {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            Some(_) | None => (authority, Some(80)),
        };
        is_loopback(host).then_some(port).flatten()
    };
    let host = only(headers, &HOST).and_then(is_ours);
    let origin = match headers.get(ORIGIN) {
        None => true,
        Some(_) => only(headers, &ORIGIN).is_some_and(|origin| {
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| is_ours(authority).is_some())
        }),
    };
    host == Some(here.port()) && origin
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A header that stands once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(pair) {
            let value: HeaderValue = value;
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn only_this_machine_under_its_own_names() {
        let here = "127.0.0.1:8931".parse().unwrap();
        for host in ["127.0.0.1:8931", "localhost:8931", "LOCALHOST:8931", "[::1]:8931"] {
            assert!(is_from_here(&headers(&[("host", host)]), here), "{host}");
        }
        for host in [
            "evil.example:8931",
            "localhost.evil.example:8931",
            "localhost",
            "localhost:80",
            "",
            "[::1]",
            "10.0.0.1:8931",
        ] {
            assert!(!is_from_here(&headers(&[("host", host)]), here), "{host}");
        }
        assert!(!is_from_here(&headers(&[("host", "localhost:8931"), ("host", "localhost:8931")]), here));
        for (origin, fits) in [
            ("http://localhost:6274", true),
            ("http://127.0.0.1", true),
            ("https://evil.example", false),
            ("null", false),
            ("http://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("file://", false),
        ] {
            assert_eq!(
                is_from_here(&headers(&[("host", "localhost:8931"), ("origin", origin)]), here),
                fits,
                "{origin}"
            );
        }
    }

    #[test]
    fn a_body_in_another_encoding_is_not_read_as_ours() {
        for (kind, fits) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=utf-7", false),
            ("application/json; charset=utf-16", false),
            ("text/plain", false),
            ("application/json, text/plain", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", kind)])), fits, "{kind}");
        }
        assert!(!is_json(&headers(&[("content-type", "application/json"), ("content-encoding", "gzip")])));
        assert!(!is_json(&headers(&[("content-type", "application/json"), ("content-type", "application/json")])));
        assert!(!is_json(&headers(&[])));
    }

    #[test]
    fn what_is_about_the_connection_or_repeats_arguments_stays_behind() {
        let sent = headers(&[
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("host", "localhost"),
            ("authorization", "Bearer x"),
            ("mcp-session-id", "s"),
            ("mcp-param-region", "eu"),
            ("accept-encoding", "gzip"),
            ("accept", "application/json, text/event-stream"),
        ]);
        let mut left: Vec<String> = to_server(&sent).keys().map(ToString::to_string).collect();
        left.sort();
        assert_eq!(left, ["accept", "authorization", "mcp-session-id"]);
    }
}
