//! Somebody with an empty home and no client on their PATH.

#![allow(dead_code, reason = "each test file uses its part")]

use agenttrust_hooks::{Client, HookFlags};
use agenttrust_install::{Desk, Homes, Outcome};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub const ALL: [Client; 6] =
    [Client::ClaudeCode, Client::Codex, Client::Gemini, Client::Copilot, Client::Opencode, Client::Cursor];

pub struct Person {
    home: tempfile::TempDir,
}

pub fn flags() -> HookFlags {
    HookFlags::default()
}

impl Person {
    pub fn new() -> Person {
        Person { home: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn homes(&self) -> Homes {
        let home = self.home.path().as_os_str().to_owned();
        Homes::find(|name| (name == "HOME").then(|| home.clone())).unwrap()
    }

    pub fn desk(&self) -> Desk {
        self.desk_of("/usr/bin/agenttrust")
    }

    pub fn desk_of(&self, program: &str) -> Desk {
        Desk::new(self.homes(), program.to_owned(), Some(OsString::from("/nowhere")), None)
    }

    pub async fn install(&self, client: Client, flags: &HookFlags) -> Outcome {
        let prepared = self.desk().install(client, flags, &[]).await?;
        prepared.changes.iter().try_for_each(|change| change.carry_out())
    }

    pub fn uninstall(&self, client: Client) -> Outcome {
        let prepared = self.desk().uninstall(client)?;
        prepared.changes.iter().try_for_each(|change| change.carry_out())
    }

    pub fn file(&self, client: Client) -> PathBuf {
        self.homes().hooks(client)
    }

    pub fn write(&self, client: Client, text: &str) {
        if !text.is_empty() {
            put(&self.file(client), text);
        }
    }

    pub fn read(&self, client: Client) -> Option<String> {
        std::fs::read_to_string(self.file(client)).ok()
    }

    /// Without the folder, which is another one each time.
    pub fn neutral(&self, text: &str) -> String {
        text.replace(&self.home.path().display().to_string(), "~")
    }

    /// Every file and folder below home but our own.
    pub fn tree(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        walk(self.home.path(), &mut found);
        found.retain(|(path, _)| !path.starts_with(self.path(".local")));
        found.sort();
        found
    }
}

pub fn put(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        if path.is_dir() {
            walk(&path, found);
        }
        found.push((path, bytes));
    }
}
