//! Somebody in the middle of a real pairing: saw the ticket, hands the person another one, and joins with keys of his
//! own. The digits on the phone in the person's hand are not those the daemon expects.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::{Command, Done, Event, Introduction, KeyStore, join};
use agenttrust_tests::hostile::{Middle, Reveals};
use agenttrust_tests::kit::{Daemon, Phone, World, scan};
use serde_json::{Value, json};

fn status(daemon: &Daemon) -> Value {
    daemon.host("GET", "/v1/status", "").1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_device_is_not_replaced() {
    let daemon = Daemon::spawn();
    let folder = tempfile::tempdir().unwrap();
    let middle = Middle::sit(&daemon.ticket(false), Reveals::Own).await;
    let (digits, joining) = scan(&folder.path().join("phone"), middle.ticket()).await;
    let (code, told) = daemon.host("POST", "/v1/pairings/digits", &json!({ "digits": digits }).to_string());
    assert_eq!((code, &told["code"]), (403, &json!("digits_wrong")), "{told}");
    assert_eq!(joining.await.unwrap().unwrap_err().code(), "digits_wrong");
    assert_eq!((&status(&daemon)["devices"], &status(&daemon)["tdid"]), (&json!(0), &Value::Null));
    middle.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phones_own_number_does_not_help_him() {
    let daemon = Daemon::spawn();
    let folder = tempfile::tempdir().unwrap();
    let middle = Middle::sit(&daemon.ticket(false), Reveals::Passed).await;
    let introduction = Introduction { name: "Ann's phone".to_owned(), owner: "ann".to_owned(), local: false };
    let phone = folder.path().join("phone");
    let joined = join(&phone, KeyStore::File, middle.ticket(), introduction, &Phone::config(), |_| ()).await;
    assert_eq!(joined.unwrap_err().code(), "digits_wrong");
    assert_eq!(middle.refusal().as_deref(), Some("digits_wrong"), "he has not committed to it");
    assert_eq!(status(&daemon)["devices"], 0);
    assert!(!phone.exists(), "nothing is left behind");
    middle.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_device_is_not_replaced() {
    let world = World::new().await;
    let phone = &world.phone.device;
    let mut events = phone.events();
    let Ok(Done::Offer { offer, .. }) = phone.run(Command::OfferPairing).await else { panic!("no pairing code") };
    let middle = Middle::sit(&offer.ticket, Reveals::Own).await;
    let (digits, joining) = scan(&world.path("tablet"), middle.ticket()).await;
    let joiner = loop {
        if let Event::PairingDigits { joiner, .. } = events.next().await.unwrap() {
            break joiner;
        }
    };
    let owner = "ann".to_owned();
    let confirm = Command::ConfirmPairing { joiner, digits, name: None, owner, admin: true, local: false };
    assert_eq!(phone.run(confirm).await.unwrap_err().code(), "digits_wrong");
    assert_eq!(joining.await.unwrap().unwrap_err().code(), "digits_wrong");
    assert_eq!((&status(&world.daemon)["devices"], &status(&world.daemon)["bundle"]), (&json!(1), &json!(1)));
    middle.leave().await;
}
