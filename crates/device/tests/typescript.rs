//! The interface's types are made from ours: what is committed must be what would be written today.

use agenttrust_device::console::{Call, News, Reply};
use agenttrust_protocol::door::ErrorBody;
use std::collections::BTreeMap;
use std::path::Path;
use ts_rs::{Config, TS};

const FOLDER: &str = "../../ui/src/runtime/gen";

fn write(folder: &Path) {
    // Seconds, bytes and counts stay far below 2^53.
    let config = Config::new().with_large_int("number").with_out_dir(folder);
    Call::export_all(&config).expect("the types are written");
    Reply::export_all(&config).expect("the types are written");
    News::export_all(&config).expect("the types are written");
    ErrorBody::export_all(&config).expect("the types are written");
    let mut index = String::from("// Every type, by its name.\n");
    for name in read(folder).keys().filter_map(|file| file.strip_suffix(".ts")) {
        index.push_str(&format!("export type {{ {name} }} from './{name}';\n"));
    }
    std::fs::write(folder.join("index.ts"), index).expect("the index is written");
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).expect("the folder of the types").map(|entry| entry.expect("a file"));
    files
        .map(|file| {
            let text = std::fs::read_to_string(file.path()).expect("a text");
            (file.file_name().to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// `UPDATE=1` writes them anew: `make types`.
#[test]
fn the_interfaces_types_are_ours() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    if std::env::var_os("UPDATE").is_some() {
        let _absent = std::fs::remove_dir_all(&committed);
        write(&committed);
        return;
    }
    let fresh = tempfile::tempdir().expect("a folder");
    write(fresh.path());
    let (fresh, committed) = (read(fresh.path()), read(&committed));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&committed), "{FOLDER} has drifted: run `make types`");
    for (name, text) in fresh {
        assert_eq!(Some(&text), committed.get(&name), "{FOLDER}/{name} has drifted: run `make types`");
    }
}
