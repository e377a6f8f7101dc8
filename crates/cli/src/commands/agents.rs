//! `agenttrust agents`: who asks.

mod show;

use crate::args::AgentsCommand;
use crate::failure::Outcome;
use crate::out::Out;
use crate::short::{pick, short};
use crate::terminal::{Terminal, unexpected};
use agenttrust_device::approver::display::{EnrolDisplay, Text, safe_line};
use agenttrust_device::{AgentInfo, Command, Done};

/// Lists agents, shows one, or answers one that knocked.
///
/// # Errors
/// Those of the device.
pub async fn agents(terminal: &Terminal, command: Option<&AgentsCommand>, out: &mut Out) -> Outcome {
    match command {
        None => list(terminal, out).await,
        Some(AgentsCommand::Show { agent, turns }) => show::show(terminal, agent, *turns, out).await,
        Some(AgentsCommand::Accept { agent, name }) => {
            let knock = find_knock(terminal, agent).await?;
            for line in knock.lines() {
                out.line(line);
            }
            let name = name.clone();
            terminal.run(Command::AcceptAgent { enroll: knock.enroll, name }).await?;
            done(out, "accepted", &knock.enroll, "It may ask now; every action still takes an approval.");
            Ok(())
        }
        Some(AgentsCommand::Refuse { agent }) => {
            let knock = find_knock(terminal, agent).await?;
            terminal.run(Command::RefuseAgent { enroll: knock.enroll }).await?;
            done(out, "refused", &knock.enroll, "It stays out.");
            Ok(())
        }
        Some(AgentsCommand::Revoke { agent }) => {
            let agent = find_agent(terminal, agent).await?;
            terminal.run(Command::RevokeAgent { agent: agent.agent }).await?;
            done(out, "revoked", &agent.agent, "It may not ask any more.");
            Ok(())
        }
    }
}

fn done(out: &mut Out, what: &str, id: &impl std::fmt::Display, sentence: &str) {
    out.line(sentence);
    out.document(&serde_json::json!({ "done": what, "id": id.to_string() }));
}

async fn all(terminal: &Terminal) -> Outcome<Vec<AgentInfo>> {
    let Done::Agents { agents } = terminal.run(Command::Agents).await? else { return Err(unexpected()) };
    Ok(agents)
}

/// The agent that is meant.
///
/// # Errors
/// `not_found`, `ambiguous`, those of the device.
pub async fn find_agent(terminal: &Terminal, typed: &str) -> Outcome<AgentInfo> {
    pick(all(terminal).await?, typed, |agent| agent.agent.to_string(), |agent| Some(agent.name.raw()))
}

async fn find_knock(terminal: &Terminal, typed: &str) -> Outcome<EnrolDisplay> {
    terminal.caught_up().await?;
    let knocks = terminal.snapshot().agents;
    pick(knocks, typed, |knock| knock.enroll.to_string(), |knock| Some(knock.name.raw()))
}

async fn list(terminal: &Terminal, out: &mut Out) -> Outcome {
    terminal.caught_up().await?;
    let agents = all(terminal).await?;
    if agents.is_empty() {
        out.line("No agent has asked yet.");
    } else {
        let rows: Vec<Vec<String>> = agents.iter().map(|agent| row(agent, out)).collect();
        out.table(&["KEY", "NAME", "IS", "STATE", "REQUESTS", "LAST ASKED"], &rows);
    }
    for knock in terminal.snapshot().agents {
        let name = safe_line(&knock.name.raw(), 40);
        out.line(format!("{name} asks to be known: `agenttrust agents accept {}`", short(&knock.enroll)));
    }
    out.document(&agents.iter().map(document).collect::<Vec<_>>());
    Ok(())
}

fn document(agent: &AgentInfo) -> serde_json::Value {
    serde_json::json!({
        "agent": agent.agent,
        "enroll": agent.enroll,
        "name": agent.name.raw(),
        "program": agent.program.as_ref().map(Text::raw),
        "client": agent.gate.as_ref().and_then(|gate| gate.client.as_ref()),
        "kind": agent.kind,
        "gate": agent.gate.as_ref().map(|gate| &gate.what),
        "reach": agent.gate.as_ref().map(|gate| &gate.reach),
        "state": agent.state,
        "paused": agent.paused,
        "requests": agent.requests,
        "last_asked": agent.last_asked,
        "enrolled": agent.enrolled,
        "until": agent.until,
        "fault": agent.fault,
    })
}

fn row(agent: &AgentInfo, out: &Out) -> Vec<String> {
    let state = if agent.paused { format!("{}, paused", agent.state) } else { agent.state.to_string() };
    let last = agent.last_asked.map_or_else(|| "never".to_owned(), |time| out.time(time));
    let is = agent.gate.as_ref().map_or("?", |gate| gate.what.as_str()).to_owned();
    vec![short(&agent.agent), safe_line(&agent.name.raw(), 30), is, state, agent.requests.to_string(), last]
}
