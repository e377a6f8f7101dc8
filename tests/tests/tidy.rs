//! What holds for every source of the project, whatever its language.

use std::path::Path;

use agenttrust_tests::{sources_under, workspace_root};

const CODE: &[&str] = &["css", "js", "mjs", "py", "rs", "sh", "svelte", "ts"];
const LINES: usize = 500;

fn report(problem: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let files = sources_under(workspace_root(), CODE).expect("the project's folders");
    let here = files.iter().any(|file| file.ends_with(Path::new("tests/tests/tidy.rs")));
    assert!(here, "the walk does not even find this file");
    let of_file = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).expect("a source is UTF-8");
        let shown = file.strip_prefix(workspace_root()).unwrap_or(file).display().to_string();
        problem(&text).map(|problem| format!("{shown}: {problem}"))
    };
    files.iter().filter_map(of_file).collect()
}

#[test]
fn no_module_has_outgrown_one_thing() {
    let long = report(|text| {
        let lines = text.lines().count();
        (lines > LINES).then(|| format!("{lines} lines"))
    });
    assert!(long.is_empty(), "over {LINES} lines, so probably two things:\n{}", long.join("\n"));
}

#[test]
fn no_source_is_unfinished_by_its_own_word() {
    // Joined here so that this file does not name itself.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let unfinished = report(|text| {
        let names_one = |line: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word));
        let line = text.lines().position(names_one)?;
        Some(format!("line {}", line + 1))
    });
    assert!(unfinished.is_empty(), "finish it, or write it down where work is planned:\n{}", unfinished.join("\n"));
}
