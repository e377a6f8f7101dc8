//! The gate in front of agents that are not ours, by configuration alone.
//!
//! [`hook`] answers the hooks of command-line coding agents: one short process for each tool call, which asks through
//! the SDK and prints what its client understands.
#![forbid(unsafe_code)]

mod client;
pub mod hook;

pub use client::Client;
