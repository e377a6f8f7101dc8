//! HTTP/1.1 over iroh QUIC streams, both ends.
//!
//! One QUIC connection joins a device to the daemon. Both sides prove their Ed25519 transport key in the TLS
//! handshake, so a request needs no further login: the server learns the caller as a [`Peer`]. Every bidirectional
//! stream carries one HTTP/1.1 connection.
//!
//! - [`Endpoint`] is this program's place on the network.
//! - [`Doors`] is the server: two `axum` listeners, one for devices, one for pairing, behind an admission question
//!   that is asked before a single HTTP byte is accepted.
//! - [`Client`] is the caller: it keeps one connection alive, reconnects with backoff, and says how the line is.
//!
//! Nothing here knows what the messages mean. A peer that passes admission may speak, no more.

mod address;
mod backoff;
mod client;
mod dial;
mod endpoint;
mod error;
mod listener;
mod peers;
mod pool;

pub use address::{Address, Alpn, EndpointKey, Peer};
pub use backoff::{Backoff, LONGEST_DELAY};
pub use client::{Call, Client, Options, Route, State};
pub use endpoint::{Bind, Config, Endpoint, Timing};
pub use error::LinkError;
pub use listener::{DoorLimits, Doors, Incoming, Limits, Stream};
pub use peers::Peers;
pub use pool::BodyStream;
