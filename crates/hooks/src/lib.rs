//! The gate in front of agents that are not ours, by configuration alone.
//!
//! [`hook`] answers the hooks of command-line coding agents: one short process for each tool call, which asks through
//! the SDK and prints what its client understands.
#![forbid(unsafe_code)]

mod client;
mod flags;
pub mod hook;
mod plugin;
mod wiring;

pub use client::Client;
pub use flags::{CANARY, HookFlags};
pub use plugin::opencode_plugin;
pub use wiring::{DEADLINE, MARGIN, Wired, Wiring, status_message};
