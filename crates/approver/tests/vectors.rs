//! Replays `tests/vectors/display`: what is shown of a request.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_approver::display::{Display, Folds, Local};
use agenttrust_protocol::Time;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::json::{Numbers, Object, parse};
use agenttrust_protocol::trust::Trust;
use serde_json::Value;
use std::path::Path;

fn arguments(text: &str) -> Object {
    parse(text.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone()
}

#[test]
fn display_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/display");
    let mut count = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let (text, path) = (|name: &str| case[name].as_str().unwrap(), path.display());
        let trust = Trust::enter(case["bundles"][0].as_str().unwrap(), None).unwrap();
        let now = Time(case["now"].as_i64().unwrap());
        let asked = Asked::open(&trust, text("cert"), text("session"), text("request"), now).unwrap();
        let local = Local {
            seen_before: case["seen_before"].as_bool().unwrap(),
            enrolled_program: case["enrolled_program"].as_str().map(str::to_owned),
        };
        let display = Display::of(&asked, &local, case["edit"].as_str().map(arguments).as_ref());
        assert_eq!(serde_json::json!(display.lines(Folds::Open)), case["open"], "{path}");
        assert_eq!(serde_json::json!(display.lines(Folds::Closed)), case["folded"], "{path}");
        assert_eq!(display.digest().to_string(), text("digest"), "{path}");
        count += 1;
    }
    assert!(count > 0);
}
