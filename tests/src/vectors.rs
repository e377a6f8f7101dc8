//! The vectors: one file a case under `tests/vectors/GROUP/NAME.json`, replayed by every language.
//!
//! Good cases show the form; each bad one has exactly one fault and names the reason of refusal. The files are
//! made here (`make vectors`) and committed; a test fails when they drift. A new case needs no code in any runner.

mod check;
mod constraints;
mod envelope;
mod grants;
mod json;
mod messages;
mod pairing;
mod trust;

use serde_json::{Map, Value, json};

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
        check::cases(),
        grants::cases(),
        pairing::cases(),
    ];
    groups.into_iter().flatten().collect()
}
