//! The server behind a relay, and one that is a process of its own.

use super::LINE;
use crate::message::{Id, Line, Lines};
use crate::say;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// How long a server has to end once its client has gone, before it is told to, and then before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A message for a server.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) message: Vec<u8>,
    pub(crate) about: About,
}

/// What a message is about, for transports that repeat that outside of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// Of a request.
    pub(crate) id: Option<Id>,
    /// Empty for an answer.
    pub(crate) method: String,
    /// The tool of a call.
    pub(crate) name: Option<String>,
    /// Headers that repeat arguments of a call.
    pub(crate) mirrored: Vec<(String, String)>,
}

impl About {
    pub(super) fn request(id: Id, method: String) -> About {
        About { id: Some(id), method, ..About::default() }
    }

    pub(super) fn notification(method: String) -> About {
        About { method, ..About::default() }
    }
}

/// A server as two lines of messages. It is gone when `from` ends.
pub(crate) struct Server {
    pub(crate) to: mpsc::Sender<Outbound>,
    pub(crate) from: mpsc::Receiver<Vec<u8>>,
}

impl Server {
    /// A server at the other end of two streams. The other half of the answer ends when there is nothing more to write.
    pub(crate) fn over(
        read_from: impl AsyncRead + Send + Unpin + 'static,
        write_to: impl AsyncWrite + Send + Unpin + 'static,
    ) -> (Server, impl Future<Output = ()>) {
        let (to, outbound) = mpsc::channel(LINE);
        let (inbound, from) = mpsc::channel(LINE);
        let writing = tokio::spawn(write(write_to, outbound));
        tokio::spawn(read(read_from, inbound));
        let ended = async move {
            // It ends when the last sender is gone, or when the server no longer reads.
            let _panicked = writing.await;
        };
        (Server { to, from }, ended)
    }

    /// Starts a server as a process that speaks over its standard streams. It ends, or is ended, some time after the
    /// other half of the answer, which is to be waited for, has no more messages to write.
    ///
    /// # Errors
    /// What kept the command from starting.
    pub(crate) fn start(command: &[std::ffi::OsString]) -> std::io::Result<(Server, impl Future<Output = ()> + use<>)> {
        let (program, arguments) = command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        let (server, written) = Server::over(stdout, stdin);
        let ended = async move {
            written.await;
            end(child).await;
        };
        Ok((server, ended))
    }
}

async fn write(mut to: impl AsyncWrite + Unpin, mut outbound: mpsc::Receiver<Outbound>) {
    while let Some(Outbound { mut message, .. }) = outbound.recv().await {
        message.push(b'\n');
        if to.write_all(&message).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    // A server ends when its input does.
    let _gone = to.shutdown().await;
}

async fn read(from: impl AsyncRead + Unpin, inbound: mpsc::Sender<Vec<u8>>) {
    let mut lines = Lines::new(BufReader::with_capacity(64 << 10, from));
    while let Some(line) = lines.next().await {
        match line {
            Line::Whole(line) => {
                if inbound.send(line).await.is_err() {
                    return;
                }
            }
            Line::TooLong => say("a message of the server is not passed on: it is too long"),
        }
    }
}

/// Its input is closed, which ends a server that behaves.
async fn end(mut child: Child) {
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_ok() {
        return;
    }
    let id = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
    if let Some(id) = id {
        // It may end on its own at this moment.
        let _gone = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        let _gone = child.kill().await;
    }
}
