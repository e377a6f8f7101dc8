//! What a shell tells a console, and what comes back. All of it is plain data: a webview sends it as JSON.

use crate::command::{Command, Done};
use crate::event::{Event, Snapshot};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::ErrorBody;
use serde::{Deserialize, Serialize};

/// Something for a console to do. What fails changes nothing and approves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// How everything stands. Answers `stage`.
    Stage,
    /// What the person chose. Answers `settings`.
    Settings,
    /// The person chose. Answers `settings`.
    SetSettings {
        /// All of it.
        settings: Settings,
    },
    /// Starts the daemon of this computer; one of another version is replaced.
    StartDaemon,
    /// Opens this computer's device again: the person has unlocked the key store, or mended what was in the way. One
    /// that is open looks for its daemon again.
    Retry,
    /// Waits no longer for the key store to hand out the keys.
    StopOpening,
    /// Makes this computer the first device.
    PairHere {
        /// What it is to be called.
        name: String,
        /// Whose it is.
        owner: String,
        /// Where its keys go.
        keys: KeyPlace,
    },
    /// Makes this computer a further device, with the code that another one shows; the stage tells the digits.
    Join {
        /// The code's text.
        ticket: String,
        /// What it is to be called.
        name: String,
        /// Where its keys go.
        keys: KeyPlace,
    },
    /// Gives a pairing up.
    CancelJoin,
    /// What to type, so that an agent asks before it acts. Answers `setup`.
    Setup {
        /// Which agent.
        client: Client,
    },
    /// Which versions run here. Answers `versions`.
    Versions,
    /// Sends a harmless request, the way any agent does; news tell what came of it.
    TryOut,
    /// Writes the whole history, or everything about one request, where the person says. Answers `exported`.
    Export {
        /// The request; absent for the whole history.
        #[serde(default)]
        request: Option<Hash>,
    },
    /// Something for the device. Answers `device`.
    Device {
        /// What.
        command: Command,
    },
}

/// Where a device's keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// The operating system's key store.
    Platform,
    /// A file that every program of this user can read.
    File,
}

/// What can be put behind this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Client {
    /// Claude Code.
    ClaudeCode,
    /// OpenAI's Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// GitHub Copilot CLI.
    Copilot,
    /// opencode.
    Opencode,
    /// Cursor.
    Cursor,
    /// The MCP servers of an agent.
    Mcp,
    /// Any command or script.
    Command,
    /// An agent that is written in Rust.
    Rust,
}

/// One of the steps that put an agent behind this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SetupStep {
    /// What to type, or to write.
    pub command: String,
    /// What it does.
    pub does: String,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Ok,
    /// How everything stands.
    Stage {
        /// The stage.
        stage: Box<Stage>,
    },
    /// What the person chose.
    Settings {
        /// All of it.
        settings: Settings,
    },
    /// What to type.
    Setup {
        /// One after the other.
        steps: Vec<SetupStep>,
        /// What comes of it, and how it is undone.
        after: String,
    },
    /// Which versions run here.
    Versions {
        /// This program's.
        app: String,
        /// The daemon's of this computer, if one runs.
        daemon: Option<String>,
        /// The protocol between device and daemon.
        protocol: String,
    },
    /// The history is written.
    Exported {
        /// Where; absent if the person chose no place.
        path: Option<String>,
    },
    /// What came of the device's command.
    Device {
        /// What.
        done: Box<Done>,
    },
}

/// How things stand with this computer as a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// The keys are being opened.
    Starting,
    /// It is no device yet.
    Unpaired {
        /// The daemon of this computer.
        daemon: DaemonView,
        /// Why the operating system's key store cannot be used; absent if it can.
        key_store: Option<ErrorBody>,
        /// What it might be called.
        name: String,
        /// Whose it might be.
        owner: String,
    },
    /// It is becoming one.
    Joining {
        /// The digits to type on the device that showed the code; absent while they are not known, or not needed.
        digits: Option<String>,
    },
    /// The key store does not hand out the keys.
    Locked {
        /// Why.
        why: ErrorBody,
    },
    /// The device cannot be opened.
    Failed {
        /// Why.
        why: ErrorBody,
    },
    /// The device runs.
    Ready {
        /// How it stands.
        snapshot: Box<Snapshot>,
        /// The daemon of this computer.
        daemon: DaemonView,
    },
}

/// The daemon, as this computer sees it beside the device's own line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "daemon", rename_all = "snake_case")]
pub enum DaemonView {
    /// It runs here.
    Running {
        /// Whether it has devices already.
        paired: bool,
    },
    /// It runs here and is of another version than this program.
    OtherVersion {
        /// Its version.
        version: String,
        /// Whether it is older than this program.
        older: bool,
    },
    /// None runs here.
    Down,
    /// What answers here is not this device's daemon.
    Foreign {
        /// What is known of it.
        why: ErrorBody,
    },
    /// This device belongs to a daemon on another computer.
    Elsewhere,
}

/// What a console tells its shells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// Another stage. Within `ready`, device events tell what changed.
    Stage {
        /// The stage.
        stage: Box<Stage>,
    },
    /// Something happened on the device.
    Device {
        /// What.
        event: Box<Event>,
    },
    /// The daemon of this computer came, went or changed.
    Daemon {
        /// How it is.
        daemon: DaemonView,
    },
    /// The person's choices are different now.
    Settings {
        /// All of them.
        settings: Settings,
    },
    /// Something is to be shown: a notification or a link was clicked.
    Show {
        /// What.
        target: Target,
    },
    /// The try-out is over.
    TriedOut {
        /// Whether its command ran.
        ran: bool,
        /// What it wrote, or why it did not run, in one safe line.
        words: String,
    },
}

/// What can be shown on demand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "target", rename_all = "snake_case")]
pub enum Target {
    /// What waits.
    Inbox,
    /// One request.
    Request {
        /// Which.
        card: Hash,
    },
    /// The agents.
    Agents,
    /// The devices.
    Devices,
    /// The settings.
    Settings,
}

/// What the person chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What notifications say.
    pub notifications: Notifications,
    /// Whether the app starts with the person's session.
    pub autostart: bool,
    /// Light or dark.
    pub theme: Theme,
    /// Whether the first run was read to its end.
    pub welcomed: bool,
    /// Whether the person was told that the app stays in the tray.
    pub told_of_tray: bool,
}

/// What notifications say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Notifications {
    /// There are none.
    Off,
    /// That something waits, and not what.
    #[default]
    Discreet,
    /// Agent and tool as well: whoever sees the screen reads them.
    Full,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system is.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            notifications: Notifications::Discreet,
            autostart: false,
            theme: Theme::System,
            welcomed: false,
            told_of_tray: false,
        }
    }
}
