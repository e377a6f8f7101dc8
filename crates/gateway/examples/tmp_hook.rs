//! temporary
use clap::Parser;
#[derive(Parser)]
enum Cli { /** hook */ Hook(agenttrust_gateway::hook::HookArgs) }
fn main() -> std::process::ExitCode { let Cli::Hook(args) = Cli::parse(); agenttrust_gateway::hook::run(args) }
