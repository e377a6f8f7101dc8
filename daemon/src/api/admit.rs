//! Who may knock at the local doors, decided before a handler sees the call.
//!
//! [`admit`] is a pure function over what is known of the caller; the table below it is its specification. What is
//! not known is a refusal.

use agenttrust_protocol::door::{JOSE, Trouble};
use http::{HeaderMap, Method, header};

/// The longest body a door reads, in bytes: one message of the largest size and a little for JSON around it.
pub const MAX_BODY: usize = (1 << 20) + (64 << 10);

/// The media type of all bodies but single messages and notes.
pub const JSON: &str = "application/json";

/// The media type of a signed note, at the device door.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// What is known of a call before its body is read.
#[derive(Clone, Copy, Debug)]
pub struct Knock<'a> {
    /// The caller's user as the kernel says; `None` if it could not be read.
    pub uid: Option<u32>,
    /// Users that this door is for.
    pub allowed: &'a [u32],
    /// The method.
    pub method: &'a Method,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// Whether the call may go on at the agent or host door.
///
/// # Errors
/// `peer_refused`, `browser_refused`, then what [`admit_body`] says.
pub fn admit(knock: &Knock<'_>) -> Result<(), Trouble> {
    if !knock.uid.is_some_and(|uid| knock.allowed.contains(&uid)) {
        return Err(Trouble::PeerRefused);
    }
    let browser = |name: &header::HeaderName| *name == header::ORIGIN || name.as_str().starts_with("sec-fetch-");
    if knock.headers.keys().any(browser) {
        return Err(Trouble::BrowserRefused);
    }
    admit_body(knock.method, knock.headers, &[JOSE, JSON])
}

/// Whether the announced body may come, at any door.
///
/// # Errors
/// `bad_request` for a body of another type than those spoken there, one of a `GET`, or one in another coding;
/// `body_too_large`.
pub fn admit_body(method: &Method, headers: &HeaderMap, types: &[&str]) -> Result<(), Trouble> {
    let length = match headers.get(header::CONTENT_LENGTH) {
        Some(text) => Some(text.to_str().ok().and_then(|t| t.parse::<usize>().ok()).ok_or(Trouble::BadRequest)?),
        None => None,
    };
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(Trouble::BodyTooLarge);
    }
    let has_body = headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length > 0);
    if has_body && *method != Method::POST {
        return Err(Trouble::BadRequest);
    }
    if has_body && !types.iter().any(|media_type| is_type(headers, media_type)) {
        return Err(Trouble::BadRequest);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Trouble::BadRequest);
    }
    Ok(())
}

/// Whether the body is announced as being of exactly this type, once.
pub fn is_type(headers: &HeaderMap, media_type: &str) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let first = types.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(media_type.as_bytes()));
    first && types.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(header::HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn the_table() {
        let jose = ("content-type", JOSE);
        let big = (MAX_BODY + 1).to_string();
        let most = MAX_BODY.to_string();
        let get = Method::GET;
        let post = Method::POST;
        let delete = Method::DELETE;
        type Case<'a> = (Option<u32>, &'a Method, Vec<(&'a str, &'a str)>, Result<(), Trouble>);
        let cases: Vec<Case<'_>> = vec![
            (Some(1000), &get, vec![], Ok(())),
            (Some(0), &get, vec![], Ok(())),
            (Some(1000), &get, vec![("host", "evil.example")], Ok(())),
            (Some(1000), &get, vec![("content-length", "0")], Ok(())),
            (Some(1000), &delete, vec![], Ok(())),
            (Some(1000), &post, vec![], Ok(())),
            (Some(1000), &post, vec![jose, ("content-length", "9")], Ok(())),
            (Some(1000), &post, vec![("content-type", "Application/JSON"), ("content-length", &most)], Ok(())),
            (Some(1000), &post, vec![jose, ("transfer-encoding", "chunked")], Ok(())),
            // Users.
            (None, &get, vec![], Err(Trouble::PeerRefused)),
            (Some(1001), &get, vec![], Err(Trouble::PeerRefused)),
            (Some(65534), &post, vec![("origin", "null")], Err(Trouble::PeerRefused)),
            // Browsers.
            (Some(1000), &get, vec![("origin", "http://localhost")], Err(Trouble::BrowserRefused)),
            (Some(1000), &get, vec![("origin", "null")], Err(Trouble::BrowserRefused)),
            (Some(1000), &get, vec![("Origin", "")], Err(Trouble::BrowserRefused)),
            (Some(1000), &get, vec![("sec-fetch-site", "none")], Err(Trouble::BrowserRefused)),
            (Some(1000), &get, vec![("Sec-Fetch-Mode", "navigate")], Err(Trouble::BrowserRefused)),
            (Some(1000), &post, vec![("sec-fetch-dest", "empty"), jose], Err(Trouble::BrowserRefused)),
            // Bodies.
            (Some(1000), &post, vec![("content-length", "9")], Err(Trouble::BadRequest)),
            (
                Some(1000),
                &post,
                vec![("content-type", "text/plain"), ("content-length", "9")],
                Err(Trouble::BadRequest),
            ),
            (
                Some(1000),
                &post,
                vec![("content-type", "application/json; charset=utf-8"), ("content-length", "9")],
                Err(Trouble::BadRequest),
            ),
            (
                Some(1000),
                &post,
                vec![jose, ("content-type", "text/plain"), ("content-length", "9")],
                Err(Trouble::BadRequest),
            ),
            (Some(1000), &post, vec![jose, ("content-length", "-1")], Err(Trouble::BadRequest)),
            (Some(1000), &post, vec![jose, ("content-length", &big)], Err(Trouble::BodyTooLarge)),
            (
                Some(1000),
                &post,
                vec![jose, ("content-length", "9"), ("content-encoding", "gzip")],
                Err(Trouble::BadRequest),
            ),
            (Some(1000), &get, vec![jose, ("content-length", "9")], Err(Trouble::BadRequest)),
            (Some(1000), &delete, vec![jose, ("transfer-encoding", "chunked")], Err(Trouble::BadRequest)),
        ];
        for (uid, method, lines, expected) in cases {
            let headers = headers(&lines);
            let knock = Knock { uid, allowed: &[1000, 0], method, headers: &headers };
            assert_eq!(admit(&knock), expected, "{uid:?} {method} {lines:?}");
        }
    }
}
