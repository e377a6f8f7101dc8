//! The controlling terminal: the only place where a PIN and an answer are read.
//!
//! Standard input may come from anybody; `/dev/tty` is the terminal this process was started in. Where there is
//! none, or the process runs in the background, nothing is asked and nothing is answered.

use crate::failure::{Failure, Outcome};
use agenttrust_protocol::door::Trouble;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The most characters read in one line.
const MAX_LINE: usize = 64 << 10;

/// The rest of an escape sequence follows its first byte within this time.
const SEQUENCE: Duration = Duration::from_millis(20);

/// A key the person pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Backspace or Delete.
    Back,
    /// Ctrl-U: the whole line goes.
    Clear,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the terminal went away.
    End,
    /// Any other key.
    Other,
}

/// The open terminal.
#[derive(Debug)]
pub struct Tty {
    file: Arc<File>,
}

/// Keys arrive one by one and unseen; dropped, the terminal is as it was.
#[derive(Debug)]
pub struct Raw<'t> {
    tty: &'t Tty,
    before: Termios,
}

impl Tty {
    /// Opens the terminal this process was started in.
    ///
    /// # Errors
    /// `no_terminal` if there is none, or this process is in its background.
    pub fn open() -> Outcome<Tty> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open("/dev/tty", flags, Mode::empty()).map_err(|_| Trouble::NoTerminal)?;
        let foreground = rustix::termios::tcgetpgrp(&file).map_err(|_| Trouble::NoTerminal)?;
        if foreground != rustix::process::getpgrp() {
            return Err(Failure::new(Trouble::NoTerminal, "this process is in the background"));
        }
        Ok(Tty { file: Arc::new(File::from(file)) })
    }

    /// Writes to the terminal, best effort: where it went away, reading says so.
    pub fn show(&self, text: &str) {
        let mut file = self.file.as_ref();
        let _gone = file.write_all(text.as_bytes()).and_then(|()| file.flush());
    }

    /// Columns of the terminal; 80 where it does not say.
    pub fn columns(&self) -> usize {
        let size = rustix::termios::tcgetwinsize(self.file.as_ref()).ok();
        size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
    }

    /// Keys one by one from now on, without what was typed before.
    ///
    /// # Errors
    /// `no_terminal` if it is not one any more.
    pub fn raw(&self) -> Outcome<Raw<'_>> {
        let before = rustix::termios::tcgetattr(self.file.as_ref()).map_err(|_| Trouble::NoTerminal)?;
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        raw.input_modes.remove(InputModes::IXON | InputModes::ISTRIP);
        raw.input_modes.insert(InputModes::ICRNL);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        rustix::termios::tcsetattr(self.file.as_ref(), OptionalActions::Flush, &raw)
            .map_err(|_| Trouble::NoTerminal)?;
        Ok(Raw { tty: self, before })
    }

    /// A line that is not shown while it is typed.
    ///
    /// # Errors
    /// `interrupted`, `no_terminal`.
    pub fn hidden(&self, prompt: &str) -> Outcome<Zeroizing<String>> {
        let raw = self.raw()?;
        self.show(prompt);
        // As large as it can get, so that no copy is left behind by a growing buffer.
        let mut line = Zeroizing::new(String::with_capacity(1024));
        loop {
            match raw.key()? {
                Key::Enter => break,
                Key::Char(c) if line.len() < 1000 => line.push(c),
                Key::Back => drop(line.pop()),
                Key::Clear => line.clear(),
                Key::Interrupt | Key::End => {
                    self.show("\n");
                    return Err(Failure::interrupted());
                }
                Key::Char(_) | Key::Other => {}
            }
        }
        self.show("\n");
        Ok(line)
    }

    /// A line as it is typed.
    ///
    /// # Errors
    /// `interrupted` at its end, `no_terminal`.
    pub fn line(&self, prompt: &str) -> Outcome<String> {
        self.show(prompt);
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            let count = self.file.as_ref().read(&mut byte).map_err(|_| Trouble::NoTerminal)?;
            match (count, byte) {
                (0, _) => return Err(Failure::interrupted()),
                (_, [b'\n']) => break,
                (_, [byte]) if bytes.len() < MAX_LINE => bytes.push(byte),
                (_, [_]) => {}
            }
        }
        String::from_utf8(bytes).map_err(|_| Failure::usage("What was typed is not UTF-8.", ""))
    }

    /// One of these letters, pressed after `armed` from now: keys typed ahead answer nothing.
    ///
    /// # Errors
    /// `interrupted`, `no_terminal`.
    pub fn choose(&self, prompt: &str, letters: &str, armed: Duration) -> Outcome<char> {
        let raw = self.raw()?;
        self.show(prompt);
        let shown = Instant::now();
        loop {
            let key = raw.key()?;
            match key {
                Key::Interrupt | Key::End => {
                    self.show("\n");
                    return Err(Failure::interrupted());
                }
                Key::Char(c) if shown.elapsed() >= armed && letters.contains(c.to_ascii_lowercase()) => {
                    self.show(&format!("{c}\n"));
                    return Ok(c.to_ascii_lowercase());
                }
                Key::Char(_) | Key::Enter | Key::Back | Key::Clear | Key::Other => {}
            }
        }
    }
}

impl Raw<'_> {
    /// The next key, waited for.
    ///
    /// # Errors
    /// `no_terminal` if the terminal went away.
    pub fn key(&self) -> Outcome<Key> {
        Ok(match self.byte()? {
            None | Some(0x04) => Key::End,
            Some(0x03) => Key::Interrupt,
            Some(b'\n' | b'\r') => Key::Enter,
            Some(0x08 | 0x7f) => Key::Back,
            Some(0x15) => Key::Clear,
            Some(0x1b) => {
                while self.ready(SEQUENCE)? {
                    let ends = self.byte()?.is_none_or(|byte| byte.is_ascii_alphabetic() || byte == b'~');
                    if ends {
                        break;
                    }
                }
                Key::Other
            }
            Some(byte) if byte < b' ' => Key::Other,
            Some(byte) => self.character(byte)?.map_or(Key::Other, Key::Char),
        })
    }

    fn ready(&self, within: Duration) -> Outcome<bool> {
        ready(&self.tty.file, within)
    }

    /// Waits on a thread of its own whether a key is there within this time; it takes none.
    pub fn watch(&self, within: Duration) -> tokio::task::JoinHandle<Outcome<bool>> {
        let file = Arc::clone(&self.tty.file);
        tokio::task::spawn_blocking(move || ready(&file, within))
    }

    /// The terminal.
    pub fn tty(&self) -> &Tty {
        self.tty
    }

    fn byte(&self) -> Outcome<Option<u8>> {
        let mut byte = [0];
        let count = self.tty.file.as_ref().read(&mut byte).map_err(|_| Trouble::NoTerminal)?;
        Ok((count > 0).then_some(byte[0]))
    }

    fn character(&self, first: u8) -> Outcome<Option<char>> {
        let length = match first {
            0x00..=0x7f => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        let mut bytes = vec![first];
        while bytes.len() < length {
            match self.byte()? {
                Some(byte) => bytes.push(byte),
                None => return Ok(None),
            }
        }
        Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()))
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let _gone = rustix::termios::tcsetattr(self.tty.file.as_ref(), OptionalActions::Now, &self.before);
    }
}

fn ready(file: &File, within: Duration) -> Outcome<bool> {
    let mut watched = [PollFd::new(file, PollFlags::IN)];
    let timeout =
        Timespec { tv_sec: i64::try_from(within.as_secs()).unwrap_or(i64::MAX), tv_nsec: within.subsec_nanos().into() };
    match poll(&mut watched, Some(&timeout)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(_) => Err(Trouble::NoTerminal.into()),
    }
}
