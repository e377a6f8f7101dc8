//! What puts the gate into the configuration of coding agents, and takes it out again.
//!
//! A client's module says which edits put the hooks into its file; [`Desk`] finds the file, shows what would change,
//! and changes it as a whole or not at all. What a file was before is kept beside a record of what was put in, so that
//! taking it out restores the file to the byte.
#![forbid(unsafe_code)]

mod clients;
mod codex_places;
mod codex_trust;
mod desk;
pub mod doctor;
mod edit;
mod files;
mod homes;
mod json;
mod mcp;
mod plan;
mod program;
mod record;
mod refusal;
mod toml;

pub use desk::{Desk, Prepared};
pub use homes::Homes;
pub use mcp::Servers;
pub use plan::Change;
pub use record::Part;
pub use refusal::{Outcome, Refusal};
