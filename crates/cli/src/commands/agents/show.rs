//! `agenttrust agents show`: one agent, what it was told to do, and what it did.

use super::{document, find_agent};
use crate::card::heading;
use crate::commands::history::{page, table};
use crate::failure::Outcome;
use crate::out::{Look, Out};
use crate::short::short;
use crate::terminal::{Terminal, unexpected};
use crate::wrap::wrap;
use agenttrust_device::approver::display::{Folds, Text, safe_line};
use agenttrust_device::{AgentInfo, Command, Done, SessionInfo, SessionList, Turn};
use agenttrust_protocol::door::{CountsQuery, HistoryQuery};
use agenttrust_protocol::lifecycle::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many of its last actions are listed.
const LAST: u64 = 5;

/// A number of seconds beyond every request.
const EVER: i64 = 1 << 40;

/// Shows it.
///
/// # Errors
/// `not_found`, `ambiguous`, those of the device.
pub async fn show(terminal: &Terminal, typed: &str, turns: u64, out: &mut Out) -> Outcome {
    let agent = find_agent(terminal, typed).await?;
    let key = agent.agent;
    let command = Command::Sessions { agent: key, before: None, limit: Some(turns) };
    let Done::Sessions(sessions) = terminal.run(command).await? else { return Err(unexpected()) };
    let did = did(terminal, &agent).await?;
    let query = HistoryQuery { agent: Some(key), limit: Some(LAST), ..HistoryQuery::default() };
    let last = page(terminal, query).await?;
    if out.json {
        let counts: BTreeMap<&str, u64> = did.iter().map(|(state, count)| (state.as_str(), *count)).collect();
        let sessions = json!({
            "list": sessions.sessions.iter().map(session).collect::<Vec<_>>(),
            "next": sessions.next,
            "fault": sessions.fault,
        });
        let agent = document(&agent);
        out.document(&json!({ "agent": agent, "did": counts, "last": last.rows, "sessions": sessions }));
        return Ok(());
    }
    let columns = terminal.tty.columns();
    for line in about(&agent, out).iter().flat_map(|line| wrap(line, columns)) {
        out.line(line);
    }
    if !did.is_empty() {
        out.line(heading("What it did", columns).trim_end());
        let counts: Vec<String> = did.iter().map(|(state, count)| format!("{count} {state}")).collect();
        out.line(counts.join(" · "));
        table(&last.rows, &terminal.snapshot().trust.devices, out);
    }
    out.line(heading("What it was told to do, newest first", columns).trim_end());
    for line in told(&sessions, out).iter().flat_map(|line| wrap(line, columns)) {
        out.line(line);
    }
    if sessions.next.is_some() {
        let more = out.paint(Look::Faint, &format!("There is more: --turns {}", turns.saturating_mul(2).min(200)));
        out.line(more);
    }
    Ok(())
}

/// How many of its requests stand in which state.
async fn did(terminal: &Terminal, agent: &AgentInfo) -> Outcome<Vec<(State, u64)>> {
    let query = CountsQuery { agent: Some(agent.agent), since: 0, until: EVER, step: EVER.unsigned_abs() };
    let Done::Counts(counts) = terminal.run(Command::Counts { query }).await? else { return Err(unexpected()) };
    Ok(counts.rows.iter().map(|row| (row.state, row.count)).collect())
}

fn about(agent: &AgentInfo, out: &Out) -> Vec<String> {
    let paused = if agent.paused { ", paused" } else { "" };
    let name = out.paint(Look::Strong, &safe_line(&agent.name.raw(), 60));
    let mut lines = vec![format!("{name} ({}{paused})", agent.state)];
    if let Some(fault) = &agent.fault {
        lines.push(format!("! What the daemon says of it does not verify: {}", fault.message));
    }
    if let Some(gate) = &agent.gate {
        lines.push(format!("is        {}, as it says. {}", gate.what, gate.reach));
    }
    if let Some(program) = &agent.program {
        lines.push(format!("program   {}, as it says", safe_line(&program.raw(), 200)));
    }
    lines.push(format!("key       {}", agent.agent));
    if let Some(time) = agent.enrolled {
        let by = agent.accepted_by.as_ref().map(|by| format!(" on {by}")).unwrap_or_default();
        lines.push(format!("accepted  {}{by}", out.time(time)));
    }
    if let Some(until) = agent.until {
        lines.push(format!("until     {}", out.time(until)));
    }
    let last = agent.last_asked.map_or_else(String::new, |time| format!(", last {}", out.time(time)));
    lines.push(format!("asked     {}{last}", counted(agent.requests, "request")));
    lines
}

fn told(list: &SessionList, out: &Out) -> Vec<String> {
    let fault =
        list.fault.as_ref().map(|fault| format!("! Some of it does not verify and is left out: {}", fault.message));
    let mut lines: Vec<String> = fault.into_iter().collect();
    if list.sessions.is_empty() && lines.is_empty() {
        lines.push("Nothing yet: it has not begun a session.".to_owned());
    }
    for session in &list.sessions {
        lines.extend(session.turns.iter().flat_map(|turn| said(turn, &session.sid, out)));
    }
    lines
}

/// A turn: when and where, and the person's words.
fn said(turn: &Turn, sid: &str, out: &Out) -> Vec<String> {
    let place = turn.place.as_ref().map_or_else(
        || "erased".to_owned(),
        |place| format!("{} on {}", safe_line(&place.folder.raw(), 80), safe_line(&place.host.raw(), 40)),
    );
    let mut lines = vec![format!(
        "{}  {place} · {} · session {}",
        out.time(turn.begun),
        counted(turn.requests, "request"),
        tail(sid)
    )];
    match (&turn.task, &turn.place) {
        (Some(task), _) => {
            lines.push("    You asked:".to_owned());
            lines.extend(task.shown(Folds::Closed).into_iter().map(|line| format!("      {line}")));
        }
        (None, Some(_)) => lines.push("    It passed on no words of yours.".to_owned()),
        (None, None) => lines.push("    What it was told is erased.".to_owned()),
    }
    lines
}

fn session(session: &SessionInfo) -> Value {
    let turn = |turn: &Turn| {
        json!({
            "session": turn.session,
            "begun": turn.begun,
            "task": turn.task.as_ref().map(Text::raw),
            "folder": turn.place.as_ref().map(|place| place.folder.raw()),
            "host": turn.place.as_ref().map(|place| place.host.raw()),
            "program": turn.place.as_ref().map(|place| place.program.raw()),
            "erased": turn.place.is_none(),
            "requests": turn.requests,
            "last_asked": turn.last_asked,
        })
    };
    json!({ "sid": session.sid, "turns": session.turns.iter().map(turn).collect::<Vec<_>>() })
}

/// The end of a session's id: its beginning is a time, which is the same for many.
fn tail(sid: &str) -> String {
    short(&sid.rsplit('-').next().unwrap_or(sid))
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
