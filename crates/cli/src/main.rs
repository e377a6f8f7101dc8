//! `agenttrust`.

use std::process::ExitCode;

fn main() -> ExitCode {
    agenttrust_cli::main()
}
