//! Lies about what the person's devices decided.

use super::super::daemon::{Stored, World};
use super::super::domain::{Domain, Who, now};
use super::{ATTACK, Attack, GREEDY, REFUSED, RUNS, Step, approved, two_approvers};
use crate::cast::object;
use crate::forge::{Parts, base64, disclosure, header, jws};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{BundleRef, Decision, Message, Revocation, RevokedKind, Verdict};
use agenttrust_protocol::{Hash, Received};

/// The phone's honest approval.
fn approval(world: &World, asked: &Stored) -> String {
    world.domain.approve(Who::Phone, asked.request.hash())
}

/// The phone's honest edit.
fn edit(world: &World, asked: &Stored) -> String {
    world.domain.edit(Who::Phone, asked.request.hash(), super::EDITED)
}

/// The bytes of a decision with another signature under this header.
fn resigned(decision: &str, header: &str, signature: &str) -> String {
    let parts = Parts::of(decision);
    parts.present(&format!("{}.{}.{signature}", base64(header.as_bytes()), base64(parts.payload.as_bytes())))
}

fn signature(message: &str) -> &str {
    message.split('~').next().and_then(|leaf| leaf.rsplit('.').next()).unwrap_or_default()
}

/// The message without its disclosures.
fn bare(message: &str) -> &str {
    message.split_once('~').map_or(message, |(leaf, _)| leaf)
}

/// The header of the phone's decisions, with no algorithm.
fn unsigned(world: &World) -> String {
    header(Decision::TYP, &world.domain.device(Who::Phone).id()).replace("Ed25519", "none")
}

fn other(requests: &[Stored], asked: &Stored) -> Option<Hash> {
    requests.iter().map(|stored| stored.request.hash()).find(|hash| *hash != asked.request.hash())
}

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "replay",
        does: "presents the decision of an earlier request",
        expect: &["wrong_request"],
        steps: &[RUNS, REFUSED],
        decide: |world, asked| match world.requests.first() {
            Some(first) if first.request.hash() != asked.request.hash() => approved(first.decisions.clone()),
            Some(_) | None => approved(vec![approval(world, asked)]),
        },
        ..ATTACK
    },
    Attack {
        name: "swap",
        does: "exchanges the decisions of two open requests",
        expect: &["wrong_request"],
        steps: &[Step { asks: 2, ..REFUSED }],
        decide: |world, asked| approved(vec![world.domain.approve(Who::Phone, other(&world.requests, asked)?)]),
        ..ATTACK
    },
    Attack {
        name: "wrong-beside-right",
        does: "puts a decision on another request beside the right one",
        expect: &["wrong_request"],
        decide: |world, asked| {
            let wrong = world.domain.approve(Who::Tablet, Hash::of(b"another"));
            approved(vec![approval(world, asked), wrong])
        },
        ..ATTACK
    },
    Attack {
        name: "other-domain",
        does: "presents an approval that the same device signed for another trust domain",
        expect: &["wrong_root"],
        decide: |world, asked| {
            let honest = approval(world, asked);
            let domain = |tdid: String| format!(r#""tdid":"{tdid}""#);
            let (home, away) = (world.domain.tdid().to_string(), Hash::of(b"another domain").to_string());
            let moved = Parts::of(&honest).swap(&domain(home), &domain(away));
            approved(vec![moved.sign(&world.domain.device(Who::Phone).approval)])
        },
        ..ATTACK
    },
    Attack {
        name: "foreign-device",
        does: "lets a device approve that is in no bundle",
        expect: &["unknown_key"],
        decide: |world, asked| approved(vec![world.domain.approve(Who::Stranger, asked.request.hash())]),
        ..ATTACK
    },
    Attack {
        name: "removed-device",
        does: "lets a device approve that the newest bundle does not list any more",
        expect: &["unknown_key"],
        set: |world| {
            let gone = world.domain.device(Who::Tablet).entry.key;
            world.domain.next_bundle(|bundle| bundle.devices.retain(|device| device.key != gone));
        },
        decide: |world, asked| approved(vec![world.domain.approve(Who::Tablet, asked.request.hash())]),
        ..ATTACK
    },
    Attack {
        name: "revoked-device",
        does: "lets a device approve that the status revokes",
        expect: &["revoked"],
        set: |world| revoke_tablet(&mut world.domain),
        decide: |world, asked| approved(vec![world.domain.approve(Who::Tablet, asked.request.hash())]),
        ..ATTACK
    },
    Attack {
        name: "log-key-approves",
        does: "signs the approval with the daemon's own log key",
        expect: &["unknown_key"],
        decide: |world, asked| approved(vec![Parts::of(&approval(world, asked)).sign(&world.domain.log)]),
        ..ATTACK
    },
    Attack {
        name: "agent-approves-itself",
        does: "presents an approval in the agent's own name",
        expect: &["unknown_key"],
        decide: |world, asked| {
            let own = header(Decision::TYP, &asked.agent.thumbprint());
            approved(vec![resigned(&approval(world, asked), &own, signature(&asked.text))])
        },
        ..ATTACK
    },
    Attack {
        name: "forged-signature",
        does: "signs an approval in the phone's name with another key",
        expect: &["bad_signature"],
        decide: |world, asked| {
            let parts = Parts::of(&approval(world, asked));
            let named = header(&parts.typ, &world.domain.device(Who::Phone).id());
            let signed = jws(&world.domain.device(Who::Stranger).approval, &named, &parts.payload);
            approved(vec![parts.present(&signed)])
        },
        ..ATTACK
    },
    Attack {
        name: "no-signature",
        does: "presents an approval with the algorithm `none` and an empty signature",
        expect: &["bad_form", "bad_header"],
        decide: |world, asked| approved(vec![resigned(&approval(world, asked), &unsigned(world), "")]),
        ..ATTACK
    },
    Attack {
        name: "other-algorithm",
        does: "presents an approval with the algorithm `none` and the signature that was there",
        expect: &["bad_header"],
        decide: |world, asked| {
            let honest = approval(world, asked);
            approved(vec![resigned(&honest, &unsigned(world), signature(&honest))])
        },
        ..ATTACK
    },
    Attack {
        name: "wrong-typ",
        does: "presents a grant of the same device in place of a decision",
        expect: &["wrong_typ"],
        decide: |world, asked| approved(vec![world.domain.grant(Who::Phone, asked.agent.thumbprint(), |_| {})]),
        ..ATTACK
    },
    Attack {
        name: "renamed-typ",
        does: "calls another message of the same device a decision",
        expect: &["bad_signature"],
        decide: |world, asked| {
            let honest = approval(world, asked);
            let cert = world.agents.first().map(|(_, cert)| cert.clone())?;
            let named = header(Decision::TYP, &world.domain.device(Who::Phone).id());
            approved(vec![resigned(&honest, &named, signature(&cert))])
        },
        ..ATTACK
    },
    Attack {
        name: "deny-as-approve",
        does: "calls the request approved though the phone denied it",
        expect: &["denied"],
        decide: |world, asked| {
            let no = world.domain.decide(Who::Phone, asked.request.hash(), Verdict::Deny, now(), |_, _| {});
            approved(vec![no])
        },
        ..ATTACK
    },
    Attack {
        name: "flipped-outcome",
        does: "writes `approve` over the phone's signed `deny`",
        expect: &["bad_signature"],
        decide: |world, asked| {
            let no = world.domain.decide(Who::Phone, asked.request.hash(), Verdict::Deny, now(), |_, _| {});
            let parts = Parts::of(&no).swap(r#""deny""#, r#""approve""#);
            let named = header(&parts.typ, &world.domain.device(Who::Phone).id());
            let (named, payload) = (base64(named.as_bytes()), base64(parts.payload.as_bytes()));
            approved(vec![parts.present(&format!("{named}.{payload}.{}", signature(&no)))])
        },
        ..ATTACK
    },
    Attack {
        name: "deny-beside-approval",
        does: "calls the request approved though one of two devices denied it",
        expect: &["denied"],
        decide: |world, asked| {
            let no = world.domain.decide(Who::Tablet, asked.request.hash(), Verdict::Deny, now(), |_, _| {});
            approved(vec![approval(world, asked), no])
        },
        ..ATTACK
    },
    Attack {
        name: "altered-disclosure",
        does: "puts other arguments under the phone's signed edit",
        expect: &["bad_disclosure"],
        decide: |world, asked| {
            let altered = disclosure("altered", "arguments", GREEDY);
            approved(vec![format!("{}~{altered}~", bare(&edit(world, asked)))])
        },
        ..ATTACK
    },
    Attack {
        name: "smuggled-disclosure",
        does: "adds arguments that nobody signed to a plain approval",
        expect: &["bad_disclosure"],
        decide: |world, asked| {
            let smuggled = disclosure("smuggled", "arguments", GREEDY);
            approved(vec![format!("{}~{smuggled}~", bare(&approval(world, asked)))])
        },
        ..ATTACK
    },
    Attack {
        name: "doubled-disclosure",
        does: "repeats the arguments of the phone's edit",
        expect: &["bad_disclosure"],
        decide: |world, asked| {
            let honest = edit(world, asked);
            let (leaf, shown) = honest.split_once('~')?;
            approved(vec![format!("{leaf}~{shown}{shown}")])
        },
        ..ATTACK
    },
    Attack {
        name: "missing-disclosure",
        does: "withholds the arguments of the phone's edit",
        expect: &["bad_disclosure"],
        decide: |world, asked| approved(vec![format!("{}~", bare(&edit(world, asked)))]),
        ..ATTACK
    },
    Attack {
        name: "below-quorum",
        does: "has one approval where a floor rule wants two",
        expect: &["quorum"],
        set: two_approvers,
        decide: |world, asked| approved(vec![approval(world, asked)]),
        ..ATTACK
    },
    Attack {
        name: "one-device-twice",
        does: "counts two approvals of one device as two",
        expect: &["quorum"],
        set: two_approvers,
        decide: |world, asked| approved(vec![approval(world, asked), approval(world, asked)]),
        ..ATTACK
    },
    Attack {
        name: "mixed-decisions",
        does: "counts an approval and an edit together",
        expect: &["quorum"],
        set: two_approvers,
        decide: |world, asked| {
            let approve = world.domain.approve(Who::Laptop, asked.request.hash());
            approved(vec![edit(world, asked), approve])
        },
        ..ATTACK
    },
    Attack {
        name: "two-edits",
        does: "counts two different edits together",
        expect: &["quorum"],
        set: two_approvers,
        decide: |world, asked| {
            let another = world.domain.edit(Who::Laptop, asked.request.hash(), super::EDITED);
            approved(vec![edit(world, asked), another])
        },
        ..ATTACK
    },
    Attack {
        name: "unsolicited-edit",
        does: "has arguments of its own signed by a device that may not approve",
        expect: &["quorum"],
        decide: |world, asked| approved(vec![world.domain.edit(Who::Keeper, asked.request.hash(), GREEDY)]),
        ..ATTACK
    },
    Attack {
        name: "follower-without-leader",
        does: "presents the agreement to an edit, and not the edit itself",
        expect: &["quorum"],
        decide: |world, asked| {
            let first = Received::<Decision>::parse(&edit(world, asked)).ok()?.hash();
            let (hash, modify) = (asked.request.hash(), Verdict::Modify);
            approved(vec![world.domain.decide(Who::Laptop, hash, modify, now(), |body, _| body.first = Some(first))])
        },
        ..ATTACK
    },
    Attack {
        name: "approval-with-arguments",
        does: "has an approval signed that brings other arguments",
        expect: &["bad_disclosure"],
        decide: |world, asked| {
            let (hash, approve) = (asked.request.hash(), Verdict::Approve);
            approved(vec![world.domain.decide(Who::Phone, hash, approve, now(), |_, content| {
                content.arguments = Some(object(GREEDY));
            })])
        },
        ..ATTACK
    },
    Attack {
        name: "late",
        does: "holds a decision back until it has expired",
        expect: &["expired"],
        decide: |world, asked| {
            let (hash, then) = (asked.request.hash(), now().plus(-600));
            approved(vec![world.domain.decide(Who::Phone, hash, Verdict::Approve, then, |_, _| {})])
        },
        ..ATTACK
    },
    Attack {
        name: "future",
        does: "presents a decision that is dated ten minutes ahead",
        expect: &["not_yet_valid"],
        decide: |world, asked| {
            let (hash, then) = (asked.request.hash(), now().plus(600));
            approved(vec![world.domain.decide(Who::Phone, hash, Verdict::Approve, then, |_, _| {})])
        },
        ..ATTACK
    },
    Attack {
        name: "everlasting",
        does: "presents a decision that holds for a day",
        expect: &["bad_payload"],
        decide: |world, asked| {
            let (hash, approve) = (asked.request.hash(), Verdict::Approve);
            let day = |body: &mut Decision| body.exp = now().plus(24 * 3600);
            approved(vec![world.domain.decide(Who::Phone, hash, approve, now(), |body, _| day(body))])
        },
        ..ATTACK
    },
    Attack {
        name: "old-bundle",
        does: "presents a decision that rests on the bundle before the current one",
        expect: &["stale_trust"],
        set: |world| world.domain.next_bundle(|_| {}),
        decide: |world, asked| {
            let first = world.domain.trust().bundles().first()?.hash();
            let (hash, approve) = (asked.request.hash(), Verdict::Approve);
            let old = BundleRef { version: 1, hash: first };
            approved(vec![world.domain.decide(Who::Phone, hash, approve, now(), |body, _| body.bundle = old)])
        },
        ..ATTACK
    },
    Attack {
        name: "too-large",
        does: "presents an approval with a disclosure of a megabyte",
        expect: &["too_large"],
        decide: |world, asked| approved(vec![format!("{}{}~", approval(world, asked), "A".repeat(1 << 20))]),
        ..ATTACK
    },
    Attack {
        name: "claim-lies",
        does: "calls requests approved, claimed, executed without any decision",
        expect: &["quorum", "spent"],
        steps: &[REFUSED, REFUSED, REFUSED],
        decide: |world, _| {
            let states = [State::Approved, State::Claimed, State::Executed];
            states.get(world.requests.len().saturating_sub(1)).map(|state| (*state, Vec::new()))
        },
        ..ATTACK
    },
];

fn revoke_tablet(domain: &mut Domain) {
    let id = Hash::from_bytes(*domain.device(Who::Tablet).id().as_bytes());
    let until = now().plus(30 * 24 * 3600);
    domain.next_status(|status| status.revoked.push(Revocation { kind: RevokedKind::Device, id, until }));
}
