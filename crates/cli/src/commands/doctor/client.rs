//! `agenttrust doctor CLIENT`: what was seen when the client ran, in plain words.

use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Look, Out};
use agenttrust_hooks::Client;
use agenttrust_install::Homes;
use agenttrust_install::doctor::{self, Cause, CursorFile, DoctorError, Gap, Patient, Report, Verdict, Why};
use std::path::PathBuf;

/// Runs the client and tells what it did.
///
/// # Errors
/// Exit 1 unless the hook holds.
pub async fn client(client: Client, program: Option<PathBuf>, out: &mut Out) -> Outcome {
    let nowhere = || Failure::usage("HOME says nowhere where your coding agents' settings are.", "Set HOME.");
    let homes = Homes::find(|name| std::env::var_os(name)).ok_or_else(nowhere)?;
    if client == Client::Cursor {
        let file = doctor::cursor(&homes);
        out.document(&file);
        return cursor(&file, out);
    }
    out.progress(&format!("Running {} against a model inside this program …", client.title()));
    let patient = Patient { client, program, homes, folder: std::env::current_dir().unwrap_or_default() };
    let report = tokio::select! {
        report = doctor::examine(&patient, std::env::var_os("PATH")) => Some(report),
        _ = tokio::signal::ctrl_c() => None,
    };
    out.progress("");
    let report = report.ok_or_else(Failure::interrupted)?.map_err(|error| failure(&patient, &error))?;
    out.document(&report);
    show(client, &report, out);
    conclude(client, &report)
}

fn failure(patient: &Patient, error: &DoctorError) -> Failure {
    let hint = match (error, &patient.program) {
        (DoctorError::NotFound(_), None) => "Is it in PATH? Name it otherwise: `--program PATH`.".to_owned(),
        (DoctorError::NotFound(_), Some(path)) => format!("There is no program at {}.", path.display()),
        (DoctorError::NotDriven(_) | DoctorError::Io(_), _) => String::new(),
    };
    let code = match error {
        DoctorError::NotFound(_) => "client_not_found",
        DoctorError::NotDriven(_) => "client_not_driven",
        DoctorError::Io(_) => "file_failed",
    };
    let mut text = error.to_string();
    text.push_str(if text.ends_with('.') { "" } else { "." });
    Failure::own(code, Exit::Failed, text, hint)
}

fn show(client: Client, report: &Report, out: &mut Out) {
    let version = report.version.as_deref().unwrap_or("of an unknown version");
    let seconds = report.took_ms.div_ceil(100);
    out.line(format!("{} {version} ran for {}.{} s.", client.title(), seconds / 10, seconds % 10));
    let path = report.program.display().to_string();
    let faint = out.paint(Look::Faint, &format!("{path} · your configuration · a model inside AgentTrust, offline"));
    out.line(faint);
    out.line("");
    for (look, text) in seen(client, report) {
        let mark = match look {
            Look::Bad => "FAIL",
            Look::Care => "warn",
            Look::Good | Look::Strong | Look::Faint => "ok  ",
        };
        let mark = out.paint(look, mark);
        out.line(format!("{mark}  {text}"));
    }
    if let Some(output) = &report.output {
        out.line("");
        out.line("The last that it printed:");
        output.lines().for_each(|line| out.line(format!("  {line}")));
    }
    if report.verdict == Verdict::Holds {
        out.line("");
        let holds = format!("AgentTrust stands in front of the tools of {}.", client.title());
        let holds = out.paint(Look::Strong, &holds);
        out.line(holds);
    }
}

fn seen(client: Client, report: &Report) -> Vec<(Look, String)> {
    let mut seen = Vec::new();
    if let Some(oldest) = report.older_than {
        let text = format!("This version is older than {oldest}, the first whose hooks are known to hold: update it");
        seen.push((Look::Care, text));
    }
    let mut tools = report.proposed.clone();
    tools.dedup();
    let tools = tools.join(" and ");
    match report.proposed.len() {
        0 => seen.push((Look::Bad, "It offered its model no tool that could be tried".to_owned())),
        1 => seen.push((Look::Good, format!("Its model proposed a call that would write a file, with {tools}"))),
        n => {
            seen.push((Look::Good, format!("Its model proposed {n} calls that would each write a file, with {tools}")))
        }
    }
    match report.written.as_slice() {
        [] if report.told.is_empty() => seen.push((Look::Bad, "It came to no call".to_owned())),
        [] => seen.push((Look::Good, "None ran: no file was written".to_owned())),
        files => seen.push((Look::Bad, format!("Calls ran without asking, and wrote {}", files.join(" and ")))),
    }
    seen.extend(report.why.as_ref().map(|why| (Look::Bad, format!("Why: {}", because(why)))));
    match (report.verdict, report.told.first()) {
        (Verdict::Holds | Verdict::Gap | Verdict::NotHeldHere, _) => {
            seen.push((Look::Good, "AgentTrust's hook refused each one, and the model was told so".to_owned()));
        }
        (Verdict::BlockedElsewhere, _) => {
            let not_ours = |told: &&String| !told.contains("doctor_canary");
            let told = report.told.iter().find(not_ours).map_or("", String::as_str);
            let text = format!("Something else refused one; AgentTrust's hook did not. The model was told: {told}");
            seen.push((Look::Bad, text));
        }
        (Verdict::NotInstalled | Verdict::CouldNotRun, _) => {}
    }
    match report.gap {
        Some(Gap::Closed) => {
            seen.push((
                Look::Good,
                "A model cannot type into a shell that runs already, where no hook sees it".to_owned(),
            ));
        }
        Some(Gap::Open) => {
            let text =
                format!("A model of {} can type into a shell that runs already, and no hook sees it", client.title());
            seen.push((Look::Bad, text));
        }
        None => {}
    }
    for why in &report.here {
        seen.push((Look::Bad, format!("In this folder: {}", because(why))));
    }
    seen
}

fn because(why: &Why) -> String {
    let file = why.file.display();
    match why.cause {
        Cause::Absent => format!("no hook of AgentTrust stands in {file}"),
        Cause::SwitchedOff(setting) => format!("hooks are switched off by {setting} in {file}"),
        Cause::Opened(setting) => format!("a model can type into a shell that runs already, by {setting} in {file}"),
        Cause::NotRun => format!("AgentTrust's hook stands in {file}, and it was not run"),
    }
}

fn conclude(client: Client, report: &Report) -> Outcome {
    let (title, name) = (client.title(), client.name());
    let install = match report.why.as_ref().map(|why| &why.cause) {
        Some(Cause::SwitchedOff(setting) | Cause::Opened(setting)) => {
            format!("Take {setting} out of its settings, then look again.")
        }
        Some(Cause::NotRun) => {
            format!("Put it in anew: `agenttrust uninstall {name}`, `agenttrust install {name}`, then look again.")
        }
        Some(Cause::Absent) | None => {
            format!("Put the hook in front of it: `agenttrust install {name}`, then look again.")
        }
    };
    let (code, message, hint) = match report.verdict {
        Verdict::Holds => return Ok(()),
        Verdict::NotInstalled => {
            ("not_installed", format!("NOT installed: {title} runs tools without asking anybody."), install)
        }
        Verdict::Gap => ("gap_open", format!("{title} can be told to run commands that no hook sees."), install),
        Verdict::NotHeldHere => {
            let hint = format!("Take that setting out of the project's file, or do not run {title} here.");
            (
                "switched_off_here",
                format!("{title} is held, but NOT in this folder, whose own settings get past the hook."),
                hint,
            )
        }
        Verdict::BlockedElsewhere => {
            let hint = "Another hook, a rule or a sandbox of the client stands before ours, so nothing is proven. \
                        Allow what it refused, and look again.";
            ("blocked_elsewhere", format!("{title} refused the call, but not through AgentTrust."), hint.to_owned())
        }
        Verdict::CouldNotRun => {
            let hint = "What it printed says why. Nothing is proven; treat it as not installed.";
            ("could_not_run", format!("{title} could not be run to a tool call."), hint.to_owned())
        }
    };
    Err(Failure::own(code, Exit::Failed, message, hint))
}

/// Cursor's program is closed and cannot be driven; its file can be read.
fn cursor(file: &CursorFile, out: &mut Out) -> Outcome {
    out.line("Cursor cannot be driven by another program, so nothing was run and nothing is proven.");
    out.line(format!("What was checked instead is its file for hooks: {}", file.path.display()));
    out.line("");
    let mut line = |look, mark: &str, text: String| {
        let mark = out.paint(look, mark);
        out.line(format!("{mark}  {text}"));
    };
    if !file.readable {
        line(Look::Bad, "FAIL", "It is not there, or is not JSON".to_owned());
    }
    if !file.wired.is_empty() {
        line(Look::Good, "ok  ", format!("AgentTrust's hook answers {}", file.wired.join(", ")));
    }
    if file.readable && !file.missing.is_empty() {
        line(Look::Bad, "FAIL", format!("No hook of AgentTrust answers {}", file.missing.join(", ")));
    }
    if !file.fails_open.is_empty() {
        let events = file.fails_open.join(", ");
        line(Look::Bad, "FAIL", format!("A hook that fails lets the tool run: {events} (failClosed is not set)"));
    }
    if file.holds() {
        line(Look::Care, "warn", "Try it by hand: tell Cursor's agent to write a file, and deny it".to_owned());
        return Ok(());
    }
    let hint = "Put the hook in front of it: `agenttrust install cursor`, then look again.";
    Err(Failure::own("not_installed", Exit::Failed, "NOT installed: Cursor's file does not hold.", hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out::Page;

    fn report() -> Report {
        let refused = "AgentTrust: not approved (doctor_canary: 00). Do not retry unchanged.";
        Report {
            client: "codex",
            verdict: Verdict::Holds,
            program: PathBuf::from("/usr/bin/codex"),
            version: Some("0.169.0".to_owned()),
            older_than: None,
            took_ms: 1234,
            proposed: vec!["exec_command", "apply_patch"],
            written: Vec::new(),
            why: None,
            here: Vec::new(),
            told: vec![refused.to_owned(), refused.to_owned()],
            gap: Some(Gap::Closed),
            output: None,
        }
    }

    fn page(report: &Report) -> String {
        let page = Page::default();
        show(Client::Codex, report, &mut Out::to(page.clone(), false));
        match conclude(Client::Codex, report) {
            Ok(()) => page.text(),
            Err(failure) => {
                let hint = failure.body.hint.as_deref().unwrap_or_default();
                format!("{}\n{} ({})\n  {hint}", page.text(), failure.body.message, failure.code())
            }
        }
    }

    #[test]
    fn what_was_seen_is_readable() {
        let why = |cause| Some(Why { file: PathBuf::from("/h/.codex/config.toml"), cause });
        let ran = |cause| {
            let (verdict, written) = (Verdict::NotInstalled, vec!["canary-1".to_owned()]);
            Report { verdict, written, why: why(cause), gap: None, ..report() }
        };
        let gap = Report { verdict: Verdict::Gap, gap: Some(Gap::Open), older_than: Some("0.170.0"), ..report() };
        let told = vec!["Permission to use Bash has been denied.".to_owned()];
        let other = Report { verdict: Verdict::BlockedElsewhere, told, gap: None, ..report() };
        let output = Some("error: not signed in".to_owned());
        let not_run = Report {
            verdict: Verdict::CouldNotRun,
            told: Vec::new(),
            proposed: Vec::new(),
            gap: None,
            output,
            ..report()
        };
        let here =
            vec![Why { file: PathBuf::from("/p/.codex/config.toml"), cause: Cause::SwitchedOff("features.hooks") }];
        let here = Report { verdict: Verdict::NotHeldHere, here, ..report() };
        let [absent, off, passed] = [Cause::Absent, Cause::SwitchedOff("features.hooks"), Cause::NotRun].map(ran);
        let pages = [report(), here, absent, off, passed, gap, other, not_run].map(|report| page(&report));
        insta::assert_snapshot!(pages.join("\n----------\n"));
    }
}
