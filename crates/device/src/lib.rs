//! A running device: keys, approver and link behind one handle.
//!
//! [`join`] makes a device out of a pairing ticket, [`Device::open`] starts it. From then on a shell (the desktop app,
//! the terminal approver, a test) hands in [`Command`]s and listens to [`Event`]s; nothing it can say makes the device
//! sign what was not verified, shown and answered. Whatever fails is a [`Failure`] with a stable code, and approves
//! nothing.
//!
//! What happens by itself: the line to the daemon is kept up, the inbox followed, what arrives verified, answers that
//! were signed delivered, the log checked and co-signed, the trust status renewed.

mod admission;
mod audit;
mod clock;
mod command;
pub mod console;
mod core;
mod device;
mod door;
mod event;
pub mod export;
mod failure;
mod folder;
mod history;
mod host;
mod keystore;
mod pairing;
mod place;
mod proof;
mod qr;
mod record;
mod run;
mod sessions;
mod store;
mod tasks;
mod view;

pub use agenttrust_approver as approver;
pub use clock::Clock;
pub use command::{Command, DeviceInfo, Done, Edits, Preview, Scope};
pub use device::{Config, Device, Events};
pub use event::{
    CardView, ChangeView, Connection, DecisionView, Event, JoinerView, LogInfo, LogTrouble, Snapshot, TrustInfo,
};
pub use failure::Failure;
pub use folder::Folder;
pub use history::{AgentInfo, Counts, HistoryItem, HistoryList, NamedDevice};
pub use host::HostDoor;
pub use keystore::{Kept, KeyStore, Keys, MIN_PIN, Pin, PinCost};
pub use pairing::{Introduction, PairEvent, join};
pub use place::{Place, environment};
pub use qr::{Qr, QrPath};
pub use record::{MarkView, MessageView, Moment, MomentKind, RecordHead, RecordView};
pub use sessions::{SessionInfo, SessionList, Turn, TurnPlace};
pub use store::Daemon;
