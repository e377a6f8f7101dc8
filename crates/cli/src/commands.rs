//! The commands, one module each.

pub mod agents;
pub mod approve;
pub mod approver;
pub mod devices;
pub mod doctor;
pub mod history;
pub mod install;
pub mod log;
pub mod mcp;
pub mod pair;
pub mod pause;
pub mod requests;
pub mod run;
pub mod status;
pub mod up;
