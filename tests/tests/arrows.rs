//! Holds the arrows of `ARCHITECTURE.md`: which package may use which, and what a pure one may not touch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use agenttrust_tests::{sources_under, workspace_root};
use proc_macro2::{Ident, TokenStream, TokenTree};
use serde_json::Value;
use syn::UseTree;
use syn::visit::{self, Visit};

/// What a package may depend on outside its own tests.
struct Room {
    name: &'static str,
    /// Packages of this workspace it may use.
    uses: &'static [&'static str],
    /// A pure room computes: time, randomness and bytes are handed to it.
    pure: bool,
    /// Outside crates it may not depend on directly, beside what purity forbids.
    never: &'static [&'static str],
}

const fn room(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, uses, pure: false, never: &[] }
}

const fn pure(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, uses, pure: true, never: &[] }
}

const ROOMS: &[Room] = &[
    pure("agenttrust-protocol", &[]),
    pure("agenttrust-tlog", &[]),
    pure("agenttrust-risk", &["agenttrust-protocol"]),
    pure("agenttrust-policy", &["agenttrust-protocol"]),
    pure("agenttrust-approver", &["agenttrust-protocol", "agenttrust-tlog", "agenttrust-risk"]),
    room("agenttrust-link", &["agenttrust-protocol"]),
    room("agenttrust-device", &["agenttrust-protocol", "agenttrust-tlog", "agenttrust-approver", "agenttrust-link"]),
    room("agenttrust-gate", &["agenttrust-protocol"]),
    room("agenttrust-hooks", &["agenttrust-protocol", "agenttrust-gate"]),
    room("agenttrust-gateway", &["agenttrust-protocol", "agenttrust-gate"]),
    room("agenttrust-scripted-model", &[]),
    room("agenttrust-install", &["agenttrust-hooks", "agenttrust-gateway", "agenttrust-scripted-model"]),
    room(
        "agenttrust-cli",
        &[
            "agenttrust-protocol",
            "agenttrust-tlog",
            "agenttrust-policy",
            "agenttrust-device",
            "agenttrust-hooks",
            "agenttrust-gateway",
            "agenttrust-install",
            "agenttrust-gate",
        ],
    ),
    Room {
        name: "agenttrust-daemon",
        uses: &["agenttrust-protocol", "agenttrust-tlog", "agenttrust-risk", "agenttrust-policy", "agenttrust-link"],
        pure: false,
        never: &["tauri"],
    },
    room("agenttrust-app", &["agenttrust-device"]),
    room("agenttrust-examples", &["agenttrust-protocol", "agenttrust-gate"]),
    room("agenttrust-benches", &[]),
];

/// May use anything; no room names it, so nothing that ships uses it.
const TESTS: &str = "agenttrust-tests";

/// Crates that bring input, output or a clock; a pure room has none of them, however deep.
const IMPURE_CRATES: &[&str] = &["tokio", "axum", "rusqlite", "reqwest", "tauri"];

/// The same in the standard library.
const IMPURE_PATHS: &[&str] = &["std::fs", "std::net", "std::env", "SystemTime", "Instant::now"];

fn cargo(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(workspace_root()).output().expect("cargo starts");
    assert!(output.status.success(), "cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn packages() -> Vec<Value> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages").clone();
    assert!(!packages.is_empty(), "cargo metadata names no package");
    packages
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a package's name")
}

fn source_folder(package: &Value) -> PathBuf {
    Path::new(package["manifest_path"].as_str().expect("a manifest's path")).with_file_name("src")
}

/// The workspace's pure packages that exist.
fn pure_packages() -> Vec<Value> {
    let is_pure = |package: &Value| ROOMS.iter().any(|room| room.pure && room.name == name(package));
    let found: Vec<Value> = packages().into_iter().filter(is_pure).collect();
    assert!(!found.is_empty(), "no pure package found: the table's names no longer fit the workspace");
    found
}

/// What a package needs to be built and run; what only its tests need is free.
fn shipped_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
    dependencies.iter().filter(|dependency| dependency["kind"] != "dev")
}

fn broken_arrows(package: &Value) -> Vec<String> {
    if name(package) == TESTS {
        return Vec::new();
    }
    let Some(room) = ROOMS.iter().find(|room| room.name == name(package)) else {
        return vec![format!(
            "{} is not in ROOMS: add its row in tests/tests/arrows.rs and its arrows in ARCHITECTURE.md",
            name(package)
        )];
    };
    shipped_dependencies(package)
        .filter_map(|dependency| {
            let used = name(dependency);
            // A package of the workspace is a dependency by path, whatever it is called.
            let ours = !dependency["path"].is_null();
            if ours && !room.uses.contains(&used) {
                return Some(format!("{} → {used}: no such arrow", room.name));
            }
            let impure = room.pure && IMPURE_CRATES.contains(&used);
            (impure || room.never.contains(&used)).then(|| format!("{} → {used}: never", room.name))
        })
        .collect()
}

#[test]
fn packages_use_only_what_the_arrows_allow() {
    let broken: Vec<String> = packages().iter().flat_map(broken_arrows).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_forbidden_arrow_is_found() {
    let dependency =
        |name: &str, kind: Value, path: Value| serde_json::json!({ "name": name, "kind": kind, "path": path });
    let package = serde_json::json!({
        "name": "agenttrust-tlog",
        "dependencies": [
            dependency("agenttrust-protocol", Value::Null, "/crates/protocol".into()),
            dependency("tokio", "build".into(), Value::Null),
            dependency("axum", "dev".into(), Value::Null),
            dependency("sha2", Value::Null, Value::Null),
        ],
    });
    assert_eq!(
        broken_arrows(&package),
        ["agenttrust-tlog → agenttrust-protocol: no such arrow", "agenttrust-tlog → tokio: never"]
    );
    let unknown = broken_arrows(&serde_json::json!({ "name": "agenttrust-new", "dependencies": [] }));
    assert!(unknown[0].contains("tests/tests/arrows.rs"), "{unknown:?}");
}

#[test]
fn pure_packages_reach_no_impure_crate_at_any_depth() {
    for package in pure_packages() {
        let package = name(&package);
        let tree = cargo(&["tree", "--package", package, "--locked", "--edges", "normal,build", "--prefix", "none"]);
        let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(reached.contains(package), "cargo tree does not name {package}: {tree}");
        for crate_name in IMPURE_CRATES {
            assert!(
                !reached.contains(crate_name),
                "{package} reaches {crate_name}; `cargo tree -p {package} -i {crate_name}` shows how"
            );
        }
    }
}

#[test]
fn pure_sources_do_no_input_or_output_and_read_no_clock() {
    let mut found = Vec::new();
    for package in pure_packages() {
        let files = sources_under(&source_folder(&package), &["rs"]).expect("a source folder");
        // `#[cfg(test)] mod tests;` in a file of its own.
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let text = std::fs::read_to_string(file).expect("a source file");
            let hits = impure_lines(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            found.extend(hits.into_iter().map(|(line, what)| format!("{}:{line}: {what}", file.display())));
        }
    }
    assert!(found.is_empty(), "a pure package takes these as arguments:\n{}", found.join("\n"));
}

#[test]
fn impure_sources_are_found_however_they_are_written() {
    let text = r#"
        use std::{collections::BTreeMap, fs::{self, File}};
        // std::net in a comment, and "std::net" in a string, are nothing
        fn now() -> u64 { let _ = "std::net"; std::time::SystemTime::now(); Instant::now(); 0 }
        fn shown() -> String { format!("{:?}", std::env::args()) }
        #[cfg(test)]
        mod tests { use std::net::TcpStream; }
        #[test]
        fn tested() { std::net::lookup(); }
    "#;
    let found = impure_lines(text).expect("it parses");
    assert_eq!(Vec::from_iter(found), [(2, "std::fs"), (4, "Instant::now"), (4, "SystemTime"), (5, "std::env")]);
}

/// Lines of a Rust source that name something in [`IMPURE_PATHS`] outside its tests.
fn impure_lines(text: &str) -> syn::Result<BTreeSet<(usize, &'static str)>> {
    let mut scan = Scan::default();
    scan.visit_file(&syn::parse_file(text)?);
    Ok(scan.found)
}

#[derive(Default)]
struct Scan {
    found: BTreeSet<(usize, &'static str)>,
}

impl Scan {
    fn look(&mut self, path: &[Ident]) {
        for impure in IMPURE_PATHS {
            let parts: Vec<&str> = impure.split("::").collect();
            let at = path.windows(parts.len()).find(|window| *window == parts);
            self.found.extend(at.map(|window| (window[0].span().start().line, *impure)));
        }
    }

    fn look_into_use(&mut self, tree: &UseTree, mut path: Vec<Ident>) {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.clone());
                self.look_into_use(&part.tree, path);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.look_into_use(tree, path.clone())),
            UseTree::Name(last) => {
                path.push(last.ident.clone());
                self.look(&path);
            }
            UseTree::Rename(last) => {
                path.push(last.ident.clone());
                self.look(&path);
            }
            UseTree::Glob(_) => self.look(&path),
        }
    }

    /// A macro's input is tokens, not paths: names joined by colons are taken for a path.
    fn look_into_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => path.push(ident),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                TokenTree::Group(group) => self.look_into_tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.look(&std::mem::take(&mut path)),
            }
        }
        self.look(&path);
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let idents: Vec<Ident> = path.segments.iter().map(|segment| segment.ident.clone()).collect();
        self.look(&idents);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.look_into_tokens(call.tokens.clone());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !for_tests(&item.attrs) {
            self.look_into_use(&item.tree, Vec::new());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }
}

/// Whether an item carries `#[cfg(test)]` or `#[test]`.
fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let argument = attribute.parse_args::<Ident>();
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg") && argument.is_ok_and(|word| word == "test"))
    })
}
