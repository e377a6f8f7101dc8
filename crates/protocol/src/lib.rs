//! The wire protocol of AgentTrust ID, version 1: what is signed, by whom, and what it is worth.
//!
//! Everything here is pure. Bytes, the time and random numbers come in as arguments; values and reasons of
//! refusal go out. The same eight rules hold in every module, the first of them in [`envelope`]: received bytes
//! are verified, and those same bytes are parsed; nothing is re-serialised and compared.
//!
//! A newcomer reads [`envelope`] and [`message`] for what travels, [`trust`] for who may sign it, [`check`] for
//! what an agent demands before a tool runs. `docs/protocol.md` is the text this crate follows.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod check;
pub mod constraint;
pub mod door;
pub mod envelope;
pub mod hash;
pub mod json;
pub mod key;
pub mod lifecycle;
pub mod message;
pub mod pairing;
pub mod quorum;
pub mod reason;
pub mod trust;
mod wire;

pub use envelope::{Head, Opened, Random, Received, Signed};
pub use hash::{Hash, Id, Thumbprint, Time};
pub use reason::Reason;
