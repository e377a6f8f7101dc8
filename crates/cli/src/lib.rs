//! The command line of AgentTrust, and the full check of a history.
//!
//! [`verify`] and [`export`] work on leaves and notes and serve whoever holds a history; [`main`] is the program
//! `agenttrust`. Its commands are device calls with this terminal's own key, sealed by a PIN that a person types
//! into the controlling terminal (`/dev/tty`); no flag, variable or pipe stands in for that.

mod answer;
mod args;
mod card;
mod commands;
mod edit;
pub mod export;
pub mod failure;
mod out;
mod program;
mod prompt;
mod qr;
mod short;
mod show;
mod terminal;
mod tty;
pub mod verify;
mod when;
mod wrap;

pub use program::main;
