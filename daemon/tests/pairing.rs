//! Letting devices in: the first one here, the first one elsewhere, a further one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use agenttrust_protocol::door::{InboxEvent, PairReply, PairState, PairingOffer, PairingView, Trouble};
use agenttrust_protocol::envelope::Nothing;
use agenttrust_protocol::hash::{Id, Tdid};
use agenttrust_protocol::message::{Bundle, RevokedKind, Verdict};
use agenttrust_protocol::pairing::{Ticket, digits};
use agenttrust_protocol::{Head, Signed};
use common::{House, Joiner, Phone, eventually, random, seed};
use http::Method;
use serde_json::{Value, json};

async fn offer(house: &House, local: bool) -> PairingOffer {
    house.host(Method::POST, "/v1/pairings", json!({ "local": local })).await.json()
}

async fn view(house: &House) -> PairingView {
    house.host(Method::GET, "/v1/pairings", Value::Null).await.json()
}

#[tokio::test]
async fn the_first_device_elsewhere_needs_the_digits_it_shows() {
    let house = House::start().await;
    let offer = offer(&house, false).await;
    assert!(offer.digits);
    assert_eq!(view(&house).await.state, PairState::Offered);
    let joiner = Joiner::new(&house, &offer, "phone").await;
    assert_eq!(joiner.knock().await.json::<PairReply>().state, PairState::Challenged);
    let challenge: PairReply = joiner.step(json!({})).await.json();
    assert_eq!(challenge.tdid, Some(Tdid::from_bytes([0; 32])));
    let early = house.host(Method::POST, "/v1/pairings/digits", json!({"digits": "000000"})).await;
    assert_eq!(early.code(), "conflict", "there is nothing to compare yet");
    let revealed: PairReply = joiner.step(json!({ "r": joiner.r })).await.json();
    assert_eq!(revealed.state, PairState::Revealed);
    let messages = joiner.first_trust(&challenge, false, vec![]);
    assert_eq!(joiner.post_trust(&messages).await.code(), "conflict", "not before the digits were typed");

    let shown = digits(&joiner.hash(), None, &challenge.c.unwrap(), &joiner.r).to_string();
    let waiting = joiner.stand(30);
    let (stand, typed) = tokio::join!(waiting, async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        house.host(Method::POST, "/v1/pairings/digits", json!({ "digits": shown })).await
    });
    assert_eq!((stand.state, typed.status), (PairState::Confirmed, 200));
    let reply: PairReply = joiner.post_trust(&messages).await.json();
    assert_eq!((reply.state, reply.messages.as_slice()), (PairState::Paired, messages.as_slice()));
    let again: PairReply = joiner.post_trust(&messages).await.json();
    assert_eq!(again.state, PairState::Paired, "an answer that was lost is given again");
    assert_eq!(view(&house).await.state, PairState::Paired);
    let phone = joiner.become_phone(&reply.messages);
    assert!(phone.inbox(None, 0).await.reset);
}

#[tokio::test]
async fn wrong_digits_or_another_number_end_the_run() {
    let house = House::start().await;
    let joiner = Joiner::new(&house, &offer(&house, false).await, "phone").await;
    joiner.knock().await.reply_pair();
    let challenge: PairReply = joiner.step(json!({})).await.json();
    joiner.step(json!({ "r": joiner.r })).await.reply_pair();
    let shown = digits(&joiner.hash(), None, &challenge.c.unwrap(), &joiner.r).to_string();
    let wrong = if shown == "000000" { "000001" } else { "000000" };
    let typed = house.host(Method::POST, "/v1/pairings/digits", json!({ "digits": wrong })).await;
    assert_eq!((typed.status, typed.code().as_str()), (403, "digits_wrong"));
    let typed = house.host(Method::POST, "/v1/pairings/digits", json!({ "digits": shown })).await;
    assert_eq!(typed.code(), "conflict", "there is no second try");
    assert_eq!(joiner.stand(0).await.state, PairState::Refused);

    let joiner = Joiner::new(&house, &offer(&house, false).await, "phone").await;
    joiner.knock().await.reply_pair();
    let lie = joiner.step(json!({ "r": Id::from_bytes([9; 16]) })).await;
    assert_eq!(lie.code(), Trouble::DigitsWrong.code());
    assert_eq!(joiner.stand(0).await.state, PairState::Refused);
}

trait ReplyPair {
    fn reply_pair(&self) -> PairReply;
}

impl ReplyPair for common::Answer {
    fn reply_pair(&self) -> PairReply {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }
}

#[tokio::test]
async fn the_third_wrong_proof_uses_the_ticket_up() {
    let house = House::start().await;
    let offered = offer(&house, true).await;
    let guessed = |ticket: &str| {
        let ticket: Ticket = ticket.parse().unwrap();
        let secret = agenttrust_protocol::pairing::PairSecret::from_bytes([1; 16]);
        let other = Ticket::new(ticket.intent(), *ticket.daemon(), secret, None, ticket.direct().to_vec()).unwrap();
        PairingOffer { ticket: other.to_text().to_string(), ..offered.clone() }
    };
    for _ in 0..3 {
        let joiner = Joiner::new(&house, &guessed(&offered.ticket), "guesser").await;
        assert_eq!(joiner.knock().await.code(), "ticket_invalid");
    }
    assert_eq!(view(&house).await.state, PairState::Refused);
    let honest = Joiner::new(&house, &offered, "phone").await;
    let mut state = honest.client.state();
    let lost = state.wait_for(|state| matches!(state, agenttrust_link::State::Lost { .. })).await;
    assert!(lost.is_ok(), "nobody is let in any more");
}

#[tokio::test]
async fn a_ticket_is_for_one_device_and_two_minutes() {
    let house = House::start().await;
    let offered = offer(&house, true).await;
    let (first, second) = (Joiner::new(&house, &offered, "a").await, Joiner::new(&house, &offered, "b").await);
    // Both are connected before one of them uses it.
    for joiner in [&first, &second] {
        let mut state = joiner.client.state();
        state.wait_for(|state| matches!(state, agenttrust_link::State::Connected { .. })).await.unwrap();
    }
    assert_eq!(first.knock().await.reply_pair().state, PairState::Confirmed);
    assert_eq!(first.knock().await.reply_pair().state, PairState::Confirmed, "again is no second time");
    assert_eq!(second.knock().await.code(), "ticket_invalid");
    let path = format!("/v1/pair/{}", first.hash());
    let spied = common::call(&second.client, Method::GET, &path, common::JSON, String::new()).await;
    assert_eq!(spied.code(), "not_found");

    let late = Joiner::new(&house, &offer(&house, true).await, "late").await;
    let mut state = late.client.state();
    state.wait_for(|state| matches!(state, agenttrust_link::State::Connected { .. })).await.unwrap();
    house.clock.shift(121);
    assert_eq!(late.knock().await.code(), "ticket_invalid");
    assert_eq!(view(&house).await.state, PairState::Expired);
    assert_eq!(house.host(Method::DELETE, "/v1/pairings", Value::Null).await.status, 200);
    assert_eq!(house.host(Method::GET, "/v1/pairings", Value::Null).await.code(), "not_found");
}

#[tokio::test]
async fn the_first_bundle_holds_this_device_and_this_daemon() {
    let house = House::start().await;
    let joiner = Joiner::new(&house, &offer(&house, true).await, "phone").await;
    joiner.knock().await.reply_pair();
    let reply: PairReply = joiner.step(json!({})).await.json();
    let not_local = joiner.first_trust(&reply, false, vec![]);
    assert_eq!(joiner.post_trust(&not_local).await.code(), "bad_payload");
    let mut foreign = reply.clone();
    foreign.transport = Some(agenttrust_protocol::Thumbprint::from_bytes([3; 32]));
    assert_eq!(joiner.post_trust(&joiner.first_trust(&foreign, true, vec![])).await.code(), "bad_payload");
    let good = joiner.first_trust(&reply, true, vec![]);
    assert_eq!(joiner.post_trust(&good[..1]).await.code(), "bad_request");
    assert_eq!(joiner.post_trust(&good).await.reply_pair().state, PairState::Paired);
}

#[tokio::test]
async fn an_admin_device_lets_a_further_one_in_and_removes_it() {
    let (house, mut phone, agent) = House::furnished().await;
    let offered = phone.post_json("/v1/pairings", json!({"local": false})).await.json::<PairingOffer>();
    assert!(!offered.digits, "they are typed on the admin device");
    let joiner = Joiner::new(&house, &offered, "tablet").await;
    assert_eq!(joiner.knock().await.reply_pair().state, PairState::Joined);
    let page = phone.inbox(None, 0).await;
    let announced = page
        .entries
        .iter()
        .any(|entry| matches!(&entry.event, InboxEvent::Pairing { pairing, .. } if *pairing == joiner.hash()));
    assert!(announced, "{page:?}");

    let path = format!("/v1/pairings/{}", joiner.hash());
    let c = Id::from_bytes([7; 16]);
    let (reply, confirmed) = tokio::join!(joiner.step(json!({})), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        phone.post_json(&path, json!({"answer": "challenge", "c": c})).await
    });
    assert_eq!(confirmed.json::<PairingView>().state, PairState::Challenged);
    let reply: PairReply = reply.json();
    assert_eq!((reply.c, reply.tdid), (Some(c), Some(phone.trust.tdid())));
    joiner.step(json!({ "r": joiner.r })).await.reply_pair();
    let seen: PairingView = phone.get(&path).await;
    assert_eq!((seen.state, seen.r), (PairState::Revealed, Some(joiner.r)));

    let (joined, _) = tokio::join!(joiner.stand(30), add(&mut phone, &joiner));
    assert_eq!(joined.state, PairState::Paired);
    let tablet = joiner.become_phone(&joined.messages);
    let request = agent.request(300, |_| {});
    agent.ask(&request).await.reply();
    assert_eq!(tablet.decide(&request, Verdict::Approve).await.reply().state, "approved");

    let mut state = tablet.client.state();
    let revoked = phone.revocation(RevokedKind::Device, *tablet.key.public().thumbprint().as_bytes());
    phone.move_status(|status| status.revoked = vec![revoked]).await;
    assert_eq!(agent.state(&request).await, "revoked", "its approval goes with it");
    state.wait_for(|state| matches!(state, agenttrust_link::State::Lost { .. })).await.unwrap();
    eventually("it is not let in again", async || {
        matches!(&*state.borrow_and_update(),
            agenttrust_link::State::Lost { why, .. } if why.code() == "link_refused")
    })
    .await;
}

/// The admin signs the next bundle with the joiner in it, and a status for it.
async fn add(phone: &mut Phone, joiner: &Joiner) {
    let current = phone.trust.current().body().clone();
    let mut devices = current.devices.clone();
    devices.push(joiner.device(false, &["approver"]));
    let prev = Some(phone.trust.current().hash());
    let next = Bundle { version: current.version + 1, prev, devices, ..current };
    let head = Head::new(&mut random(), phone.clock.now(), Some(phone.trust.tdid()));
    let text = Signed::sign(&phone.key, &head, &next, &Nothing {}, &mut random()).into_string();
    assert_eq!(phone.post("/v1/bundles", &text).await.reply().state, "ok");
    phone.trust.accept_bundle(&text, phone.clock.now()).unwrap();
    phone.move_status(|_| {}).await;
}

#[tokio::test]
async fn the_admin_says_no() {
    let (house, phone, _agent) = House::furnished().await;
    let offered = offer(&house, false).await;
    let joiner = Joiner::new(&house, &offered, "tablet").await;
    joiner.knock().await.reply_pair();
    let path = format!("/v1/pairings/{}", joiner.hash());
    phone.post_json(&path, json!({"answer": "refuse"})).await;
    assert_eq!(joiner.stand(5).await.state, PairState::Refused);
    let other = format!("/v1/pairings/{}", agenttrust_protocol::Hash::of(&seed()));
    assert_eq!(phone.post_json(&other, json!({"answer": "refuse"})).await.code(), "not_found");
}
