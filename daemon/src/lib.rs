//! The daemon: takes requests in, carries them to devices, counts decisions, keeps the history.
//!
//! [`start`](start()) brings it up on a data folder; `agenttrustd` is that and a command line. Four doors lead in
//! ([`api`]), the [`gate`] verifies and decides what is stored, the [`store`] keeps it. Nothing here can make an
//! approval: that takes a device's signature, which the agent's side verifies again.

pub mod api;
pub mod clock;
pub mod config;
mod expiry;
pub mod failure;
pub mod folder;
pub mod gate;
pub mod hub;
pub mod notify;
pub mod pairing;
pub mod start;
pub mod store;

pub use start::{Options, Running, start};
