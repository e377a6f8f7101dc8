//! A daemon that lies: nothing runs, and each refusal names its reason.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod kit;

use agenttrust_gate::{Hash, Time, Trouble};
use agenttrust_protocol::door::{Reply, typ_of};
use agenttrust_protocol::message::{Decision, DecisionContent, Message, Require, RequiredUv, Uv, Verdict as Word};
use kit::{Act, Domain, World, allowed, at, code, pay, person};
use serde_json::{Value, json};

/// Asks once and is answered like this.
async fn answered(
    domain: Domain,
    answer: impl FnMut(&Domain, Hash, Time) -> (&'static str, Vec<String>) + Send + 'static,
) -> &'static str {
    let world = World::with(domain).await;
    world.daemon.person(person(answer));
    let code = code(&world.session(), pay()).await;
    assert_eq!(world.daemon.count("/claim"), 0, "{code}: nothing is claimed");
    code
}

/// Asks once and is approved with what becomes of an honest approval in the daemon's hands.
async fn forged(forge: impl Fn(String) -> String + Send + 'static) -> &'static str {
    answered(Domain::new(1), move |domain, request, now| ("approved", vec![forge(domain.approve(0, request, now))]))
        .await
}

/// The same for an edit.
async fn forged_edit(forge: impl Fn(String) -> String + Send + 'static) -> &'static str {
    answered(Domain::new(1), move |domain, request, now| ("approved", vec![forge(edit(domain, 0, request, now))])).await
}

/// The same, where the device signs something else in the first place.
async fn signed(change: impl Fn(&mut Decision, &mut DecisionContent) + Send + 'static) -> &'static str {
    let answer =
        move |domain: &Domain, request, now| ("approved", vec![domain.decide(0, request, Word::Approve, now, &change)]);
    answered(Domain::new(1), answer).await
}

fn object(value: &Value) -> Option<agenttrust_protocol::json::Object> {
    let numbers = agenttrust_protocol::json::Numbers::Any;
    agenttrust_protocol::json::parse(value.to_string().as_bytes(), numbers).unwrap().as_object().cloned()
}

fn edit(domain: &Domain, phone: usize, request: Hash, now: Time) -> String {
    domain.decide(phone, request, Word::Modify, now, |_, content| content.arguments = object(&json!({"amount": 1})))
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|n| out.push(LETTERS[(bits >> (18 - 6 * n)) as usize & 63].into()));
    }
    out
}

/// The decision's signature with one bit turned.
fn turned(decision: String) -> String {
    let (signed, rest) = decision.rsplit_once('.').unwrap();
    let first = if rest.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", rest.chars().skip(1).collect::<String>())
}

#[tokio::test]
async fn a_message_that_is_not_one_is_refused() {
    assert_eq!(forged(|decision| format!("{decision}{}~", "A".repeat(1 << 20))).await, "too_large");
    assert_eq!(forged(|decision| decision.trim_end_matches('~').to_owned()).await, "bad_form");
    assert_eq!(forged(|decision| format!("{decision}~")).await, "bad_form");
    assert_eq!(forged(|_| "nonsense".to_owned()).await, "bad_header");
    assert_eq!(forged(|decision| decision.replacen('.', "..", 1)).await, "bad_form");
    let none = |decision: String| {
        let header = format!(r#"{{"alg":"none","typ":"{}","kid":"A"}}"#, Decision::TYP);
        format!("{}.{}", base64(&header), decision.split_once('.').unwrap().1)
    };
    assert_eq!(forged(none).await, "bad_header");
}

#[tokio::test]
async fn a_message_of_another_type_is_no_decision() {
    let grant = |domain: &Domain, _: Hash, now: Time| {
        let text = domain.grant(agenttrust_gate::Thumbprint::from_bytes([0; 32]), now, |_| {});
        ("approved", vec![text])
    };
    assert_eq!(answered(Domain::new(1), grant).await, "wrong_typ");
}

#[tokio::test]
async fn only_devices_of_the_bundle_decide() {
    assert_eq!(forged(turned).await, "bad_signature");
    let stranger = Domain::numbered(2, 1);
    let answer = move |_: &Domain, request, now| ("approved", vec![stranger.approve(0, request, now)]);
    assert_eq!(answered(Domain::new(1), answer).await, "unknown_key");

    // The same device in another trust domain: its key verifies, the domain does not.
    let mut twin = Domain::new(1);
    twin.next_bundle(at(-10), |_| {});
    let answer = move |_: &Domain, request, now| ("approved", vec![twin.approve(0, request, now)]);
    assert_eq!(answered(Domain::new(1), answer).await, "wrong_root");
}

#[tokio::test]
async fn a_decision_for_another_request_decides_nothing() {
    let other = |domain: &Domain, _, now| ("approved", vec![domain.approve(0, Hash::of(b"another"), now)]);
    assert_eq!(answered(Domain::new(1), other).await, "wrong_request");

    let world = World::new().await;
    let session = world.session();
    drop(allowed(&session, pay()).await);
    let old = world.daemon.state().requests[0].decisions.clone();
    world.daemon.person(person(move |_, _, _| ("approved", old.clone())));
    assert_eq!(code(&session, pay()).await, "wrong_request", "a replayed approval");

    // One right decision does not carry a wrong one along.
    let both = |domain: &Domain, request, now| {
        ("approved", vec![domain.approve(0, request, now), domain.approve(1, Hash::of(b"another"), now)])
    };
    assert_eq!(answered(Domain::new(2), both).await, "wrong_request");
}

#[tokio::test]
async fn a_decision_rests_on_todays_bundle_and_on_time() {
    assert_eq!(signed(|decision, _| decision.bundle.version = 9).await, "stale_trust");
    assert_eq!(signed(|decision, _| decision.bundle.hash = Hash::of(b"a fork")).await, "stale_trust");
    let late = |domain: &Domain, request, now: Time| {
        ("approved", vec![domain.decide(0, request, Word::Approve, now.plus(-400), |_, _| {})])
    };
    assert_eq!(answered(Domain::new(1), late).await, "expired");
    let early = |domain: &Domain, request, now: Time| ("approved", vec![domain.approve(0, request, now.plus(61))]);
    assert_eq!(answered(Domain::new(1), early).await, "not_yet_valid");
    assert_eq!(signed(|decision, _| decision.exp = at(3601)).await, "bad_payload");
}

#[tokio::test]
async fn nobody_but_a_device_edits() {
    let smuggled = base64(r#"["AAAAAAAAAAAAAAAAAAAAAA","arguments",{"to":"mallory","amount":9}]"#);
    assert_eq!(forged(move |decision| format!("{decision}{smuggled}~")).await, "bad_disclosure", "unsigned arguments");
    let altered = base64(r#"["AAAAAAAAAAAAAAAAAAAAAA","arguments",{"to":"mallory","amount":9}]"#);
    let alter = move |decision: String| format!("{}~{altered}~", decision.split_once('~').unwrap().0);
    assert_eq!(forged_edit(alter).await, "bad_disclosure", "altered arguments");
    let double = |decision: String| {
        let (leaf, disclosure) = decision.split_once('~').unwrap();
        format!("{leaf}~{disclosure}{disclosure}")
    };
    assert_eq!(forged_edit(double).await, "bad_disclosure", "doubled");
    assert_eq!(forged_edit(|decision| format!("{}~", decision.split_once('~').unwrap().0)).await, "bad_disclosure");
    let arguments = |_: &mut Decision, content: &mut DecisionContent| content.arguments = object(&json!({"amount": 1}));
    assert_eq!(signed(arguments).await, "bad_disclosure", "an approval brings no arguments");
}

#[tokio::test]
async fn the_daemons_word_is_no_approval() {
    for (state, decisions, expected) in [
        ("approved", vec![], "quorum"),
        ("claimed", vec![], "spent"),
        ("executed", vec![], "spent"),
        ("denied", vec![], "denied"),
        ("revoked", vec![], "revoked"),
        ("expired", vec![], "timed_out"),
        ("cancelled", vec![], "closed"),
        ("granted", vec![], "bad_request"),
    ] {
        let answer = move |_: &Domain, _, _| (state, decisions.clone());
        assert_eq!(answered(Domain::new(1), answer).await, expected, "{state}");
    }
    let hidden = |domain: &Domain, request, now| {
        let no = domain.decide(1, request, Word::Deny, now, |_, _| {});
        ("approved", vec![domain.approve(0, request, now), no])
    };
    assert_eq!(answered(Domain::new(2), hidden).await, "denied");
}

#[tokio::test]
async fn the_rules_are_counted_here() {
    let two = |require: Require| {
        let mut domain = Domain::new(3);
        domain.next_bundle(at(-10), move |bundle| {
            bundle.rules.push(agenttrust_protocol::message::Rule { matches: vec![], require });
        });
        domain
    };
    let require = Require { approvers: 2, ..Require::ONE };
    let one = |domain: &Domain, request, now| ("approved", vec![domain.approve(0, request, now)]);
    assert_eq!(answered(two(require.clone()), one).await, "quorum");
    let twice = |domain: &Domain, request, now| {
        ("approved", vec![domain.approve(0, request, now), domain.approve(0, request, now)])
    };
    assert_eq!(answered(two(require.clone()), twice).await, "quorum", "one device twice");
    let mixed = |domain: &Domain, request, now| {
        ("approved", vec![domain.approve(0, request, now), edit(domain, 1, request, now)])
    };
    assert_eq!(answered(two(require.clone()), mixed).await, "quorum", "an approval and an edit");
    let apart = |domain: &Domain, request, now| {
        ("approved", vec![edit(domain, 0, request, now), edit(domain, 1, request, now)])
    };
    assert_eq!(answered(two(require), apart).await, "quorum", "two edits");
    let present = Require { uv: Some(RequiredUv::Verified), ..Require::ONE };
    let unseen = |domain: &Domain, request, now| {
        ("approved", vec![domain.decide(0, request, Word::Approve, now, |decision, _| decision.uv = Uv::Presence)])
    };
    assert_eq!(answered(two(present), unseen).await, "quorum", "nobody was verified");
}

#[tokio::test]
async fn another_request_in_place_of_ours_is_not_run() {
    let world = World::new().await;
    let session = world.session();
    drop(allowed(&session, pay()).await);
    let other = world.daemon.state().requests[0].text.clone();
    let swap = move |path: &str, mut reply: Reply| {
        if path.contains("/v1/requests") && !path.contains("/c") {
            let requests = |text: &&mut String| typ_of(text).as_deref() == Some("agenttrust-request-v1");
            reply.messages.iter_mut().filter(requests).for_each(|text| text.clone_from(&other));
        }
        Act::Reply(reply)
    };
    world.daemon.tamper(swap);
    assert_eq!(code(&session, pay()).await, "spent", "one that was used");
    world.daemon.state().requests.clear();

    let world = World::new().await;
    world.daemon.tamper(|path, mut reply| {
        if path == "POST /v1/requests" {
            let leaf = reply.messages.iter_mut().find(|text| typ_of(text).as_deref() == Some("agenttrust-request-v1"));
            let text = leaf.unwrap();
            *text = format!("{}~", text.split_once('~').unwrap().0);
        }
        Act::Reply(reply)
    });
    assert_eq!(code(&world.session(), pay()).await, "bad_disclosure", "its arguments withheld");
    assert_eq!(world.daemon.count("/claim"), 0);
}

#[tokio::test]
async fn without_the_word_claimed_there_is_no_permit() {
    type Lie = fn(Reply) -> Act;
    let lies: [(&str, Lie); 5] = [
        ("an error", |_| Act::Error(Trouble::Conflict)),
        ("a reason", |_| Act::Error(Trouble::Internal)),
        ("another state", |_| Act::Reply(Reply::state("approved"))),
        ("nonsense", |_| Act::Raw("{}")),
        ("no answer", |_| Act::Drop),
    ];
    for (what, lie) in lies {
        let world = World::new().await;
        let session = world.session();
        world.daemon.tamper(move |path, reply| if path.ends_with("/claim") { lie(reply) } else { Act::Reply(reply) });
        assert_eq!(code(&session, pay().call("call-1")).await, "claim_refused", "{what}");
        world.daemon.tamper(|_, reply| Act::Reply(reply));
        assert_eq!(code(&session, pay().call("call-1")).await, "spent", "{what}: it may have been claimed");
    }
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_sent_again_in_the_same_bytes() {
    let world = World::new().await;
    let mut lost = 0;
    world.daemon.tamper(move |path, reply| {
        lost += usize::from(path.ends_with("/claim"));
        // The stand-in answers another claim of the same request with an error.
        if path.ends_with("/claim") && lost <= 2 { Act::Drop } else { Act::Reply(reply) }
    });
    drop(allowed(&world.session(), pay()).await);
    assert_eq!(world.daemon.count("/claim"), 3);
}

#[tokio::test]
async fn nonsense_is_refused_wherever_it_comes() {
    for call in ["GET /v1/trust", "POST /v1/sessions", "POST /v1/requests", "POST /v1/enroll"] {
        for nonsense in ["", "{}", r#"{"state":"ok","messages":[],"more":1}"#, r#"{"state":"ok","messages":[1]}"#] {
            let world = World::new().await;
            world.daemon.tamper(move |path, reply| if path == call { Act::Raw(nonsense) } else { Act::Reply(reply) });
            assert_eq!(code(&world.session(), pay()).await, "bad_request", "{call}: {nonsense}");
        }
    }
}
