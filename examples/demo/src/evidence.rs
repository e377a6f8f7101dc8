//! Reading the history: what did people sign, and what did the agent say came of it?

use agenttrust_protocol::door::RequestDetail;
use agenttrust_protocol::json::Object;
use agenttrust_protocol::key::{Agent, PublicKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{AgentCert, Decision, Message, Request, Verdict};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Reason, Received, Time};
use serde::{Deserialize, Serialize};

/// The history as it is handed to the checker.
#[derive(Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The bundle chain.
    pub bundles: Vec<String>,
    /// Every request, oldest first.
    pub requests: Vec<RequestDetail>,
}

/// One request whose signatures were verified.
#[derive(Clone, Debug)]
pub struct Action {
    /// The tool.
    pub tool: String,
    /// What was signed to run: the edited arguments, or those that were asked for.
    pub arguments: Object,
    /// Whether a device approved it and the agent claimed it.
    pub released: bool,
    /// How it ended.
    pub state: State,
}

impl Evidence {
    /// Verifies every signature and answers the actions in order.
    ///
    /// # Errors
    /// A sentence that names the request and the reason.
    pub fn actions(&self) -> Result<Vec<Action>, String> {
        let trust = self.trust().map_err(|reason| format!("the trust bundles: {}", reason.sentence()))?;
        self.requests
            .iter()
            .enumerate()
            .map(|(n, detail)| {
                action(&trust, detail).map_err(|reason| format!("request {}: {}", n + 1, reason.sentence()))
            })
            .collect()
    }

    fn trust(&self) -> Result<Trust, Reason> {
        let (first, rest) = self.bundles.split_first().ok_or(Reason::StaleTrust)?;
        let mut trust = Trust::enter(first, None)?;
        for bundle in rest {
            trust.accept_bundle(bundle, Time(0))?;
        }
        Ok(trust)
    }
}

fn of<M: Message>(detail: &RequestDetail) -> Result<Vec<Received<M>>, Reason> {
    let is_one = |text: &&String| agenttrust_protocol::door::typ_of(text).as_deref() == Some(M::TYP);
    detail.messages.iter().filter(is_one).map(|text| Received::parse(text)).collect()
}

fn action(trust: &Trust, detail: &RequestDetail) -> Result<Action, Reason> {
    let cert = of::<AgentCert>(detail)?.pop().ok_or(Reason::UnknownKey)?;
    let cert = cert.open(|kid| trust.current().body().admin(kid).map(|device| device.key))?;
    let agent: PublicKey<Agent> = cert.body().cnf;
    let request = of::<Request>(detail)?.pop().ok_or(Reason::WrongRequest)?;
    let request = request.open(|kid| Some(agent).filter(|key| key.thumbprint() == *kid))?;
    let asked = request.content()?.arguments;
    let mut yes = false;
    let mut no = false;
    let mut edited = None;
    for decision in of::<Decision>(detail)? {
        let decision = decision.open(|kid| trust.device(kid).map(|device| device.key))?;
        if decision.body().req != request.hash() {
            return Err(Reason::WrongRequest);
        }
        match decision.body().outcome {
            Verdict::Approve => yes = true,
            Verdict::Deny => no = true,
            Verdict::Modify => {
                yes = true;
                edited = decision.content()?.arguments.or(edited);
            }
        }
    }
    let claimed = match detail.state {
        State::Claimed | State::Executed | State::Failed | State::Unknown => true,
        State::Pending | State::Approved | State::Denied | State::Expired | State::Cancelled | State::Revoked => false,
    };
    Ok(Action {
        tool: request.body().action.tool.clone(),
        arguments: edited.unwrap_or(asked),
        released: yes && !no && claimed,
        state: detail.state,
    })
}
