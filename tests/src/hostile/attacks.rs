//! The table of attacks. Each is an honest scene with one fault.

mod claims;
mod decisions;
mod trust;
mod wire;

use super::daemon::{Answered, Call, Stored, World};
use super::domain::{Domain, Who};
use agenttrust_protocol::door::{ErrorBody, Reply, typ_of};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Bundle, Message, Require, Rule, Status};
use agenttrust_protocol::{Reason, Thumbprint};
use axum::http::StatusCode;
use std::collections::HashMap;

/// The arguments that every ask has.
pub const ARGUMENTS: &str = r#"{"amount":120.5,"payee":"DE02120300000000202051"}"#;

/// The arguments that the person puts in their place where the person edits.
pub const EDITED: &str = r#"{"amount":80.25,"payee":"DE02120300000000202051"}"#;

/// The arguments a daemon would like better.
const GREEDY: &str = r#"{"amount":9999,"payee":"XX00MALLORY"}"#;

/// What the test does: so many asks at once, of which so many may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Seconds to wait before.
    pub after: u64,
    /// How many asks are made at the same time, each as by a process of its own.
    pub asks: usize,
    /// How many of them run; the others are refused.
    pub runs: usize,
    /// The call id of all of them, where they have one.
    pub call: Option<&'static str>,
}

const RUNS: Step = Step { after: 0, asks: 1, runs: 1, call: None };
const REFUSED: Step = Step { runs: 0, ..RUNS };

/// One way to misbehave.
pub struct Attack {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the daemon does.
    pub does: &'static str,
    /// The codes with which an agent may refuse; none for an honest daemon.
    pub expect: &'static [&'static str],
    /// What the test does.
    pub steps: &'static [Step],
    /// How long a request lives, in seconds.
    pub life: u64,
    /// The arguments of what runs, if anything does.
    pub ran: &'static str,
    /// Prepares the honest scene, before anybody calls.
    set: fn(&mut World),
    decide: fn(&World, &Stored) -> Answered,
    pub(super) grants: fn(&World, Thumbprint) -> Vec<String>,
    /// Why the agent does not use what is granted beforehand, where it does not.
    pub grant_fault: Option<Reason>,
    /// What becomes of each honest answer.
    pub(super) tamper: fn(&World, &Call, Reply) -> Act,
    /// Where it is not HTTP that is spoken.
    pub(super) wire: Option<Wire>,
}

/// What the daemon does in place of its answer.
pub(super) enum Act {
    Reply(Reply),
    Error(StatusCode, ErrorBody),
    Body(&'static str),
    Hang,
}

/// Bytes that are sent to whoever connects.
#[derive(Clone, Copy)]
pub(super) enum Wire {
    /// These, then the end.
    Once(&'static [u8]),
    /// The first, then the second without end.
    Forever(&'static [u8], &'static [u8]),
}

const HONEST: Attack = Attack {
    name: "honest",
    does: "control: the phone approves, and the tool runs",
    expect: &[],
    steps: &[RUNS],
    life: 60,
    ran: ARGUMENTS,
    set: |_| {},
    decide: |world, asked| approved(vec![world.domain.approve(Who::Phone, asked.request.hash())]),
    grants: |_, _| Vec::new(),
    grant_fault: None,
    tamper: |_, _, reply| Act::Reply(reply),
    wire: None,
};

/// What a plain attack is made from: one ask that is refused.
const ATTACK: Attack = Attack { steps: &[REFUSED], ..HONEST };

const CONTROLS: &[Attack] = &[
    HONEST,
    Attack {
        name: "honest-edit",
        does: "control: the phone approves with other arguments, and the tool runs with those",
        ran: EDITED,
        decide: |world, asked| approved(vec![world.domain.edit(Who::Phone, asked.request.hash(), EDITED)]),
        ..HONEST
    },
    Attack {
        name: "honest-quorum",
        does: "control: a floor rule wants two devices, and two approve",
        set: two_approvers,
        decide: |world, asked| {
            let approve = |who| world.domain.approve(who, asked.request.hash());
            approved(vec![approve(Who::Phone), approve(Who::Laptop)])
        },
        ..HONEST
    },
    Attack {
        name: "honest-grant",
        does: "control: a grant covers the action, which runs without asking",
        grants: |world, agent| vec![world.domain.grant(Who::Phone, agent, |_| {})],
        decide: |_, asked| asked.request.body().grant.map(|_| (State::Claimed, Vec::new())),
        life: 5,
        ..HONEST
    },
];

/// Every attack, and first the controls: what an honest daemon does.
pub fn all() -> impl Iterator<Item = &'static Attack> {
    [CONTROLS, decisions::ALL, trust::ALL, claims::ALL, wire::ALL].into_iter().flatten()
}

impl Attack {
    /// The attack of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Attack> {
        all().find(|attack| attack.name == name)
    }

    /// The world it is played in, and the root the agents trust.
    pub(super) fn scene(&self) -> (World, Tdid) {
        let mut world = World {
            domain: Domain::found("home"),
            agents: Vec::new(),
            requests: Vec::new(),
            spare: Vec::new(),
            decide: self.decide,
            grants: self.grants,
            granted: HashMap::new(),
        };
        let root = world.domain.tdid();
        (self.set)(&mut world);
        (world, root)
    }
}

fn approved(decisions: Vec<String>) -> Answered {
    Some((State::Approved, decisions))
}

/// A floor rule that wants two devices for everything.
fn two_approvers(world: &mut World) {
    let require = Require { approvers: 2, ..Require::ONE };
    world.domain.next_bundle(|bundle| bundle.rules.push(Rule { matches: Vec::new(), require }));
}

/// The reply with these bundles and statuses in place of its own.
fn with_trust<'a>(mut reply: Reply, trust: impl IntoIterator<Item = &'a String>) -> Act {
    let is_trust = |typ: String| typ == Bundle::TYP || typ == Status::TYP;
    reply.messages.retain(|text| !typ_of(text).is_some_and(is_trust));
    reply.messages.splice(0..0, trust.into_iter().cloned());
    Act::Reply(reply)
}
