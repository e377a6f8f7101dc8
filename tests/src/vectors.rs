//! The vectors: one file a case under `tests/vectors/GROUP/NAME.json`, replayed by every language.
//!
//! Good cases show the form; each bad one has exactly one fault and names the reason of refusal. The files are
//! made here (`make vectors`) and committed; a test fails when they drift. A new case needs no code in any runner.

mod asked;
mod check;
mod constraints;
mod display;
mod envelope;
mod grants;
mod json;
mod messages;
mod pairing;
mod steps;
mod trust;

use crate::cast::object;
use agenttrust_protocol::message::RequestContent;
use serde_json::{Map, Value, json};

/// Arguments of a payment.
const PAID: &str = r#"{"payee":"DE02120300000000202051","amount":120.50}"#;

/// The content of a request of few words.
fn content(arguments: &str) -> RequestContent {
    RequestContent { arguments: object(arguments), title: None, target: None, reason: None }
}

/// One case.
pub struct Case {
    /// The folder: which runner replays it.
    pub group: &'static str,
    /// The file name without `.json`.
    pub name: String,
    /// The file's content.
    pub content: Map<String, Value>,
}

impl Case {
    fn new(group: &'static str, name: &str, why: &str, content: Value) -> Case {
        let Value::Object(mut content) = content else { panic!("{name}: a case is an object") };
        content.insert("why".to_owned(), json!(why));
        Case { group, name: name.to_owned(), content }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", Value::Object(self.content.clone()))
    }

    /// Where the file lives below `tests/vectors`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}.json", self.group, self.name)
    }
}

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    let groups = [
        json::cases(),
        envelope::cases(),
        messages::cases(),
        trust::cases(),
        constraints::cases(),
        asked::cases(),
        check::cases(),
        grants::cases(),
        display::cases(),
        steps::cases(),
        pairing::cases(),
    ];
    groups.into_iter().flatten().collect()
}
