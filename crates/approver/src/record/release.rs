//! Whether a claim rests on the approvals it takes, by the bundle that was current then.

use super::{Fault, Record, Wrong};
use agenttrust_protocol::constraint::{Constraint, Facts, rule_applies};
use agenttrust_protocol::json::Object;
use agenttrust_protocol::message::{Bundle, CLOCK_SKEW, Claim, Decision, Message, Outcome, Require, Verdict};
use agenttrust_protocol::quorum::{Approver, is_met};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened};

impl Record {
    pub(super) fn check_release(&mut self, trust: &Trust) {
        let Some(claim) = self.claim() else { return self.check_unclaimed() };
        let hash = Some(claim.hash());
        if let Err(why) = self.released(trust, claim) {
            self.faults.push(Fault { typ: Some(Claim::TYP), hash, wrong: Wrong::NotApproved(why) });
        }
    }

    /// What runs without a claim runs under a trusted action.
    fn check_unclaimed(&mut self) {
        let granted = self.asking().is_some_and(|request| request.body().grant.is_some());
        if let (Some(outcome), false) = (self.outcome(), granted) {
            let (hash, wrong) = (Some(outcome.hash()), Wrong::NotApproved("the agent took no approval"));
            self.faults.push(Fault { typ: Some(Outcome::TYP), hash, wrong });
        }
    }

    fn released(&self, trust: &Trust, claim: &Opened<Claim>) -> Result<(), &'static str> {
        if self.counted().any(|decision| decision.body().outcome == Verdict::Deny) {
            return Err("a device had denied it");
        }
        let named: Vec<&Opened<Decision>> =
            self.counted().filter(|decision| claim.body().decisions.contains(&decision.hash())).collect();
        if named.len() != claim.body().decisions.len() {
            return Err("it names a decision that did not count");
        }
        let first = named.first().ok_or("it names no decision")?;
        if named.iter().any(|decision| decision.body().bundle != first.body().bundle) {
            return Err("the decisions rest on different trust bundles");
        }
        if named.iter().any(|decision| claim.head().iat > decision.body().exp.plus(CLOCK_SKEW)) {
            return Err("an approval was too old");
        }
        let leader = leader(first);
        let agree = named.iter().all(|decision| super::release::leader(decision) == leader);
        let is_here = leader.is_none_or(|leader| named.iter().any(|decision| decision.hash() == leader));
        if !agree || !is_here {
            return Err("the decisions do not agree");
        }
        let bundle = trust.find(&first.body().bundle).ok_or("the trust bundle is not known")?.body();
        let approvers = approvers(bundle, &named);
        let own = named.iter().filter_map(|decision| decision.body().requires.clone());
        let demands = self.demands(bundle, &named).ok_or("the request is missing")?;
        let met = demands.into_iter().chain(own).all(|require| is_met(&require, &approvers));
        if met { Ok(()) } else { Err("the approvals do not add up to what the rules require") }
    }

    /// What the rules demand. Once content is erased, whether a rule about arguments applied cannot be told any more,
    /// and it is left out.
    fn demands(&self, bundle: &Bundle, named: &[&Opened<Decision>]) -> Option<Vec<Require>> {
        let asked = self.asked();
        let edited = named.iter().find_map(|decision| decision.content().ok()?.arguments);
        let changed = named.iter().any(|decision| decision.body().outcome == Verdict::Modify);
        let arguments = match &asked {
            Some(asked) if !changed => Some(&asked.content.arguments),
            Some(_) | None => edited.as_ref(),
        };
        let nothing = Object::default();
        let facts = Facts {
            action: &self.asking()?.body().action,
            arguments: arguments.unwrap_or(&nothing),
            session: &self.session()?.body().sid,
            task: asked.as_ref().and_then(|asked| asked.session_content.task.as_deref()),
        };
        let tells = |constraint: &Constraint| !matches!(constraint, Constraint::Args { .. }) || arguments.is_some();
        let rules = bundle.rules.iter().filter(|rule| rule.matches.iter().all(tells));
        let matching = rules.filter(|rule| rule_applies(&rule.matches, &facts));
        Some(std::iter::once(Require::ONE).chain(matching.map(|rule| rule.require.clone())).collect())
    }
}

/// What a decision approves: the request as it stands, or the arguments of one modify.
fn leader(decision: &Opened<Decision>) -> Option<Hash> {
    match decision.body().outcome {
        Verdict::Modify => Some(decision.body().first.unwrap_or(decision.hash())),
        Verdict::Approve | Verdict::Deny => None,
    }
}

/// Each device counts once, with the weakest verification it gave.
fn approvers<'b>(bundle: &'b Bundle, named: &[&Opened<Decision>]) -> Vec<Approver<'b>> {
    let mut approvers: Vec<Approver<'b>> = Vec::new();
    for decision in named {
        let Some(device) = bundle.device(&decision.signer()) else { continue };
        let uv = decision.body().uv;
        match approvers.iter_mut().find(|approver| approver.device.key == device.key) {
            Some(known) => known.uv = known.uv.min(uv),
            None => approvers.push(Approver { device, uv }),
        }
    }
    approvers
}
