//! The gateway with the real daemon, a virtual phone, and programs that know nothing of it: the official servers, the
//! official inspector, a real coding agent, and the official conformance suite. What ran is on the disk.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod bench;
mod coding_agent;
mod conformance;
mod files;
mod http;
mod process;
mod stateless;
