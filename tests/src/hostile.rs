//! `hostile-daemon`: an honest daemon, with a person who answers, that misbehaves in exactly one way.
//!
//! It is what the tests of every SDK run against: they read one line, do what its steps say, and see that nothing ran
//! that should not have, and that each refusal has one of the codes expected.

mod attacks;
mod daemon;
mod domain;
mod grants;
mod middle;
mod serve;

pub use attacks::{ARGUMENTS, Attack, EDITED, Step, all};
pub use middle::{Middle, Reveals};
pub use serve::Hostile;

use agenttrust_protocol::hash::Tdid;
use serde_json::value::RawValue;

/// The tool that every ask is for.
pub const TOOL: &str = "pay_invoice";

/// What a test needs to know of an attack: one line of JSON.
#[derive(serde::Serialize)]
pub struct Ready {
    /// The root to pin; absent in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The attack's name.
    pub attack: &'static str,
    /// What the daemon does.
    pub does: &'static str,
    /// The codes a refusal may have.
    pub expect: &'static [&'static str],
    /// What to do, in this order.
    pub steps: &'static [Step],
    /// How long each request is to live, in seconds.
    pub life: u64,
    /// The tool to ask for.
    pub tool: &'static str,
    /// The arguments to ask with.
    pub arguments: &'static RawValue,
    /// The arguments that what runs has to be given.
    pub ran: &'static RawValue,
}

impl Ready {
    /// What is to be known of this attack.
    ///
    /// # Panics
    /// If the table's arguments are not JSON.
    #[must_use]
    pub fn new(attack: &'static Attack, root: Option<Tdid>) -> Ready {
        Ready {
            root: root.map(|root| root.to_string()),
            attack: attack.name,
            does: attack.does,
            expect: attack.expect,
            steps: attack.steps,
            life: attack.life,
            tool: TOOL,
            arguments: serde_json::from_str(ARGUMENTS).expect("JSON"),
            ran: serde_json::from_str(attack.ran).expect("JSON"),
        }
    }
}
