//! What a message is, told from its outermost members, in a way that no other reader can see differently.
//!
//! Only `tools/call` is gated, so nothing that any server might take for one may pass as something else. Parsers differ
//! about members that stand twice, about names that differ in case, about what ends a line, about zero bytes; a message
//! with any of that in its outermost object is refused. What is inside is nobody's business but the server's, unless
//! the message is a call.

mod envelope;
mod line;

pub(crate) use envelope::{Envelope, Id};
pub(crate) use line::{Line, Lines, one_line};

/// The method that is gated.
pub(crate) const CALL: &str = "tools/call";

/// The longest message that is read, in bytes.
pub(crate) const MAX_MESSAGE: usize = 16 << 20;

/// Deeper nesting than this is refused: readers give up at different depths.
const MAX_NESTING: usize = 128;

/// JSON-RPC's codes.
pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const INTERNAL_ERROR: i32 = -32603;

/// A message from a client, as far as the gateway looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FromClient {
    /// A call of a tool.
    Call(Id),
    /// Another request.
    Request(Id, String),
    /// A notification.
    Notification(String),
    /// An answer to a request of the server's.
    Response,
}

/// A message from a server, as far as the gateway looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FromServer {
    /// An answer to a request of the client's.
    Response(Id),
    /// A notification.
    Notification(String),
    /// A request of the server's own.
    Request,
}

/// A message that is not passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// Whom to answer, where that can be told.
    pub(crate) id: Option<Id>,
    /// JSON-RPC's code.
    pub(crate) code: i32,
    /// Why.
    pub(crate) why: &'static str,
}

impl Unfit {
    pub(crate) fn new(code: i32, why: &'static str) -> Unfit {
        Unfit { id: None, code, why }
    }
}

/// Tells what a client's message is.
///
/// # Errors
/// [`Unfit`] for what must not be passed on.
pub(crate) fn from_client(bytes: &[u8]) -> Result<FromClient, Unfit> {
    let envelope = Envelope::read(bytes)?;
    let is_answer = envelope.result.is_some() || envelope.error.is_some();
    let unfit = |why| Unfit { id: envelope.id.clone(), code: INVALID_REQUEST, why };
    match (envelope.method.as_deref(), &envelope.id) {
        (Some(_), _) if is_answer => Err(unfit("The message is a request and an answer at once.")),
        (Some(CALL), Some(id)) => Ok(FromClient::Call(id.clone())),
        (Some(CALL), None) => Err(unfit("A call of a tool without an id has no answer, so nobody is asked about it.")),
        (Some(method), _) if looks_like(method, CALL) || method.contains(char::is_control) => {
            Err(unfit("The method can be mistaken for a call of a tool."))
        }
        (Some(method), Some(id)) => Ok(FromClient::Request(id.clone(), method.to_owned())),
        (Some(method), None) => Ok(FromClient::Notification(method.to_owned())),
        (None, Some(_)) if is_answer => Ok(FromClient::Response),
        (None, _) => Err(unfit("The message is no request, notification or answer of JSON-RPC.")),
    }
}

/// Tells what a server's message is.
///
/// # Errors
/// [`Unfit`] for what must not be passed on.
pub(crate) fn from_server(bytes: &[u8]) -> Result<FromServer, Unfit> {
    let envelope = Envelope::read(bytes)?;
    let unfit = |why| Unfit { id: envelope.id.clone(), code: INTERNAL_ERROR, why };
    match (envelope.method, envelope.id.clone()) {
        (Some(_), Some(_)) => Ok(FromServer::Request),
        (Some(method), None) => Ok(FromServer::Notification(method)),
        (None, Some(id)) if envelope.result.is_some() != envelope.error.is_some() => Ok(FromServer::Response(id)),
        (None, _) => Err(unfit("The server's message is no request, notification or answer of JSON-RPC.")),
    }
}

/// Whether a reader that does not care about case, white space or control characters would take one for the other.
fn looks_like(text: &str, known: &str) -> bool {
    text != known && folded(text) == folded(known)
}

fn folded(text: &str) -> String {
    let seen = text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '\u{feff}');
    // To both cases: some letters of other scripts have an ASCII letter in one of them only.
    seen.flat_map(char::to_lowercase).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests;
