//! What is due about trust, and recovery.

mod common;

use agenttrust_approver::Approver;
use agenttrust_approver::inbox::Due;
use agenttrust_approver::sign::StatusStep;
use agenttrust_approver::trustview::Standing;
use agenttrust_protocol::Reason;
use agenttrust_protocol::message::MAX_STATUS_LIFE;
use common::{NOW, World, clock, dice};

#[test]
fn an_admin_renews_at_half_life_and_others_never() {
    let world = World::new();
    let (mut phone, mut laptop) = (world.approver(&world.phone), world.approver(&world.laptop));
    let half = NOW.plus(MAX_STATUS_LIFE / 2 - 3600);
    assert_eq!(phone.next_deadline(NOW), Some(half));
    assert_eq!(laptop.next_deadline(NOW), None);
    assert_eq!(phone.due(half.plus(-1)), []);
    assert_eq!(phone.due(half), [Due::Renew]);
    assert_eq!(laptop.due(half), []);
    let clock = agenttrust_approver::sign::Clock::alone(half);
    let renewed = phone.desk(&world.phone.key, clock).unwrap().status(&StatusStep::Renew, &mut dice(1)).unwrap();
    assert_eq!(phone.follow(&[&renewed], half), Ok(true));
    assert_eq!(phone.due(half), []);
    assert_eq!(phone.next_deadline(half), Some(half.plus(MAX_STATUS_LIFE / 2)));
    assert_eq!(phone.state().trust.statuses, [renewed]);
}

#[test]
fn an_expired_status_names_the_device_to_open() {
    let world = World::new();
    let laptop = world.approver(&world.laptop);
    let until = NOW.plus(MAX_STATUS_LIFE - 3600);
    assert_eq!(laptop.view().standing(NOW), Standing::Fresh { until });
    let expired = Standing::Expired { since: until, open: vec!["Ana's phone".into()] };
    assert_eq!(laptop.view().standing(until.plus(61)), expired);
    let mut behind = world.state(&world.laptop);
    behind.trust.statuses.clear();
    let behind = Approver::resume(behind, world.laptop.id(), NOW).unwrap();
    assert_eq!(behind.view().standing(NOW), Standing::Missing { open: vec!["Ana's phone".into()] });
}

#[test]
fn one_bad_message_leaves_everything_as_it_was() {
    let world = World::new();
    let mut phone = world.approver(&world.phone);
    let before = phone.state();
    let step = StatusStep::Revoke {
        kind: agenttrust_protocol::message::RevokedKind::Grant,
        id: agenttrust_protocol::Hash::of(b"g"),
        until: NOW.plus(100),
    };
    let good = phone.desk(&world.phone.key, clock()).unwrap().status(&step, &mut dice(1)).unwrap();
    assert_eq!(phone.follow(&[&good, &world.cert], NOW), Err(Reason::WrongTyp));
    assert_eq!(phone.follow(&[&good, "x"], NOW), Err(Reason::WrongTyp));
    assert_eq!(phone.state(), before);
}

#[test]
fn damaged_states_are_refused() {
    let world = World::new();
    let good = world.state(&world.phone);
    let me = world.phone.id();
    let mut cut = good.clone();
    cut.trust.bundles.remove(0);
    Approver::resume(cut, me, NOW).unwrap_err();
    let mut empty = good.clone();
    empty.trust.bundles.clear();
    assert_eq!(Approver::resume(empty, me, NOW).unwrap_err(), Reason::BadForm);
    let mut other = good;
    other.tdid = agenttrust_protocol::hash::Tdid::from_bytes([1; 32]);
    assert_eq!(Approver::resume(other, me, NOW).unwrap_err(), Reason::WrongRoot);
}
