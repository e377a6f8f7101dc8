//! Streamable HTTP: a listener in front of clients, a server behind a URL, and the bridge between such a server and a
//! client on standard streams.

mod body;
mod bridge;
mod headers;
mod listen;
mod post;
mod sse;
mod upstream;

pub(crate) use bridge::bridge;
pub(crate) use listen::listen;
pub use upstream::{BadUpstream, Upstream};
