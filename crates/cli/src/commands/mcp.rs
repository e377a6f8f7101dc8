//! `agenttrust mcp`: the gateway in front of an MCP server.

use agenttrust_device::environment;
use agenttrust_gateway::McpArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Stands in front of the server until it or the client is gone. It has its own runtime, and the standard streams are
/// the protocol's.
pub fn mcp(args: McpArgs, data: Option<PathBuf>) -> ExitCode {
    let elsewhere = environment("AGENTTRUST_SOCKET").is_some();
    agenttrust_gateway::run(match data.filter(|_| !elsewhere) {
        Some(data) => args.with_data(&data),
        None => args,
    })
}
