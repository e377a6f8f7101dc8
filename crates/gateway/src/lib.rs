//! The gateway in front of MCP servers: it stands where the server stood, and a person decides about each call of a
//! tool before the server hears of it.
//!
//! It knows as little of the protocol as it can: `tools/call` is gated, and all other messages pass byte for byte, so
//! that it fits in front of any server, for any client, in every era of the protocol. What it cannot read beyond doubt it
//! does not pass on. A call runs with exactly the arguments that were signed; a refusal is a result that the model reads.
#![forbid(unsafe_code)]

mod answer;
mod args;
mod call;
mod catalog;
mod connection;
mod gateway;
mod http;
mod log;
mod message;
mod relay;
mod serve;
mod stop;

pub use args::{DEADLINE, McpArgs};
pub use http::{BadUpstream, Upstream};
pub use serve::{Front, listen, relay, run};

use log::say;
