//! The real programs, started for a test and ended with it, and a virtual phone that answers as it is told.

mod daemon;
mod history;
mod ledger;
mod phone;
mod scripted_model;
mod world;

pub use daemon::{Daemon, host, program, ticket};
pub use history::History;
pub use ledger::Ledger;
pub use phone::{Answer, Phone};
pub use scripted_model::{ScriptedModel, ToolUse};
pub use world::{ShiftedClock, World, outcome};
