//! `agenttrust log`: the signed history, looked at, exported, verified.

use crate::args::{LogCommand, ShowArgs, VerifyArgs};
use crate::commands::history::{all_states, detail};
use crate::export::{self, ReadError};
use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Look, Out};
use crate::short::short;
use crate::show::{hash, kind, summary};
use crate::terminal::Terminal;
use crate::verify::{Expected, Fault, Finding, Report, Verification};
use agenttrust_device::export::{ExportError, Remembered};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Hash, Time};
use std::path::Path;

/// Leaves asked for at a time: as many as the daemon hands out.
const PAGE: u64 = 1000;

/// A device looks at a new checkpoint within this time.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(3);

/// How often states that moved while they were read are read again.
const AGAIN: u32 = 5;

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Failure {
        match error {
            ExportError::Device(failure) => failure.into(),
            ExportError::File { .. } | ExportError::NotEmpty(_) | ExportError::Entry(_) | ExportError::Tree(_) => {
                Failure::own(ExportError::CODE, Exit::Failed, error.to_string(), error.hint().unwrap_or_default())
            }
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        let hint = match &error {
            ReadError::NotAnExport(_) => "Name a folder that `agenttrust log export` has written.",
            ReadError::File { .. } | ReadError::Tree(_) => "",
        };
        Failure::own(ExportError::CODE, Exit::Failed, error.to_string(), hint)
    }
}

/// Whether a command works on an exported folder alone, without a device.
pub fn is_offline(command: &LogCommand) -> bool {
    match command {
        LogCommand::Verify(args) => args.dir.is_some(),
        LogCommand::Export { .. } => false,
        LogCommand::Show(args) => args.dir.is_some(),
    }
}

/// What needs no device.
///
/// # Errors
/// Exit 6 if the history is not sound, or what keeps the folder from being read.
pub fn offline(command: &LogCommand, out: &mut Out) -> Outcome {
    match command {
        LogCommand::Verify(VerifyArgs { dir: Some(dir), root }) => {
            told(&export::verify(dir, *root)?, root.is_some(), out)
        }
        LogCommand::Show(args @ ShowArgs { dir: Some(dir), .. }) => {
            let leaves = export::read(dir)?.leaves;
            let from = args.from.unwrap_or_else(|| (leaves.len() as u64).saturating_sub(args.limit));
            let skip = usize::try_from(from).unwrap_or(usize::MAX);
            let some: Vec<String> = leaves.into_iter().skip(skip).take(limit(args)).collect();
            show(from, &some, out);
            Ok(())
        }
        LogCommand::Verify(_) | LogCommand::Export { .. } | LogCommand::Show(_) => {
            Err(Failure::usage("This needs the daemon's history.", ""))
        }
    }
}

/// What fetches the daemon's history.
///
/// # Errors
/// Exit 6 if it is not sound, or those of the device.
pub async fn log(terminal: &Terminal, command: &LogCommand, out: &mut Out) -> Outcome {
    match command {
        LogCommand::Verify(args) => {
            let report = verify(terminal, args, out).await?;
            told(&report, true, out)
        }
        LogCommand::Export { dir } => write(terminal, dir, out).await,
        LogCommand::Show(args) => {
            let size = newest(terminal).await?.1;
            let from = args.from.unwrap_or_else(|| size.saturating_sub(args.limit));
            let to = from.saturating_add(args.limit).min(size);
            let leaves = if from < to { terminal.device.leaves(from, to).await? } else { Vec::new() };
            show(from, &leaves, out);
            Ok(())
        }
    }
}

async fn verify(terminal: &Terminal, args: &VerifyArgs, out: &mut Out) -> Outcome<Report> {
    let trust = terminal.snapshot().trust;
    let tdid = Some(args.root.unwrap_or(trust.tdid));
    let before = remembered(terminal);
    let after = settled(terminal).await?;
    let after = after.filter(|after| before.as_ref() != Some(after));
    let remembered = before.into_iter().chain(after).map(export::known).collect();
    let mut verification = Verification::new(Expected { tdid, remembered });
    let mut note = catch_up(terminal, &mut verification, out).await?;
    let shown = all_states(terminal).await?;
    let mut doubtful: Vec<(Hash, State)> =
        shown.iter().copied().filter(|(request, state)| !verification.states(request).has(*state)).collect();
    let missing = verification.requests() > shown.len() as u64;
    // Requests go on while they are read: what differs is read again, after the entries that came meanwhile.
    for _ in 0..AGAIN {
        if doubtful.is_empty() && !missing {
            break;
        }
        let mut again = Vec::new();
        for (request, _) in doubtful {
            again.push((request, detail(terminal, request).await?.state));
        }
        note = catch_up(terminal, &mut verification, out).await?;
        again.retain(|(request, state)| !verification.states(request).has(*state));
        doubtful = again;
    }
    for (request, state) in doubtful {
        verification.compare(&request, state);
    }
    if verification.requests() > shown.len() as u64 {
        hidden_requests(terminal, &mut verification).await?;
    }
    if let Some(why) = terminal.snapshot().log_trouble.filter(|why| why.fraud) {
        let detail = format!("this device: {}", why.message);
        verification.find(Finding { fault: Fault::Rewritten, leaf: None, message: None, detail });
    }
    Ok(verification.finish(&note))
}

/// Requests that stand in the history and that the daemon does not list.
async fn hidden_requests(terminal: &Terminal, verification: &mut Verification) -> Outcome {
    let shown = all_states(terminal).await?.len() as u64;
    let requests = verification.requests();
    if requests > shown {
        let detail = format!("the daemon lists {shown} requests, the history has {requests}");
        verification.find(Finding { fault: Fault::Projection, leaf: None, message: None, detail });
    }
    Ok(())
}

/// Pushes the entries that are not there yet; answers the checkpoint over them.
async fn catch_up(terminal: &Terminal, verification: &mut Verification, out: &mut Out) -> Outcome<String> {
    let (note, size) = newest(terminal).await?;
    let first = verification.size() == 0;
    while verification.size() < size {
        let from = verification.size();
        let leaves = terminal.device.leaves(from, from.saturating_add(PAGE).min(size)).await?;
        if leaves.is_empty() {
            // The checkpoint counts what the daemon does not hand out: the end finds that.
            break;
        }
        leaves.iter().for_each(|leaf| verification.push(leaf));
        if first && size > 10 * PAGE {
            let done = verification.size().saturating_mul(100) / size.max(1);
            out.progress(&format!("{done} % of {size} entries"));
        }
    }
    Ok(note)
}

/// The newest checkpoint and the size it states, not verified.
async fn newest(terminal: &Terminal) -> Outcome<(String, u64)> {
    let note = terminal.device.checkpoint(0).await?.checkpoint;
    let size = note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
    Ok((note, size))
}

/// What this device remembers once it has looked at the newest checkpoint and co-signed it, or said why not.
async fn settled(terminal: &Terminal) -> Outcome<Option<Remembered>> {
    let mut events = terminal.device.events();
    let size = newest(terminal).await?.1;
    let end = tokio::time::Instant::now() + SETTLE;
    loop {
        let snapshot = terminal.snapshot();
        let is_there = snapshot.log.is_some_and(|log| log.size >= size) || snapshot.log_trouble.is_some();
        if is_there || !matches!(tokio::time::timeout_at(end, events.next()).await, Ok(Some(_))) {
            return Ok(remembered(terminal));
        }
    }
}

/// What this device has verified of the log so far.
fn remembered(terminal: &Terminal) -> Option<Remembered> {
    let snapshot = terminal.snapshot();
    let device = snapshot.me.map_or_else(|| "this device".to_owned(), |me| me.name);
    snapshot.log.map(|log| Remembered { device, size: log.size, root: log.root })
}

async fn write(terminal: &Terminal, dir: &Path, out: &mut Out) -> Outcome {
    let exported = terminal.device.export(dir).await?;
    let entries = count(exported.leaves, "entry is", "entries are");
    out.line(format!("{entries} in {}. Check them with `agenttrust log verify {0}`.", dir.display()));
    out.document(&serde_json::json!({ "dir": dir, "entries": exported.leaves }));
    Ok(())
}

fn limit(args: &ShowArgs) -> usize {
    usize::try_from(args.limit).unwrap_or(usize::MAX)
}

fn show(from: u64, leaves: &[String], out: &mut Out) {
    if out.json {
        let entries: Vec<serde_json::Value> = leaves.iter().zip(from..).map(|(leaf, at)| entry(at, leaf)).collect();
        out.document(&entries);
        return;
    }
    let rows: Vec<Vec<String>> = leaves
        .iter()
        .zip(from..)
        .map(|(leaf, at)| {
            let iat = crate::show::payload(leaf).and_then(|payload| payload.get("iat")?.as_integer());
            let time = iat.map_or_else(String::new, |iat| out.time(Time(iat)));
            vec![at.to_string(), time, kind(leaf), short(&hash(leaf)), summary(leaf)]
        })
        .collect();
    out.table(&["ENTRY", "SIGNED", "TYPE", "ID", "WHAT"], &rows);
}

fn entry(at: u64, leaf: &str) -> serde_json::Value {
    let payload = crate::show::payload(leaf).map(|payload| payload.to_string());
    let payload: Option<serde_json::Value> = payload.and_then(|text| serde_json::from_str(&text).ok());
    serde_json::json!({ "entry": at, "type": kind(leaf), "hash": hash(leaf), "payload": payload, "leaf": leaf })
}

fn told(report: &Report, pinned: bool, out: &mut Out) -> Outcome {
    out.document(report);
    for finding in &report.findings {
        let bad = out.paint(Look::Bad, "✗");
        out.line(format!("{bad} {finding}"));
    }
    let Some(first) = report.findings.first() else {
        sound(report, pinned, out);
        return Ok(());
    };
    let hint = "Do not trust this daemon's history. Keep a copy of the data folder, and compare with another device.";
    let message = format!("The history does not verify: {first}");
    // The code stands in the finding's own words as well.
    let message = message.trim_end_matches(&format!(" ({})", first.fault.code())).to_owned();
    Err(Failure::own(first.fault.code(), Exit::Unsound, message, hint))
}

fn sound(report: &Report, pinned: bool, out: &mut Out) {
    let good = out.paint(Look::Good, "The history is sound.");
    out.line(good);
    let Report { entries, requests, decisions, roots, .. } = report;
    out.line(format!("  {}, every signature and every step checked", count(*entries, "entry", "entries")));
    let (requests, decisions) = (count(*requests, "request", "requests"), count(*decisions, "decision", "decisions"));
    out.line(format!("  {requests}, {decisions}, none missing in any device's own count"));
    out.line(format!("  {} that devices had verified found in it", count(*roots, "root", "roots")));
    match report.witnesses.as_slice() {
        [] => out.line("  no device has co-signed this checkpoint yet"),
        witnesses => {
            for witness in witnesses {
                let name = agenttrust_device::approver::display::safe_line(&witness.device, 60);
                let line = format!("  co-signed by {name} at {}", out.time(witness.at));
                out.line(line);
            }
        }
    }
    if let Some(tdid) = report.tdid {
        let known = if pinned { "" } else { " (not pinned: name it with --root to be sure)" };
        out.line(format!("  trust root {tdid}{known}"));
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out::Page;
    use crate::verify::tests::world::{World, root};
    use std::fs;
    use std::path::PathBuf;

    /// What a device remembers of the usual history, and the history exported with it.
    fn exported(leaves: &[String], note: &str) -> (tempfile::TempDir, PathBuf) {
        let (world, _) = World::usual();
        let size = world.leaves.len() as u64;
        let remembered = Remembered { device: "phone".to_owned(), size, root: root(&world.leaves) };
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("history");
        agenttrust_device::export::write(&folder, leaves, note, Some(&remembered)).unwrap();
        (scratch, folder)
    }

    fn check(folder: &Path) -> (Outcome, String) {
        let page = Page::default();
        let command = LogCommand::Verify(VerifyArgs { dir: Some(folder.to_owned()), root: None });
        let done = offline(&command, &mut Out::to(page.clone(), false));
        (done, page.text())
    }

    fn unsound(folder: &Path) -> String {
        let (done, page) = check(folder);
        let failure = done.unwrap_err();
        assert_eq!(failure.exit, Exit::Unsound, "{page}");
        assert!(page.contains(&format!("({})", failure.code())), "{page}");
        failure.code().to_owned()
    }

    #[test]
    fn a_sound_export() {
        let (world, _) = World::usual();
        let (_scratch, folder) = exported(&world.leaves, &world.note());
        let (done, page) = check(&folder);
        done.unwrap();
        insta::assert_snapshot!(page);
    }

    #[test]
    fn a_flipped_bit() {
        let (world, _) = World::usual();
        let (_scratch, folder) = exported(&world.leaves, &world.note());
        let bundle = folder.join("tile/entries/000.p/13");
        let mut bytes = fs::read(&bundle).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
        fs::write(&bundle, bytes).unwrap();
        assert_eq!(unsound(&folder), "bad_signature");
        insta::assert_snapshot!(check(&folder).1);
    }

    #[test]
    fn a_dropped_leaf() {
        let (mut world, _) = World::usual();
        let note = world.note();
        // The denial; whoever drops it names the file as if nothing was missing.
        world.leaves.remove(10);
        let (_scratch, folder) = exported(&world.leaves, &note);
        fs::rename(folder.join("tile/entries/000.p/12"), folder.join("tile/entries/000.p/13")).unwrap();
        unsound(&folder);
        let page = check(&folder).1;
        assert!(page.contains("(wrong_size)") && page.contains("(rewritten)"), "{page}");
    }

    #[test]
    fn a_history_rewritten_and_signed_anew() {
        let (mut world, _) = World::usual();
        // As if the last two requests had never been made; the daemon signs that with its own key.
        world.leaves.truncate(9);
        let (_scratch, folder) = exported(&world.leaves, &world.note());
        assert_eq!(unsound(&folder), "rewritten");
    }

    #[test]
    fn entries_in_a_list() {
        let (world, _) = World::usual();
        let (_scratch, folder) = exported(&world.leaves, &world.note());
        let page = Page::default();
        let args = ShowArgs { from: Some(2), limit: 9, dir: Some(folder) };
        offline(&LogCommand::Show(args), &mut Out::to(page.clone(), false)).unwrap();
        insta::assert_snapshot!(page.text());
    }
}
