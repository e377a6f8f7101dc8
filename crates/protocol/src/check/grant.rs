//! The check of a grant: a trusted action that was signed beforehand.

use super::{Asked, check_root, check_times};
use crate::constraint::{Counters, Reservation, covers};
use crate::envelope::{Opened, Received};
use crate::hash::Time;
use crate::message::{Grant, RevokedKind};
use crate::quorum::{Approver, demands, is_met};
use crate::reason::Reason;
use crate::trust::Trust;

/// The grant covers the request.
#[derive(Clone, Debug)]
pub struct Covered {
    /// What to add to the counters before the tool runs; reservations are never returned.
    pub reservations: Vec<Reservation>,
}

/// Opens a grant: all signers are devices of the current bundle, and it was signed under a bundle of the chain.
///
/// # Errors
/// The envelope's, `wrong_root`, `stale_trust`, `status_expired`, `revoked`, `not_yet_valid`, `expired`,
/// `bad_disclosure`.
pub fn open_grant(trust: &Trust, text: &str, now: Time) -> Result<Opened<Grant>, Reason> {
    let grant = Received::<Grant>::parse(text)?.open(|kid| trust.device(kid).map(|device| device.key))?;
    check_grant_standing(trust, &grant, now)?;
    let _full = grant.content()?;
    Ok(grant)
}

/// Whether a grant counts now, whoever verified its signatures.
///
/// # Errors
/// As [`open_grant`] after the envelope's, with `unknown_key` if a signer is no device of the current bundle.
pub fn check_grant_standing(trust: &Trust, grant: &Opened<Grant>, now: Time) -> Result<(), Reason> {
    if grant.signers().any(|kid| trust.device(&kid).is_none()) {
        return Err(Reason::UnknownKey);
    }
    check_root(grant, trust)?;
    trust.find(&grant.body().bundle).ok_or(Reason::StaleTrust)?;
    trust.fresh_status(now)?;
    let revoked =
        trust.is_revoked(RevokedKind::Grant, &grant.hash()) || grant.signers().any(|kid| trust.is_device_revoked(&kid));
    if revoked {
        return Err(Reason::Revoked);
    }
    check_times(grant.head(), grant.body().exp, now)
}

/// Checks that a grant covers the request that names it.
///
/// # Errors
/// As [`open_grant`], then `revoked` and `paused` for the agent, `wrong_request`, `not_covered`, `quorum`.
pub fn check_grant(
    trust: &Trust,
    asked: &Asked,
    text: &str,
    now: Time,
    counters: &dyn Counters,
) -> Result<Covered, Reason> {
    asked.check_cert(trust, now)?;
    check_opened_grant(trust, asked, &open_grant(trust, text, now)?, now, counters)
}

/// The same with a grant whose signatures were verified before: a daemon need not do it again for every use.
///
/// # Errors
/// As [`check_grant`] after the envelope's.
pub fn check_opened_grant(
    trust: &Trust,
    asked: &Asked,
    grant: &Opened<Grant>,
    now: Time,
    counters: &dyn Counters,
) -> Result<Covered, Reason> {
    check_grant_standing(trust, grant, now)?;
    asked.check_standing(trust)?;
    if asked.request.body().grant != Some(grant.hash()) {
        return Err(Reason::WrongRequest);
    }
    if !grant.body().agents.contains(&asked.agent()) {
        return Err(Reason::NotCovered);
    }
    let facts = asked.facts(&asked.content.arguments);
    let reservations = covers(&grant.body().constraints, &facts, now, counters).ok_or(Reason::NotCovered)?;
    let approvers: Vec<Approver<'_>> = grant
        .signers()
        .filter_map(|kid| trust.device(&kid))
        .map(|device| Approver { device, uv: grant.body().uv })
        .collect();
    let enough = demands(trust.current().body(), &facts).iter().all(|require| is_met(require, &approvers));
    if enough { Ok(Covered { reservations }) } else { Err(Reason::Quorum) }
}
