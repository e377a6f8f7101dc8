//! Whether those who approve are enough for what the rules and the signers demand.

use super::super::{Case, PAID};
use super::{LESS, Scene, decide, edit};
use crate::cast::{Cast, constraints};
use agenttrust_protocol::message::{Require, RequiredUv, Rule, Uv, Verdict};

/// Name, why, rules, who approves, what comes of it.
type Row = (&'static str, &'static str, Vec<Rule>, &'static [&'static str], &'static str);

pub(super) fn cases() -> Vec<Case> {
    let rule = |matches: &str, require: Require| vec![Rule { matches: constraints(matches), require }];
    let any = r#"[{"c":"tool","name":"pay*"}]"#;
    let table: Vec<Row> = vec![
        (
            "two-needed-one-came",
            "two approvers",
            rule(any, Require { approvers: 2, ..Require::ONE }),
            &["phone"],
            "quorum",
        ),
        (
            "two-needed-two-came",
            "two approvers",
            rule(any, Require { approvers: 2, ..Require::ONE }),
            &["phone", "laptop"],
            "ok",
        ),
        (
            "same-device-twice",
            "distinct devices",
            rule(any, Require { approvers: 2, ..Require::ONE }),
            &["phone", "phone"],
            "quorum",
        ),
        (
            "one-owner-twice",
            "distinct owners",
            rule(any, Require { approvers: 2, distinct_owners: Some(true), ..Require::ONE }),
            &["phone", "laptop"],
            "quorum",
        ),
        (
            "two-owners",
            "distinct owners",
            rule(any, Require { approvers: 2, distinct_owners: Some(true), ..Require::ONE }),
            &["laptop", "tablet"],
            "ok",
        ),
        (
            "local-only",
            "one approver away from the agents' machine",
            rule(any, Require { remote: Some(true), ..Require::ONE }),
            &["laptop"],
            "quorum",
        ),
        ("local-is-enough", "no rule asks for another machine", Vec::new(), &["laptop"], "ok"),
        (
            "remote",
            "one approver away from the agents' machine",
            rule(any, Require { remote: Some(true), ..Require::ONE }),
            &["laptop", "phone"],
            "ok",
        ),
        (
            "role-missing",
            "an approver with this role",
            rule(any, Require { role: Some("admin".parse().expect("a role")), ..Require::ONE }),
            &["laptop"],
            "quorum",
        ),
        (
            "role-there",
            "an approver with this role",
            rule(any, Require { role: Some("admin".parse().expect("a role")), ..Require::ONE }),
            &["tablet"],
            "ok",
        ),
        (
            "uv-too-weak",
            "the owner must be verified",
            rule(any, Require { uv: Some(RequiredUv::Verified), ..Require::ONE }),
            &["phone"],
            "quorum",
        ),
        (
            "uv-enough",
            "presence is enough",
            rule(any, Require { uv: Some(RequiredUv::Presence), ..Require::ONE }),
            &["phone"],
            "ok",
        ),
        (
            "rule-elsewhere",
            "the rule speaks of another tool",
            rule(r#"[{"c":"tool","name":"mail"}]"#, Require { approvers: 3, ..Require::ONE }),
            &["phone"],
            "ok",
        ),
        (
            "rule-by-amount",
            "the amount is below the rule's",
            rule(r#"[{"c":"args","keys":{"amount":{"ge":500}}}]"#, Require { approvers: 2, ..Require::ONE }),
            &["phone"],
            "ok",
        ),
        (
            "rule-that-cannot-be-told",
            "an argument it asks for is missing: it applies",
            rule(r#"[{"c":"args","keys":{"currency":{"eq":"EUR"}}}]"#, Require { approvers: 2, ..Require::ONE }),
            &["phone"],
            "quorum",
        ),
    ];
    let mut cases: Vec<Case> = table
        .into_iter()
        .map(|(name, why, rules, by, expect)| {
            let cast = Cast::with_rules(rules);
            let device = |name: &str| match name {
                "phone" => &cast.phone,
                "laptop" => &cast.laptop,
                _ => &cast.tablet,
            };
            let decisions = by
                .iter()
                .enumerate()
                .map(|(n, by)| decide(&cast, &format!("{by}{n}"), device(by), Verdict::Approve, |_| ()));
            Scene::deciding(&cast, decisions.collect()).case(
                &format!("quorum-{name}"),
                why,
                expect,
                (expect == "ok").then_some(PAID),
            )
        })
        .collect();
    cases.extend(edits_meet_rules());
    cases.push(own_demand());
    cases
}

/// Rules are evaluated on what would run, not on what was asked.
fn edits_meet_rules() -> Vec<Case> {
    let matches = constraints(r#"[{"c":"args","keys":{"amount":{"ge":500}}}]"#);
    let cast = Cast::with_rules(vec![Rule { matches, require: Require { approvers: 2, ..Require::ONE } }]);
    let more = r#"{"payee":"DE02120300000000202051","amount":500}"#;
    vec![
        Scene::deciding(&cast, vec![edit(&cast, "more", &cast.phone, more)]).case(
            "quorum-edit-over-limit",
            "the edit goes over the rule's amount",
            "quorum",
            None,
        ),
        Scene::deciding(&cast, vec![edit(&cast, "less", &cast.phone, LESS)]).case(
            "quorum-edit-below-limit",
            "the edit stays below",
            "ok",
            Some(LESS),
        ),
    ]
}

fn own_demand() -> Case {
    let cast = Cast::new();
    let demanding = decide(&cast, "demand", &cast.phone, Verdict::Approve, |d| {
        d.requires = Some(Require { approvers: 2, ..Require::ONE });
        d.uv = Uv::Verified;
    });
    Scene::deciding(&cast, vec![demanding]).case(
        "quorum-own-demand",
        "the signer asked for a second one",
        "quorum",
        None,
    )
}
