//! The path of one call: what the server says of the tool, the person, and what comes of it.

mod rounds;

use crate::answer;
use crate::call::Call;
use crate::catalog::{Definition, Mirrored, Page, Pin, Pins, Place};
use crate::connection::{Awaited, Connection};
use crate::message::{FromServer, Id, from_server};
use agenttrust_gate::{Action, ExecutionResult, Gate, Permit, Refused, Risk, Verdict};
use agenttrust_protocol::json::Object;
use rounds::{Held, Rounds};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;

/// The most pages of tools that are asked for.
const MAX_PAGES: usize = 100;

/// How long a server has to list its tools.
const LISTING: Duration = Duration::from_secs(30);

/// Asks the server something of the gateway's own.
pub(crate) trait AskServer {
    /// Sends this request, which has this id, and answers with the whole answer; `None` if none came.
    fn own(&self, id: &Id, message: Vec<u8>) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// What stands between clients and one server.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) gate: Gate,
    server: String,
    life: Duration,
    pins: Pins,
    rounds: Rounds,
    /// What is still to be reported.
    pub(crate) reports: TaskTracker,
    /// Makes the ids of the gateway's own requests; no client can guess where it begins.
    next: AtomicU64,
}

/// A call that may go to the server.
#[derive(Debug)]
pub(crate) struct Passed {
    permit: Permit,
    notice: Option<String>,
    call: Call,
    /// The arguments that were signed.
    signed: Object,
    /// Those of them that HTTP repeats in headers.
    mirrored: Vec<Mirrored>,
    place: Place,
}

/// What came of asking about a call.
#[derive(Debug)]
pub(crate) enum Decided {
    /// It goes to the server like this.
    Forward(Box<(Passed, Forward)>),
    /// It does not, and this is for the model.
    Refused(String),
}

/// A call as it goes to the server.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    pub(crate) message: Vec<u8>,
    /// The headers that repeat its arguments.
    pub(crate) mirrored: Vec<(String, String)>,
}

/// What becomes of a server's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Onward {
    /// It goes on, byte for byte.
    Same,
    /// This goes on in its place.
    Instead(Vec<u8>),
    /// Nothing goes on, for this reason.
    Nothing(Option<&'static str>),
}

impl Gateway {
    pub(crate) fn new(gate: Gate, server: &str, life: Duration) -> Gateway {
        let mut start = [0; 8];
        // Without random numbers it begins at zero: ids then could be guessed, and a guess gains an error.
        let _guessable = getrandom::fill(&mut start);
        Gateway {
            pins: Pins::of(gate.folder(), server),
            gate,
            server: server.to_owned(),
            life,
            rounds: Rounds::default(),
            reports: TaskTracker::new(),
            next: AtomicU64::new(u64::from_le_bytes(start)),
        }
    }

    /// A request id of the gateway's own.
    pub(crate) fn own_id(&self) -> Id {
        Id::Text(format!("agenttrust-{:x}", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// Asks a person about a call. Dropping the future withdraws what was asked.
    pub(crate) async fn decide(&self, connection: &Connection, call: Call, server: &impl AskServer) -> Decided {
        if call.continued().is_some() {
            return self.go_on(call);
        }
        match self.ask(connection, &call, server).await {
            Ok((permit, definition)) => {
                let (notice, signed) = (permit.for_model(), permit.arguments().as_object().clone());
                let forward = forward(&call, &signed, &definition.mirrored);
                let Definition { mirrored, place, .. } = definition;
                let passed = Passed { permit, notice, call, signed, mirrored, place };
                Decided::Forward(Box::new((passed, forward)))
            }
            Err(text) => Decided::Refused(text),
        }
    }

    /// A call that goes on with an approved one, for which the server had asked the client for more.
    fn go_on(&self, call: Call) -> Decided {
        match self.rounds.take(&call) {
            Some(Held { passed, .. }) => {
                let forward = forward(&call, &passed.signed, &passed.mirrored);
                Decided::Forward(Box::new((Passed { call, ..passed }, forward)))
            }
            None => Decided::Refused(answer::not_asked(
                "The call continues one that is not open: nobody approved one with these arguments that the server \
                 asked more about. Next step: make the call anew, without inputResponses and requestState.",
            )),
        }
    }

    async fn ask(
        &self,
        connection: &Connection,
        call: &Call,
        server: &impl AskServer,
    ) -> Result<(Permit, Definition), String> {
        let definition = self.definition(connection, call, server).await?;
        let action = self.action(connection, call, &definition);
        let session = connection.session(&self.gate).map_err(|refused| refused.for_model())?;
        let asked = session.ask(action).await;
        let permit = match asked.map_err(|error| answer::not_asked(&format!("{error}.")))? {
            Verdict::Allowed(permit) => permit,
            Verdict::Refused(refused) => return Err(refused.for_model()),
        };
        // The server had as long as the person to change its mind.
        let now = self.definition(connection, call, server).await?;
        let permit = permit.check_tool(&now.digest).await.map_err(|refused: Refused| refused.for_model())?;
        let (pins, tool) = (self.pins.clone(), call.tool.clone());
        let kept = tokio::task::spawn_blocking(move || pins.approve(&tool, &now.digest)).await;
        if !matches!(kept, Ok(Ok(()))) {
            crate::say("the definition of an approved tool could not be recorded; it will be asked as a new one");
        }
        Ok((permit, definition))
    }

    /// What is asked: the call itself, and what the server says of its tool, as words that prove nothing.
    fn action(&self, connection: &Connection, call: &Call, definition: &Definition) -> Action {
        let pin = self.pins.look(&call.tool, &definition.digest);
        let differs = connection.catalog().differs_from_shown(&call.tool, &definition.digest);
        let change = match pin {
            Pin::Changed => {
                Some("CHANGED: the server describes this tool in another way than when you last approved it.")
            }
            Pin::Unknown => Some("The record of earlier definitions cannot be read: this one may have changed."),
            Pin::New | Pin::Same if differs => {
                Some("CHANGED: the server describes this tool in another way than it did to the agent.")
            }
            Pin::New | Pin::Same => None,
        };
        let new_words = change.and(definition.beginning()).map(|words| format!("It now says: {words}"));
        let reason = [change.map(str::to_owned), new_words, definition.claims.words()];
        let reason: Vec<String> = reason.into_iter().flatten().collect();
        let mut action = Action::from_json(&call.tool, &call.arguments.to_string())
            .server(&self.server)
            .digest(definition.digest)
            .life(self.life);
        if let Some(title) = &definition.title {
            action = action.title(title);
        }
        if !reason.is_empty() {
            action = action.reason(&reason.join("\n"));
        }
        let is_risky = change.is_some() || definition.claims.destructive == Some(true);
        if is_risky { action.risk(Risk::High) } else { action }
    }

    /// What the server says of a tool now.
    async fn definition(
        &self,
        connection: &Connection,
        call: &Call,
        server: &impl AskServer,
    ) -> Result<Definition, String> {
        if let Some(definition) = connection.catalog().fresh(&call.tool) {
            return Ok(definition);
        }
        let listed = tokio::time::timeout(LISTING, self.list(call, server)).await;
        let Ok(Some(pages)) = listed else {
            return Err(answer::not_asked(
                "The server did not list its tools in a form that can be read, so nobody can be asked about one. \
                 Next step, for the person: look at the server.",
            ));
        };
        connection.catalog().replace(pages);
        connection.catalog().fresh(&call.tool).ok_or_else(|| {
            let text = format!("The server offers no tool `{}`. Next step: list its tools again.", call.tool);
            answer::not_asked(&text)
        })
    }

    async fn list(&self, call: &Call, server: &impl AskServer) -> Option<Vec<Page>> {
        let (mut pages, mut cursor) = (Vec::new(), None);
        while pages.len() < MAX_PAGES {
            let id = self.own_id();
            let answer = server.own(&id, call.list(&id, cursor.as_deref())).await?;
            let page = Page::read(Answer::read(&answer)?.result?.get())?;
            cursor = page.next.clone();
            pages.push(page);
            if cursor.is_none() {
                return Some(pages);
            }
        }
        None
    }

    /// What becomes of a message that came from the server to this client.
    pub(crate) fn onward(&self, connection: &Connection, message: &[u8]) -> Onward {
        match from_server(message) {
            Ok(FromServer::Response(id)) => match connection.answered(&id) {
                Some(Awaited::Plain) => Onward::Same,
                Some(Awaited::List) => {
                    let result = Answer::read(message).and_then(|answer| answer.result);
                    if let Some(page) = result.and_then(|result| Page::read(result.get())) {
                        connection.catalog().show(page);
                    }
                    Onward::Same
                }
                Some(Awaited::Call(passed)) => self.settle(*passed, message),
                Some(Awaited::Own(waiting)) => {
                    // Whoever asked may have gone.
                    let _gone = waiting.send(message.to_vec());
                    Onward::Nothing(None)
                }
                None => Onward::Nothing(Some("It answers a request that the server was not sent.")),
            },
            Ok(FromServer::Notification(method)) => {
                if method == "notifications/tools/list_changed" {
                    connection.catalog().outdate();
                }
                Onward::Same
            }
            Ok(FromServer::Request) => Onward::Same,
            Err(unfit) => Onward::Nothing(Some(unfit.why)),
        }
    }

    /// The server has answered an approved call: reports it, and tells the model where something else ran than it
    /// proposed.
    fn settle(&self, passed: Passed, message: &[u8]) -> Onward {
        let answer = Answer::read(message);
        let ending = answer.as_ref().and_then(|answer| answer.result).and_then(Ending::read);
        if let Some(asked) = ending.as_ref().and_then(Ending::wants_more) {
            let until = Instant::now() + self.life;
            self.rounds.hold(Held { passed, asked: asked.names, until }, asked.state);
            return Onward::Same;
        }
        let told = passed.notice.as_deref().and_then(|notice| answer::with_notice(message, notice, &passed.place));
        let result = match ending {
            Some(ending) if !ending.is_error => ExecutionResult::Executed,
            Some(_) | None => ExecutionResult::Failed,
        };
        let output = answer.and_then(|answer| serde_json::from_str(answer.result.or(answer.error)?.get()).ok());
        self.report(passed, result, output);
        told.map_or(Onward::Same, Onward::Instead)
    }

    /// An approved call has come to nothing, for this reason.
    pub(crate) fn failed(&self, passed: Passed, why: &str) {
        self.report(passed, ExecutionResult::Failed, Some(why.into()));
    }

    fn report(&self, passed: Passed, result: ExecutionResult, output: Option<serde_json::Value>) {
        self.reports.spawn(async move {
            if let Err(refused) = passed.permit.report(result, output.as_ref()).await {
                crate::say(&format!("an outcome could not be reported: {refused}"));
            }
        });
    }
}

fn forward(call: &Call, signed: &Object, mirrored: &[Mirrored]) -> Forward {
    let headers = mirrored.iter().filter_map(|one| Some((one.header.clone(), one.value(signed)?)));
    Forward { message: call.message(signed), mirrored: headers.collect() }
}

/// A server's answer, as far as it is looked at.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Answer<'a> {
    fn read(message: &'a [u8]) -> Option<Answer<'a>> {
        serde_json::from_slice(message).ok()
    }
}

/// How a call ended, as its result says.
#[derive(Deserialize)]
struct Ending {
    #[serde(default, rename = "isError")]
    is_error: bool,
    #[serde(default, rename = "resultType")]
    kind: Option<String>,
    #[serde(default, rename = "inputRequests")]
    asked: HashMap<String, serde_json::Value>,
    #[serde(default, rename = "requestState")]
    state: Option<Box<RawValue>>,
}

/// What a server wants before it goes on.
struct Wanted<'a> {
    names: Vec<String>,
    state: Option<&'a str>,
}

impl Ending {
    fn read(result: &RawValue) -> Option<Ending> {
        serde_json::from_str(result.get()).ok()
    }

    fn wants_more(&self) -> Option<Wanted<'_>> {
        (self.kind.as_deref() == Some("input_required")).then(|| Wanted {
            names: self.asked.keys().cloned().collect(),
            state: self.state.as_deref().map(RawValue::get),
        })
    }
}
