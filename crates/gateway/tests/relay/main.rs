//! Client and server on streams: what passes, what is asked about, and what comes of it.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod calls;
mod definitions;
#[path = "../desk/mod.rs"]
mod desk;
mod hostile;
mod stateless;
