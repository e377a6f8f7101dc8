//! Codex's way around its hooks: what a model types into a shell that runs already fires none.

use super::drive::{self, FILE};
use super::{DoctorError, LIMIT, run, written};
use agenttrust_scripted_model::{Proposal, ScriptedModel, ToolUse};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// Whether a client lets its model type into a shell that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// What was typed was carried out.
    Open,
    /// It was not.
    Closed,
}

/// Opens a shell and types into it. The hooks are off in this run alone: the question is whether there is anything to
/// type into, and our hook would refuse the shell.
pub(super) async fn codex(program: &Path) -> Result<Gap, DoctorError> {
    let folder = tempfile::Builder::new().prefix("agenttrust-doctor-").tempdir()?;
    let root = folder.path().canonicalize()?;
    let model = ScriptedModel::start(typed()).await?;
    let drive = drive::codex(&model.url).with("--disable").with("hooks");
    run::run(program, &drive, &root, &[], LIMIT).await?;
    Ok(if written(&root.join(run::FOLDER))?.is_empty() { Gap::Closed } else { Gap::Open })
}

fn typed() -> Vec<Vec<Proposal>> {
    let call = |name, input| vec![Proposal::from(ToolUse { name, input })];
    let words = format!("echo AgentTrust doctor > {FILE}typed\n");
    let session = "after:session ID ";
    vec![
        call("exec_command", json!({"cmd": "bash", "tty": true, "yield_time_ms": 500})),
        call("write_stdin", json!({"session_id": session, "chars": words, "yield_time_ms": 1000})),
    ]
}
