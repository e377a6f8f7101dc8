//! `agenttrust requests`: what waits for an answer.

use crate::failure::Outcome;
use crate::out::{Look, Out, span};
use crate::short::short;
use crate::terminal::Terminal;
use agenttrust_device::CardView;
use agenttrust_device::approver::display::safe_line;
use agenttrust_protocol::Time;

/// Lists them; whatever was not verified is counted, not shown.
///
/// # Errors
/// Those of the device.
pub async fn requests(terminal: &Terminal, now: Time, out: &mut Out) -> Outcome {
    let cards = terminal.cards().await?;
    let listed = terminal.pending().await?;
    let unverified = listed.iter().filter(|row| !cards.iter().any(|card| card.id == row.request)).count();
    if cards.is_empty() {
        out.line("Nothing waits for an answer.");
    } else {
        let rows: Vec<Vec<String>> = cards.iter().map(|card| row(card, now)).collect();
        out.table(&["ID", "AGENT", "TOOL", "LEFT", "TITLE"], &rows);
        out.line(format!("\nShow and answer one with `agenttrust approve {}`.", rows[0][0]));
    }
    if unverified > 0 {
        let care = format!("{unverified} more did not verify on this device and are not shown.");
        let care = out.paint(Look::Care, &care);
        out.line(care);
    }
    let knocks = terminal.snapshot().agents;
    for knock in &knocks {
        let name = safe_line(&knock.name.raw(), 40);
        out.line(format!(
            "An agent asks to be known: {name}. Accept it with `agenttrust agents accept {}`.",
            short(&knock.enroll)
        ));
    }
    out.document(&serde_json::json!({ "requests": cards, "unverified": unverified, "agents": knocks }));
    Ok(())
}

fn row(card: &CardView, now: Time) -> Vec<String> {
    let display = &card.display;
    let title = display.story.title.as_ref().map(|title| format!("“{}”", safe_line(&title.raw(), 50)));
    vec![
        short(&card.id),
        safe_line(&display.who.agent.raw(), 24),
        safe_line(&display.tool.raw(), 24),
        span(display.deadline.since(now)),
        title.unwrap_or_default(),
    ]
}
