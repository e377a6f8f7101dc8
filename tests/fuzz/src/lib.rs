//! What each fuzz target does with its input, without libFuzzer: `tests/tests/corpora.rs` includes these modules and
//! runs them over every file of the corpora.
//!
//! A `run` answers whether the input was accepted, so that a corpus which no longer reaches anything is noticed.

pub mod constraint;
pub mod envelope;
pub mod json;
pub mod note;
pub mod ticket;

/// The body of a target: takes bytes, and answers whether they were accepted.
pub type Target = fn(&[u8]) -> bool;

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 5] = [
    ("constraint", constraint::run),
    ("envelope", envelope::run),
    ("json", json::run),
    ("note", note::run),
    ("ticket", ticket::run),
];
