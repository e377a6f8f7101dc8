//! What a person types, so that an agent asks before it acts.

use super::call::{Client, Reply, SetupStep};

/// Where the steps are for: the beginning of each command, which names the data folder where that is not the usual one.
pub(super) fn setup(client: Client, agenttrust: &str) -> Reply {
    let (steps, after) = match client {
        Client::ClaudeCode => coding_agent(agenttrust, "claude-code", "Claude Code", "claude"),
        Client::Codex => coding_agent(agenttrust, "codex", "Codex", "codex"),
        Client::Gemini => coding_agent(agenttrust, "gemini", "Gemini CLI", "gemini"),
        Client::Copilot => coding_agent(agenttrust, "copilot", "Copilot CLI", "copilot"),
        Client::Opencode => coding_agent(agenttrust, "opencode", "opencode", "opencode"),
        Client::Cursor => cursor(agenttrust),
        Client::Mcp => mcp(agenttrust),
        Client::Command => command(agenttrust),
        Client::Rust => rust(),
    };
    Reply::Setup { steps, after }
}

fn step(command: String, does: &str) -> SetupStep {
    SetupStep { command, does: does.to_owned() }
}

fn coding_agent(agenttrust: &str, name: &str, title: &str, program: &str) -> (Vec<SetupStep>, String) {
    let steps = vec![
        install(agenttrust, name, title),
        step(
            format!("{agenttrust} doctor {name}"),
            &format!(
                "Proves it: {title} gets one harmless tool call from a built-in model, and you see that it is stopped."
            ),
        ),
        step(
            program.to_owned(),
            &format!(
                "Start {title} anew, also where it runs already. At its first tool call it asks here to be known."
            ),
        ),
    ];
    (steps, undone(agenttrust, name))
}

fn install(agenttrust: &str, name: &str, title: &str) -> SetupStep {
    let does = format!("Shows what it would change in the settings of {title}, asks you, and keeps a copy.");
    step(format!("{agenttrust} install {name}"), &does)
}

fn undone(agenttrust: &str, name: &str) -> String {
    format!("`{agenttrust} uninstall {name}` puts its settings back as they were, byte for byte.")
}

fn cursor(agenttrust: &str) -> (Vec<SetupStep>, String) {
    let steps = vec![
        install(agenttrust, "cursor", "Cursor"),
        step(
            format!("{agenttrust} doctor cursor"),
            "Looks at that file. Cursor cannot be driven by another program, so this proves nothing.",
        ),
        step("cursor .".to_owned(), "Start Cursor anew. At its first tool call it asks here to be known."),
    ];
    let after = format!(
        "Written to Cursor’s documentation and not run with it: tell its agent to write a file, and deny that. If the \
         file is there, the hook does not hold. {}",
        undone(agenttrust, "cursor")
    );
    (steps, after)
}

fn mcp(agenttrust: &str) -> (Vec<SetupStep>, String) {
    let steps = vec![
        step(
            format!("{agenttrust} install mcp claude-code"),
            "Puts the gateway in front of the MCP servers that Claude Code knows; it shows what it would change, and \
             asks. For another client write codex, gemini, copilot, opencode or cursor.",
        ),
        step("claude mcp list".to_owned(), "Shows them, connected through it."),
        step(
            format!("{agenttrust} mcp --name files -- npx -y @modelcontextprotocol/server-filesystem ~/notes"),
            "For anything else that speaks MCP: write this where it has the server’s own command.",
        ),
    ];
    let after = format!(
        "At its first call each server asks here to be known, as an agent of its own. `{agenttrust} uninstall mcp \
         claude-code` puts everything back."
    );
    (steps, after)
}

fn command(agenttrust: &str) -> (Vec<SetupStep>, String) {
    let steps = vec![step(
        format!("{agenttrust} run --tool deploy --arg target=staging -- ./deploy.sh staging"),
        "Put it before any command of a script. Write your own tool name, arguments and command.",
    )];
    (steps, "The command waits for your answer, and runs only after you approve.".to_owned())
}

fn rust() -> (Vec<SetupStep>, String) {
    let code = "let gate = Gate::open(GateConfig::new(\"invoice-bot\"))?;
let session = gate.session(\"thread-42\")?;
let action = Action::new(\"pay_invoice\", &arguments);
match session.ask(action).await? {
    Verdict::Allowed(permit) => permit.run(pay).await?,
    Verdict::Refused(refused) => refused.for_model(),
}";
    let steps = vec![step(
        code.to_owned(),
        "In your agent’s own program, with the crate agenttrust-gate: ask before a tool runs, and run what was signed.",
    )];
    (steps, "At the first call it asks here to be known.".to_owned())
}

/// A word of a command line, in quotes where a shell would read it otherwise.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_word() {
        for (word, expected) in [
            ("/home/user/.local", "/home/user/.local"),
            ("/home/the user", "'/home/the user'"),
            ("/it's", r"'/it'\''s'"),
            ("", "''"),
            ("$(rm)", "'$(rm)'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
