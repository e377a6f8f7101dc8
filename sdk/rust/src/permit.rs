//! The right to run one tool call once, with exactly what was signed.

use crate::action::Arguments;
use crate::client::Failure;
use crate::error::Refused;
use crate::gate::{CALL, Gate, is_final};
use crate::store::Parcel;
use agenttrust_protocol::check::Release;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::json::{Numbers, Value, parse};
use agenttrust_protocol::message::{ExecutionResult, Outcome, OutcomeContent, Request};
use agenttrust_protocol::{Hash, Opened, Reason};
use std::fmt::{self, Display};

/// The longest output that is reported, in bytes of JSON; a longer one is left out.
pub const MAX_OUTPUT: usize = 64 << 10;

/// What came of an ask.
#[derive(Debug)]
pub enum Verdict {
    /// It may run, once, as the permit says.
    Allowed(Permit),
    /// It must not run.
    Refused(Refused),
}

/// How a report went; the tool has run either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The daemon has it.
    Delivered,
    /// It is on record here and goes out with the next ask or [`Gate::flush`].
    Kept,
}

/// The right to run one tool call once. It is used up by [`Permit::run`] or [`Permit::report`]; dropped without a
/// report, the daemon notes after a while that nobody knows what came of it.
#[must_use = "a permit that is not used up leaves the outcome unknown"]
pub struct Permit {
    gate: Gate,
    request: Hash,
    /// The digest of the tool's definition that was signed.
    tool: Option<Hash>,
    arguments: Arguments,
    edited: bool,
    notes: Vec<String>,
    /// The daemon does not know of the request yet, so the outcome must follow it.
    queued: bool,
}

impl Permit {
    pub(crate) fn approved(gate: &Gate, request: Hash, tool: Option<Hash>, release: Release) -> Permit {
        Permit {
            gate: gate.clone(),
            request,
            tool,
            arguments: Arguments::new(release.arguments),
            edited: release.edited,
            notes: release.notes,
            queued: false,
        }
    }

    pub(crate) fn granted(gate: &Gate, request: &Opened<Request>, arguments: Arguments, queued: bool) -> Permit {
        let (request, tool) = (request.hash(), request.body().action.digest);
        Permit { gate: gate.clone(), request, tool, arguments, edited: false, notes: Vec::new(), queued }
    }

    /// Holds the tool's definition as it is now against the one that was signed: for tools that others offer, who may
    /// change them while the person decides. Where the request named none, any is another one.
    ///
    /// # Errors
    /// `tool_changed`: nothing may run, and that is reported.
    pub async fn check_tool(self, now: &Hash) -> Result<Permit, Refused> {
        if self.tool.as_ref() == Some(now) {
            return Ok(self);
        }
        let output = Value::String(Reason::ToolChanged.code().to_owned());
        self.report_logged(ExecutionResult::Failed, Some(output)).await;
        Err(Reason::ToolChanged.into())
    }

    /// As [`Permit::check_tool`], for callers that are not asynchronous.
    ///
    /// # Errors
    /// The same.
    pub fn check_tool_blocking(self, now: &Hash) -> Result<Permit, Refused> {
        crate::blocking::wait(|| self.check_tool(now))?
    }

    /// The arguments to run with, which may be others than were asked for.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// Whether the person changed the arguments.
    pub fn edited(&self) -> bool {
        self.edited
    }

    /// The people's words to the agent.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The request it was given for.
    pub fn request(&self) -> Hash {
        self.request
    }

    /// A line to put before the tool's result, where the model must know that something else ran than it proposed, or
    /// the person said something.
    pub fn for_model(&self) -> Option<String> {
        let mut text = String::new();
        if self.edited {
            let arguments = self.arguments.to_json();
            text = format!("AgentTrust: the person changed the arguments; this ran with {arguments}.");
        }
        for note in &self.notes {
            let separator = if text.is_empty() { "AgentTrust: " } else { " " };
            text.push_str(&format!("{separator}The person says: {note}"));
        }
        (!text.is_empty()).then_some(text)
    }

    /// Runs the tool with the arguments and reports what came of it.
    ///
    /// # Errors
    /// The tool's own. A report that cannot be delivered is kept and sent later.
    pub async fn run<T, E, F>(self, tool: impl FnOnce(Arguments) -> F) -> Result<T, E>
    where
        T: serde::Serialize,
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        let result = tool(self.arguments.clone()).await;
        let (ended, output) = output_of(&result);
        self.report_logged(ended, output).await;
        result
    }

    /// As [`Permit::run`], for callers that are not asynchronous.
    ///
    /// # Errors
    /// The tool's own.
    pub fn run_blocking<T, E>(self, tool: impl FnOnce(Arguments) -> Result<T, E>) -> Result<T, E>
    where
        T: serde::Serialize,
        E: Display,
    {
        let result = tool(self.arguments.clone());
        let (ended, output) = output_of(&result);
        if let Err(refused) = crate::blocking::wait(|| self.report_logged(ended, output)) {
            tracing::warn!(%refused, "an outcome could not be reported");
        }
        result
    }

    /// Reports what came of a run that the caller did itself, with the tool's output where it is worth keeping.
    ///
    /// # Errors
    /// `disk_full` or a `store_…` code if it could be neither delivered nor kept.
    pub async fn report(
        self,
        result: ExecutionResult,
        output: Option<&serde_json::Value>,
    ) -> Result<Reported, Refused> {
        let output = output.and_then(|output| strict(&output.to_string()));
        self.post(result, output).await
    }

    /// As [`Permit::report`], for callers that are not asynchronous.
    ///
    /// # Errors
    /// The same.
    pub fn report_blocking(
        self,
        result: ExecutionResult,
        output: Option<&serde_json::Value>,
    ) -> Result<Reported, Refused> {
        crate::blocking::wait(|| self.report(result, output))?
    }

    async fn report_logged(self, result: ExecutionResult, output: Option<Value>) {
        if let Err(refused) = self.post(result, output).await {
            tracing::warn!(%refused, "an outcome could not be reported");
        }
    }

    async fn post(self, result: ExecutionResult, output: Option<Value>) -> Result<Reported, Refused> {
        post_outcome(&self.gate, self.request, result, output, self.queued).await
    }
}

/// Signs an outcome and delivers it, or keeps it for later.
pub(crate) async fn post_outcome(
    gate: &Gate,
    request: Hash,
    result: ExecutionResult,
    output: Option<Value>,
    queued: bool,
) -> Result<Reported, Refused> {
    let trust = gate.inner.keeper.known().ok_or(Trouble::Internal)?;
    let body = gate.inner.sign(trust.tdid(), &Outcome { req: request, result }, &OutcomeContent { output });
    let parcel = Parcel { path: format!("/v1/requests/{request}/outcome"), body };
    if !queued {
        match gate.inner.client.post(&parcel.path, &parcel.body, CALL).await {
            Ok(_) => return Ok(Reported::Delivered),
            Err(Failure::Answered(code)) if is_final(code) => return Err(Refused::new(code)),
            Err(failure) => tracing::debug!(?failure, "an outcome is kept for later"),
        }
    }
    gate.db(move |_, store| store.post_later(&parcel)).await?;
    let delivered = queued && gate.flush().await.is_ok();
    Ok(if delivered { Reported::Delivered } else { Reported::Kept })
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("request", &self.request).field("edited", &self.edited).finish_non_exhaustive()
    }
}

fn output_of<T: serde::Serialize, E: Display>(result: &Result<T, E>) -> (ExecutionResult, Option<Value>) {
    match result {
        Ok(output) => {
            let text = serde_json::to_string(output).ok();
            (ExecutionResult::Executed, text.and_then(|text| strict(&text)))
        }
        Err(error) => {
            let text = serde_json::to_string(&error.to_string()).ok();
            (ExecutionResult::Failed, text.and_then(|text| strict(&text)))
        }
    }
}

/// An output as the protocol carries it; what it cannot carry is left out, for the run is over.
pub(crate) fn strict(text: &str) -> Option<Value> {
    if text.len() > MAX_OUTPUT { None } else { parse(text.as_bytes(), Numbers::Any).ok() }
}
