//! `make bench`: what the whole takes, measured with the real programs, printed as Markdown.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(missing_docs, reason = "nothing is used outside of this program")]

mod gateway;
mod loops;
mod machine;
mod pending;
mod programs;
mod series;
mod window;

use agenttrust_gate::Session;
use agenttrust_tests::kit::{Answer, Phone, World};
use series::Series;
use std::sync::Arc;

/// Asks under way at a time where many are measured.
const LANES: usize = 32;

fn row(what: &str, value: &str, target: &str) {
    println!("| {what} | {value} | {target} |");
}

fn heads(heads: [&str; 3]) {
    println!("\n| {} | {} | {} |\n|---|---|---|", heads[0], heads[1], heads[2]);
}

#[tokio::main]
async fn main() {
    let world = World::new().await;
    println!("Machine: {}.", machine::describe(&world.path(".")));
    heads(["Primitive", "p50 / p99", ""]);
    for (name, series) in machine::primitives(&world.path(".")) {
        row(name, &series.cell(), "");
    }
    heads(["Path", "Measured", "Target"]);
    let accepting = world.answering(|_| Answer::Ignore);
    let session = world.session().await;
    accepting.abort();
    let person = loops::answer_at_once(&world.phone);

    let rounds = loops::beside_the_peer(&world, &session).await;
    person_asked(&rounds);
    row(&format!("full loops a second, {LANES} at a time"), &format!("{:.0}", loops::full(&session, LANES).await), "–");
    let (in_turn, rate, uses) = loops::granted(&world, &session, LANES).await;
    row("use of a grant, counted, durable, logged", &in_turn.cell(), "≤ 0.6 / ≤ 3 ms");
    row(&format!("uses of a grant a second, {LANES} at a time"), &format!("{rate:.0} ({uses} counted)"), "≥ 6,000");
    person.abort();

    the_hook(&world, &session).await;
    the_gateway(&world, &session).await;
    the_window().await;
    resting(&world).await;
    waiting(world);
    for name in ["agenttrustd", "agenttrust", "agenttrust-app"] {
        let target = if name == "agenttrustd" { "≤ 20 MB" } else { "–" };
        row(&format!("`{name}`, stripped"), &format!("{:.1} MB", programs::size(name)), target);
    }
}

fn person_asked(rounds: &[(Series, Option<Series>)]) {
    let mut all = Series::default();
    rounds.iter().for_each(|(ours, _)| all.extend(ours));
    row("ask → device answers at once → verified, claimed", &all.cell(), "≤ 2 / ≤ 10 ms");
    let mut peers = Series::default();
    let mut ratios = Series::default();
    for (ours, peer) in rounds {
        if let Some(peer) = peer {
            peers.extend(peer);
            ratios.push_ms(peer.median() / ours.median());
        }
    }
    if rounds.iter().all(|(_, peer)| peer.is_some()) {
        row("LangGraph `interrupt` + SqliteSaver, in turns with ours", &peers.cell(), "–");
        let (low, high) = (ratios.quantile(0.0), ratios.quantile(1.0));
        row("its median over ours, of the rounds", &format!("{:.1} ({low:.1} to {high:.1})", ratios.median()), "–");
    } else {
        row("LangGraph `interrupt` + SqliteSaver", "not installed", "–");
    }
}

async fn the_hook(world: &World, session: &Session) {
    let person = world.answering(|_| Answer::Approve);
    let measured = programs::hook(world, session, 60).await;
    person.abort();
    row("hook of a coding agent, whole process, approved at once", &measured.whole.cell(), "–");
    let beyond = measured.whole.median() - measured.decision.median();
    row("the same beyond the decision, of the medians", &format!("{beyond:.3} ms"), "≤ 15 ms");
    row("`agenttrust --version`, whole process", &measured.bare.cell(), "–");
}

async fn the_gateway(world: &World, session: &Session) {
    let person = world.answering(|_| Answer::Approve);
    let measured = gateway::measure(world, session, 200).await;
    person.abort();
    let passing = measured.through.median() - measured.direct.median();
    row("gateway, a message that passes, beyond the server", &format!("{passing:.3} ms"), "–");
    row("gateway, a call approved at once", &measured.call.cell(), "–");
    let beyond = measured.call.median() - measured.decision.median() - measured.direct.median();
    row("the same beyond decision and server, of the medians", &format!("{beyond:.3} ms"), "≤ 1 ms");
}

async fn the_window() {
    let measured = window::measure().await;
    row("the app, from its start to its inbox", &measured.start.cell(), "–");
    row("ask → painted in the open window", &measured.shown.cell(), "≤ 300 ms");
    let [before, after] = measured.memory;
    let text = format!("{before:.0} MB, then {after:.0} MB");
    row(&format!("memory of app and web view, before and after {} requests", window::MANY), &text, "–");
}

async fn resting(world: &World) {
    let [alone, connected] = programs::rest(world).await;
    let seconds = programs::REST.as_secs();
    let text = |rest: &programs::Rest| format!("{:.1} MB, {} ticks of 10 ms in {seconds} s", rest.memory, rest.ticks);
    row("idle daemon, nobody connected", &text(&alone), "≤ 25 MB, 0 ticks");
    row("idle daemon after the runs above, a device connected", &text(&connected), "–");
}

fn waiting(mut world: World) {
    let tdid = world.phone.device.snapshot().trust.tdid;
    // A daemon that has just started is what is measured against.
    world.daemon.stop();
    let data = world.daemon.data().to_owned();
    row(
        "cold start to first answer, small history",
        &programs::cold_start(&data, 20).cell(),
        "≤ 60 ms (10 million rows)",
    );
    world.daemon.restart();
    world.phone.device.wake();
    let person = world.answering(|_| Answer::Ignore);
    let phone = Arc::clone(&world.phone);
    let runtime = tokio::runtime::Handle::current();
    let leave = || {
        person.abort();
        runtime.block_on(close(&phone));
    };
    let (before, after, rate) = tokio::task::block_in_place(|| pending::measure(&world, tdid, leave));
    let text = format!("{:.0} MB above {before:.0} MB ({rate:.0} a second)", after - before);
    row("100,000 pending requests", &text, "≤ 120 MB");
    world.daemon.stop();
    row("cold start with them", &programs::cold_start(&data, 10).cell(), "≤ 60 ms (10 million rows)");
}

async fn close(phone: &Phone) {
    phone.device.clone().close().await;
    // The memory of its connection goes, too.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}
