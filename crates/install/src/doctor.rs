//! `agenttrust doctor CLIENT`: proves that the hook stands in front of a coding agent's tools, instead of hoping.
//!
//! The person's own client runs with the person's own configuration. Its model is a scripted one on a loopback port,
//! which proposes harmless calls: each would write a file into an empty folder. The client's environment holds a word
//! that makes our hook, and nothing else, refuse at once and say that word. So the hook holds exactly where no file was
//! written and the model was told the word.

mod cursor;
mod drive;
mod gap;
mod here;
mod run;
mod version;
mod why;

pub use cursor::{CursorFile, cursor};
pub use gap::Gap;
pub use why::{Cause, Why};

use crate::Homes;
use agenttrust_hooks::{CANARY, Client};
use agenttrust_scripted_model::ScriptedModel;
use drive::Drive;
use run::Ran;
use serde::Serialize;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest that a client may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What was found out about one client.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The client's name.
    pub client: &'static str,
    /// What it comes to.
    pub verdict: Verdict,
    /// The program that ran.
    pub program: PathBuf,
    /// What it says its version is.
    pub version: Option<String>,
    /// The oldest version whose hooks are known to hold, where this one is older.
    pub older_than: Option<&'static str>,
    /// How long it ran, in milliseconds.
    pub took_ms: u64,
    /// The calls that its model proposed, by the tools' names.
    pub proposed: Vec<&'static str>,
    /// The files that were written although they should not have been.
    pub written: Vec<String>,
    /// What its own file says about our hook, where a call ran.
    pub why: Option<Why>,
    /// Files of the project that the person stands in which get past our hook there.
    pub here: Vec<Why>,
    /// What its model was told of every call.
    pub told: Vec<String>,
    /// Whether it lets a model type into a shell that runs already, where it has such a way.
    pub gap: Option<Gap>,
    /// The last lines that it printed, where they explain something.
    pub output: Option<String>,
}

/// What a run of a client comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No call ran, and every one was refused by our hook.
    Holds,
    /// No call of the run got past our hook, but the client has a way around it.
    Gap,
    /// The hook holds, but a file of the project that the person stands in gets past it there.
    NotHeldHere,
    /// A call ran.
    NotInstalled,
    /// No call ran, and what refused one was not our hook.
    BlockedElsewhere,
    /// The client ended without calling a tool, or did not end.
    CouldNotRun,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// No program of the client's name stands in the search path.
    #[error("{0} was not found")]
    NotFound(&'static str),
    /// The client has no way to be driven.
    #[error("{0} cannot be driven by another program")]
    NotDriven(&'static str),
    /// The system refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Where the client is and what it starts with.
#[derive(Debug)]
pub struct Patient {
    /// The client.
    pub client: Client,
    /// Its program; looked up in the search path if none is named.
    pub program: Option<PathBuf>,
    /// Where its configuration is.
    pub homes: Homes,
    /// Where the person stands.
    pub folder: PathBuf,
}

/// Runs the client once, with the person's configuration.
///
/// # Errors
/// It is not there, or the system refuses a folder, a port or a process.
pub async fn examine(patient: &Patient, search: Option<OsString>) -> Result<Report, DoctorError> {
    let client = patient.client;
    let name = drive::program_name(client).ok_or(DoctorError::NotDriven(client.title()))?;
    let named = patient.program.clone().filter(|path| path.is_file());
    let found = match patient.program {
        Some(_) => named,
        None => run::find(name, search),
    };
    let program = found.ok_or(DoctorError::NotFound(client.title()))?;
    let version = run::version(&program).await.map(|text| version::shown(&text));
    let folder = tempfile::Builder::new().prefix("agenttrust-doctor-").tempdir()?;
    // Clients compare paths after following links.
    let root = folder.path().canonicalize()?;
    let word = word()?;
    let model = ScriptedModel::start(drive::canaries(&root.join(run::FOLDER))).await?;
    let drive = Drive::new(client, &model.url, &root);
    let ran = run::run(&program, &drive, &root, &[(CANARY, &word)], LIMIT).await?;
    let seen = Seen { told: model.results(), written: written(&root.join(run::FOLDER))?, word: &word };
    let mut verdict = seen.verdict();
    let gap = match (client, verdict) {
        (Client::Codex, Verdict::Holds) => Some(gap::codex(&program).await?),
        _ => None,
    };
    if gap == Some(Gap::Open) {
        verdict = Verdict::Gap;
    }
    let here = here::here(client, &patient.folder, &patient.homes);
    if verdict == Verdict::Holds && !here.is_empty() {
        verdict = Verdict::NotHeldHere;
    }
    let why = (verdict == Verdict::NotInstalled).then(|| why::why(client, &patient.homes));
    let proposed = drive::proposed(&model.declared());
    Ok(report(client, program, version, verdict, Findings { proposed, seen, why, here, gap, ran }))
}

struct Findings<'a> {
    proposed: Vec<&'static str>,
    seen: Seen<'a>,
    why: Option<Why>,
    here: Vec<Why>,
    gap: Option<Gap>,
    ran: Ran,
}

fn report(
    client: Client,
    program: PathBuf,
    version: Option<String>,
    verdict: Verdict,
    Findings { proposed, seen, why, here, gap, ran }: Findings<'_>,
) -> Report {
    let explains = matches!(verdict, Verdict::CouldNotRun | Verdict::BlockedElsewhere);
    Report {
        client: client.name(),
        verdict,
        program,
        older_than: version.as_deref().and_then(|version| version::too_old(client, version)),
        version,
        took_ms: u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX),
        proposed,
        written: seen.written,
        why,
        here,
        told: seen.told,
        gap,
        output: (explains && !ran.output.is_empty()).then_some(ran.output),
    }
}

/// What a run left behind.
struct Seen<'a> {
    told: Vec<String>,
    written: Vec<String>,
    word: &'a str,
}

impl Seen<'_> {
    fn verdict(&self) -> Verdict {
        let ours = |told: &String| told.contains(&format!("doctor_canary: {}", self.word));
        if !self.written.is_empty() {
            Verdict::NotInstalled
        } else if self.told.is_empty() {
            Verdict::CouldNotRun
        } else if self.told.iter().all(ours) {
            Verdict::Holds
        } else {
            Verdict::BlockedElsewhere
        }
    }
}

/// A word that nobody can have guessed.
fn word() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// The canaries' files in the folder.
fn written(folder: &Path) -> io::Result<Vec<String>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: io::Result<Vec<String>> = names.collect();
    let mut found: Vec<String> = names?.into_iter().filter(|name| name.starts_with(drive::FILE)).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_words_prove_the_hook() {
        let verdict = |told: &[&str], written: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            Seen { told: owned(told), written: owned(written), word: "w1" }.verdict()
        };
        let ours = "Blocked by hook: AgentTrust: not approved (doctor_canary: w1). Do not retry.";
        assert_eq!(verdict(&[ours, ours], &[]), Verdict::Holds);
        assert_eq!(verdict(&[ours, "permission denied"], &[]), Verdict::BlockedElsewhere);
        assert_eq!(verdict(&["not approved (doctor_canary: w2)"], &[]), Verdict::BlockedElsewhere);
        assert_eq!(verdict(&[ours, ours], &["canary-2"]), Verdict::NotInstalled);
        assert_eq!(verdict(&[], &["canary-1"]), Verdict::NotInstalled);
        assert_eq!(verdict(&[], &[]), Verdict::CouldNotRun);
    }

    #[test]
    fn words_are_new_each_time() {
        let (one, two) = (word().unwrap(), word().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}
