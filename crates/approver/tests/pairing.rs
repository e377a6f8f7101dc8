//! Both halves of a pairing against each other.
#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use agenttrust_approver::pairing::{Confirmer, FirstDevice, Joiner, Newcomer};
use agenttrust_approver::sign::DeviceChange;
use agenttrust_approver::{Approver, Refused};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Log, SecretKey, Transport};
use agenttrust_protocol::message::{Intent, PairInit};
use agenttrust_protocol::pairing::{Challenged, Ended, PairSecret, Ticket};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Id, Opened, Reason, Received};
use common::{Dev, NOW, World, clock, dice, stored};

fn ticket(intent: Intent, secret: u8) -> Ticket {
    let daemon = SecretKey::<Transport>::from_seed(&[41; 32]).public();
    Ticket::new(intent, daemon, PairSecret::from_bytes([secret; 16]), None, vec![]).unwrap()
}

fn newcomer(device: &Dev, name: &str) -> Newcomer {
    Newcomer {
        witness: device.witness.public(),
        transport: device.transport.public().thumbprint(),
        name: name.into(),
        protection: "pin".into(),
    }
}

fn join(device: &Dev, ticket: &Ticket) -> (Joiner, Opened<PairInit>) {
    join_with(device, ticket, 3)
}

fn join_with(device: &Dev, ticket: &Ticket, seed: u8) -> (Joiner, Opened<PairInit>) {
    let new = newcomer(device, "Tablet");
    let (joiner, message) = Joiner::new(ticket, &device.key, new, NOW, &mut dice(seed));
    let opened = Received::<PairInit>::parse(&message).unwrap().open_own().unwrap();
    assert_eq!(opened.hash(), joiner.id());
    (joiner, opened)
}

fn first_device() -> FirstDevice {
    let log = SecretKey::<Log>::from_seed(&[40; 32]).public();
    FirstDevice { owner: "Ana".into(), is_local: true, log }
}

#[test]
fn a_first_device_founds_a_domain() {
    let device = Dev::new(10);
    let ticket = ticket(Intent::First, 7);
    let (joiner, opened) = join(&device, &ticket);
    let host = Challenged::new(&opened, None, Id::from_bytes([6; 16]));
    let answered = joiner.answer(host.tdid(), &host.c()).unwrap();
    let revealed = host.reveal(&answered.reveal()).unwrap();
    assert_eq!(revealed.confirm(&answered.digits()), Ok(()));
    let founded = answered.found(&device.key, &first_device(), NOW, &mut dice(4)).unwrap();
    let (step, state) = founded.persist(stored).unwrap();
    let mut trust = Trust::enter(&step.bundle, None).unwrap();
    trust.accept_status(&step.status).unwrap();
    assert_eq!(trust.current().body().transport, ticket.daemon().thumbprint());
    let phone = Approver::resume(state, device.id(), NOW).unwrap();
    let me = phone.view().device().unwrap();
    assert!(me.is_admin() && me.is_approver() && me.local && me.protection == "pin");
    assert!(trust.fresh_status(NOW).is_ok());
    assert_eq!(answered.found(&Dev::new(60).key, &first_device(), NOW, &mut dice(4)).unwrap_err(), Refused::WrongKey);
    assert_eq!(answered.join(&[&step.bundle, &step.status], NOW), Err(Refused::DoesNotFit));
}

#[test]
fn an_admin_lets_a_further_device_in() {
    let world = World::new();
    let mut phone = world.approver(&world.phone);
    let ticket = ticket(Intent::Add, 7);
    let (joiner, opened) = join(&world.tablet, &ticket);
    let confirmer = Confirmer::new(&ticket, opened, world.trust.tdid(), clock(), &mut dice(5)).unwrap();
    let answered = joiner.answer(world.trust.tdid(), &confirmer.c()).unwrap();
    let to_confirm = confirmer.reveal(&answered.reveal()).unwrap();
    assert_eq!(to_confirm.name(), "Tablet");
    let device = to_confirm.confirm(&answered.digits()).unwrap().device("Kitchen", "Ana", &["approver"], false);
    let change = DeviceChange::Add(Box::new(device));
    let step = phone.desk(&world.phone.key, clock()).unwrap().change_devices(&change, &mut dice(6)).unwrap();
    phone.follow(&[&step.bundle, &step.status], NOW).unwrap();

    let trust = phone.state().trust;
    let texts: Vec<&str> = trust.bundles.iter().chain(&trust.statuses).map(String::as_str).collect();
    let state = answered.join(&texts, NOW).unwrap();
    let tablet = Approver::resume(state, world.tablet.id(), NOW).unwrap();
    assert_eq!(tablet.view().device().unwrap().name, "Kitchen");
    assert_eq!(tablet.view().trust().bundle_ref(), phone.view().trust().bundle_ref());
}

#[test]
fn who_did_not_see_the_code_is_not_answered() {
    let world = World::new();
    let shown = ticket(Intent::Add, 7);
    for other in [ticket(Intent::Add, 8), ticket(Intent::First, 7)] {
        let (_, opened) = join(&world.tablet, &other);
        let refused = Confirmer::new(&shown, opened, world.trust.tdid(), clock(), &mut dice(5)).unwrap_err();
        assert_eq!(refused, Refused::DoesNotFit);
    }
}

#[test]
fn a_joiner_in_between_is_found_out() {
    let world = World::new();
    let ticket = ticket(Intent::Add, 7);
    // Somebody who learned the ticket puts its own keys in the joiner's place, and passes the numbers on: its own
    // commitment does not fit the joiner's number, and had it guessed that one, the digits would differ.
    for (seed, found_out_by_digits) in [(4, false), (3, true)] {
        let (joiner, _) = join_with(&world.tablet, &ticket, 3);
        let (_, substitute) = join_with(&Dev::new(70), &ticket, seed);
        let confirmer = Confirmer::new(&ticket, substitute, world.trust.tdid(), clock(), &mut dice(5)).unwrap();
        let answered = joiner.answer(world.trust.tdid(), &confirmer.c()).unwrap();
        match confirmer.reveal(&answered.reveal()) {
            Ok(to_confirm) => {
                assert!(found_out_by_digits);
                assert_eq!(to_confirm.confirm(&answered.digits()).unwrap_err(), Ended::WrongDigits);
            }
            Err(ended) => assert_eq!((ended, found_out_by_digits), (Ended::WrongReveal, false)),
        }
    }
}

#[test]
fn a_joiner_believes_only_the_domain_it_was_told() {
    let world = World::new();
    let ticket = ticket(Intent::Add, 7);
    let texts: Vec<&str> = world.messages.iter().map(String::as_str).collect();
    let c = Id::from_bytes([6; 16]);
    let answered = |tdid| join(&world.tablet, &ticket).0.answer(tdid, &c);
    // A chain that does not list it.
    let joiner = answered(world.trust.tdid()).unwrap();
    assert_eq!(joiner.join(&texts, NOW), Err(Refused::NotAllowed));
    // Another domain than the one before the digits.
    let other = answered(Tdid::from_bytes([9; 32])).unwrap();
    assert_eq!(other.join(&texts, NOW), Err(Refused::Worthless(Reason::WrongRoot)));
    assert_eq!(other.join(&[], NOW), Err(Refused::Worthless(Reason::BadForm)));
    // No domain where there must be one, and the reverse.
    assert_eq!(answered(Tdid::from_bytes([0; 32])).unwrap_err(), Refused::DoesNotFit);
    let (first, _) = join(&world.tablet, &self::ticket(Intent::First, 7));
    assert_eq!(first.answer(world.trust.tdid(), &c).unwrap_err(), Refused::DoesNotFit);
    assert_eq!(joiner.found(&world.tablet.key, &first_device(), NOW, &mut dice(1)).unwrap_err(), Refused::DoesNotFit);
}
