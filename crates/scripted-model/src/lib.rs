//! A model that says what it is told to, on a loopback port: enough of four wire formats for real coding agents to run
//! without a network, an account or a cost.
//!
//! | Path | Format |
//! |---|---|
//! | `/v1/messages` | Anthropic Messages |
//! | `/v1/responses` | OpenAI Responses |
//! | `/v1/chat/completions` | OpenAI Chat |
//! | `…:generateContent`, `…:streamGenerateContent` | Gemini |
//!
//! Its record of what it was sent is the proof of what the model was told.
#![forbid(unsafe_code)]

mod anthropic;
mod chat;
mod gemini;
mod responses;
mod script;
mod server;
mod text;
mod wire;

pub use script::{Proposal, ToolUse};
pub use server::ScriptedModel;
