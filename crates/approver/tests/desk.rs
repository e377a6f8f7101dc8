//! What else a device signs: statuses, bundles, certificates, trusted actions, cosignatures.
#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use agenttrust_approver::sign::{Answer, BadLog, DeviceChange, GrantScope, Intent, StatusStep};
use agenttrust_approver::{Approver, Refused};
use agenttrust_protocol::check::{check_grant, open_cert, open_grant};
use agenttrust_protocol::constraint::Counters;
use agenttrust_protocol::message::*;
use agenttrust_protocol::{Hash, Head, Reason, Received, Signed, Time};
use agenttrust_tlog::{Checkpoint, CosignatureVerifier, MemoryHashes, Note, Signer, Tree};
use common::{Ask, NOW, World, ask, clock, dice, object, stored};

fn pay() -> Ask {
    ask("bank.pay", r#"{"payee":"ACME","amount":12.50}"#)
}

#[test]
fn statuses_follow_each_other() {
    let mut world = World::new();
    let (mut phone, mut laptop) = (world.approver(&world.phone), world.approver(&world.laptop));
    let agent = world.agent.public().thumbprint();
    let grant = Hash::of(b"grant");
    let steps = [
        StatusStep::Revoke { kind: RevokedKind::Grant, id: grant, until: NOW.plus(900) },
        StatusStep::Pause(Paused::Agents(vec![agent])),
        StatusStep::Pause(Paused::All),
    ];
    // A device that is no admin may add, and cannot take back.
    for step in &steps {
        let status = laptop.desk(&world.laptop.key, clock()).unwrap().status(step, &mut dice(1)).unwrap();
        assert_eq!(laptop.follow(&[&status], NOW), Ok(true));
        assert_eq!(phone.follow(&[&status], NOW), Ok(true));
        world.trust.accept_status(&status).unwrap();
    }
    assert!(world.trust.is_paused(&agent) && world.trust.is_revoked(RevokedKind::Grant, &grant));
    let desk = laptop.desk(&world.laptop.key, clock()).unwrap();
    for step in [StatusStep::Renew, StatusStep::Lift(Paused::All)] {
        assert_eq!(desk.status(&step, &mut dice(1)), Err(Refused::NotAllowed));
    }
    for step in &steps {
        assert_eq!(desk.status(step, &mut dice(1)), Err(Refused::Unchanged));
    }
    // A restart stands on what a non-admin signed as well.
    let again = Approver::resume(laptop.state(), world.laptop.id(), NOW).unwrap();
    assert!(again.view().trust().is_paused(&agent));

    let desk = phone.desk(&world.phone.key, clock()).unwrap();
    let status = desk.status(&StatusStep::Lift(Paused::All), &mut dice(2)).unwrap();
    world.trust.accept_status(&status).unwrap();
    assert!(!world.trust.is_paused(&agent));
    assert_eq!(phone.follow(&[&status], NOW), Ok(true));
    // Doubled and older ones are passed over; a rival in the same place is not.
    assert_eq!(phone.follow(&[&status], NOW), Ok(false));
    let rival = laptop.desk(&world.laptop.key, clock()).unwrap();
    let step = StatusStep::Revoke { kind: RevokedKind::Agent, id: Hash::of(b"a"), until: NOW.plus(900) };
    let rival = rival.status(&step, &mut dice(3)).unwrap();
    assert_eq!(phone.follow(&[&rival], NOW), Err(Reason::StaleTrust));
    assert_eq!(phone.follow(&[&world.messages[3]], NOW), Ok(false));
}

#[test]
fn devices_come_go_and_change_their_names() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let tablet = world.tablet.entry("Tablet", &["approver"]);
    let changes = [
        DeviceChange::Add(Box::new(tablet.clone())),
        DeviceChange::Rename { device: world.tablet.id(), name: "Kitchen tablet".into() },
        DeviceChange::Remove(world.laptop.id()),
    ];
    for change in &changes {
        let step = phone.desk(&world.phone.key, clock()).unwrap().change_devices(change, &mut dice(5)).unwrap();
        assert_eq!(phone.follow(&[&step.bundle, &step.status], NOW), Ok(true));
        world.trust.accept_bundle(&step.bundle, NOW).unwrap();
        world.trust.accept_status(&step.status).unwrap();
        assert!(world.trust.fresh_status(NOW).is_ok());
    }
    let names: Vec<&str> = world.trust.current().body().devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["Ana's phone", "Kitchen tablet"]);
    assert_eq!(phone.view().name_of(&world.laptop.id()), Some("Ana's laptop"));
    let desk = phone.desk(&world.phone.key, clock()).unwrap();
    for change in [
        DeviceChange::Add(Box::new(tablet)),
        DeviceChange::Remove(world.laptop.id()),
        DeviceChange::Remove(world.phone.id()),
        DeviceChange::Rename { device: world.laptop.id(), name: "x".into() },
    ] {
        assert_eq!(desk.change_devices(&change, &mut dice(6)), Err(Refused::DoesNotFit), "{change:?}");
    }
    let again = Approver::resume(phone.state(), world.phone.id(), NOW).unwrap();
    assert_eq!(again.view().trust().bundle_ref(), world.trust.bundle_ref());
    // The one that was removed signs no more.
    let mut laptop = world.approver(&world.laptop);
    let trust: Vec<String> = phone.state().trust.bundles;
    let texts: Vec<&str> = trust.iter().map(String::as_str).collect();
    laptop.follow(&texts, NOW).unwrap();
    assert!(matches!(laptop.desk(&world.laptop.key, clock()), Err(Refused::NotAllowed)));
}

#[test]
fn certificates_let_an_agent_ask() {
    let world = World::new();
    let phone = world.approver(&world.phone);
    let desk = phone.desk(&world.phone.key, clock()).unwrap();
    let cert = desk.certify(&world.enrolled(), "My agent", NOW.plus(1000), &mut dice(1)).unwrap();
    let opened = open_cert(&world.trust, &cert, NOW).unwrap();
    assert_eq!((opened.body().name.as_str(), opened.body().enroll), ("My agent", world.enrolled().hash()));
    assert_eq!(desk.certify(&world.enrolled(), "x", NOW, &mut dice(1)), Err(Refused::DoesNotFit));
    let laptop = world.approver(&world.laptop);
    let desk = laptop.desk(&world.laptop.key, clock()).unwrap();
    assert_eq!(desk.certify(&world.enrolled(), "x", NOW.plus(9), &mut dice(1)), Err(Refused::NotAllowed));
}

struct Unused;
impl Counters for Unused {
    fn used(&self, _: usize, _: Option<Time>) -> u64 {
        0
    }
}

#[test]
fn a_grant_covers_this_shape_and_nothing_else() {
    let mut world = World::new();
    let phone = world.approver(&world.phone);
    let asked = world.asked(&Ask { server: Some("bank"), ..pay() });
    let scope = GrantScope { session_only: true, uses: Some(3), exp: NOW.plus(7200) };
    assert_eq!(
        scope.sentence(&asked, NOW),
        "Books agent may call bank.pay with exactly these arguments in this session, at most 3 times, for 2 h, until 2026-01-01 02:00:00 UTC."
    );
    let desk = phone.desk(&world.phone.key, clock()).unwrap();
    let grant = desk.grant(&asked, "Pay ACME", &scope, Uv::Presence, &mut dice(1)).unwrap();
    let hash = open_grant(&world.trust, &grant, NOW).unwrap().hash();
    let body = asked.request.body().clone();
    for (arguments, covered) in [
        (r#"{"payee":"ACME","amount":12.50}"#, true),
        (r#"{"payee":"ACME","amount":12.51}"#, false),
        (r#"{"payee":"ACME","amount":12.50,"more":1}"#, false),
        (r#"{"payee":"ACME"}"#, false),
    ] {
        let mut named = asked.clone();
        let request = Request { grant: Some(hash), ..body.clone() };
        let content = RequestContent { arguments: object(arguments), ..asked.content.clone() };
        let head = Head::new(&mut dice(4), NOW, Some(world.trust.tdid()));
        let signed = Signed::sign(&world.agent, &head, &request, &content, &mut dice(5));
        named.request = Received::parse(signed.as_str()).unwrap().open(|_| Some(world.agent.public())).unwrap();
        named.content = content;
        let checked = check_grant(&world.trust, &named, &grant, NOW, &Unused);
        assert_eq!(checked.is_ok(), covered, "{arguments}");
    }
    let exponent = world.asked(&ask("x", r#"{"n":1e3}"#));
    let desk = phone.desk(&world.phone.key, clock()).unwrap();
    assert_eq!(desk.grant(&exponent, "x", &scope, Uv::Presence, &mut dice(1)), Err(Refused::CannotGrant));
}

#[test]
fn the_log_is_vouched_for_only_where_it_grows() {
    let mut world = World::new();
    let mut phone = world.approver(&world.phone);
    let origin = phone.origin();
    let seed = ed25519_dalek::SigningKey::from_bytes(&world.log.to_seed());
    let signer = Signer::new(origin.parse().unwrap(), seed.clone());
    let mut tree = Tree::new(MemoryHashes::default(), 0);
    let note = |tree: &Tree<MemoryHashes>| {
        Checkpoint::new(origin.clone(), tree.head().unwrap()).unwrap().sign(&signer).unwrap().to_string()
    };
    let proof = |tree: &Tree<MemoryHashes>, old: u64| -> Vec<Hash> {
        let size = tree.head().unwrap().size;
        let hashes = tree.consistency_proof(old, size).unwrap();
        hashes.iter().map(|hash| Hash::from_bytes(*hash.as_bytes())).collect()
    };
    for n in 0..3 {
        tree.append(&[n]).unwrap();
    }
    let first = phone.cosign(&world.phone.witness, &note(&tree), &[], clock()).unwrap().persist(stored).unwrap();
    let name = format!("{origin}/{}", world.phone.witness.public().thumbprint());
    let witness = ed25519_dalek::VerifyingKey::from_bytes(world.phone.witness.public().as_bytes()).unwrap();
    let verifier = CosignatureVerifier::new(name.parse().unwrap(), witness);
    assert_eq!(verifier.verify(&first.parse::<Note>().unwrap()), Ok(NOW.0 as u64));
    let small = note(&tree);
    for n in 3..9 {
        tree.append(&[n]).unwrap();
    }
    let key = &world.phone.witness;
    let why = |phone: &mut Approver, note: &str, proof: &[Hash]| {
        phone.cosign(key, note, proof, clock()).map(|_| ()).unwrap_err()
    };
    assert_eq!(why(&mut phone, &note(&tree), &[]), BadLog::Forked);
    let grown = proof(&tree, 3);
    phone.cosign(key, &note(&tree), &grown, clock()).unwrap().persist(stored).unwrap();
    assert_eq!(phone.ledger().log.unwrap().size, 9);
    // The same again is fine, less is not, nor another history of the same length.
    assert!(phone.cosign(key, &note(&tree), &[], clock()).is_ok());
    assert_eq!(why(&mut phone, &small, &[]), BadLog::Shrunk { had: 9, has: 3 });
    let mut rewritten = Tree::new(MemoryHashes::default(), 0);
    for n in 0..12 {
        rewritten.append(&[n + 1]).unwrap();
    }
    let fraud = why(&mut phone, &note(&rewritten), &proof(&rewritten, 9));
    assert!(fraud == BadLog::Forked && fraud.is_proof_of_fraud());
    let mut stranger = note(&tree);
    stranger = stranger.replacen('9', "8", 1);
    assert!(matches!(why(&mut phone, &stranger, &[]), BadLog::Unsigned(_)));
    assert_eq!(
        phone.cosign(&world.laptop.witness, &note(&tree), &[], clock()).map(|_| ()).unwrap_err(),
        BadLog::WrongKey
    );

    // Decisions carry the last root.
    let messages = world.request(&pay());
    let (id, page) = world.page_with(&messages);
    phone.receive(&page, NOW);
    let display = phone.inbox().card(&id).unwrap().display(None);
    let intent = Intent::new(&display, Answer::Approve, Uv::Presence);
    let prepared = phone.answer(&world.phone.key, &intent, clock(), &mut dice(9)).unwrap();
    let decision = prepared.persist(stored).unwrap().message;
    let opened = Received::<Decision>::parse(&decision).unwrap().open(|_| Some(world.phone.key.public())).unwrap();
    assert_eq!(opened.body().log.as_ref().map(|log| log.size), Some(9));
}
