//! The agents' side of AgentTrust ID: a person decides about a tool call before it runs.
//!
//! An agent asks through a [`Session`]; the answer is a [`Verdict`]. A [`Permit`] exists only after signatures of the
//! person's devices were verified here, in the agent's own process, and after the one approval was used up on the disk:
//! the daemon in between is a courier that can delay or lose an answer, never make one. What runs is what the signed
//! bytes say, which may be other arguments than were asked for. Everything else, every error included, is a
//! [`Refused`] with a stable code, a sentence, a next step, and a text for the model.
//!
//! ```
//! use agenttrust_gate::{Action, Gate, GateConfig, Verdict};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let config = GateConfig::new("invoice-bot");
//! # let config = config.state(folder.path()).socket(folder.path().join("nobody-listens.sock"));
//! let gate = Gate::open(config)?;
//! let session = gate.session("thread-42")?;
//! session.begin_turn(Some("Pay what we owe ACME"), None)?;
//!
//! let action = Action::new("pay_invoice", &json!({"to": "ACME", "amount": 120.50})).call("call_17");
//! let for_model = match session.ask_blocking(action)? {
//!     Verdict::Allowed(permit) => permit.run_blocking(|arguments| {
//!         let to_pay: serde_json::Value = arguments.read()?;
//!         Ok::<_, serde_json::Error>(format!("paid {}", to_pay["amount"]))
//!     })?,
//!     Verdict::Refused(refused) => refused.for_model(),
//! };
//! // No daemon runs here, so nothing was paid.
//! assert!(for_model.starts_with("AgentTrust: not approved (daemon_down). Do not retry unchanged."));
//! # Ok(())
//! # }
//! ```
//!
//! # What survives what
//!
//! All processes of one agent share its folder: the key, the trust they accepted, which never goes back, and the spent
//! table. An agent that is killed while it asks finds the open request again by the framework's call id
//! ([`Action::call`]) in the session of the same name, and runs it once. What was used before a crash never runs.
#![forbid(unsafe_code)]

mod action;
mod ask;
mod blocking;
mod client;
mod clock;
mod config;
mod enroll;
mod error;
mod gate;
mod grants;
mod key;
mod permit;
mod report;
mod session;
mod store;
mod trust;
mod wait;
mod withdraw;

pub use action::{Action, Arguments};
pub use agenttrust_protocol::door::Trouble;
pub use agenttrust_protocol::hash::Tdid;
pub use agenttrust_protocol::message::{AgentKind, ExecutionResult, Risk};
pub use agenttrust_protocol::{Hash, Reason, Thumbprint, Time, json};
pub use clock::{Clock, SystemClock};
pub use config::{DEFAULT_LIFE, GateConfig, NoDevice};
pub use error::{AskError, Code, Refused};
pub use gate::{Gate, Root};
pub use permit::{MAX_OUTPUT, Permit, Reported, Verdict};
pub use session::Session;
