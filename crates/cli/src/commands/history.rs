//! `agenttrust history`: what was asked, and what came of it.

use crate::args::HistoryArgs;
use crate::commands::agents::find_agent;
use crate::failure::{Failure, Outcome};
use crate::out::{Look, Out};
use crate::short::short;
use crate::terminal::{Terminal, unexpected};
use crate::when::moment;
use agenttrust_device::approver::display::safe_line;
use agenttrust_device::{Command, DeviceInfo, Done};
use agenttrust_protocol::door::{HistoryPage, HistoryQuery, HistoryRow, RequestDetail};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Hash, Thumbprint};
use serde::Serialize;
use std::path::Path;

/// Everything that was asked, with the bundles that verify it.
#[derive(Serialize)]
struct Evidence {
    bundles: Vec<String>,
    requests: Vec<RequestDetail>,
}

/// One page of the history, or all of it as evidence.
///
/// # Errors
/// Those of the device, or of the file.
pub async fn history(terminal: &Terminal, args: &HistoryArgs, out: &mut Out) -> Outcome {
    if let Some(file) = &args.evidence {
        return evidence(terminal, file, out).await;
    }
    let query = query(terminal, args, out).await?;
    let page = page(terminal, query).await?;
    if page.rows.is_empty() {
        out.line("Nothing of that kind was asked.");
    } else {
        table(&page.rows, &terminal.snapshot().trust.devices, out);
    }
    if let Some(next) = page.next {
        let more = out.paint(Look::Faint, &format!("There is more: --before {next}"));
        out.line(more);
    }
    out.document(&page);
    Ok(())
}

/// Requests as a table.
pub fn table(rows: &[HistoryRow], devices: &[DeviceInfo], out: &mut Out) {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row, devices, out)).collect();
    out.table(&["ID", "ASKED", "AGENT", "TOOL", "STATE", "BY", "TITLE"], &rows);
}

async fn query(terminal: &Terminal, args: &HistoryArgs, out: &Out) -> Outcome<HistoryQuery> {
    let agent = match &args.agent {
        Some(typed) => Some(find_agent(terminal, typed).await?.agent),
        None => None,
    };
    let time = |typed: &Option<String>| {
        let moment = typed.as_ref().map(|typed| moment(typed, terminal.now(), &out.zone()));
        moment.transpose().map(|time| time.map(|time| time.0))
    };
    Ok(HistoryQuery {
        agent,
        session: args.session.clone(),
        tool: args.tool.clone(),
        outcome: args.outcome,
        since: time(&args.since)?,
        until: time(&args.until)?,
        text: args.text.clone(),
        before: args.before,
        limit: Some(args.limit),
    })
}

/// One page.
///
/// # Errors
/// Those of the device.
pub async fn page(terminal: &Terminal, query: HistoryQuery) -> Outcome<HistoryPage> {
    let Done::History(list) = terminal.run(Command::History { query }).await? else { return Err(unexpected()) };
    Ok(HistoryPage { rows: list.rows.iter().map(HistoryRow::from).collect(), next: list.next })
}

/// Every request and its state, newest first.
///
/// # Errors
/// Those of the device.
pub async fn all_states(terminal: &Terminal) -> Outcome<Vec<(Hash, State)>> {
    let mut states = Vec::new();
    let mut before = None;
    loop {
        let query = HistoryQuery { before, limit: Some(200), ..HistoryQuery::default() };
        let page = page(terminal, query).await?;
        states.extend(page.rows.iter().map(|row| (row.request, row.state)));
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(states),
        }
    }
}

/// Everything about one request.
///
/// # Errors
/// Those of the device.
pub async fn detail(terminal: &Terminal, request: Hash) -> Outcome<RequestDetail> {
    Ok(terminal.device.detail(&request).await?)
}

async fn evidence(terminal: &Terminal, file: &Path, out: &mut Out) -> Outcome {
    let mut requests = Vec::new();
    for (request, _) in all_states(terminal).await?.into_iter().rev() {
        requests.push(detail(terminal, request).await?);
    }
    let count = requests.len();
    let evidence = Evidence { bundles: terminal.device.bundles(), requests };
    let mut text = serde_json::to_string(&evidence).map_err(|error| Failure::usage(error.to_string(), ""))?;
    text.push('\n');
    if file == Path::new("-") {
        out.raw(&text);
        return Ok(());
    }
    std::fs::write(file, text).map_err(|error| Failure::io(file, &error))?;
    out.line(format!("{count} requests are in {}.", file.display()));
    out.document(&serde_json::json!({ "file": file, "requests": count }));
    Ok(())
}

fn cells(row: &HistoryRow, devices: &[DeviceInfo], out: &Out) -> Vec<String> {
    let by: Vec<String> = row.decided_by.iter().map(|device| device_name(devices, device)).collect();
    let state = match row.state {
        State::Executed => Look::Good,
        State::Denied | State::Failed | State::Revoked => Look::Bad,
        State::Pending | State::Approved | State::Claimed | State::Unknown => Look::Care,
        State::Expired | State::Cancelled => Look::Faint,
    };
    let title = row.title.as_ref().map(|title| format!("“{}”", safe_line(title, 40))).unwrap_or_default();
    // Padded before it is painted: escape sequences have no width of their own.
    vec![
        short(&row.request),
        out.time(row.asked),
        safe_line(&row.agent_name, 20),
        safe_line(&row.tool, 24),
        out.paint(state, &format!("{:<9}", row.state.as_str())),
        by.join(", "),
        title,
    ]
}

/// A device's name, by the trust bundle this device has verified.
fn device_name(devices: &[DeviceInfo], key: &Thumbprint) -> String {
    let found = devices.iter().find(|device| device.device == *key);
    found.map_or_else(|| short(key), |device| safe_line(&device.name, 24))
}
