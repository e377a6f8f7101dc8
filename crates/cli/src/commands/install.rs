//! `agenttrust install` and `agenttrust uninstall`: the difference first, then the person's word, then the change.

use crate::args::{InstallArgs, InstallMcpArgs, InstallPart, UninstallArgs, UninstallPart};
use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Look, Out};
use crate::tty::Tty;
use agenttrust_device::{HostDoor, Place, environment};
use agenttrust_hooks::{Client, HookFlags};
use agenttrust_install::{Change, Desk, Homes, Part, Prepared, Refusal};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the daemon has to say whose devices there are.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is done to whose configuration.
#[derive(Clone, Copy, Debug)]
struct Deed {
    client: Client,
    part: Part,
    puts_in: bool,
    yes: bool,
}

/// What programs read.
#[derive(Debug, Serialize)]
struct Report<'a> {
    client: &'static str,
    part: Part,
    changed: bool,
    files: Vec<FileReport>,
    servers: Vec<&'a str>,
    left: Vec<Left<'a>>,
    notes: &'a [String],
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    path: PathBuf,
    diff: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<PathBuf>,
    exact: bool,
    removed: bool,
}

#[derive(Debug, Serialize)]
struct Left<'a> {
    server: &'a str,
    why: &'static str,
}

/// Puts hooks in, or the gateway.
///
/// # Errors
/// `not_confirmed`, `client_too_old`, `config_unreadable`, and others that name themselves.
pub async fn install(args: InstallArgs, data: Option<&Path>, out: &mut Out) -> Outcome {
    match (args.part, args.client) {
        (Some(InstallPart::Mcp(args)), _) => install_mcp(args, data, out),
        (None, Some(client)) => {
            let flags = settled(args.flags, data)?;
            let desk = desk(args.program)?;
            let devices = devices(data).await;
            if args.print {
                out.raw(&desk.print(client, &flags, &devices)?);
                return Ok(());
            }
            let prepared = desk.install(client, &flags, &devices).await?;
            let next = next(client, flags.agent_name(client));
            let deed = Deed { client, part: Part::Hooks, puts_in: true, yes: args.yes };
            finish(&prepared, deed, next, out)
        }
        (None, None) => Err(Failure::usage("No coding agent is named.", "agenttrust install --help lists them.")),
    }
}

fn install_mcp(args: InstallMcpArgs, data: Option<&Path>, out: &mut Out) -> Outcome {
    let flags = settled(args.flags.into(), data)?;
    let desk = desk(None)?;
    let (server, project) = (args.server.as_deref(), args.project.as_deref().map(whole).transpose()?);
    let prepared = desk.install_mcp(args.client, &flags, server, project.as_deref())?;
    let next = vec![
        format!("Start sessions of {} that are open anew: they keep the servers they have.", args.client.title()),
        "Accept each server's agent on your device when it first asks.".to_owned(),
    ];
    let deed = Deed { client: args.client, part: Part::Mcp, puts_in: true, yes: args.yes };
    finish(&prepared, deed, next, out)
}

/// Takes hooks out, or the gateway.
///
/// # Errors
/// `not_confirmed`, `config_unreadable`, and others that name themselves.
pub fn uninstall(args: UninstallArgs, out: &mut Out) -> Outcome {
    let desk = desk(None)?;
    let (client, part, yes, prepared) = match (args.part, args.client) {
        (Some(UninstallPart::Mcp(args)), _) => {
            let project = args.project.as_deref().map(whole).transpose()?;
            (args.client, Part::Mcp, args.yes, desk.uninstall_mcp(args.client, project.as_deref())?)
        }
        (None, Some(client)) => (client, Part::Hooks, args.yes, desk.uninstall(client)?),
        (None, None) => {
            return Err(Failure::usage("No coding agent is named.", "agenttrust uninstall --help lists them."));
        }
    };
    let next = vec![format!("Start sessions of {} that are open anew: they keep what they have.", client.title())];
    finish(&prepared, Deed { client, part, puts_in: false, yes }, next, out)
}

/// Shows, asks, does, tells.
fn finish(prepared: &Prepared, deed: Deed, next: Vec<String>, out: &mut Out) -> Outcome {
    for (server, why) in &prepared.servers.left {
        out.line(out.paint(Look::Care, &format!("{server} stays as it is: {why}.")));
    }
    if prepared.changes.is_empty() {
        out.line(idle(prepared, deed));
        tell(prepared, out);
    } else {
        prepared.changes.iter().for_each(|change| show(change, out));
        confirm(prepared, deed, out)?;
        prepared.changes.iter().try_for_each(Change::carry_out)?;
        prepared.changes.iter().for_each(|change| out.line(done(change, deed)));
        tell(prepared, out);
        out.line("");
        match next.as_slice() {
            [only] => out.line(only),
            steps => steps.iter().enumerate().for_each(|(at, step)| out.line(format!("  {}. {step}", at + 1))),
        }
    }
    out.document(&report(prepared, deed, next));
    Ok(())
}

fn tell(prepared: &Prepared, out: &mut Out) {
    prepared.notes.iter().for_each(|note| out.line(out.paint(Look::Care, note)));
}

fn idle(prepared: &Prepared, deed: Deed) -> String {
    let (title, file) = (deed.client.title(), prepared.file.display());
    match (deed.puts_in, deed.part) {
        (false, _) => format!("Nothing of AgentTrust is in {file}."),
        (true, Part::Hooks) => format!("{title} is already installed, in {file}; nothing was changed."),
        (true, Part::Mcp) if prepared.servers.through.is_empty() => {
            format!("No MCP server of {title} can go through the gateway; nothing was changed in {file}.")
        }
        (true, Part::Mcp) => {
            format!("All of these go through the gateway already: {}.", prepared.servers.through.join(", "))
        }
    }
}

fn done(change: &Change, deed: Deed) -> String {
    let (title, file) = (deed.client.title(), change.path().display());
    match (deed.puts_in, change.is_exact()) {
        (true, _) => {
            let copy = change.copy().map(|copy| format!("; what was there before is in {}", copy.display()));
            format!("{title}: put into {file}{}.", copy.unwrap_or_default())
        }
        (false, true) if change.removes() => format!("{title}: {file} is gone, as it was before."),
        (false, true) => format!("{title}: {file} is what it was before, byte for byte."),
        (false, false) => {
            let copy = change.copy().map(|copy| format!(" A copy of it is in {}.", copy.display()));
            let only = "had been changed since, so AgentTrust's own entries were taken out and nothing else.";
            format!("{title}: {file} {only}{}", copy.unwrap_or_default())
        }
    }
}

/// The difference, with nothing in it that a terminal would obey.
fn show(change: &Change, out: &mut Out) {
    for line in change.diff().lines() {
        let plain: String = line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        out.line(match line.chars().next() {
            Some('+') => out.paint(Look::Good, &plain),
            Some('-') => out.paint(Look::Bad, &plain),
            Some('@') => out.paint(Look::Faint, &plain),
            Some(_) | None => plain,
        });
    }
}

/// Asks in the terminal this runs in; without one, `--yes` has to be said beforehand.
fn confirm(prepared: &Prepared, deed: Deed, out: &Out) -> Outcome {
    if deed.yes {
        return Ok(());
    }
    let refused = |message: &str, hint: &str| Failure::own("not_confirmed", Exit::Refused, message, hint);
    let Ok(tty) = Tty::open() else {
        let hint = "Add --yes once you have seen the difference.";
        return Err(refused("Nothing was changed: there is no terminal to ask in.", hint));
    };
    if out.json {
        prepared.changes.iter().for_each(|change| tty.show(&change.diff()));
    }
    let question = if deed.puts_in { "Put this in? [y/N] " } else { "Take this out? [y/N] " };
    let answer = tty.line(question)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refused("Nothing was changed, as you said.", "")),
    }
}

fn next(client: Client, agent: &str) -> Vec<String> {
    let proof = match client {
        Client::Cursor => "checks its file, as Cursor itself cannot be driven by another program.",
        Client::ClaudeCode | Client::Codex | Client::Gemini | Client::Copilot | Client::Opencode => {
            "shows with a harmless call that it holds."
        }
    };
    vec![
        format!("Start sessions of {} that are open anew: they run without the hook.", client.title()),
        format!("agenttrust doctor {} {proof}", client.name()),
        format!("Accept the agent {agent} on your device when it first asks."),
    ]
}

fn report(prepared: &Prepared, deed: Deed, next: Vec<String>) -> Report<'_> {
    let file = |change: &Change| FileReport {
        path: change.path().to_path_buf(),
        diff: change.diff(),
        copy: change.copy(),
        exact: change.is_exact(),
        removed: change.removes(),
    };
    let changed = !prepared.changes.is_empty();
    Report {
        client: deed.client.name(),
        part: deed.part,
        changed,
        files: prepared.changes.iter().map(file).collect(),
        servers: prepared.servers.through.iter().map(String::as_str).collect(),
        left: prepared.servers.left.iter().map(|(server, why)| Left { server, why }).collect(),
        notes: &prepared.notes,
        next: if changed { next } else { Vec::new() },
    }
}

/// The desk of whoever runs this, with this program as the one that answers.
fn desk(client: Option<PathBuf>) -> Outcome<Desk> {
    let nowhere = || Failure::usage("HOME says nowhere where your coding agents' settings are.", "Set HOME.");
    let homes = Homes::find(|name| std::env::var_os(name)).ok_or_else(nowhere)?;
    let program = std::env::current_exe().ok().filter(|path| path.exists());
    let program = program.and_then(|path| path.into_os_string().into_string().ok());
    let unfit = || {
        let message = "The path of this program is not text, or it was replaced while it ran.";
        Failure::own("bad_program", Exit::Failed, message, "Run it again from where it is installed.")
    };
    let client = client.as_deref().map(whole).transpose()?;
    Ok(Desk::new(homes, program.ok_or_else(unfit)?, std::env::var_os("PATH"), client))
}

/// Flags that mean the same wherever the client is started, and the daemon that this command line names.
fn settled(mut flags: HookFlags, data: Option<&Path>) -> Outcome<HookFlags> {
    let socket = flags.socket.take().or_else(|| environment("AGENTTRUST_SOCKET"));
    let socket = socket.or_else(|| data.map(|data| data.join("agent.sock")));
    flags.socket = socket.as_deref().map(whole).transpose()?;
    flags.state = flags.state.as_deref().map(whole).transpose()?;
    let text = |path: &Option<PathBuf>| path.as_ref().is_none_or(|path| path.to_str().is_some());
    match text(&flags.socket) && text(&flags.state) {
        true => Ok(flags),
        false => Err(Failure::usage("A path is not text, so no settings can hold it.", "Name another one.")),
    }
}

fn whole(path: &Path) -> Outcome<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::io(path, &error))
}

/// The person's devices, where the daemon runs and says them all.
async fn devices(data: Option<&Path>) -> Vec<String> {
    let Some(place) = Place::find(data, environment) else { return Vec::new() };
    let door = HostDoor::new(place.host_socket());
    match tokio::time::timeout(PATIENCE, door.status()).await {
        Ok(Ok(status)) if status.admins.len() as u64 == status.devices => status.admins,
        Ok(Ok(_) | Err(_)) | Err(_) => Vec::new(),
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let exit = if refusal.code == "bad_usage" { Exit::Usage } else { Exit::Failed };
        Failure::own(refusal.code, exit, refusal.message, refusal.hint)
    }
}
