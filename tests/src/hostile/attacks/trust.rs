//! Lies about whom to trust: bundles, statuses, roots and certificates.

use super::super::daemon::World;
use super::super::domain::{Domain, Who, name_of, now};
use super::{ATTACK, Act, Attack, REFUSED, RUNS, Step, approved, with_trust};
use agenttrust_protocol::door::{Reply, typ_of};
use agenttrust_protocol::message::{
    AgentCert, AgentKind, Enroll, Message, Nothing, Paused, Revocation, RevokedKind, Status,
};
use agenttrust_protocol::{Hash, Head, Received, Signed};

/// The clocks' allowance, in seconds.
const SKEW: i64 = agenttrust_protocol::message::CLOCK_SKEW;

/// Adds what is up the sleeve to every answer about trust.
fn add_spare(world: &World, reply: Reply) -> Act {
    let trust: Vec<&String> = world.domain.bundles.iter().chain(&world.domain.statuses).chain(&world.spare).collect();
    if reply.messages.iter().any(|text| typ_of(text).as_deref() == Some(Status::TYP)) {
        with_trust(reply, trust)
    } else {
        Act::Reply(reply)
    }
}

/// Serves what is up the sleeve, and nothing else, once something has run.
fn then_spare(world: &World, reply: Reply) -> Act {
    if world.runs() > 0 { with_trust(reply, &world.spare) } else { Act::Reply(reply) }
}

/// Puts another certificate in place of the agent's.
fn with_cert(mut reply: Reply, cert: impl FnOnce() -> String) -> Act {
    let found = reply.messages.iter_mut().find(|text| typ_of(text).as_deref() == Some(AgentCert::TYP));
    if let Some(text) = found {
        *text = cert();
    }
    Act::Reply(reply)
}

/// A status of the phone's in place of the first one.
fn only_status(domain: &mut Domain, iat: i64, exp: i64) {
    domain.statuses.clear();
    let now = now();
    let status = domain.status(Who::Phone, now.plus(iat), |status| status.exp = now.plus(exp));
    domain.statuses.push(status);
}

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "other-root",
        does: "serves another trust domain than the pinned one",
        expect: &["wrong_root"],
        set: |world| world.domain = Domain::found("elsewhere"),
        ..ATTACK
    },
    Attack {
        name: "rollback-status",
        does: "serves an older status after newer ones were accepted",
        expect: &["stale_trust"],
        steps: &[RUNS, REFUSED],
        set: |world| {
            world.spare.clone_from(&world.domain.statuses);
            world.domain.next_status(|_| {});
            world.domain.next_status(|_| {});
        },
        tamper: |world, _, reply| then_spare(world, reply),
        ..ATTACK
    },
    Attack {
        name: "rollback-bundle",
        does: "serves an older bundle and its status after newer ones were accepted",
        expect: &["stale_trust"],
        steps: &[RUNS, REFUSED],
        set: |world| {
            world.spare = world.domain.bundles.iter().chain(&world.domain.statuses).cloned().collect();
            world.domain.next_bundle(|_| {});
        },
        tamper: |world, _, reply| then_spare(world, reply),
        ..ATTACK
    },
    Attack {
        name: "freeze",
        does: "serves a status that has expired",
        expect: &["status_expired"],
        set: |world| only_status(&mut world.domain, -50 * 3600, -3600),
        ..ATTACK
    },
    Attack {
        name: "withheld-revocation",
        does: "withholds a revocation: its device approves until the old status expires, and then nothing runs",
        expect: &["status_expired"],
        steps: &[RUNS, Step { after: 22, ..REFUSED }],
        set: |world| {
            only_status(&mut world.domain, -3600, 20 - SKEW);
            let id = Hash::from_bytes(*world.domain.device(Who::Tablet).id().as_bytes());
            let entry = Revocation { kind: RevokedKind::Device, id, until: now().plus(30 * 24 * 3600) };
            world.spare.push(world.domain.status(Who::Phone, now(), |status| status.revoked.push(entry)));
        },
        decide: |world, asked| approved(vec![world.domain.approve(Who::Tablet, asked.request.hash())]),
        ..ATTACK
    },
    Attack {
        name: "fork-status",
        does: "serves another status in place of the one that was accepted",
        expect: &["stale_trust"],
        steps: &[RUNS, REFUSED],
        set: |world| {
            world.spare.push(world.domain.status(Who::Tablet, now(), |_| {}));
            world.domain.next_status(|_| {});
        },
        tamper: |world, _, reply| then_spare(world, reply),
        ..ATTACK
    },
    Attack {
        name: "fork-bundle",
        does: "serves another bundle in place of the one that was accepted",
        expect: &["stale_trust"],
        steps: &[RUNS, REFUSED],
        set: |world| {
            let bundle = world.domain.bundle(Who::Tablet, |_| {});
            let name = name_of(&bundle, world.domain.device(Who::Tablet));
            let status = world.domain.status(Who::Tablet, now(), |status| status.bundle = name);
            world.spare = vec![bundle, status];
            world.domain.next_bundle(|_| {});
        },
        tamper: |world, _, reply| then_spare(world, reply),
        ..ATTACK
    },
    Attack {
        name: "gap-status",
        does: "leaves a status out",
        expect: &["stale_trust"],
        steps: &[RUNS, REFUSED],
        set: |world| {
            world.domain.next_status(|_| {});
            world.domain.next_status(|_| {});
            world.spare.extend(world.domain.statuses.drain(1..).next_back());
        },
        tamper: |world, _, reply| then_spare(world, reply),
        ..ATTACK
    },
    Attack {
        name: "gap-bundle",
        does: "leaves a bundle out",
        expect: &["stale_trust"],
        set: |world| {
            world.domain.next_bundle(|_| {});
            world.domain.next_bundle(|_| {});
        },
        tamper: |world, _, mut reply| {
            reply.messages.retain(|text| world.domain.bundles.get(1) != Some(text));
            Act::Reply(reply)
        },
        ..ATTACK
    },
    Attack {
        name: "daemon-adds-device",
        does: "adds a device of its own by a bundle that this device signed",
        expect: &["quorum"],
        set: |world| {
            let own = world.domain.device(Who::Stranger).entry.clone();
            world.spare.push(world.domain.bundle(Who::Stranger, |bundle| bundle.devices.push(own)));
        },
        tamper: |world, _, reply| add_spare(world, reply),
        decide: |world, asked| approved(vec![world.domain.approve(Who::Stranger, asked.request.hash())]),
        ..ATTACK
    },
    Attack {
        name: "status-without-admin",
        does: "begins with a status that no admin signed",
        expect: &["stale_trust"],
        set: |world| {
            let honest = std::mem::take(&mut world.domain.statuses);
            world.spare.push(world.domain.status(Who::Laptop, now(), |_| {}));
            world.domain.statuses = honest;
        },
        tamper: |world, _, reply| with_trust(reply, world.domain.bundles.iter().chain(&world.spare)),
        ..ATTACK
    },
    Attack {
        name: "stretched-status",
        does: "has the status extended by a device that is no admin",
        expect: &["stale_trust"],
        set: |world| {
            only_status(&mut world.domain, -3600, 600);
            world.spare.push(world.domain.status(Who::Laptop, now(), |_| {}));
        },
        tamper: |world, _, reply| add_spare(world, reply),
        ..ATTACK
    },
    Attack {
        name: "lifted-pause",
        does: "has the kill switch turned off by a device that is no admin",
        expect: &["stale_trust"],
        set: |world| {
            let exp = now().plus(3600);
            world.domain.next_status(|status| (status.paused, status.exp) = (Paused::All, exp));
            let lifted = |status: &mut Status| (status.paused, status.exp) = (Paused::Agents(Vec::new()), exp);
            world.spare.push(world.domain.status(Who::Laptop, now(), lifted));
        },
        tamper: |world, _, reply| with_trust(reply, trust_from_last(world)),
        ..ATTACK
    },
    Attack {
        name: "swapped-cert",
        does: "answers the enrolment with another agent's certificate",
        expect: &["unknown_key"],
        tamper: |world, _, reply| with_cert(reply, || others_cert(&world.domain)),
        ..ATTACK
    },
    Attack {
        name: "self-made-cert",
        does: "certifies the agent with a key of its own",
        expect: &["unknown_key"],
        tamper: |world, _, reply| {
            let Some((enroll, _)) = world.agents.first() else { return Act::Reply(reply) };
            with_cert(reply, || world.domain.certify(Who::Stranger, enroll))
        },
        ..ATTACK
    },
];

/// The bundles, the newest status and what is up the sleeve.
fn trust_from_last(world: &World) -> impl Iterator<Item = &String> {
    world.domain.bundles.iter().chain(world.domain.statuses.last()).chain(&world.spare)
}

fn others_cert(domain: &Domain) -> String {
    let key = crate::forge::key("another agent");
    let (name, program) = ("Another".to_owned(), "another".to_owned());
    let body = Enroll { key: key.public(), name, program, kind: AgentKind::Sdk };
    let mut dice = crate::forge::random("another agent");
    let head = Head::new(&mut dice, now(), None);
    let text = Signed::sign(&key, &head, &body, &Nothing {}, &mut dice).into_string();
    let enroll = Received::<Enroll>::parse(&text).and_then(Received::<Enroll>::open_own);
    domain.certify(Who::Phone, &enroll.expect("its own enrolment"))
}
