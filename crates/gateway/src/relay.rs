//! A client on a pair of streams, one message a line, and a server that takes messages one after the other.
//!
//! Whatever is no call of a tool goes on at once and in its order. Each call waits in a task of its own.

mod server;
mod wait;

pub(crate) use server::{Outbound, Server};
pub(crate) use wait::{FIRST_SIGN, SIGNS};

use server::About;

use crate::answer;
use crate::connection::{Awaited, Cancelled, Connection};
use crate::gateway::{AskServer, Gateway, Onward};
use crate::message::{CALL, FromClient, INVALID_REQUEST, Id, Line, Lines, PARSE_ERROR, Unfit, from_client, one_line};
use crate::say;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many messages stand in line before whoever sends them has to wait.
const LINE: usize = 64;

/// How long a side that stays may take to say the rest when the other has gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client has gone.
    Client,
    /// The server has gone.
    Server,
}

/// What every task of a relay needs.
#[derive(Clone)]
struct Relay {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    to_client: mpsc::Sender<Vec<u8>>,
    to_server: mpsc::Sender<Outbound>,
}

/// Carries messages both ways until one side is gone. `stop` ends it like a client that goes.
pub(crate) async fn run(
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    client: (impl AsyncRead + Unpin, impl AsyncWrite + Send + Unpin + 'static),
    mut server: Server,
    stop: impl Future<Output = ()>,
) -> End {
    let (to_client, writing) = write_lines(client.1);
    let relay = Relay {
        gateway: Arc::clone(&gateway),
        connection: Arc::clone(&connection),
        to_client: to_client.clone(),
        to_server: server.to.clone(),
    };
    drop(server.to);
    let mut lines = Lines::new(BufReader::with_capacity(64 << 10, client.0));
    let end = tokio::select! {
        () = relay.hear_client(&mut lines) => End::Client,
        () = stop => End::Client,
        () = hear_server(&gateway, &connection, &to_client, &mut server.from) => End::Server,
    };
    connection.withdraw();
    if end == End::Client {
        // This closes the server's input; what it still has to say is heard.
        drop(relay);
        let rest = hear_server(&gateway, &connection, &to_client, &mut server.from);
        let _late = tokio::time::timeout(LAST_WORDS, rest).await;
    }
    for last in left_open(&connection, end) {
        let _gone = to_client.send(last).await;
    }
    drop(to_client);
    // A client that reads no longer must not keep the process.
    let _late = tokio::time::timeout(LAST_WORDS, writing).await;
    end
}

/// Passes on what the server says, until it is gone.
async fn hear_server(
    gateway: &Gateway,
    connection: &Connection,
    to_client: &mpsc::Sender<Vec<u8>>,
    from: &mut mpsc::Receiver<Vec<u8>>,
) {
    while let Some(message) = from.recv().await {
        let onward = match gateway.onward(connection, &message) {
            Onward::Same => one_line(&message).into_owned(),
            Onward::Instead(other) => other,
            Onward::Nothing(why) => {
                why.iter().for_each(|why| say(&format!("a message of the server is not passed on: {why}")));
                continue;
            }
        };
        // A client that is gone ends the relay elsewhere.
        let _gone = to_client.send(onward).await;
    }
}

/// Answers to what a server that is gone had not answered. What came of approved calls nobody knows, and nothing else is
/// reported of them.
fn left_open(connection: &Connection, end: End) -> Vec<Vec<u8>> {
    let why = match end {
        End::Client => return Vec::new(),
        End::Server => "The server has ended.",
    };
    let open = connection.end().into_iter();
    let answers = open.filter_map(|(id, awaited)| match awaited {
        None => Some(answer::refused(&id, false, &answer::not_asked(why))),
        Some(Awaited::Call(_)) => {
            let text = format!("AgentTrust: the call was approved and sent. {why} Nobody knows whether it ran.");
            Some(answer::refused(&id, false, &text))
        }
        Some(Awaited::Plain | Awaited::List) => {
            let code = crate::message::INTERNAL_ERROR;
            Some(answer::error(&Unfit { id: Some(id), code, why }))
        }
        Some(Awaited::Own(_)) => None,
    });
    answers.collect()
}

/// Writes whole lines, and ends when nobody sends any more or the stream breaks.
fn write_lines(mut to: impl AsyncWrite + Send + Unpin + 'static) -> (mpsc::Sender<Vec<u8>>, JoinHandle<()>) {
    let (send, mut take) = mpsc::channel::<Vec<u8>>(LINE);
    let writing = tokio::spawn(async move {
        while let Some(mut line) = take.recv().await {
            line.push(b'\n');
            if to.write_all(&line).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
    });
    (send, writing)
}

impl Relay {
    async fn hear_client<R: tokio::io::AsyncBufRead + Unpin>(&self, lines: &mut Lines<R>) {
        while let Some(line) = lines.next().await {
            let taken = match line {
                Line::Whole(line) => self.client_says(line).await,
                Line::TooLong => Err(Unfit::new(PARSE_ERROR, "The message is too long.")),
            };
            if let Err(unfit) = taken {
                say(&format!("a message of the client is not passed on: {}", unfit.why));
                self.tell(answer::error(&unfit)).await;
            }
        }
    }

    async fn client_says(&self, line: Vec<u8>) -> Result<(), Unfit> {
        let message = one_line(&line).into_owned();
        match from_client(&message)? {
            FromClient::Call(id) => return self.call(id, message),
            FromClient::Request(id, method) => {
                let awaited = if method == "tools/list" { Awaited::List } else { Awaited::Plain };
                self.expect(&id, awaited)?;
                self.send(Outbound { message, about: About::request(id, method) }).await;
            }
            FromClient::Notification(method) => {
                if method == "notifications/cancelled" && self.cancels(&message) == Cancelled::Here {
                    return Ok(());
                }
                self.send(Outbound { message, about: About::notification(method) }).await;
            }
            FromClient::Response => self.send(Outbound { message, about: About::default() }).await,
        }
        Ok(())
    }

    fn expect(&self, id: &Id, awaited: Awaited) -> Result<(), Unfit> {
        // An answer under this id would be taken for that of the request that is open.
        self.connection.expect(id, awaited).map_err(|not| Unfit::new(INVALID_REQUEST, not.why()))
    }

    fn call(&self, id: Id, message: Vec<u8>) -> Result<(), Unfit> {
        let token = self.connection.wait(&id).map_err(|not| Unfit::new(INVALID_REQUEST, not.why()))?;
        let relay = self.clone();
        tokio::spawn(async move { wait::wait(relay, id, message, token).await });
        Ok(())
    }

    fn cancels(&self, message: &[u8]) -> Cancelled {
        cancelled(message).map_or(Cancelled::Beyond, |id| self.connection.cancel(&id))
    }

    async fn tell(&self, message: Vec<u8>) {
        // A client that is gone ends the relay elsewhere.
        let _gone = self.to_client.send(message).await;
    }

    async fn send(&self, outbound: Outbound) {
        // As with the client.
        let _gone = self.to_server.send(outbound).await;
    }
}

impl AskServer for Relay {
    async fn own(&self, id: &Id, message: Vec<u8>) -> Option<Vec<u8>> {
        let (give, take) = oneshot::channel();
        self.connection.expect(id, Awaited::Own(give)).ok()?;
        self.send(Outbound { message, about: About::request(id.clone(), "tools/list".to_owned()) }).await;
        take.await.ok()
    }
}

/// The request that a cancellation names.
pub(crate) fn cancelled(message: &[u8]) -> Option<Id> {
    #[derive(Deserialize)]
    struct Message {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        #[serde(rename = "requestId")]
        id: serde_json::Value,
    }
    let message: Message = serde_json::from_slice(message).ok()?;
    Id::from_json(&message.params.id)
}

/// What the server is told a call is about.
fn about_call(id: Id, tool: &str, mirrored: Vec<(String, String)>) -> About {
    About { id: Some(id), method: CALL.to_owned(), name: Some(tool.to_owned()), mirrored }
}
