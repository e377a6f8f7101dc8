//! What the history says of one request: the states it can be in, and the decisions it has got.
//!
//! A leaf holds no arguments, so whether a floor rule about arguments applied cannot be told from the history alone.
//! Where that leaves two states possible both are kept, and the next step tells which it was.

use agenttrust_protocol::constraint::{Constraint, Facts, Place, Truth};
use agenttrust_protocol::json::Object;
use agenttrust_protocol::lifecycle::{State, Transition, next};
use agenttrust_protocol::message::{Action, Bundle, Decision, Require, SessionId, Verdict};
use agenttrust_protocol::quorum::{Approver, is_met};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Thumbprint, Time};

/// A set of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u16);

impl States {
    /// The set of these.
    pub fn of(states: &[State]) -> States {
        States(states.iter().fold(0, |set, state| set | 1 << (*state as u16)))
    }

    /// Whether it is one of them.
    pub fn has(self, state: State) -> bool {
        self.0 & (1 << (state as u16)) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All of both.
    pub fn and(self, other: States) -> States {
        States(self.0 | other.0)
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.iter().copied().filter(move |state| self.has(*state))
    }

    /// Where a transition can lead from here; empty if from none of them.
    pub fn step(self, transition: Transition) -> States {
        self.iter()
            .filter_map(|state| next(state, transition))
            .fold(States(0), |set, state| set.and(States::of(&[state])))
    }
}

/// A decision that counts.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Its name.
    pub hash: Hash,
    /// The device that signed it.
    pub device: Thumbprint,
    /// What it says.
    pub body: Decision,
}

/// One request's way through the history.
#[derive(Clone, Debug)]
pub struct Course {
    /// The agent's key.
    pub agent: Thumbprint,
    /// What was to be called.
    pub action: Action,
    /// The session's id.
    pub sid: SessionId,
    /// Where it can stand now.
    pub states: States,
    /// The approvals so far.
    pub approvals: Vec<Counted>,
}

impl Course {
    /// Takes a decision; `None` if it could not happen then.
    #[must_use]
    pub fn decide(&mut self, decision: Counted, trust: &Trust) -> Option<()> {
        let states = match decision.body.outcome {
            Verdict::Deny => self.states.step(Transition::Deny),
            Verdict::Approve | Verdict::Modify => {
                if !self.states.has(State::Pending) {
                    return None;
                }
                self.approvals.push(decision);
                self.after_approval(trust)
            }
        };
        self.take(states)
    }

    /// Takes any other step; `None` if it could not happen then.
    #[must_use]
    pub fn step(&mut self, transition: Transition) -> Option<()> {
        self.take(self.states.step(transition))
    }

    /// A status hit the agent, or a device that was counted: an approval that was not claimed may be void now.
    pub fn hit(&mut self) {
        self.states = self.states.and(self.states.step(Transition::Revoke));
    }

    /// Whether the decisions with these names release the action.
    pub fn releases(&self, names: &[Hash], trust: &Trust) -> bool {
        let named: Option<Vec<&Counted>> =
            names.iter().map(|name| self.approvals.iter().find(|counted| counted.hash == *name)).collect();
        named.is_some_and(|named| self.enough(&named, trust) != Enough::No)
    }

    fn take(&mut self, states: States) -> Option<()> {
        if states.is_empty() {
            return None;
        }
        self.states = states;
        Some(())
    }

    fn after_approval(&self, trust: &Trust) -> States {
        // What was in order when it came may not count any more.
        let stands =
            |counted: &&Counted| counted.body.bundle == trust.bundle_ref() && !trust.is_device_revoked(&counted.device);
        let standing: Vec<&Counted> = self.approvals.iter().filter(stands).collect();
        let mut found = Enough::No;
        for first in &standing {
            let group: Vec<&Counted> =
                standing.iter().copied().filter(|counted| leader(counted) == leader(first)).collect();
            let enough = self.enough(&group, trust);
            // An earlier approval may have run out before the last one came; the leaves do not say when that was.
            found = found.max(if group.len() > 1 { enough.min(Enough::Perhaps) } else { enough });
        }
        match found {
            Enough::No => States::of(&[State::Pending]),
            Enough::Perhaps => States::of(&[State::Pending, State::Approved]),
            Enough::Yes => States::of(&[State::Approved]),
        }
    }

    fn enough(&self, group: &[&Counted], trust: &Trust) -> Enough {
        let agree = group.first().is_some_and(|first| group.iter().all(|counted| leader(counted) == leader(first)));
        let approvers = distinct(group, trust);
        let own = group.iter().filter_map(|counted| counted.body.requires.clone());
        let (certain, doubtful) = self.demands(trust.current().body());
        let met = |require: &Require| is_met(require, &approvers);
        if !agree || !certain.iter().all(met) || !own.into_iter().all(|require| met(&require)) {
            Enough::No
        } else if doubtful.iter().all(met) {
            Enough::Yes
        } else {
            Enough::Perhaps
        }
    }

    /// What the rules demand for sure, and what they demand only if the arguments were such.
    fn demands(&self, bundle: &Bundle) -> (Vec<Require>, Vec<Require>) {
        let nothing = Object::default();
        let facts = Facts { action: &self.action, arguments: &nothing, session: &self.sid, task: None };
        let (mut certain, mut doubtful) = (vec![Require::ONE], Vec::new());
        for rule in &bundle.rules {
            let (args, rest): (Vec<&Constraint>, Vec<&Constraint>) =
                rule.matches.iter().partition(|constraint| matches!(constraint, Constraint::Args { .. }));
            if rest.iter().any(|constraint| constraint.holds(&facts, Place::Rule) == Truth::False) {
                continue;
            }
            let demands = if args.is_empty() { &mut certain } else { &mut doubtful };
            demands.push(rule.require.clone());
        }
        (certain, doubtful)
    }
}

/// How sure it is that approvals add up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Enough {
    No,
    Perhaps,
    Yes,
}

/// What a decision approves: the request as it stands, or the arguments of one modify.
fn leader(counted: &Counted) -> Option<Hash> {
    match counted.body.outcome {
        Verdict::Modify => Some(counted.body.first.unwrap_or(counted.hash)),
        Verdict::Approve | Verdict::Deny => None,
    }
}

/// Each device counts once, with the weakest verification it gave.
fn distinct<'t>(group: &[&Counted], trust: &'t Trust) -> Vec<Approver<'t>> {
    let mut approvers: Vec<Approver<'t>> = Vec::new();
    for counted in group {
        let Some(device) = trust.device(&counted.device) else { continue };
        match approvers.iter_mut().find(|approver| approver.device.key == device.key) {
            Some(known) => known.uv = known.uv.min(counted.body.uv),
            None => approvers.push(Approver { device, uv: counted.body.uv }),
        }
    }
    approvers
}

/// A decision may be claimed until its own time is over, one clock skew later at most.
pub fn in_time(decision: &Decision, at: Time) -> bool {
    at <= decision.exp.plus(agenttrust_protocol::message::CLOCK_SKEW)
}
