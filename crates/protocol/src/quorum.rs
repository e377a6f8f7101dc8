//! What it takes to approve, and whether these devices are enough.

use crate::constraint::{Facts, rule_applies};
use crate::message::{Bundle, Device, Require, Uv};
use std::collections::BTreeSet;

/// One device that said yes.
#[derive(Clone, Copy, Debug)]
pub struct Approver<'a> {
    /// The device, as the current bundle has it.
    pub device: &'a Device,
    /// How sure it was of its owner.
    pub uv: Uv,
}

/// Everything the floor rules demand for an action; never empty, for the default is one approver.
pub fn demands(bundle: &Bundle, facts: &Facts<'_>) -> Vec<Require> {
    let matching = bundle.rules.iter().filter(|rule| rule_applies(&rule.matches, facts));
    std::iter::once(Require::ONE).chain(matching.map(|rule| rule.require.clone())).collect()
}

/// Whether these devices, each given once, meet one demand.
pub fn is_met(require: &Require, approvers: &[Approver<'_>]) -> bool {
    let counted: Vec<&Device> = approvers
        .iter()
        .filter(|a| a.device.is_approver())
        .filter(|a| require.role.as_ref().is_none_or(|role| a.device.has_role(role.as_str())))
        .filter(|a| require.uv.is_none_or(|uv| uv.met_by(a.uv)))
        .map(|a| a.device)
        .collect();
    let heads = if require.distinct_owners == Some(true) {
        counted.iter().map(|device| device.owner.as_str()).collect::<BTreeSet<_>>().len()
    } else {
        counted.len()
    };
    let remote = require.remote != Some(true) || counted.iter().any(|device| !device.local);
    heads as u64 >= require.approvers && remote
}
