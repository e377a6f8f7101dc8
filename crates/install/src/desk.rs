//! What a person asks for: put it in, take it out, show it, say whether it is there.

use crate::clients;
use crate::codex_trust;
use crate::edit::{Format, apply, is_ours};
use crate::files;
use crate::homes::Homes;
use crate::mcp::{self, Gateway, Servers};
use crate::plan::{self, Change, Scene, Spot};
use crate::program;
use crate::record::{Part, text};
use crate::refusal::{Outcome, Refusal};
use agenttrust_hooks::{Client, HookFlags, Wiring};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Everything that is done to clients' configurations is done from here.
#[derive(Clone, Debug)]
pub struct Desk {
    homes: Homes,
    program: String,
    folders: Option<OsString>,
    named: Option<PathBuf>,
}

/// What would change, and what the person should know about it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The client's file that all this is about.
    pub file: PathBuf,
    /// The files; none if there is nothing to do.
    pub changes: Vec<Change>,
    /// Sentences for the person.
    pub notes: Vec<String>,
    /// What became of MCP servers.
    pub servers: Servers,
}

impl Desk {
    /// Of the person with these homes; hooks start `program`. Clients are looked for in the folders of `PATH`, unless
    /// one is `named`.
    pub fn new(homes: Homes, program: String, folders: Option<OsString>, named: Option<PathBuf>) -> Desk {
        Desk { homes, program, folders, named }
    }

    /// What `install` puts in, as text. Codex's trust is not in it.
    ///
    /// # Errors
    /// `config_unreadable`, which cannot be.
    pub fn print(&self, client: Client, flags: &HookFlags, devices: &[String]) -> Outcome<String> {
        let wiring = Wiring::new(client, &self.program, flags);
        plan::alone(clients::format(client), &clients::hooks(&wiring, devices))
    }

    /// Puts the hooks in front of the client's tools.
    ///
    /// # Errors
    /// `client_too_old`, `client_unknown`, `hooks_off`, `config_unreadable`, `file_failed`.
    pub async fn install(&self, client: Client, flags: &HookFlags, devices: &[String]) -> Outcome<Prepared> {
        let mut notes = Vec::new();
        let program = self.client_program(client, &mut notes)?;
        if let Some(program) = &program {
            program::check(client, program).await?;
        }
        let mut edits = clients::hooks(&Wiring::new(client, &self.program, flags), devices);
        let scene = self.scene(client)?;
        self.refuse_foreign(client)?;
        if let Some(setting) = self.switch(client, &scene)? {
            let message = format!("{} has {setting} set, which switches every hook off.", client.title());
            let hint = format!("Take {setting} out of its settings, then install again.");
            return Err(Refusal::new("hooks_off", message, hint).about(&self.homes.hooks(client)));
        }
        match (client, &program) {
            (Client::Codex, Some(codex)) => {
                let config = apply(Format::Toml, scene.base.as_deref().unwrap_or_default(), &edits)?;
                edits.extend(codex_trust::trust(codex, &config, &self.homes.codex_config()).await?);
            }
            (Client::Codex, None) => notes.push(UNTRUSTED.to_owned()),
            (Client::Cursor, _) => notes.push(CURSOR.to_owned()),
            (Client::ClaudeCode | Client::Gemini | Client::Copilot | Client::Opencode, _) => {}
        }
        let changes = scene.install(edits)?.into_iter().collect();
        Ok(Prepared { file: self.homes.hooks(client), changes, notes, servers: Servers::default() })
    }

    /// Takes the hooks out.
    ///
    /// # Errors
    /// `config_unreadable`, `file_failed`.
    pub fn uninstall(&self, client: Client) -> Outcome<Prepared> {
        let changes = self.scene(client)?.uninstall()?.into_iter().collect();
        Ok(Prepared { file: self.homes.hooks(client), changes, notes: Vec::new(), servers: Servers::default() })
    }

    /// Puts the gateway in front of the client's MCP servers: all of them, or one; its own, or those of the project
    /// in this folder.
    ///
    /// # Errors
    /// `no_such_server`, `config_unreadable`, `file_failed`.
    pub fn install_mcp(
        &self,
        client: Client,
        flags: &HookFlags,
        only: Option<&str>,
        project: Option<&Path>,
    ) -> Outcome<Prepared> {
        let gateway = Gateway { program: self.program.clone(), flags: flags.clone() };
        let format = mcp::format(client);
        let read = |text: &str| Spot::read(format, text);
        let mut prepared = self.nothing_of_servers(client, project);
        for scene in self.mcp_scenes(client, project)? {
            let (base, now) = (read(scene.base.as_deref().unwrap_or_default())?, read(scene.text()?)?);
            let (edits, Servers { through, left }) = mcp::through(client, &base, &now, &gateway, only);
            prepared.servers.through.extend(through);
            prepared.servers.left.extend(left);
            if !edits.is_empty() {
                prepared.changes.extend(scene.install(edits)?);
            }
        }
        match only {
            Some(only) => found(client, only, &prepared.servers).map(|()| prepared),
            None => Ok(prepared),
        }
    }

    /// Takes the gateway out.
    ///
    /// # Errors
    /// `config_unreadable`, `file_failed`.
    pub fn uninstall_mcp(&self, client: Client, project: Option<&Path>) -> Outcome<Prepared> {
        let mut prepared = self.nothing_of_servers(client, project);
        for scene in self.mcp_scenes(client, project)? {
            prepared.changes.extend(scene.uninstall()?);
        }
        Ok(prepared)
    }

    fn scene(&self, client: Client) -> Outcome<Scene> {
        let format = clients::format(client);
        let spot = Spot { client, part: Part::Hooks, file: self.homes.hooks(client), format };
        plan::look(&self.homes.records(), spot, |text| plan::loose(client, format, text))
    }

    fn mcp_files(&self, client: Client, project: Option<&Path>) -> Vec<PathBuf> {
        project.map_or_else(|| self.homes.mcp(client), |project| Homes::project_mcp(client, project))
    }

    fn nothing_of_servers(&self, client: Client, project: Option<&Path>) -> Prepared {
        let file = self.mcp_files(client, project).into_iter().next().unwrap_or_default();
        Prepared { file, changes: Vec::new(), notes: Vec::new(), servers: Servers::default() }
    }

    fn mcp_scenes(&self, client: Client, project: Option<&Path>) -> Outcome<Vec<Scene>> {
        let files = self.mcp_files(client, project);
        if files.is_empty() {
            let message = format!("{}'s MCP servers are the user's; no file of a project is known.", client.title());
            return Err(Refusal::new("bad_usage", message, "Leave --project out."));
        }
        let format = mcp::format(client);
        let direct = |text: &str| apply(format, text, &mcp::direct(client, &Spot::read(format, text)?));
        let spot = |file| Spot { client, part: Part::Mcp, file, format };
        files.into_iter().map(|file| plan::look(&self.homes.records(), spot(file), direct)).collect()
    }

    /// The setting that switches hooks off, in the client's file or the one beside it.
    fn switch(&self, client: Client, scene: &Scene) -> Outcome<Option<&'static str>> {
        if client == Client::Copilot {
            for name in ["settings.json", "config.json"] {
                let bytes = files::find(&self.homes.folder(client).join(name))?.bytes.unwrap_or_default();
                // A file of the client's that is not ours to change is not ours to complain about.
                let settings = text(&bytes).and_then(|text| Spot::read(Format::Json, text)).unwrap_or_default();
                if let Some(setting) = clients::switched_off(client, &settings) {
                    return Ok(Some(setting));
                }
            }
        }
        Ok(clients::switched_off(client, &Spot::read(clients::format(client), scene.text()?)?))
    }

    /// A file in the place of one that is ours as a whole has to be ours.
    fn refuse_foreign(&self, client: Client) -> Outcome<()> {
        let file = self.homes.hooks(client);
        let bytes = files::find(&file)?.bytes.unwrap_or_default();
        if clients::format(client) == Format::Whole && !bytes.is_empty() && !is_ours(text(&bytes)?, client) {
            return Err(Refusal::unreadable("it is in the place of ours and says something else").about(&file));
        }
        Ok(())
    }

    fn client_program(&self, client: Client, notes: &mut Vec<String>) -> Outcome<Option<PathBuf>> {
        if let Some(named) = &self.named {
            let hint = "Name the client's own program, or leave --program out.";
            let none = || Refusal::new("client_unknown", format!("{} is not a program.", named.display()), hint);
            return program::is_program(named).then(|| Some(named.clone())).ok_or_else(none);
        }
        let found = program::find(client, self.folders.as_deref());
        if found.is_none() && client != Client::Codex {
            notes.push(format!("{} was not found on PATH; the hooks are there for when it is.", client.title()));
        }
        Ok(found)
    }
}

/// Whether the one server that was named goes through the gateway.
fn found(client: Client, only: &str, servers: &Servers) -> Outcome<()> {
    if servers.through.iter().any(|name| name == only) {
        return Ok(());
    }
    Err(match servers.left.iter().find(|(name, _)| name == only) {
        Some((_, why)) => {
            let message = format!("The server {only} cannot go through the gateway: {why}.");
            Refusal::new("server_left", message, "It stays as it is; a server that is started can.")
        }
        None => {
            let message = format!("{} has no MCP server called {only}.", client.title());
            Refusal::new("no_such_server", message, "Leave --server out to see and take all of them.")
        }
    })
}

/// Codex skips hooks that it does not trust, without a word.
const UNTRUSTED: &str = "Codex was not found on PATH, so its trust in the hooks is not recorded, and it skips hooks that \
                         it does not trust. Install again with --program /path/to/codex, or start Codex and trust \
                         them in /hooks.";

/// What was not tried is said.
const CURSOR: &str = "This follows Cursor's documentation and was not run against Cursor itself: look at a first call \
                      with care.";
