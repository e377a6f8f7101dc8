//! The program `agenttrust`, which starts the daemon and asks like any agent.

use super::Shared;
use super::call::{Client, News, Reply};
use super::setup::{quoted, setup};
use crate::failure::Failure;
use crate::place::Place;
use agenttrust_approver::display::safe_line;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use tokio::process::Command;

/// The program's name.
const PROGRAM: &str = "agenttrust";

/// The longest line that is passed on of what a program wrote, in user-perceived characters.
const MAX_WORDS: usize = 300;

/// Where the program is, and for which data folder it works.
#[derive(Debug)]
pub(super) struct Programs {
    program: Option<PathBuf>,
    data: PathBuf,
    /// Whether the data folder has to be named: it is not the one the program finds by itself.
    named: bool,
}

impl Programs {
    pub(super) fn find(place: &Place, folder: Option<&Path>) -> Programs {
        let beside = std::env::current_exe().ok().and_then(|this| this.parent().map(Path::to_path_buf));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let beside = folder.map(Path::to_path_buf).into_iter().chain(beside);
        let mut places = beside.chain(std::env::split_paths(&path)).map(|folder| folder.join(PROGRAM));
        let usual =
            Place::find(None, |name| if name == "AGENTTRUST_DATA" { None } else { crate::place::environment(name) });
        Programs {
            program: places.find(|program| program.is_file()),
            data: place.data().to_path_buf(),
            named: usual.as_ref() != Some(place),
        }
    }

    /// Starts the daemon unless it runs.
    pub(super) async fn up(&self) -> Result<(), Failure> {
        self.json(&["up"]).await
    }

    /// Stops the daemon.
    pub(super) async fn down(&self) -> Result<(), Failure> {
        self.json(&["down"]).await
    }

    /// What puts an agent behind this device.
    pub(super) fn setup(&self, client: Client) -> Reply {
        let data = self.named.then(|| format!(" --data {}", quoted(&self.data.display().to_string())));
        setup(client, &format!("{PROGRAM}{}", data.unwrap_or_default()))
    }

    fn command(&self) -> Result<Command, Failure> {
        let program = self.program.as_ref().ok_or_else(|| {
            Failure::Daemon(ErrorBody {
                code: "no_program".to_owned(),
                message: format!("The program `{PROGRAM}` is not installed."),
                hint: Some("Install it beside this app, or put it in PATH.".to_owned()),
                state: None,
            })
        })?;
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).kill_on_drop(true);
        if self.named {
            command.arg("--data").arg(&self.data);
        } else {
            command.env_remove("AGENTTRUST_DATA");
        }
        Ok(command)
    }

    async fn json(&self, args: &[&str]) -> Result<(), Failure> {
        let output = self.command()?.arg("--json").args(args).output().await;
        self.done(output).map(drop)
    }

    /// What a program wrote, or its own words for why it failed.
    fn done(&self, output: std::io::Result<Output>) -> Result<Output, Failure> {
        let program = self.program.as_deref().unwrap_or(Path::new(PROGRAM));
        let output = output.map_err(|error| Failure::io(program, &error))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = [&output.stderr, &output.stdout];
        let body = said.into_iter().find_map(|bytes| serde_json::from_slice::<ErrorBody>(bytes).ok());
        let words = || Failure::new(Trouble::Internal, safe_line(text(&output.stderr).trim(), MAX_WORDS));
        Err(body.map_or_else(words, Failure::Daemon))
    }

    /// The harmless request: it prints a line. The agent's key stays with this data folder, so that one which was
    /// paired anew, or a second one, has an agent of its own.
    fn try_out(&self) -> Result<Command, Failure> {
        let mut command = self.command()?;
        command.env("AGENTTRUST_STATE", self.data.join("try-out"));
        command.args(["run", "--agent", "try-out", "--tool", "say_hello"]);
        command.args(["--title", "Say hello", "--reason", "You asked for a harmless request to try this out."]);
        command.args(["--risk", "low", "--", "echo", "Hello! This ran because you approved it."]);
        Ok(command)
    }
}

impl Shared {
    /// Sends the harmless request, and tells what came of it.
    pub(super) fn try_out(self: &Arc<Shared>) -> Result<Reply, Failure> {
        let mut command = self.programs.try_out()?;
        let shared = Arc::clone(self);
        let turn = Arc::clone(&self.trying).try_lock_owned();
        let turn = turn.map_err(|_| Failure::new(Trouble::Conflict, "a try-out is under way"))?;
        self.spawn(async move {
            let (ran, words) = match shared.programs.done(command.output().await) {
                Ok(output) => (true, text(&output.stdout)),
                Err(failure) => (false, failure.body().message),
            };
            // Whoever hears that it is over can send the next one.
            drop(turn);
            shared.tell(News::TriedOut { ran, words: safe_line(words.trim(), MAX_WORDS) });
        });
        Ok(Reply::Ok)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
