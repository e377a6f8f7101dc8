//! The gateway in front of MCP servers.
#![forbid(unsafe_code)]
