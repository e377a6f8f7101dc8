//! What stands in front of a client's tools: the program, and the client's events that start it. How it is written
//! into the client's configuration is the installer's.

use crate::{Client, HookFlags};
use serde::Serialize;

/// How long the person has unless told otherwise, in seconds: half a minute less than the client waits.
pub const DEADLINE: u32 = 3570;

/// How much longer than the hook's deadline the client waits, in seconds.
pub const MARGIN: u32 = 30;

/// How long an event that waits for nobody may take, in seconds.
const SHORT: u32 = 30;

/// What a shell says for a hook that died without a word.
const DIED: &str = "AgentTrust: not approved (internal). Do not retry unchanged. The hook of AgentTrust ended without \
                    an answer. Next step: Ask the person to run agenttrust doctor.";

/// The hooks of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// The client.
    pub client: Client,
    /// The program that answers.
    pub program: String,
    /// Its arguments, `hook` first.
    pub args: Vec<String>,
    /// The events it answers.
    pub events: Vec<Wired>,
}

/// One event of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wired {
    /// The client's name for it.
    pub event: &'static str,
    /// Whether the person is asked, so that what is missing here lets a tool run.
    pub asks: bool,
    /// The client's time-out for it, in the client's own unit.
    pub timeout: u64,
}

impl Wiring {
    /// The hooks of this client, answered by the program at this path with these flags.
    pub fn new(client: Client, program: &str, flags: &HookFlags) -> Wiring {
        let mut args = vec!["hook".to_owned(), client.name().to_owned()];
        args.extend(flags.line());
        let timeout = |asks| match asks {
            true => u64::from(flags.deadline.saturating_add(MARGIN)) * unit(client),
            false => u64::from(SHORT) * unit(client),
        };
        let wired = |(event, asks): &(&'static str, bool)| Wired { event, asks: *asks, timeout: timeout(*asks) };
        Wiring { client, program: program.to_owned(), args, events: events(client).iter().map(wired).collect() }
    }

    /// One line for clients that hand a hook to a shell. Most of them run the tool when their hook dies, so that the
    /// shell, which outlives it, says no in its place; a hook that ended with 2 has said it itself.
    pub fn shell(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args).map(|word| quoted(word));
        let line = words.collect::<Vec<_>>().join(" ");
        let died = crate::hook::refusal(self.client, DIED);
        let say = |text: &str, to| format!("echo {}{to}; ", quoted(text.trim_end()));
        let said = if died.stdout.is_empty() { String::new() } else { say(&died.stdout, "") };
        format!("{line} || {{ [ $? -eq 2 ] || {{ {said}{}}}; exit 2; }}", say(&died.stderr, " >&2"))
    }
}

/// How many of the client's units of time are a second.
const fn unit(client: Client) -> u64 {
    match client {
        Client::Gemini => 1000,
        Client::ClaudeCode | Client::Codex | Client::Copilot | Client::Opencode | Client::Cursor => 1,
    }
}

/// A client's events, and whether they ask. opencode has a plugin, which passes on its three.
const fn events(client: Client) -> &'static [(&'static str, bool)] {
    match client {
        Client::ClaudeCode => {
            &[("PreToolUse", true), ("PostToolUse", false), ("PostToolUseFailure", false), ("UserPromptSubmit", false)]
        }
        Client::Codex => &[("PreToolUse", true), ("PostToolUse", false), ("UserPromptSubmit", false)],
        Client::Gemini => &[("BeforeTool", true), ("AfterTool", false), ("BeforeAgent", false)],
        Client::Copilot => &[
            ("preToolUse", true),
            ("postToolUse", false),
            ("postToolUseFailure", false),
            ("userPromptSubmitted", false),
        ],
        Client::Opencode => &[("tool.execute.before", true), ("tool.execute.after", false), ("chat.message", false)],
        Client::Cursor => &[
            ("preToolUse", true),
            ("postToolUse", false),
            ("postToolUseFailure", false),
            ("beforeSubmitPrompt", false),
        ],
    }
}

/// What a client's screen says while the hook waits, with the person's devices where their names are known.
pub fn status_message(devices: &[String]) -> String {
    // A name is somebody's own words, and this is shown in a terminal.
    let plain = |name: &String| name.chars().filter(|c| !c.is_control()).collect::<String>();
    let names: Vec<String> = devices.iter().map(plain).collect();
    let place = match names.as_slice() {
        [] => "a device".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    };
    format!("Waiting for your approval on {place} (AgentTrust)")
}

/// A word that a POSIX shell takes as it stands.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '=' | ':' | ',' | '@' | '%');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HookFlags;

    #[test]
    fn a_client_always_waits_longer_than_the_hook() {
        let flags = HookFlags { deadline: 60, ..HookFlags::default() };
        for (client, longest) in [(Client::Codex, 90), (Client::Gemini, 90_000), (Client::Copilot, 90)] {
            let wiring = Wiring::new(client, "/usr/bin/agenttrust", &flags);
            let (asks, short): (Vec<Wired>, Vec<Wired>) = wiring.events.iter().partition(|wired| wired.asks);
            assert_eq!(asks.iter().map(|wired| wired.timeout).collect::<Vec<_>>(), [longest]);
            assert!(short.iter().all(|wired| wired.timeout == 30 * unit(client)));
            assert_eq!(wiring.args, ["hook", client.name(), "--deadline", "60"]);
        }
    }

    #[test]
    fn a_shell_says_no_for_a_hook_that_died() {
        let run = |program: &str, agent: &str| {
            let flags = HookFlags { agent: Some(agent.to_owned()), ..HookFlags::default() };
            let line = Wiring::new(Client::Codex, program, &flags).shell();
            std::process::Command::new("sh").args(["-c", &line]).output().unwrap()
        };
        let died = run("/bin/false", "bot");
        assert_eq!(died.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&died.stderr).starts_with("AgentTrust: not approved (internal)."));
        let said = run("/bin/echo", "it's $HOME; `id` \"bot\"");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "hook codex --agent it's $HOME; `id` \"bot\"\n");
        assert_eq!((said.status.code(), said.stderr.len()), (Some(0), 0));
    }

    #[test]
    fn a_hook_that_said_no_is_not_spoken_for() {
        let line = Wiring::new(Client::Copilot, "/bin/sh", &HookFlags::default()).shell();
        let run = |hook: &str| {
            let line = line.replacen("/bin/sh hook copilot", hook, 1);
            std::process::Command::new("sh").args(["-c", &line]).output().unwrap()
        };
        let said = run("sh -c 'echo no; exit 2'");
        assert_eq!((said.status.code(), &*said.stdout, &*said.stderr), (Some(2), &b"no\n"[..], &b""[..]));
        let killed = run("sh -c 'kill -9 $$'");
        let answer: serde_json::Value = serde_json::from_slice(&killed.stdout).unwrap();
        assert_eq!((killed.status.code(), &answer["permissionDecision"]), (Some(2), &"deny".into()));
    }

    #[test]
    fn the_screen_names_the_devices() {
        let names = |names: &[&str]| status_message(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&[]), "Waiting for your approval on a device (AgentTrust)");
        assert_eq!(names(&["Phone"]), "Waiting for your approval on Phone (AgentTrust)");
        assert_eq!(names(&["\u{1b}[2JPhone\n"]), "Waiting for your approval on [2JPhone (AgentTrust)");
        assert_eq!(
            names(&["Phone", "Laptop", "Watch"]),
            "Waiting for your approval on Phone, Laptop or Watch (AgentTrust)"
        );
    }
}
