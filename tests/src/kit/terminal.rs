//! A pseudo-terminal with a program in it, and someone who reads the screen and presses keys.

use super::Screen;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key that answers counts only once its question has been seen for a moment.
const SEEN: Duration = Duration::from_millis(550);

/// What was written so far.
type Heard = Arc<(Mutex<Vec<u8>>, Condvar)>;

/// A program whose controlling terminal is a pseudo-terminal of 100 columns and 40 rows; it ends with the value.
pub struct Terminal {
    child: Child,
    keys: File,
    heard: Heard,
    /// Bytes up to which everything waited for has been found.
    found: usize,
}

impl Terminal {
    /// Starts a program with these additional variables.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str], env: &[(&str, &OsStr)]) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let slave = ioctl_tiocgptpeer(&master, flags).expect("its other end");
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("a size");
        let end = || slave.try_clone().expect("another handle");
        // `setsid -c` makes the terminal the controlling one and becomes the program: between fork and exec this
        // program itself could do that only with unsafe code.
        let mut command = Command::new("setsid");
        command.arg("-c").arg(program).args(arguments).stdin(end()).stdout(end()).stderr(end());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AGENTTRUST_")) {
            command.env_remove(name);
        }
        command.env_remove("VISUAL").env("EDITOR", "nano").env("TZ", "UTC").env("TERM", "xterm-256color");
        command.env("USER", "ann").env_remove("NO_COLOR").envs(env.iter().copied());
        let child = command.spawn().expect("setsid of util-linux starts");
        let heard = Heard::default();
        listen(File::from(master.try_clone().expect("another handle")), Arc::clone(&heard));
        Terminal { child, keys: File::from(master), heard, found: 0 }
    }

    /// Waits until this text appears behind all that was waited for before.
    ///
    /// # Panics
    /// If it does not, with the screen.
    pub fn wait_for(&mut self, text: &str) -> &mut Terminal {
        let until = Instant::now() + PATIENCE;
        let (bytes, changed) = &*self.heard;
        let mut bytes = bytes.lock().expect("the listener lives");
        loop {
            let at = bytes[self.found..].windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = at {
                self.found += at + text.len();
                break;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{text}` did not appear:\n{}", plain(&bytes));
            bytes = changed.wait_timeout(bytes, left).expect("the listener lives").0;
        }
        drop(bytes);
        self
    }

    /// Presses these keys now.
    pub fn send(&mut self, keys: &str) -> &mut Terminal {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self
    }

    /// Looks for a moment, then presses these keys: the answer to a question that was just waited for.
    pub fn answer(&mut self, keys: &str) -> &mut Terminal {
        std::thread::sleep(SEEN);
        self.send(keys)
    }

    /// Types a line.
    pub fn line(&mut self, text: &str) -> &mut Terminal {
        self.send(text).send("\r")
    }

    /// Waits until the program has ended; its exit code.
    ///
    /// # Panics
    /// If it does not end, with the screen.
    pub fn end(&mut self) -> i32 {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                // What it wrote last is still on its way.
                std::thread::sleep(Duration::from_millis(50));
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.plain());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything shown so far.
    #[must_use]
    pub fn screen(&self) -> Screen {
        Screen::of(&self.heard.0.lock().expect("the listener lives"))
    }

    /// The same as text.
    #[must_use]
    pub fn plain(&self) -> String {
        self.screen().lines().collect::<Vec<_>>().join("\n")
    }

    /// The same without what differs from run to run.
    #[must_use]
    pub fn lasting(&self) -> String {
        self.screen().lasting()
    }

    /// What stands behind this text in its line.
    #[must_use]
    pub fn behind(&self, text: &str) -> String {
        let plain = self.plain();
        let line = plain.lines().find_map(|line| line.split_once(text)).map(|(_, rest)| rest.trim().to_owned());
        line.unwrap_or_else(|| panic!("`{text}` is not there:\n{plain}"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn plain(bytes: &[u8]) -> String {
    Screen::of(bytes).lines().collect::<Vec<_>>().join("\n")
}

/// Reads until nobody has the other end any more.
fn listen(mut master: File, heard: Heard) {
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = master.read(&mut part) {
            let (bytes, changed) = &*heard;
            bytes.lock().expect("nobody panics with it").extend_from_slice(&part[..count]);
            changed.notify_all();
        }
    });
}
