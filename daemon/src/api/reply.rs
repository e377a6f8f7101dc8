//! What every door says alike: refusals, and how bodies and queries are read.

use super::admit::{JSON, MAX_BODY, TEXT, is_type};
use agenttrust_protocol::door::{ErrorBody, JOSE, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Hash, Reason};
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// Why a call gets no answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// About the call or the daemon.
    Trouble(Trouble),
    /// About a message.
    Reason(Reason),
    /// A request that can no longer be answered, and its state.
    Closed(State),
}

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::Trouble(trouble) => trouble.code(),
            Refusal::Reason(reason) => reason.code(),
            Refusal::Closed(_) => Trouble::Closed.code(),
        }
    }

    fn status(self) -> u16 {
        match self {
            Refusal::Trouble(trouble) => trouble.status(),
            Refusal::Reason(reason) => status_of(reason),
            Refusal::Closed(_) => Trouble::Closed.status(),
        }
    }

    fn body(self) -> ErrorBody {
        match self {
            Refusal::Trouble(trouble) => trouble.into(),
            Refusal::Reason(reason) => reason.into(),
            Refusal::Closed(state) => ErrorBody { state: Some(state), ..Trouble::Closed.into() },
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Refusal {
        Refusal::Trouble(trouble)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Refusal {
        Refusal::Reason(reason)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(code = self.code(), "call failed");
        }
        (status, Json(self.body())).into_response()
    }
}

/// The HTTP status for a message that is refused: malformed, not allowed, or not fitting how things stand.
fn status_of(reason: Reason) -> u16 {
    match reason {
        Reason::TooLarge => 413,
        Reason::BadForm
        | Reason::BadHeader
        | Reason::WrongTyp
        | Reason::BadJson
        | Reason::BadPayload
        | Reason::BadDisclosure => 400,
        Reason::UnknownKey
        | Reason::BadSignature
        | Reason::WrongRoot
        | Reason::Revoked
        | Reason::Paused
        | Reason::Denied
        | Reason::NotCovered => 403,
        Reason::StaleTrust
        | Reason::StatusExpired
        | Reason::WrongRequest
        | Reason::NotYetValid
        | Reason::Expired
        | Reason::Quorum
        | Reason::Spent
        | Reason::ClaimRefused
        | Reason::ToolChanged => 409,
    }
}

/// A body that is one signed message.
#[derive(Debug)]
pub struct Jose(pub String);

impl<S: Sync> FromRequest<S> for Jose {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Jose, Refusal> {
        if !is_type(request.headers(), JOSE) {
            return Err(Trouble::BadRequest.into());
        }
        let bytes = read(request).await?;
        // Not UTF-8 is not base64url either.
        String::from_utf8(bytes).map(Jose).map_err(|_| Reason::BadForm.into())
    }
}

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Body<T>, Refusal> {
        if !is_type(request.headers(), JSON) {
            return Err(Trouble::BadRequest.into());
        }
        serde_json::from_slice(&read(request).await?).map(Body).map_err(|_| Trouble::BadRequest.into())
    }
}

/// A body that is a signed note.
#[derive(Debug)]
pub struct Plain(pub String);

impl<S: Sync> FromRequest<S> for Plain {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Plain, Refusal> {
        if !is_type(request.headers(), TEXT) {
            return Err(Trouble::BadRequest.into());
        }
        String::from_utf8(read(request).await?).map(Plain).map_err(|_| Trouble::BadRequest.into())
    }
}

async fn read(request: Request) -> Result<Vec<u8>, Refusal> {
    // A body that breaks off and one that is too long look alike here; the announced length is checked before.
    to_bytes(request.into_body(), MAX_BODY).await.map(|bytes| bytes.to_vec()).map_err(|_| Trouble::BodyTooLarge.into())
}

/// The query; unknown members are refused where `T` says so.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Params<T>, Refusal> {
        Query::<T>::try_from_uri(&parts.uri).map(|query| Params(query.0)).map_err(|_| Trouble::BadRequest.into())
    }
}

/// The `{hash}` in the path.
#[derive(Clone, Copy, Debug)]
pub struct Named(pub Hash);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named, Refusal> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Trouble::BadRequest)?;
        text.parse().map(Named).map_err(|_| Trouble::BadRequest.into())
    }
}
