//! `agenttrust doctor`: finds the usual troubles, says what each means and what to do.

mod checks;
pub mod client;
mod folder;

use crate::failure::{Exit, Failure, Outcome};
use crate::out::{Look, Out};
use agenttrust_device::HostDoor;
use agenttrust_device::KeyStore;
use agenttrust_device::Place;
use agenttrust_protocol::Time;
use agenttrust_protocol::door::{DaemonStatus, Trouble};
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Ok,
    /// It works, and something should be done.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How bad it is.
    pub level: Level,
    /// One sentence.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The stable code, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Check {
        Check { name, level: Level::Ok, message: message.into(), hint: None, code: None }
    }

    fn warn(name: &'static str, code: &str, message: impl Into<String>, hint: impl Into<String>) -> Check {
        let (hint, code) = (Some(hint.into()), Some(code.to_owned()));
        Check { name, level: Level::Warn, message: message.into(), hint, code }
    }

    fn of(name: &'static str, level: Level, trouble: Trouble, detail: &str) -> Check {
        let detail = if detail.is_empty() { String::new() } else { format!(" [{detail}]") };
        Check {
            name,
            level,
            message: format!("{}{detail}", trouble.sentence()),
            hint: Some(trouble.hint().to_owned()),
            code: Some(trouble.code().to_owned()),
        }
    }

    fn fail(name: &'static str, trouble: Trouble, detail: &str) -> Check {
        Check::of(name, Level::Fail, trouble, detail)
    }
}

/// What the checks look at.
struct Scene<'a> {
    place: &'a Place,
    status: Result<DaemonStatus, Failure>,
    now: Time,
    key_store: Result<(), agenttrust_device::Failure>,
}

/// Looks at everything.
///
/// # Errors
/// Exit 1 if something does not work.
pub async fn doctor(place: &Place, now: Time, out: &mut Out) -> Outcome {
    let status = HostDoor::new(place.host_socket()).status().await.map_err(Failure::from);
    let key_store = tokio::task::spawn_blocking(KeyStore::platform_ready).await;
    let key_store =
        key_store.unwrap_or_else(|panic| Err(agenttrust_device::Failure::new(Trouble::Internal, panic.to_string())));
    let scene = Scene { place, status, now, key_store };
    let checks = examine(&scene);
    show(&checks, out);
    out.document(&checks);
    let worst = checks.iter().map(|check| check.level).max().unwrap_or(Level::Ok);
    if worst < Level::Fail {
        return Ok(());
    }
    let count = checks.iter().filter(|check| check.level == Level::Fail).count();
    let message =
        if count == 1 { "One thing does not work.".to_owned() } else { format!("{count} things do not work.") };
    Err(Failure::own("unwell", Exit::Failed, message, "Each is explained above."))
}

fn examine(scene: &Scene<'_>) -> Vec<Check> {
    let mut found = vec![folder::data_folder(scene.place.data()), checks::database(scene), checks::daemon(scene)];
    if let Ok(status) = &scene.status {
        found.push(checks::clock(status, scene.now));
        found.push(checks::version(status));
        found.push(checks::trust(status));
        found.push(checks::reachable(status));
        found.extend(checks::approvers(status));
        found.push(checks::agents_socket(scene.place));
        found.extend(checks::pinned_root(status));
    }
    found.push(checks::terminal(scene.place));
    found.push(checks::key_store(&scene.key_store));
    found
}

fn show(checks: &[Check], out: &mut Out) {
    for check in checks {
        let mark = match check.level {
            Level::Ok => out.paint(Look::Good, "ok  "),
            Level::Warn => out.paint(Look::Care, "warn"),
            Level::Fail => out.paint(Look::Bad, "FAIL"),
        };
        let code = check.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        out.line(format!("{mark}  {:<10}  {}{code}", check.name, check.message));
        if let Some(hint) = &check.hint {
            out.line(format!("                  → {hint}"));
        }
    }
}

#[cfg(test)]
mod tests;
