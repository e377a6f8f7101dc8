//! The device's half of AgentTrust ID: what a phone, a desktop or a terminal does with a request before, while and
//! after a person answers it.
//!
//! Everything here is pure: bytes, time and random numbers come in as arguments, and what must be stored or sent comes
//! out. [`Approver`] is the one value that a device keeps; it is fed by [`Approver::receive`] with what the daemon
//! sends, shows through [`display`], and signs through [`Approver::answer`], [`Approver::desk`] and
//! [`Approver::cosign`]. Whatever counts against answering twice is stored before it can leave: [`Prepared`].
//! [`pairing`] makes the first state.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod approver;
pub mod display;
pub mod edit;
pub mod inbox;
mod inclusion;
pub mod pairing;
pub mod record;
mod refused;
pub mod sign;
pub mod state;
pub mod trustview;

pub use approver::Approver;
pub use inclusion::NotIncluded;
pub use refused::Refused;
pub use state::{DeviceState, Prepared};
