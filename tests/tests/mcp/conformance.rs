//! The official conformance suite says the same of a server with and without the gateway in front of it.

use crate::bench::{Bench, node, packages, script};
use agenttrust_tests::kit::Answer;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Check {
    id: String,
    status: String,
}

/// Every check of the suite, by its scenario and its id.
async fn checks(bench: &Bench, url: &str, name: &str) -> BTreeMap<String, String> {
    let folder = bench.path(name);
    let suite = script("conformance/dist/index.js");
    let words = [&node().display().to_string(), &suite, "server", "--url", url, "-o", &folder]
        .map(|word: &str| word.to_owned());
    bench.run(&words).await;
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("the suite leaves results") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // A scenario's folder ends with the time of its run.
        let scenario = name.get(..name.len() - "-2026-11-25T17-45-01-361Z".len()).unwrap();
        let checks: Vec<Check> = serde_json::from_slice(&std::fs::read(path.join("checks.json")).unwrap()).unwrap();
        for (n, check) in checks.into_iter().enumerate() {
            found.insert(format!("{scenario} {n} {}", check.id), check.status);
        }
    }
    found
}

/// A server that the suite finds nothing wrong with: logging, progress, sampling and elicitation within calls included.
#[tokio::test(flavor = "multi_thread")]
async fn behind_the_gateway_a_server_conforms_in_everything() {
    let bench = Bench::new(|_| Answer::Approve).await;
    let words = [&node().display().to_string(), "--input-type=module", "-e", include_str!("conformance.mjs")];
    let mut fixture = bench.command(&words.map(|word: &str| word.to_owned()));
    // There its imports are.
    fixture.current_dir(packages());
    let (_server, url) = bench.start_listening(fixture).await;
    let (_gateway, address) = bench.listening(&url).await;
    let without = checks(&bench, &url, "without").await;
    let with = checks(&bench, &address, "with").await;
    assert_eq!(with, without);
    assert!(with.len() >= 40 && with.values().all(|status| status == "SUCCESS"), "{with:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_says_the_same_with_and_without_the_gateway() {
    let bench = Bench::new(|_| Answer::Approve).await;
    let (_server, url) = bench.everything().await;
    let (_gateway, address) = bench.listening(&url).await;
    let mut without = checks(&bench, &url, "without").await;
    let with = checks(&bench, &address, "with").await;
    assert!(without.len() >= 32, "{without:?}");
    // This server lets any page of the web in by rebinding its name; the gateway does not.
    let rebinding = "server-dns-rebinding-protection 0 localhost-host-rebinding-rejected";
    assert_eq!(without.insert(rebinding.to_owned(), "SUCCESS".to_owned()).as_deref(), Some("FAILURE"));
    assert_eq!(with, without);
}
