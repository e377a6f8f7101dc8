use super::*;
use std::fs;

const NOW: Time = Time(1_800_000_000);

fn pin(text: &str) -> KeyStore {
    KeyStore::Pin(Pin::with_cost(text, PinCost { memory_kib: 64, passes: 1 }))
}

fn folder() -> (tempfile::TempDir, Folder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Folder::open(&scratch.path().join("device")).unwrap();
    (scratch, folder)
}

fn text(folder: &Folder) -> String {
    fs::read_to_string(folder.path().join(KEYS)).unwrap()
}

fn same(a: &Keys, b: &Keys) -> bool {
    a.to_seeds() == b.to_seeds()
}

#[test]
fn keys_come_back_from_each_store() {
    for store in [KeyStore::File, pin("correct horse")] {
        let (_scratch, folder) = folder();
        assert_eq!(KeyStore::kept(&folder).unwrap_err().code(), "unpaired");
        let keys = Keys::generate();
        store.save(&folder, &keys).unwrap();
        assert!(same(&store.load(&folder, NOW).unwrap(), &keys), "{store:?}");
        let kept = KeyStore::kept(&folder).unwrap();
        assert_eq!(serde_json::to_value(kept).unwrap(), store.protection());
    }
}

#[test]
fn the_three_keys_differ_and_stand_in_order() {
    let mut seeds = Seeds::new([0; 96]);
    for (at, byte) in seeds.iter_mut().enumerate() {
        *byte = u8::try_from(at / 32).unwrap() + 1;
    }
    let keys = Keys::from_seeds(&seeds);
    assert_eq!(keys.approval.public(), SecretKey::from_seed(&[1; 32]).public());
    assert_eq!(keys.witness.public(), SecretKey::from_seed(&[2; 32]).public());
    assert_eq!(keys.transport.public(), SecretKey::from_seed(&[3; 32]).public());
    assert_eq!(keys.to_seeds(), seeds);
}

#[test]
fn a_sealed_file_holds_no_seed_and_has_the_documented_form() {
    let (_scratch, folder) = folder();
    let keys = Keys::generate();
    pin("123456").save(&folder, &keys).unwrap();
    let written = text(&folder);
    for part in keys.to_seeds().chunks_exact(32) {
        assert!(!written.contains(&BASE64URL_NOPAD.encode(part)));
    }
    assert!(!written.contains("123456"));
    let value: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(value["version"], 1);
    let sealed = &value["keys"]["pin"];
    assert_eq!((&sealed["kdf"], &sealed["cipher"]), (&"argon2id".into(), &"xchacha20poly1305".into()));
    let lengths = ["salt", "nonce", "sealed"]
        .map(|name| BASE64URL_NOPAD.decode(sealed[name].as_str().unwrap().as_bytes()).unwrap().len());
    assert_eq!(lengths, [16, 24, 112]);
}

/// Sealed by another implementation of the documented format (argon2-cffi and libsodium): what it wrote must open.
#[test]
fn a_file_made_elsewhere_opens() {
    let (_scratch, folder) = folder();
    folder.write(KEYS, include_bytes!("../../tests/sealed.json")).unwrap();
    let keys = pin("пароль 123").load(&folder, NOW).unwrap();
    assert_eq!(keys.approval.public(), SecretKey::from_seed(&[0x11; 32]).public());
    assert_eq!(keys.witness.public(), SecretKey::from_seed(&[0x22; 32]).public());
    assert_eq!(keys.transport.public(), SecretKey::from_seed(&[0x33; 32]).public());
}

#[test]
fn a_wrong_pin_is_told_and_the_right_one_still_opens() {
    let (_scratch, folder) = folder();
    let keys = Keys::generate();
    pin("123456").save(&folder, &keys).unwrap();
    assert_eq!(pin("123457").load(&folder, NOW).unwrap_err().code(), "wrong_pin");
    assert!(same(&pin("123456").load(&folder, NOW).unwrap(), &keys));
}

#[test]
fn waits_grow_are_kept_in_the_file_and_end_with_the_right_pin() {
    let (_scratch, folder) = folder();
    let keys = Keys::generate();
    pin("123456").save(&folder, &keys).unwrap();
    let wrong = |now| pin("000000").load(&folder, now).unwrap_err().to_string();
    let mut now = NOW;
    for _ in 0..2 {
        assert!(!wrong(now).contains("wait"));
    }
    for wait in [5, 10, 20, 40] {
        assert!(wrong(now).contains(&format!("wait {wait} s")), "{wait}");
        // Neither the right PIN nor another process (the file is all there is) gets around the wait.
        let early = pin("123456").load(&folder, now.plus(wait - 1)).unwrap_err();
        assert!(early.to_string().contains("wait 1 s"), "{early}");
        now = now.plus(wait);
    }
    assert!(same(&pin("123456").load(&folder, now).unwrap(), &keys));
    assert!(!wrong(now).contains("wait"), "the count starts over");
}

#[test]
fn a_clock_set_back_neither_skips_nor_stretches_the_wait() {
    let (_scratch, folder) = folder();
    pin("123456").save(&folder, &Keys::generate()).unwrap();
    for _ in 0..3 {
        pin("000000").load(&folder, NOW).unwrap_err();
    }
    let told = pin("123456").load(&folder, NOW.plus(-100_000)).unwrap_err().to_string();
    assert!(told.contains("wait 5 s"), "{told}");
}

#[test]
fn no_wait_is_longer_than_an_hour() {
    let (_scratch, folder) = folder();
    pin("123456").save(&folder, &Keys::generate()).unwrap();
    let many = text(&folder)
        .replace("\"failed\":0", "\"failed\":4000000000")
        .replace("\"last\":0", &format!("\"last\":{}", NOW.0));
    folder.write(KEYS, many.as_bytes()).unwrap();
    let told = pin("123456").load(&folder, NOW).unwrap_err().to_string();
    assert!(told.contains("wait 3600 s"), "{told}");
    pin("123456").load(&folder, NOW.plus(3600)).unwrap();
}

#[test]
fn every_change_to_the_sealed_parts_is_noticed() {
    let (_scratch, folder) = folder();
    pin("123456").save(&folder, &Keys::generate()).unwrap();
    let good = text(&folder);
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    for name in ["salt", "nonce", "sealed"] {
        let before = value["keys"]["pin"][name].as_str().unwrap();
        let first = if before.starts_with('A') { "B" } else { "A" };
        let after = format!("{first}{}", before.get(1..).unwrap());
        folder.write(KEYS, good.replace(before, &after).as_bytes()).unwrap();
        assert_eq!(pin("123456").load(&folder, NOW).unwrap_err().code(), "wrong_pin", "{name}");
    }
    // The same key with other costs on the label.
    let cheaper = good.replace("\"passes\":1", "\"passes\":2");
    folder.write(KEYS, cheaper.as_bytes()).unwrap();
    assert_eq!(pin("123456").load(&folder, NOW).unwrap_err().code(), "wrong_pin");
}

#[test]
fn what_cannot_be_read_is_told_and_left_alone() {
    let (_scratch, folder) = folder();
    pin("123456").save(&folder, &Keys::generate()).unwrap();
    let good = text(&folder);
    let cases = [
        (good.replace("\"version\":1", "\"version\":2"), "store_newer"),
        (good.replace("\"memory_kib\":64", "\"memory_kib\":4000000000"), "store_corrupt"),
        (good.replace("\"memory_kib\":64", "\"memory_kib\":1"), "store_corrupt"),
        (good.replace("\"failed\"", "\"fooled\""), "store_corrupt"),
        (good.replace("argon2id", "argon2d"), "store_corrupt"),
        (String::new(), "store_corrupt"),
        (r#"{"version":1,"keys":{"file":{"seeds":"AAAA"}}}"#.to_owned(), "bad_request"),
    ];
    for (bad, code) in cases {
        folder.write(KEYS, bad.as_bytes()).unwrap();
        assert_eq!(pin("123456").load(&folder, NOW).unwrap_err().code(), code, "{bad}");
        assert_eq!(text(&folder).split("\"failed\"").next(), bad.split("\"failed\"").next());
    }
    folder.write(KEYS, br#"{"version":1,"keys":{"file":{"seeds":"AAAA"}}}"#).unwrap();
    assert_eq!(KeyStore::File.load(&folder, NOW).unwrap_err().code(), "store_corrupt");
}

#[test]
fn a_short_pin_is_refused_before_anything_is_written() {
    let (_scratch, folder) = folder();
    assert_eq!(pin("12345").save(&folder, &Keys::generate()).unwrap_err().code(), "pin_too_short");
    assert!(!folder.has(KEYS));
    pin("пароль").save(&folder, &Keys::generate()).unwrap();
}

#[test]
fn nothing_secret_is_printed() {
    let printed = format!("{:?} {:?}", pin("123456"), Keys::generate());
    assert!(!printed.contains("123456") && printed.contains("secret approval key"), "{printed}");
}

#[test]
fn the_plain_file_says_what_it_is_and_is_its_owners_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let (_scratch, folder) = folder();
    KeyStore::File.save(&folder, &Keys::generate()).unwrap();
    assert_eq!(KeyStore::File.protection(), "file", "every device sees the word in the trust bundle");
    let path = folder.path().join(KEYS);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(KeyStore::File.load(&folder, NOW).unwrap_err().code(), "unsafe_folder", "others could have read it");
}

/// The real Secret Service of a desktop, on a session bus and in a home of its own.
#[cfg(target_os = "linux")]
mod session {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    /// Does one part in a session of its own.
    fn run(home: &Path, keyring: &str, part: &str) {
        let test = std::env::current_exe().unwrap();
        let script = format!("{keyring} && exec \"$0\" --ignored --exact keystore::tests::session::{part}");
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", &script]).arg(test).env("HOME", home).env("XDG_RUNTIME_DIR", home);
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"] {
            command.env_remove(name);
        }
        let output = command.output().expect("dbus-run-session starts: scripts/setup test");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}{output:?}");
    }

    fn home() -> std::path::PathBuf {
        std::env::var_os("HOME").unwrap().into()
    }

    #[test]
    fn the_platform_keeps_keys_until_it_is_locked() {
        let home = tempfile::tempdir().unwrap();
        run(home.path(), "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null", "unlocked");
        // The same keyring in the next session, whose password nobody has typed yet.
        run(home.path(), "gnome-keyring-daemon --start --components=secrets >/dev/null", "locked");
        run(home.path(), "export DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere", "missing");
    }

    #[test]
    #[ignore = "the_platform_keeps_keys_until_it_is_locked runs it in a session of its own"]
    fn unlocked() {
        KeyStore::platform_ready().unwrap();
        let folder = Folder::open(&home().join("device")).unwrap();
        let keys = Keys::generate();
        KeyStore::Platform.save(&folder, &keys).unwrap();
        assert_eq!(KeyStore::kept(&folder).unwrap(), Kept::Platform);
        for part in keys.to_seeds().chunks_exact(32) {
            assert!(!text(&folder).contains(&BASE64URL_NOPAD.encode(part)), "the file holds no seed");
        }
        assert!(same(&KeyStore::Platform.load(&folder, NOW).unwrap(), &keys));
        assert_eq!(KeyStore::File.load(&folder, NOW).unwrap_err().code(), "bad_request");
        let other = Folder::open(&home().join("other")).unwrap();
        KeyStore::Platform.save(&other, &Keys::generate()).unwrap();
        KeyStore::Platform.forget(&other);
        assert_eq!(KeyStore::Platform.load(&other, NOW).unwrap_err().code(), "keystore_locked");
        assert!(same(&KeyStore::Platform.load(&folder, NOW).unwrap(), &keys), "another's are gone, these are not");
    }

    #[test]
    #[ignore = "the_platform_keeps_keys_until_it_is_locked runs it in a session of its own"]
    fn locked() {
        let folder = Folder::open(&home().join("device")).unwrap();
        refused(&KeyStore::platform_ready().unwrap_err());
        refused(&KeyStore::Platform.load(&folder, NOW).unwrap_err());
        let before = text(&folder);
        refused(&KeyStore::Platform.save(&folder, &Keys::generate()).unwrap_err());
        assert_eq!(text(&folder), before, "the keys it had are still named");
    }

    #[test]
    #[ignore = "the_platform_keeps_keys_until_it_is_locked runs it in a session of its own"]
    fn missing() {
        let folder = Folder::open(&home().join("device")).unwrap();
        refused(&KeyStore::platform_ready().unwrap_err());
        refused(&KeyStore::Platform.load(&folder, NOW).unwrap_err());
    }

    fn refused(failure: &Failure) {
        assert_eq!(failure.code(), "keystore_locked");
        let told = failure.to_string();
        assert!(told.starts_with("The key store of this computer is locked or missing."), "{told}");
        assert_eq!(Trouble::KeystoreLocked.hint(), "Unlock it and try again.");
    }
}
