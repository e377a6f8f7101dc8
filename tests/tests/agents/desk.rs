//! A home, a project and a client, and the model it talks to.

use crate::clients::{own_file, program as client_program, run, search_path};
use agenttrust_hooks::Client;
use agenttrust_tests::kit::{Proposal, ScriptedModel, program};
use rustix::process::Pid;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The longest that one run of a client may take.
pub const LIMIT: Duration = Duration::from_secs(90);

pub struct Desk {
    pub client: Client,
    pub model: ScriptedModel,
    folder: tempfile::TempDir,
}

/// How a run ended.
pub struct Ran {
    pub output: String,
}

impl Desk {
    /// With a model that proposes these calls, and what a person had in their configuration before.
    pub async fn new<P: Into<Proposal>>(client: Client, turns: Vec<Vec<P>>) -> Desk {
        let model = ScriptedModel::start(turns).await.unwrap();
        // Paths are compared by some clients after following links.
        let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
        let desk = Desk { client, model, folder };
        for folder in ["home", "project", "tmp"] {
            std::fs::create_dir_all(desk.path(folder)).unwrap();
        }
        if let Some((path, text)) = own_file(client) {
            desk.put(&format!("home/{path}"), text);
        }
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file with its folders.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Changes a file of the home.
    pub fn change(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.path("home").join(name);
        let before = std::fs::read_to_string(&path).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "{} was not changed", path.display());
        std::fs::write(path, after).unwrap();
    }

    /// The folder that clients work in, as they call it.
    pub fn project(&self) -> String {
        self.path("project").canonicalize().unwrap().display().to_string()
    }

    /// The person has told Codex that they trust the project.
    pub fn trust_project_for_codex(&self) {
        let table = format!("\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n", self.project());
        self.change(".codex/config.toml", |text| text + &table);
    }

    /// A program in this home and no other environment.
    pub fn program(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        command
            .current_dir(self.path("project"))
            .env_clear()
            .env("PATH", search_path())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// `agenttrust` in this home.
    pub fn agenttrust(&self, args: &[&str]) -> Output {
        self.program(&program("agenttrust")).args(args).output().unwrap()
    }

    /// Puts the hook in, as a person would, for the daemon behind this socket.
    pub fn install(&self, socket: &Path, flags: &[&str]) {
        let (socket, state) = (socket.display().to_string(), self.path("state").display().to_string());
        let client = client_program(self.client).display().to_string();
        let mut args = vec!["install", self.client.name(), "--yes", "--program", &client];
        args.extend(["--socket", &socket, "--state", &state]);
        args.extend(flags);
        let output = self.agenttrust(&args);
        assert!(output.status.success(), "{output:?}");
    }

    pub fn uninstall(&self) {
        let output = self.agenttrust(&["uninstall", self.client.name(), "--yes"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// What the doctor says: its exit code, its document and its failure's code.
    pub fn doctor(&self) -> Examined {
        self.doctor_of(&client_program(self.client))
    }

    /// The same of a program of the test's choice.
    pub fn doctor_of(&self, program: &Path) -> Examined {
        let program = program.display().to_string();
        let output = self.agenttrust(&["doctor", self.client.name(), "--json", "--program", &program]);
        let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let failure: Value = read(&output.stderr);
        let code = failure["code"].as_str().unwrap_or_default().to_owned();
        Examined {
            exit: output.status.code().unwrap(),
            code,
            report: read(&output.stdout),
            text: format!("{output:?}"),
        }
    }

    fn command(&self) -> Command {
        let run = run(self.client, &self.model.url);
        let mut command = self.program(&client_program(self.client));
        command.args(run.args).envs(run.env);
        command
    }

    /// Runs the client to its end.
    pub async fn run(&self) -> Ran {
        self.run_while(|_| ()).await
    }

    /// Runs the client to its end; `during` gets its process id.
    pub async fn run_while(&self, during: impl FnOnce(Pid) + Send + 'static) -> Ran {
        let mut command = self.command();
        let (out, title) = (self.path("output"), self.client.title());
        let run = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            // What a client leaves behind may keep a pipe open.
            let file = std::fs::File::create(&out).unwrap();
            let mut child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
            during(Pid::from_child(&child));
            while child.try_wait().unwrap().is_none() {
                if began.elapsed() > LIMIT {
                    child.kill().unwrap();
                    panic!("{title} did not end: {}", std::fs::read_to_string(&out).unwrap());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Ran { output: String::from_utf8_lossy(&std::fs::read(&out).unwrap()).into_owned() }
        });
        run.await.unwrap()
    }

    pub fn marker(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path("project").join(name)).ok().map(|text| text.trim().to_owned())
    }

    /// The one answer the model got to its call.
    pub fn only_result(&self, ran: &Ran) -> String {
        let mut results = self.model.results();
        assert_eq!(results.len(), 1, "{results:?} {}", ran.output);
        results.remove(0)
    }
}

/// What a doctor came to.
pub struct Examined {
    pub exit: i32,
    pub code: String,
    pub report: Value,
    /// All of it, for a failed test.
    pub text: String,
}

impl Examined {
    pub fn is(&self, verdict: &str) {
        let exit = i32::from(verdict != "holds");
        assert_eq!((&self.report["verdict"], self.exit), (&Value::from(verdict), exit), "{}", self.text);
        assert_eq!(self.code.is_empty(), verdict == "holds", "{}", self.text);
    }

    /// A call ran, and the client's own file says why.
    pub fn runs_because(&self, cause: &Value) {
        self.is("not_installed");
        assert_eq!(&self.report["why"]["cause"], cause, "{}", self.text);
    }
}
