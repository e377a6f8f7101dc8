//! The client's settings that put the hook in front of every tool.

use super::{HookArgs, HookOutput};
use crate::{Client, MARGIN, Wiring};
use serde_json::{Value, json};

/// How long an event that waits for nobody may take, in seconds.
const SHORT: u32 = 30;

/// The settings as JSON, with the path of this executable and the flags it was given.
pub(super) fn print(args: &HookArgs) -> HookOutput {
    let Some(program) = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok()) else {
        let stderr = "AgentTrust: the path of this program is not text, so no settings can hold it.\n".to_owned();
        return HookOutput { stderr, code: 2, ..HookOutput::default() };
    };
    let settings = match args.client {
        Client::ClaudeCode => claude_code(&program, args),
        Client::Codex | Client::Gemini | Client::Copilot | Client::Opencode | Client::Cursor => {
            let stderr = "AgentTrust: no settings are known for this client.\n".to_owned();
            return HookOutput { stderr, code: 2, ..HookOutput::default() };
        }
    };
    HookOutput { stdout: format!("{settings:#}\n"), ..HookOutput::default() }
}

/// `args` keeps the shell out of it; `onFailure` makes a hook that dies or is late block the call, which it does not do
/// by itself.
fn claude_code(program: &str, args: &HookArgs) -> Value {
    let hook = |timeout: u32| {
        json!({
            "type": "command",
            "command": program,
            "args": command_line(args),
            "timeout": timeout,
            "onFailure": "block",
        })
    };
    let mut asking = hook(args.flags.deadline + MARGIN);
    asking["statusMessage"] = json!("Waiting for your approval on a device (AgentTrust)");
    json!({
        "hooks": {
            "PreToolUse": [{"matcher": "*", "hooks": [asking]}],
            "PostToolUse": [{"matcher": "*", "hooks": [hook(SHORT)]}],
            "PostToolUseFailure": [{"matcher": "*", "hooks": [hook(SHORT)]}],
            "UserPromptSubmit": [{"hooks": [hook(SHORT)]}],
        }
    })
}

fn command_line(args: &HookArgs) -> Vec<String> {
    Wiring::new(args.client, "", &args.flags).args
}
