//! The real coding agents from npm, offline, with the hook in front of their tools: what they run is on the disk, what
//! they tell their model is in the model's record.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod cases;
mod claude_code;
mod clients;
mod codex;
mod copilot;
mod desk;
mod doctor;
mod gemini;
mod opencode;
mod pages;
mod person;
mod servers;
