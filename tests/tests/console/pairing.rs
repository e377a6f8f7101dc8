//! This computer as a further device of a daemon elsewhere.

use super::window::{Home, Window, code, daemon, is_connected, is_unpaired, snapshot};
use agenttrust_device::console::{Call, DaemonView, KeyPlace, News, Reply, Stage};
use agenttrust_device::{Command, Done, Event};
use agenttrust_tests::kit::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_further_device_joins_with_digits() {
    let world = World::new().await;
    let home = Home::new();
    let mut window = Window::open(home.data());
    window.until_stage(is_unpaired).await;
    let mut seen_by_phone = world.phone.device.events();
    let Ok(Done::Offer { offer, .. }) = world.phone.device.run(Command::OfferPairing).await else { panic!("no code") };
    let console = window.console.clone();
    let joining = tokio::spawn(async move {
        let (name, keys) = ("Laptop".to_owned(), KeyPlace::File);
        console.call(Call::Join { ticket: offer.ticket, name, keys }).await
    });
    let digits = window
        .until(|news| {
            let News::Stage { stage } = news else { return None };
            let Stage::Joining { digits } = *stage else { return None };
            digits
        })
        .await;
    assert!(digits.chars().filter(char::is_ascii_digit).count() == 6, "{digits}");
    let joiner = loop {
        if let Event::PairingDigits { joiner, .. } = seen_by_phone.next().await.unwrap() {
            break joiner;
        }
    };
    let owner = "owner".to_owned();
    let confirm = Command::ConfirmPairing { joiner, digits, name: None, owner, admin: false, local: false };
    world.phone.device.run(confirm).await.unwrap();
    assert_eq!(joining.await.unwrap(), Ok(Reply::Ok));
    let stage = window.until_stage(is_connected).await;
    assert_eq!(daemon(&stage), Some(&DaemonView::Elsewhere));
    assert_eq!(snapshot(&stage).unwrap().trust.devices.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_taken_back_lets_nobody_in() {
    let world = World::new().await;
    let home = Home::new();
    let window = Window::open(home.data());
    window.until_stage(is_unpaired).await;
    let phone = &world.phone.device;
    let Ok(Done::Offer { offer, .. }) = phone.run(Command::OfferPairing).await else { panic!("no code") };
    assert_eq!(phone.run(Command::WithdrawPairing).await.unwrap(), Done::Ok);
    assert_eq!(code(window.join(&offer.ticket).await), "link_lost", "the door is shut to it");
    assert_eq!(phone.run(Command::WithdrawPairing).await.unwrap(), Done::Ok, "it was over already");
    let Ok(Done::Offer { .. }) = phone.run(Command::OfferPairing).await else { panic!("no further code") };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairing_that_is_given_up_leaves_nothing() {
    let world = World::new().await;
    let home = Home::new();
    let window = Window::open(home.data());
    window.until_stage(is_unpaired).await;
    let failed = window.join("not a code").await.unwrap_err();
    assert!(failed.hint.is_some() || !failed.message.is_empty(), "{failed:?}");
    window.until_stage(is_unpaired).await;

    let Ok(Done::Offer { offer, .. }) = world.phone.device.run(Command::OfferPairing).await else { panic!("no code") };
    let console = window.console.clone();
    let joining = tokio::spawn(async move {
        let (name, keys) = ("Laptop".to_owned(), KeyPlace::File);
        console.call(Call::Join { ticket: offer.ticket, name, keys }).await
    });
    window.until_stage(|stage| matches!(stage, Stage::Joining { digits: Some(_) })).await;
    assert_eq!(window.console.call(Call::CancelJoin).await, Ok(Reply::Ok));
    assert_eq!(code(joining.await.unwrap()), "cancelled");
    window.until_stage(is_unpaired).await;
    assert!(!home.data().join("app").join("keys.json").exists());
    assert_eq!(window.console.call(Call::CancelJoin).await, Ok(Reply::Ok), "there is nothing to give up any more");
    assert_eq!(window.pair_here().await, Ok(Reply::Ok), "and it can be a first device yet");
}
