//! Trust only moves forward: over restarts, between processes, and whatever the daemon says.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod kit;

use agenttrust_gate::{Gate, Hash, Reason, Tdid, Verdict};
use agenttrust_protocol::door::{Reply, typ_of};
use agenttrust_protocol::message::{Message, Paused, RevokedKind, Status};
use kit::{Act, Domain, World, allowed, at, code, pay, person};

/// Answers with these bundles and statuses in place of its own.
fn with_trust(mut reply: Reply, trust: &[String]) -> Act {
    let kept = |text: &String| !typ_of(text).is_some_and(|typ| typ.contains("-bundle-") || typ.contains("-status-"));
    reply.messages.retain(kept);
    reply.messages.splice(0..0, trust.iter().cloned());
    Act::Reply(reply)
}

#[tokio::test]
async fn a_pinned_root_is_the_only_one() {
    let world = World::new().await;
    let other = Tdid::from(Hash::of(b"another"));
    let gate = Gate::open(world.config().root(other)).unwrap();
    assert_eq!(code(&gate.session("s").unwrap(), pay()).await, "wrong_root");
    assert_eq!(gate.root(), None);

    let right = world.daemon.state().domain.tdid.unwrap();
    let gate = Gate::open(world.config().root(right)).unwrap();
    drop(allowed(&gate.session("s").unwrap(), pay()).await);
    assert!(gate.root().unwrap().pinned);
    let again = Gate::open(world.config().root(other));
    assert_eq!(again.unwrap_err().code(), Reason::WrongRoot.into(), "the record is of another root");
}

#[tokio::test]
async fn the_first_root_seen_stays() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    let stranger = Domain::numbered(2, 1);
    let trust: Vec<String> = stranger.bundles.iter().chain(&stranger.statuses).cloned().collect();
    world.daemon.tamper(move |_, reply| with_trust(reply, &trust));
    assert_eq!(code(&world.session(), pay()).await, "wrong_root", "a stranger's");

    // The same device's other domain.
    let twin = Domain::new(1);
    let trust: Vec<String> = twin.bundles.iter().chain(&twin.statuses).cloned().collect();
    world.daemon.tamper(move |_, reply| with_trust(reply, &trust));
    assert_eq!(code(&world.session(), pay()).await, "wrong_root");
}

#[tokio::test]
async fn what_was_accepted_is_not_taken_back_after_a_restart() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    let old: (Vec<String>, Vec<String>) = {
        let domain = &mut world.daemon.state().domain;
        let old = (domain.bundles.clone(), domain.statuses.clone());
        domain.next_bundle(at(0), |bundle| bundle.threshold = 1);
        domain.next_status(at(0), |_| {});
        old
    };
    drop(allowed(&world.session(), pay()).await);

    // An honest daemon put back in time: its decisions rest on the old bundle.
    {
        let domain = &mut world.daemon.state().domain;
        domain.bundles = old.0.clone();
        domain.statuses = old.1.clone();
    }
    assert_eq!(code(&world.session(), pay()).await, "stale_trust");
    // One that also insists on its old status.
    let status = old.1.clone();
    world.daemon.tamper(move |_, reply| with_trust(reply, &status));
    assert_eq!(code(&world.session(), pay()).await, "stale_trust");
    assert_eq!(world.daemon.count("/claim"), 2);
}

#[tokio::test]
async fn a_gap_or_a_fork_is_not_followed() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    let (gap, fork) = {
        let domain = &mut world.daemon.state().domain;
        let honest = domain.statuses.clone();
        domain.next_status(at(1), |_| {});
        domain.next_status(at(2), |_| {});
        let gap = domain.statuses.last().unwrap().clone();
        domain.statuses = honest[..honest.len() - 1].to_vec();
        if domain.statuses.is_empty() {
            domain.next_status(at(3), |_| {});
        }
        let fork = domain.statuses.last().unwrap().clone();
        domain.statuses = honest;
        (gap, fork)
    };
    for (what, status) in [("a gap", gap), ("a fork", fork)] {
        let trust = vec![status];
        world.daemon.tamper(move |_, reply| with_trust(reply, &trust));
        assert_eq!(code(&world.session(), pay()).await, "stale_trust", "{what}");
    }
    assert_eq!(world.daemon.count("/claim"), 1);
}

#[tokio::test]
async fn without_a_fresh_status_nothing_is_approved() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    world.clock.pass(80 * 3600);
    assert_eq!(code(&world.session(), pay()).await, "status_expired");
    let now = agenttrust_gate::Clock::now(&*world.clock);
    world.daemon.state().domain.next_status(now, |_| {});
    drop(allowed(&world.session(), pay()).await);
}

#[tokio::test]
async fn a_status_for_another_bundle_approves_nothing() {
    let mut domain = Domain::new(1);
    let before = domain.statuses.clone();
    domain.next_bundle(at(0), |_| {});
    domain.statuses = before;
    let world = World::with(domain).await;
    assert_eq!(code(&world.session(), pay()).await, "stale_trust");
}

#[tokio::test]
async fn a_revoked_device_decides_nothing_even_while_the_answer_is_under_way() {
    let world = World::with(Domain::new(2)).await;
    drop(allowed(&world.session(), pay()).await);
    world.daemon.person(person(|domain, request, now| ("approved", vec![domain.approve(1, request, now)])));
    drop(allowed(&world.session(), pay()).await);
    {
        let domain = &mut world.daemon.state().domain;
        let device = Hash::from_bytes(*domain.phones[1].public().thumbprint().as_bytes());
        domain.revoke(RevokedKind::Device, device, at(0));
    }
    assert_eq!(code(&world.session(), pay()).await, "revoked");
}

#[tokio::test]
async fn a_paused_or_revoked_agent_does_not_even_ask() {
    let world = World::new().await;
    let session = world.session();
    drop(allowed(&session, pay()).await);
    let asked = world.daemon.count("POST /v1/requests");
    world.daemon.state().domain.next_status(at(0), |status| status.paused = Paused::All);
    assert_eq!(code(&session, pay()).await, "paused");
    world.daemon.state().domain.next_status(at(0), |status| status.paused = Paused::Agents(vec![]));
    drop(allowed(&world.session(), pay()).await);
    let agent = Hash::from_bytes(*world.gate().agent().as_bytes());
    world.daemon.state().domain.revoke(RevokedKind::Agent, agent, at(0));
    assert_eq!(code(&world.session(), pay()).await, "revoked");
    assert_eq!(world.daemon.count("POST /v1/requests") - asked, 1);
}

#[tokio::test]
async fn a_pause_between_approval_and_claim_stops_it() {
    let world = World::new().await;
    world.daemon.nobody();
    let session = world.session();
    let asking = tokio::spawn(async move { code(&session, pay()).await });
    world.daemon.until(|state| state.requests.len() == 1).await;
    world.daemon.state().domain.next_status(at(0), |status| status.paused = Paused::All);
    world.daemon.answer_all();
    assert_eq!(asking.await.unwrap(), "paused");
    assert_eq!(world.daemon.count("/claim"), 0);
}

#[tokio::test]
async fn what_another_process_learned_counts_here_too() {
    let world = World::new().await;
    let session = world.session();
    world.daemon.nobody();
    let asking = tokio::spawn(async move { code(&session, pay()).await });
    world.daemon.until(|state| state.requests.len() == 1).await;
    world.daemon.state().domain.next_status(at(0), |status| status.paused = Paused::All);
    let other = world.session();
    assert_eq!(code(&other, pay()).await, "paused", "the other process learns of it");
    // The daemon withholds it from this one.
    world.daemon.tamper(|path, mut reply| {
        if path.starts_with("GET /v1/requests") {
            reply.messages.retain(|text| typ_of(text).as_deref() != Some(Status::TYP));
        }
        Act::Reply(reply)
    });
    world.daemon.answer_all();
    assert_eq!(asking.await.unwrap(), "paused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_overtake_each_other_do_no_harm() {
    let world = World::new().await;
    let gate = world.gate();
    gate.enroll().await.unwrap();
    let asks: Vec<_> = (0..30)
        .map(|n| {
            let session = gate.session(&format!("thread-{n}")).unwrap();
            let daemon = world.daemon.clone();
            tokio::spawn(async move {
                daemon.state().domain.next_status(at(n), |_| {});
                session.ask(pay()).await.unwrap()
            })
        })
        .collect();
    for ask in asks {
        match ask.await.unwrap() {
            Verdict::Allowed(permit) => drop(permit),
            Verdict::Refused(refused) => panic!("{refused}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_that_ran_out_is_replaced() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    world.clock.pass(31 * 24 * 3600);
    let now = agenttrust_gate::Clock::now(&*world.clock);
    world.daemon.state().domain.next_status(now, |_| {});
    world.daemon.state().cert = None;
    drop(allowed(&world.session(), pay()).await);
    assert_eq!(world.daemon.state().enrolled.len(), 1, "by the same enrolment");
}

#[tokio::test]
async fn a_recovery_bundle_counts_72_hours_after_it_was_first_seen_restarts_or_not() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    world.daemon.state().domain.recover(at(0));
    drop(allowed(&world.session(), pay()).await);

    // A daemon that counts it too early, with a status and an approval of the new phone.
    world.clock.pass(71 * 3600);
    drop(allowed(&world.session(), pay()).await);
    world.daemon.state().domain.settle(at(71 * 3600));
    assert_eq!(code(&world.session(), pay()).await, "unknown_key");

    world.clock.pass(3600);
    world.daemon.state().cert = None;
    drop(allowed(&world.session(), pay()).await);
    assert_eq!(world.daemon.state().enrolled.len(), 1, "the new phone accepts the same agent");

    // A clock set back does not take it back.
    world.clock.set_wall(-30);
    drop(allowed(&world.session(), pay()).await);
}

#[tokio::test]
async fn an_admin_who_objects_in_time_stops_the_recovery() {
    let world = World::new().await;
    drop(allowed(&world.session(), pay()).await);
    world.daemon.state().domain.recover(at(0));
    drop(allowed(&world.session(), pay()).await);
    {
        let domain = &mut world.daemon.state().domain;
        let rival = domain.bundles.pop().unwrap();
        domain.phones.pop();
        domain.next_bundle(at(0), |_| {});
        domain.bundles.push(rival);
    }
    assert_eq!(code(&world.session(), pay()).await, "stale_trust", "the rival is refused");
    world.daemon.state().domain.bundles.pop();
    world.clock.pass(71 * 3600);
    drop(allowed(&world.session(), pay()).await);
}
