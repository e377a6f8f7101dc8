//! `agenttrust pause`: the kill switch.

use crate::args::PauseArgs;
use crate::commands::agents::find_agent;
use crate::failure::Outcome;
use crate::out::{Look, Out};
use crate::terminal::Terminal;
use agenttrust_device::Command;
use agenttrust_device::approver::display::safe_line;

/// Stops agents, or lets them go on.
///
/// # Errors
/// Those of the device: lifting takes an admin.
pub async fn pause(terminal: &Terminal, args: &PauseArgs, out: &mut Out) -> Outcome {
    let agent = match &args.agent {
        Some(typed) => Some(find_agent(terminal, typed).await?),
        None => None,
    };
    let who = agent.as_ref().map_or_else(|| "Every agent".to_owned(), |agent| safe_line(&agent.name.raw(), 60));
    let key = agent.map(|agent| agent.agent);
    let command = match (args.lift, key) {
        (false, None) => Command::PauseAll,
        (false, Some(agent)) => Command::Pause { agent },
        (true, agent) => Command::Resume { agent },
    };
    terminal.run(command).await?;
    if args.lift {
        out.line(format!("{who} may ask again."));
    } else {
        let stopped = out.paint(Look::Strong, &format!("{who} is paused: nothing they ask is released."));
        out.line(stopped);
        out.line("Let them go on with `agenttrust pause --lift`.");
    }
    let trust = terminal.snapshot().trust;
    out.document(&serde_json::json!({ "paused_all": trust.paused_all, "paused": trust.paused }));
    Ok(())
}
