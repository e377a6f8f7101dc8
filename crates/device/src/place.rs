//! Where things are: one data folder holds everything of a daemon and of the devices of this computer.

use std::path::{Path, PathBuf};

/// The data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(PathBuf);

impl Place {
    /// The folder that was named, else the user's own; `None` if nothing says where the user's files are.
    pub fn find(named: Option<&Path>, env: impl Fn(&str) -> Option<PathBuf>) -> Option<Place> {
        let folder = named.map(Path::to_path_buf);
        let xdg = || env("XDG_DATA_HOME").filter(|path| path.is_absolute());
        let home = || env("HOME").map(|home| home.join(".local/share"));
        let folder = folder.or_else(|| xdg().or_else(home).map(|share| share.join("agenttrust")));
        folder.and_then(|folder| std::path::absolute(folder).ok()).map(Place)
    }

    /// The folder itself.
    pub fn data(&self) -> &Path {
        &self.0
    }

    /// The daemon's socket for this program.
    pub fn host_socket(&self) -> PathBuf {
        self.0.join("host.sock")
    }

    /// The daemon's socket for agents.
    pub fn agent_socket(&self) -> PathBuf {
        self.0.join("agent.sock")
    }

    /// What the daemon says while it runs.
    pub fn log_file(&self) -> PathBuf {
        self.0.join("daemon.log")
    }

    /// The daemon's database.
    pub fn database(&self) -> PathBuf {
        self.0.join("agenttrust.db")
    }

    /// The keys and memory of the desktop app as a device.
    pub fn app(&self) -> PathBuf {
        self.0.join("app")
    }

    /// What the person chose in the desktop app.
    pub fn app_settings(&self) -> PathBuf {
        self.0.join("app.json")
    }

    /// The keys and memory of this terminal as a device.
    pub fn terminal(&self) -> PathBuf {
        self.0.join("terminal")
    }
}

/// The process's environment; an empty variable is an unset one.
pub fn environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(named: Option<&str>, vars: &[(&str, &str)]) -> Option<Place> {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
        Place::find(named.map(Path::new), env)
    }

    #[test]
    fn the_nearest_word_counts() {
        let vars = [("HOME", "/home/ann"), ("XDG_DATA_HOME", "/share")];
        assert_eq!(find(Some("/d"), &vars).unwrap().data(), Path::new("/d"));
        assert_eq!(find(None, &vars).unwrap().data(), Path::new("/share/agenttrust"));
        assert_eq!(find(None, &vars[..1]).unwrap().data(), Path::new("/home/ann/.local/share/agenttrust"));
        assert_eq!(
            find(None, &[("HOME", "/h"), ("XDG_DATA_HOME", "rel")]).unwrap().data(),
            Path::new("/h/.local/share/agenttrust")
        );
        assert_eq!(find(None, &[]), None);
        assert_eq!(find(Some("/d"), &[]).unwrap().terminal(), Path::new("/d/terminal"));
    }
}
