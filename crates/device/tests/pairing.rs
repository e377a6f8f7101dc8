//! Becoming a device, against a stand-in daemon.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

mod common;

use agenttrust_device::{Clock, Device, KeyStore, PairEvent, Pin, PinCost, join};
use agenttrust_protocol::message::{Bundle, Intent, PairInit};
use agenttrust_protocol::pairing::{PairSecret, Ticket, digits};
use agenttrust_protocol::{Received, trust::Trust};
use common::phone::{Phone, config, introduction};
use common::{C, Daemon, hash, log_key};
use rusqlite::Connection;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[tokio::test]
async fn a_first_device_on_this_machine_needs_no_digits() {
    let daemon = Daemon::start().await;
    let phone = Phone::pair(&daemon).await;
    let world = daemon.lock();
    let trust = Trust::enter(&world.bundles[0], None).unwrap();
    let bundle: &Bundle = trust.current().body();
    let [device] = bundle.devices.as_slice() else { panic!("one device") };
    assert_eq!((device.name.as_str(), device.owner.as_str(), device.protection.as_str()), ("Phone", "first", "file"));
    assert!(device.local, "without digits it lives on this machine, whatever it says");
    assert!(device.is_admin() && device.is_approver());
    assert_eq!(bundle.log, log_key());
    let snapshot = phone.device.snapshot();
    assert_eq!(snapshot.trust.tdid, trust.tdid());
    assert_eq!(snapshot.me.unwrap().device, device.key.thumbprint());
}

#[tokio::test]
async fn a_device_elsewhere_shows_the_digits_and_waits_for_them() {
    let daemon = Daemon::start().await;
    daemon.lock().digits = true;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("phone");
    let told: Arc<Mutex<Vec<PairEvent>>> = Arc::default();
    let joining = tokio::spawn({
        let (path, ticket, told) = (path.clone(), daemon.ticket(), told.clone());
        async move {
            let config = config(&Clock::default());
            join(&path, KeyStore::File, &ticket, introduction(), &config, |event| told.lock().unwrap().push(event))
                .await
        }
    });
    daemon.until("the number is revealed", |world| world.revealed.is_some()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let expected = {
        let world = daemon.lock();
        let joiner = hash::<PairInit>(world.joiner.as_ref().unwrap());
        digits(&joiner, None, &C, &world.revealed.unwrap()).to_string()
    };
    assert_eq!(*told.lock().unwrap(), [PairEvent::Knocked, PairEvent::Digits { digits: expected }]);
    assert!(!path.join("keys.json").exists(), "nothing is written before the digits were typed");
    assert!(daemon.lock().bundles.is_empty());
    daemon.lock().confirmed = true;
    daemon.changed.send_modify(|count| *count += 1);
    joining.await.unwrap().unwrap();
    assert_eq!(told.lock().unwrap().last(), Some(&PairEvent::Confirmed));
    let trust = Trust::enter(&daemon.lock().bundles[0], None).unwrap();
    assert!(!trust.current().body().devices[0].local, "the person said that it is elsewhere");
    Device::open(&path, KeyStore::File, config(&Clock::default())).await.unwrap();
}

#[tokio::test]
async fn a_device_that_did_not_see_the_code_leaves_nothing_behind() {
    let daemon = Daemon::start().await;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("phone");
    let good: Ticket = daemon.ticket().parse().unwrap();
    let wrong =
        Ticket::new(Intent::First, *good.daemon(), PairSecret::from_bytes([9; 16]), None, good.direct().to_vec());
    let text = wrong.unwrap().to_text().to_string();
    let config = config(&Clock::default());
    let failure = join(&path, KeyStore::File, &text, introduction(), &config, |_| {}).await.unwrap_err();
    assert_eq!(failure.code(), "ticket_invalid");
    assert!(!path.exists());
    let failure = join(&path, KeyStore::File, "agenttrust://pair/AAAA", introduction(), &config, |_| {}).await;
    assert_eq!(failure.unwrap_err().code(), "ticket_invalid");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_device_with_a_wrong_clock_is_not_paired() {
    let daemon = Daemon::start().await;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("phone");
    let config = config(&Clock::shifted(-3600));
    let failure = join(&path, KeyStore::File, &daemon.ticket(), introduction(), &config, |_| {}).await.unwrap_err();
    assert_eq!(failure.code(), "clock_off");
    assert!(!path.exists() && daemon.lock().bundles.is_empty());
}

#[tokio::test]
async fn a_folder_with_a_device_in_it_is_left_alone() {
    let daemon = Daemon::start().await;
    let phone = Phone::pair(&daemon).await;
    let path = phone.folder();
    let (_scratch, clock) = phone.close().await;
    let before = std::fs::read(path.join("keys.json")).unwrap();
    let failure = join(&path, KeyStore::File, &daemon.ticket(), introduction(), &config(&clock), |_| {}).await;
    assert_eq!(failure.unwrap_err().code(), "conflict");
    assert_eq!(std::fs::read(path.join("keys.json")).unwrap(), before);
}

#[tokio::test]
async fn a_sealed_device_starts_only_with_its_pin() {
    let daemon = Daemon::start().await;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("terminal");
    let pin = |text: &str| KeyStore::Pin(Pin::with_cost(text, PinCost { memory_kib: 64, passes: 1 }));
    let config = config(&Clock::default());
    join(&path, pin("135790"), &daemon.ticket(), introduction(), &config, |_| {}).await.unwrap();
    let open = |store| Device::open(&path, store, config.clone());
    assert_eq!(open(pin("000000")).await.unwrap_err().code(), "wrong_pin");
    assert_eq!(open(KeyStore::File).await.unwrap_err().code(), "bad_request");
    let device = open(pin("135790")).await.unwrap();
    assert_eq!(device.snapshot().me.unwrap().protection, "pin");
    assert_eq!(open(pin("135790")).await.unwrap_err().code(), "already_running");
    device.close().await;
    open(pin("135790")).await.unwrap().close().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_told() {
    let daemon = Daemon::start().await;
    let phone = Phone::pair(&daemon).await;
    let path = phone.folder();
    let (_scratch, clock) = phone.close().await;
    let state = path.join("state.db");
    let good = std::fs::read(&state).unwrap();
    let bundle = daemon.lock().bundles[0].clone();
    let other = bundle.replace('.', ".A");
    Received::<Bundle>::parse(&other).unwrap_err();
    let root = log_key().thumbprint();
    type Spoil<'a> = &'a dyn Fn(&Connection) -> rusqlite::Result<usize>;
    let sql = |db: &Connection, sql: &str| db.execute(sql, []);
    let cases: [(Spoil<'_>, &str); 6] = [
        (&|db| db.pragma_update(None, "user_version", 9).map(|()| 1), "store_newer"),
        (&|db| db.pragma_update(None, "application_id", 9).map(|()| 1), "store_foreign"),
        (&|db| db.execute("UPDATE device SET trust = replace(trust, ?1, ?2)", [&bundle, &other]), "store_corrupt"),
        (&|db| sql(db, "UPDATE device SET trust = replace(trust, 'bundles', 'bungles')"), "store_corrupt"),
        (&|db| sql(db, "DELETE FROM device"), "store_corrupt"),
        (&|db| db.execute("UPDATE device SET tdid = ?1", [root.as_bytes()]), "store_corrupt"),
    ];
    let told = async |code: &str| {
        let before = std::fs::read(&state).unwrap();
        assert_ne!(before, good, "{code}");
        let failure = Device::open(&path, KeyStore::File, config(&clock)).await.unwrap_err();
        assert_eq!(failure.code(), code, "{failure}");
        assert_eq!(std::fs::read(&state).unwrap(), before, "it is left as it was");
        std::fs::write(&state, &good).unwrap();
    };
    for (spoil, code) in cases {
        let db = Connection::open(&state).unwrap();
        assert_eq!(spoil(&db), Ok(1));
        db.close().unwrap();
        told(code).await;
    }
    std::fs::write(&state, good.get(..good.len() / 2).unwrap()).unwrap();
    told("store_corrupt").await;
    std::fs::write(&state, b"dear diary, ".repeat(1000)).unwrap();
    told("store_corrupt").await;
    Device::open(&path, KeyStore::File, config(&clock)).await.unwrap().close().await;
    std::fs::remove_file(&state).unwrap();
    assert_eq!(Device::open(&path, KeyStore::File, config(&clock)).await.unwrap_err().code(), "unpaired");
}
