//! The real programs, started for a test and ended with it, and a virtual phone that answers as it is told.

mod bus;
mod daemon;
mod desk;
mod desktop;
mod history;
mod ledger;
mod phone;
mod scan;
mod screen;
mod seat;
mod terminal;
mod webdriver;
mod window;
mod world;

pub use agenttrust_scripted_model::{Proposal, ScriptedModel, ToolUse};
pub use bus::{Bus, Notified, Tray};
pub use daemon::{Daemon, host, program, ticket};
pub use desk::{Desk, PIN};
pub use desktop::{Desktop, Keyring, until};
pub use history::History;
pub use ledger::Ledger;
pub use phone::{Answer, Phone};
pub use scan::{scan, shown_ticket};
pub use screen::Screen;
pub use seat::Seat;
pub use terminal::Terminal;
pub use window::{Window, stop_daemon};
pub use world::{ShiftedClock, World, outcome};
