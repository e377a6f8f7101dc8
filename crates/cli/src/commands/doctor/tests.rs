use super::*;
use agenttrust_protocol::hash::Tdid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const NOW: Time = Time(1_790_000_000);

fn place(folder: &tempfile::TempDir) -> Place {
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    Place::find(Some(&data), |_| None::<PathBuf>).unwrap()
}

fn status() -> DaemonStatus {
    DaemonStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: 4211,
        started: NOW.plus(-7500),
        now: NOW,
        skew: Some(1),
        data: "/d".to_owned(),
        tdid: Some(Tdid::from_bytes([0xab; 32])),
        bundle: 3,
        status_until: Some(NOW.plus(86_400)),
        admins: vec!["Ann's phone".to_owned()],
        devices: 2,
        connected: 1,
        local_only: false,
        pending: 4,
        log_size: 1234,
        paused: false,
    }
}

fn down(place: &Place) -> Scene<'_> {
    Scene { place, status: Err(Trouble::DaemonDown.into()), now: NOW, key_store: Ok(()) }
}

fn header(id: &[u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..16].copy_from_slice(b"SQLite format 3\0");
    bytes[68..72].copy_from_slice(id);
    bytes
}

fn found(check: &Check) -> (Level, &str) {
    (check.level, check.code.as_deref().unwrap_or_default())
}

#[test]
fn a_foreign_database_is_told_before_a_daemon_touches_it() {
    let scratch = tempfile::tempdir().unwrap();
    let place = place(&scratch);
    let look = || checks::database(&down(&place));
    assert_eq!(found(&look()), (Level::Ok, ""));
    fs::write(place.database(), b"").unwrap();
    assert_eq!(found(&look()), (Level::Ok, ""), "SQLite makes a new one of it");
    for (bytes, code) in [
        (b"hello".to_vec(), "store_foreign"),
        (vec![b'x'; 4096], "store_foreign"),
        (header(b"Else"), "store_foreign"),
        (header(b"AgTr"), ""),
    ] {
        fs::write(place.database(), bytes).unwrap();
        assert_eq!(found(&look()).1, code);
    }
    let newer =
        "agenttrustd: The database was written by a newer version of AgentTrust. [9] (store_newer)\n  Install it.\n";
    fs::write(place.log_file(), newer).unwrap();
    let check = look();
    assert_eq!(found(&check), (Level::Fail, "store_newer"));
    assert!(check.message.ends_with("[9]"), "{check:?}");
    let daemon = checks::daemon(&down(&place));
    assert_eq!(found(&daemon), (Level::Fail, "daemon_down"));
    assert!(daemon.message.contains("The last start failed: The database was written by a newer"), "{daemon:?}");
    // Once it runs again, old words mean nothing.
    let scene = Scene { status: Ok(status()), ..down(&place) };
    assert_eq!(found(&checks::database(&scene)), (Level::Ok, ""));
}

#[test]
fn an_open_folder_is_unsafe() {
    let scratch = tempfile::tempdir().unwrap();
    let place = place(&scratch);
    assert_eq!(found(&folder::data_folder(place.data())), (Level::Ok, ""));
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o750)).unwrap();
    assert_eq!(found(&folder::data_folder(place.data())), (Level::Fail, "unsafe_folder"));
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(found(&folder::data_folder(place.data())), (Level::Fail, "unsafe_folder"));
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(found(&folder::data_folder(&scratch.path().join("missing"))), (Level::Ok, ""));
    let deep = scratch.path().join("d".repeat(120));
    fs::create_dir(&deep).unwrap();
    fs::set_permissions(&deep, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(found(&folder::data_folder(&deep)), (Level::Fail, "path_too_long"));
}

#[test]
fn a_clock_that_is_off_shows() {
    assert_eq!(found(&checks::clock(&status(), NOW)), (Level::Ok, ""));
    assert_eq!(found(&checks::clock(&status(), NOW.plus(3600))), (Level::Fail, "clock_off"));
    for (skew, words) in [(3600, "1 h ahead"), (-3600, "1 h behind")] {
        let off = checks::clock(&DaemonStatus { skew: Some(skew), ..status() }, NOW);
        assert_eq!(found(&off), (Level::Fail, "clock_off"));
        assert!(off.message.contains(words), "{off:?}");
    }
    let hour_behind = DaemonStatus { status_until: Some(NOW.plus(72 * 3600 + 3600)), ..status() };
    assert_eq!(found(&checks::clock(&hour_behind, NOW)), (Level::Fail, "clock_off"));
}

#[test]
fn what_keeps_approvals_from_happening_is_told() {
    let expired = DaemonStatus { status_until: Some(NOW.plus(-60)), ..status() };
    assert_eq!(found(&checks::trust(&expired)), (Level::Fail, "status_expired"));
    assert!(checks::trust(&expired).hint.unwrap().contains("Ann's phone"));
    let nobody = DaemonStatus { tdid: None, ..status() };
    assert_eq!(found(&checks::trust(&nobody)), (Level::Fail, "unpaired"));
    let paused = DaemonStatus { paused: true, ..status() };
    assert_eq!(found(&checks::trust(&paused)), (Level::Warn, "paused"));
    let away = DaemonStatus { connected: 0, ..status() };
    assert_eq!(found(&checks::reachable(&away)), (Level::Warn, "no_device"));
    let alone = DaemonStatus { local_only: true, ..status() };
    assert_eq!(checks::approvers(&alone).as_ref().map(found), Some((Level::Warn, "approver_local")));
    let old = DaemonStatus { version: "0.0.1".to_owned(), ..status() };
    assert_eq!(found(&checks::version(&old)), (Level::Warn, "version_differs"));
}

#[test]
fn a_key_that_agents_could_use_is_a_failure() {
    let scratch = tempfile::tempdir().unwrap();
    let place = place(&scratch);
    assert_eq!(found(&checks::terminal(&place)), (Level::Ok, ""));
    fs::create_dir(place.terminal()).unwrap();
    let keep = |keys: &str| fs::write(place.terminal().join("keys.json"), format!("{{\"version\":1,\"keys\":{keys}}}"));
    keep(r#"{"pin":{"kdf":"argon2id"}}"#).unwrap();
    assert_eq!(found(&checks::terminal(&place)), (Level::Ok, ""));
    keep(r#"{"file":{"seeds":"x"}}"#).unwrap();
    assert_eq!(found(&checks::terminal(&place)), (Level::Fail, "key_open"));
}

#[test]
fn a_locked_key_store_is_told_with_what_to_do() {
    let locked = checks::key_store(&Err(agenttrust_device::Failure::new(Trouble::KeystoreLocked, "it is locked")));
    assert_eq!(found(&locked), (Level::Warn, "keystore_locked"));
    assert!(locked.message.starts_with(Trouble::KeystoreLocked.sentence()), "{locked:?}");
    assert!(locked.hint.unwrap().starts_with(Trouble::KeystoreLocked.hint()));
}

#[test]
fn the_page_is_readable() {
    let scratch = tempfile::tempdir().unwrap();
    let place = place(&scratch);
    let status = Ok(DaemonStatus { connected: 0, local_only: true, ..status() });
    let mut list = examine(&Scene { status, ..down(&place) });
    // What depends on this machine.
    list.retain(|check| !["folder", "agents", "version", "root"].contains(&check.name));
    let page = crate::out::Page::default();
    show(&list, &mut Out::to(page.clone(), false));
    insta::assert_snapshot!(page.text());
}
