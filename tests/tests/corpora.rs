//! Every input that a fuzz target was seeded with, or once found, through the same functions without libFuzzer.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use agenttrust_tests::workspace_root;
use std::path::PathBuf;

fn files(target: &str) -> Vec<PathBuf> {
    let folder = workspace_root().join("tests/fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a file of the corpus").path()).collect()
}

/// A file's name says what becomes of it: `bad-…` is refused, any other accepted.
#[test]
fn every_corpus_file_keeps_its_targets_promises() {
    for (target, run) in fuzz::TARGETS {
        let (mut accepted, mut refused) = (0, 0);
        for path in files(target) {
            let data = std::fs::read(&path).expect("a file of the corpus");
            // A panic's own message does not name the file.
            let ran = std::panic::catch_unwind(|| run(&data));
            let ran = ran.unwrap_or_else(|_| panic!("{} breaks a promise, see above", path.display()));
            let bad = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("bad-"));
            assert_eq!(ran, !bad, "whether {} is accepted", path.display());
            *(if ran { &mut accepted } else { &mut refused }) += 1;
        }
        assert!(accepted >= 5 && refused >= 5, "{target}: {accepted} accepted and {refused} refused are too few");
    }
}
