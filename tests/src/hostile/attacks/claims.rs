//! Lies about requests, claims and grants.

use super::super::daemon::{Stored, World};
use super::super::domain::{Who, now};
use super::{ATTACK, Act, Attack, GREEDY, REFUSED, RUNS, Step, approved, two_approvers};
use crate::cast::constraints;
use crate::forge::disclosure;
use agenttrust_protocol::door::{ErrorBody, Reply, Trouble, typ_of};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Decision, Message, Request};
use agenttrust_protocol::{Reason, Thumbprint};
use axum::http::StatusCode;

const CLAIM: &str = "/v1/requests/*/claim";

/// Changes the request that comes back with an answer.
fn with_request(mut reply: Reply, change: impl Fn(&str) -> String) -> Act {
    let found = reply.messages.iter_mut().find(|text| typ_of(text).as_deref() == Some(Request::TYP));
    if let Some(text) = found {
        *text = change(text);
    }
    Act::Reply(reply)
}

fn bare(message: &str) -> &str {
    message.split_once('~').map_or(message, |(leaf, _)| leaf)
}

/// Calls everything claimed, whatever a grant allows.
fn claims_all(_: &World, _: &Stored) -> super::Answered {
    Some((State::Claimed, Vec::new()))
}

fn grant(world: &World, agent: Thumbprint, constraint: &str) -> Vec<String> {
    let more = constraints(constraint);
    vec![world.domain.grant(Who::Phone, agent, |grant| grant.constraints.extend(more))]
}

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "double-claim",
        does: "approves the same request again and grants every claim",
        expect: &["spent"],
        steps: &[
            Step { call: Some("call-1"), ..RUNS },
            Step { call: Some("call-1"), asks: 2, ..REFUSED },
            Step { call: Some("call-2"), asks: 3, ..RUNS },
        ],
        tamper: |_, call, mut reply| {
            let decided = reply.messages.iter().any(|text| typ_of(text).as_deref() == Some(Decision::TYP));
            if decided {
                reply.state = State::Approved.to_string();
            }
            if call.is("POST", CLAIM) { Act::Reply(Reply::state("claimed")) } else { Act::Reply(reply) }
        },
        ..ATTACK
    },
    Attack {
        name: "claim-refused",
        does: "approves and then does not let the approval be claimed",
        expect: &["claim_refused"],
        tamper: |_, call, reply| match call.is("POST", CLAIM) {
            true => Act::Error(StatusCode::CONFLICT, Trouble::Conflict.into()),
            false => Act::Reply(reply),
        },
        ..ATTACK
    },
    Attack {
        name: "claim-not-claimed",
        does: "answers the claim with another state than `claimed`",
        expect: &["claim_refused"],
        tamper: |_, call, reply| match call.is("POST", CLAIM) {
            true => Act::Reply(Reply::state("approved")),
            false => Act::Reply(reply),
        },
        ..ATTACK
    },
    Attack {
        name: "hang-after-claim",
        does: "never answers the claim",
        expect: &["claim_refused"],
        tamper: |_, call, reply| if call.is("POST", CLAIM) { Act::Hang } else { Act::Reply(reply) },
        ..ATTACK
    },
    Attack {
        name: "silence",
        does: "never says that anybody answered",
        expect: &["timed_out"],
        life: 3,
        decide: |_, _| None,
        ..ATTACK
    },
    Attack {
        name: "swapped-request",
        does: "answers with an earlier request of the same agent, which was used, in place of the one asked for",
        expect: &["spent"],
        steps: &[RUNS, REFUSED],
        tamper: |world, _, reply| match world.requests.first() {
            Some(first) if world.runs() > 0 => with_request(reply, |_| first.text.clone()),
            Some(_) | None => Act::Reply(reply),
        },
        ..ATTACK
    },
    Attack {
        name: "altered-request",
        does: "answers with the agent's request and other arguments under it",
        expect: &["bad_disclosure"],
        tamper: |_, _, reply| {
            with_request(reply, |text| format!("{}~{}~", bare(text), disclosure("altered", "arguments", GREEDY)))
        },
        ..ATTACK
    },
    Attack {
        name: "stripped-request",
        does: "answers with the agent's request without its arguments",
        expect: &["bad_disclosure"],
        tamper: |_, _, reply| with_request(reply, |text| format!("{}~", bare(text))),
        ..ATTACK
    },
    Attack {
        name: "unknown-error",
        does: "refuses a request with a code that nobody knows",
        expect: &["bad_request"],
        tamper: |_, call, reply| match call.is("POST", "/v1/requests") {
            true => Act::Error(
                StatusCode::CONFLICT,
                ErrorBody { code: "approved".to_owned(), message: "Go on.".to_owned(), hint: None, state: None },
            ),
            false => Act::Reply(reply),
        },
        ..ATTACK
    },
    Attack {
        name: "grant-over-limit",
        does: "calls a second use claimed where the grant allows one",
        expect: &["spent"],
        steps: &[RUNS, REFUSED],
        grants: |world, agent| grant(world, agent, r#"[{"c":"use","max":1}]"#),
        grant_fault: Some(Reason::NotCovered),
        decide: claims_all,
        ..ATTACK
    },
    Attack {
        name: "grant-not-covering",
        does: "calls a use claimed that the grant's limits exclude",
        expect: &["spent"],
        grants: |world, agent| grant(world, agent, r#"[{"c":"args","keys":{"amount":{"le":100},"payee":true}}]"#),
        grant_fault: Some(Reason::NotCovered),
        decide: claims_all,
        ..ATTACK
    },
    Attack {
        name: "self-made-grant",
        does: "offers a grant that a key of its own signed, and calls its use claimed",
        expect: &["spent"],
        grants: |world, agent| vec![world.domain.grant(Who::Stranger, agent, |_| {})],
        grant_fault: Some(Reason::UnknownKey),
        decide: claims_all,
        ..ATTACK
    },
    Attack {
        name: "others-grant",
        does: "offers the grant of another agent, and calls its use claimed",
        expect: &["spent"],
        grants: |world, _| vec![world.domain.grant(Who::Phone, Thumbprint::from_bytes([7; 32]), |_| {})],
        grant_fault: Some(Reason::NotCovered),
        decide: claims_all,
        ..ATTACK
    },
    Attack {
        name: "expired-grant",
        does: "offers a grant whose time is over, and calls its use claimed",
        expect: &["spent"],
        grants: |world, agent| vec![world.domain.grant_from(Who::Phone, agent, now().plus(-48 * 3600), |_| {})],
        grant_fault: Some(Reason::Expired),
        decide: claims_all,
        ..ATTACK
    },
    Attack {
        name: "grant-below-quorum",
        does: "offers a grant of one device where a floor rule wants two, and calls its use claimed",
        expect: &["spent"],
        set: two_approvers,
        grants: |world, agent| vec![world.domain.grant(Who::Phone, agent, |_| {})],
        grant_fault: Some(Reason::Quorum),
        decide: claims_all,
        ..ATTACK
    },
    Attack {
        name: "grant-says-approved",
        does: "calls the use of a grant approved, with no decision and no claim",
        expect: &["claim_refused"],
        grants: |world, agent| vec![world.domain.grant(Who::Phone, agent, |_| {})],
        decide: |_, _| approved(Vec::new()),
        ..ATTACK
    },
];
