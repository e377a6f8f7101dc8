//! Holds `tests/vectors` against what makes them. Whoever decides a case replays it: `crates/protocol`, `crates/approver`
//! (`display`) and the SDKs (`steps`).

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_protocol::Reason;
use agenttrust_tests::{vectors, workspace_root};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every committed case: path below `tests/vectors`, content.
fn committed() -> BTreeMap<String, Value> {
    let folder = workspace_root().join("tests/vectors");
    let mut cases = BTreeMap::new();
    for group in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
        for file in std::fs::read_dir(group.path()).unwrap().map(|entry| entry.unwrap()) {
            let path = format!("{}/{}", group.file_name().display(), file.file_name().display());
            cases.insert(path, serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap());
        }
    }
    cases
}

#[test]
fn files_are_what_makes_them() {
    let made: BTreeMap<String, Value> =
        vectors::all().into_iter().map(|case| (case.path(), Value::Object(case.content))).collect();
    let there = committed();
    let missing: Vec<&String> = made.keys().filter(|path| there.get(*path) != made.get(*path)).collect();
    let foreign: Vec<&String> = there.keys().filter(|path| !made.contains_key(*path)).collect();
    assert!(missing.is_empty() && foreign.is_empty(), "run `make vectors`; differ: {missing:?}; unknown: {foreign:?}");
    assert!(made.len() >= 200, "only {} cases", made.len());
}

#[test]
fn every_reason_stands_at_least_twice() {
    let cases = committed();
    for reason in Reason::ALL {
        let count = cases.values().filter(|case| case["expect"] == reason.code()).count();
        assert!(count >= 2, "{reason} stands {count} times");
    }
}
