//! A real coding agent whose configuration has the gateway where the server stood.

use crate::bench::{Bench, below};
use agenttrust_device::CardView;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, ScriptedModel, ToolUse};
use serde_json::json;

/// Claude Code proposes to write a file with the server's tool; answers what it told its model, and the world after.
async fn write(answer: impl Fn(&CardView) -> Answer + Send + Sync + 'static) -> (Bench, Vec<String>) {
    let bench = Bench::new(answer).await;
    let input = json!({"path": bench.path("files/note.txt"), "content": "original"});
    let model = ScriptedModel::start(vec![vec![ToolUse { name: "mcp__files__write_file", input }]]).await.unwrap();
    let gateway = bench.files_gateway();
    let config = json!({"mcpServers": {"files": {"command": gateway[0], "args": gateway[1..]}}});
    std::fs::write(bench.path("mcp.json"), config.to_string()).unwrap();
    let claude = below("claude-code/node_modules/@anthropic-ai", "claude").display().to_string();
    let config = bench.path("mcp.json");
    let words = ["-p", "Write the note", "--model", "claude-sonnet-5", "--strict-mcp-config", "--mcp-config", &config];
    let words = words.into_iter().chain(["--allowedTools", "mcp__files__write_file"]);
    let line: Vec<String> = std::iter::once(claude.as_str()).chain(words).map(str::to_owned).collect();
    let mut command = bench.command(&line);
    command
        // Else it looks tools up before it calls them, which the model here does not.
        .env("ENABLE_TOOL_SEARCH", "false")
        .env("ANTHROPIC_BASE_URL", &model.url)
        .env("ANTHROPIC_API_KEY", "sk-scripted")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .env("DISABLE_TELEMETRY", "1");
    let ran = bench.run_command(command).await;
    let results = model.results();
    assert_eq!(results.len(), 1, "{results:?} {ran:?}");
    (bench, results)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_written() {
    let (bench, results) = write(|_| Answer::Approve).await;
    assert_eq!(bench.file("note.txt").as_deref(), Some("original"), "{results:?}");
    assert_eq!(bench.world.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_reads_why_nothing_was_written() {
    let (bench, results) = write(|_| Answer::Deny("Wait until Friday.".to_owned())).await;
    assert_eq!(bench.file("note.txt"), None);
    assert!(results[0].contains("not approved (denied)") && results[0].contains("Wait until Friday."), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_reads_that_something_else_was_written() {
    let (bench, results) = write(|card| Answer::Edit(card.json.replace("original", "EDITED"))).await;
    assert_eq!(bench.file("note.txt").as_deref(), Some("EDITED"), "{results:?}");
    assert!(results[0].contains("AgentTrust: the person changed the arguments"), "{results:?}");
}
