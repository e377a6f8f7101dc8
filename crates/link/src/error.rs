//! What can go wrong on the line, each with a stable code.

use iroh::endpoint::{ConnectError, ConnectingError, ConnectionError, TransportErrorCode, VarInt};

/// The application close codes this protocol sends.
pub(crate) mod close {
    use super::VarInt;

    /// Nothing is wrong: the sender is done, or shutting down.
    pub(crate) const DONE: VarInt = VarInt::from_u32(0);
    /// The sender does not admit this key on this protocol.
    pub(crate) const REFUSED: VarInt = VarInt::from_u32(1);
    /// A limit on connections is reached, or a newer connection took this one's place.
    pub(crate) const BUSY: VarInt = VarInt::from_u32(2);
}

/// A failure of the link, with a stable [`code`](LinkError::code).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The local socket could not be opened or the configuration is unusable.
    #[error("the network socket could not be opened: {0}")]
    Bind(String),
    /// An endpoint key, address or relay URL that cannot be one.
    #[error("not a usable address: {0}")]
    BadAddress(String),
    /// The other side cannot be reached or gives no sign of life.
    #[error("the other side cannot be reached")]
    Unreachable,
    /// The other side answers but does not admit our key on this protocol.
    #[error("the other side does not admit this key")]
    Refused,
    /// The other side has no room for another connection, or a newer one of ours took this one's place.
    #[error("the other side has no room for this connection")]
    Busy,
    /// Whoever answered is not the expected key or does not speak this protocol.
    #[error("the other side is not who was expected: {0}")]
    Handshake(String),
    /// The connection ended while the call was under way; whether it was handled is unknown.
    #[error("the connection ended during the call")]
    Lost,
    /// The call was sent but not answered in time; whether it was handled is unknown.
    #[error("the other side did not answer in time")]
    Timeout,
    /// The answer is longer than the caller allows.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes the caller had set.
        limit: usize,
    },
    /// The answer is not valid HTTP/1.1.
    #[error("the answer is not valid HTTP: {0}")]
    BadResponse(String),
    /// The client or the endpoint was closed on this side.
    #[error("the link is closed")]
    Closed,
}

impl LinkError {
    /// The stable code of this error, for programs and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bind(_) => "link_bind",
            Self::BadAddress(_) => "link_bad_address",
            Self::Unreachable => "link_unreachable",
            Self::Refused => "link_refused",
            Self::Busy => "link_busy",
            Self::Handshake(_) => "link_handshake",
            Self::Lost => "link_lost",
            Self::Timeout => "link_timeout",
            Self::TooLarge { .. } => "link_too_large",
            Self::BadResponse(_) => "link_bad_response",
            Self::Closed => "link_closed",
        }
    }

    /// Whether the other side said no: trying again soon is pointless and a burden to it.
    pub(crate) fn is_turned_away(&self) -> bool {
        matches!(self, Self::Refused | Self::Busy)
    }
}

impl From<ConnectionError> for LinkError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) if close.error_code == close::REFUSED => Self::Refused,
            ConnectionError::ApplicationClosed(close) if close.error_code == close::BUSY => Self::Busy,
            ConnectionError::ConnectionClosed(close) => from_transport_code(close.error_code),
            ConnectionError::TransportError(error) => from_transport_code(error.code),
            ConnectionError::VersionMismatch => Self::Handshake("no common QUIC version".to_owned()),
            ConnectionError::TimedOut => Self::Unreachable,
            ConnectionError::LocallyClosed => Self::Closed,
            ConnectionError::ApplicationClosed(_) | ConnectionError::Reset | ConnectionError::CidsExhausted => {
                Self::Lost
            }
        }
    }
}

/// RFC 9000 20.1: codes 0x100 to 0x1ff carry a TLS alert, that is a failed handshake.
fn from_transport_code(code: TransportErrorCode) -> LinkError {
    let raw = u64::from(code);
    if code == TransportErrorCode::CONNECTION_REFUSED {
        // Our doors never send it; an endpoint that is shutting down does, and may soon be back.
        LinkError::Unreachable
    } else if (0x100..0x200).contains(&raw) {
        LinkError::Handshake(code.to_string())
    } else {
        LinkError::Lost
    }
}

impl From<ConnectError> for LinkError {
    fn from(error: ConnectError) -> Self {
        // Both enums are open; whatever they grow, the place could not be reached.
        if let ConnectError::Connection { source, .. }
        | ConnectError::Connecting { source: ConnectingError::ConnectionError { source, .. }, .. } = error
        {
            source.into()
        } else if let ConnectError::Connecting { source: ConnectingError::HandshakeFailure { source, .. }, .. } = error
        {
            Self::Handshake(source.to_string())
        } else {
            tracing::debug!(%error, "dialling failed");
            Self::Unreachable
        }
    }
}
