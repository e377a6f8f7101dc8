//! One request on this device: what was asked, how it stands, who answered it, and how far an answer has come.

use crate::display::{Display, Local, MAX_NAME, safe_line};
use crate::state::Answered;
use crate::trustview::TrustView;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::json::Object;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Decision, DecisionContent, Require, RequiredUv, Verdict};
use agenttrust_protocol::quorum::demands;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// A verified request. There is no card for anything that was not verified.
#[derive(Clone, Debug)]
pub struct Card {
    pub(super) asked: Asked,
    pub(super) local: Local,
    pub(super) state: State,
    /// The devices that answered, as the daemon tells.
    pub(super) by: Vec<Thumbprint>,
    pub(super) code: Option<String>,
    pub(super) decisions: Vec<Given>,
    pub(super) mine: Option<Mine>,
    /// The connection was lost, and whether it is still open is not known.
    pub(super) is_unsure: bool,
    pub(super) reminded: Reminded,
    pub(super) bytes: usize,
    /// In which order it ended; 0 while it has not.
    pub(super) ended: u64,
}

/// A verified decision of some device on a card.
#[derive(Clone, Debug)]
pub struct Given {
    /// The decision.
    pub decision: Opened<Decision>,
    /// Its content.
    pub content: DecisionContent,
}

/// This device's own answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mine {
    /// What it was.
    pub verdict: Verdict,
    /// The decision.
    pub decision: Hash,
    /// Whether the daemon has it.
    pub is_stored: bool,
    /// Whether it came too late to count.
    pub is_late: bool,
}

/// Which reminders a card has had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reminded {
    pub(super) half: bool,
    pub(super) nearly: bool,
    pub(super) expired: bool,
}

/// How a card stands, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// It waits for an answer.
    Open,
    /// The connection was lost; whether it still waits is not known.
    Unsure,
    /// This device answered it.
    AnsweredHere {
        /// What it said.
        verdict: Verdict,
        /// How far that has come.
        step: Step,
    },
    /// Other devices answered it.
    AnsweredElsewhere {
        /// Their names, as this device's trust has them, in safe lines.
        by: Vec<String>,
        /// How far that has come.
        step: Step,
    },
    /// The agent withdrew it.
    Cancelled,
    /// Nobody answered, or nobody took the answer, in time.
    Expired,
    /// The approval was taken back, by a device or by a new trust status.
    Revoked,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is signed and stored on this device.
    Signed,
    /// The daemon has it; more devices may have to answer.
    Stored,
    /// It is denied.
    Denied,
    /// It is approved, and the agent has not taken it yet.
    Approved,
    /// The agent has taken it and may be running the tool.
    Claimed,
    /// The tool ran.
    Executed,
    /// The tool ran into an error.
    Failed,
    /// The agent went silent; nobody knows whether the tool ran.
    Unknown,
}

impl Card {
    pub(super) fn new(asked: Asked, local: Local, bytes: usize) -> Card {
        Card {
            asked,
            local,
            state: State::Pending,
            by: Vec::new(),
            code: None,
            decisions: Vec::new(),
            mine: None,
            is_unsure: false,
            reminded: Reminded::default(),
            bytes,
            ended: 0,
        }
    }

    /// The request.
    pub fn id(&self) -> Hash {
        self.asked.request.hash()
    }

    /// The verified request with all it rests on.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Until when an answer is of use.
    pub fn deadline(&self) -> Time {
        self.asked.request.body().exp
    }

    /// Where the daemon says it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// A code that says why it stands there, where the daemon gave one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// This device's own answer, if it has given one.
    pub fn mine(&self) -> Option<Mine> {
        self.mine
    }

    /// Whether it is not known if it still waits, since the connection was lost.
    pub fn is_unsure(&self) -> bool {
        self.is_unsure
    }

    pub(crate) fn set_mine(&mut self, answered: &Answered, is_stored: bool) {
        let Answered { verdict, decision, .. } = *answered;
        self.mine = Some(Mine { verdict, decision, is_stored, is_late: false });
    }

    pub(super) fn set_late(&mut self) {
        if let Some(mine) = &mut self.mine {
            mine.is_late = true;
        }
    }

    /// The verified decisions so far.
    pub fn decisions(&self) -> &[Given] {
        &self.decisions
    }

    /// The arguments another device changed it to, and its decision, if one did: to agree is to approve those.
    pub fn leader(&self) -> Option<(Hash, &Object)> {
        self.decisions.iter().find_map(|given| {
            let arguments = given.content.arguments.as_ref()?;
            Some((given.decision.hash(), arguments))
        })
    }

    /// What is shown of it, with the agent's arguments or with edited ones.
    pub fn display(&self, edited: Option<&Object>) -> Display {
        Display::of(&self.asked, &self.local, edited)
    }

    /// What the floor rules demand for these arguments.
    pub fn demands(&self, view: &TrustView, arguments: &Object) -> Vec<Require> {
        demands(view.trust().current().body(), &self.asked.facts(arguments))
    }

    /// The user verification without which an answer would not count.
    pub fn required_uv(&self, view: &TrustView, arguments: &Object) -> Option<RequiredUv> {
        self.demands(view, arguments).iter().filter_map(|require| require.uv).max()
    }

    /// How it stands now.
    pub fn phase(&self, view: &TrustView, now: Time) -> Phase {
        match self.state {
            State::Cancelled => Phase::Cancelled,
            State::Expired => Phase::Expired,
            State::Revoked => Phase::Revoked,
            State::Pending => self.pending_phase(now),
            State::Approved => self.answered(view, Step::Approved),
            State::Denied => self.answered(view, Step::Denied),
            State::Claimed => self.answered(view, Step::Claimed),
            State::Executed => self.answered(view, Step::Executed),
            State::Failed => self.answered(view, Step::Failed),
            State::Unknown => self.answered(view, Step::Unknown),
        }
    }

    fn pending_phase(&self, now: Time) -> Phase {
        match self.mine {
            _ if now > self.deadline() => Phase::Expired,
            Some(Mine { verdict, is_stored, .. }) => {
                Phase::AnsweredHere { verdict, step: if is_stored { Step::Stored } else { Step::Signed } }
            }
            None if self.is_unsure => Phase::Unsure,
            None => Phase::Open,
        }
    }

    fn answered(&self, view: &TrustView, step: Step) -> Phase {
        match self.mine {
            Some(Mine { verdict, is_late: false, .. }) => Phase::AnsweredHere { verdict, step },
            Some(_) | None => {
                let name = |device: &Thumbprint| safe_line(view.name_of(device).unwrap_or("another device"), MAX_NAME);
                Phase::AnsweredElsewhere { by: self.by.iter().map(name).collect(), step }
            }
        }
    }

    /// Moves to where the daemon says it stands, and answers whether anything is different now. What has ended stays
    /// ended, and nothing becomes open again.
    pub(super) fn observe(
        &mut self,
        state: State,
        by: Option<Thumbprint>,
        code: Option<&str>,
        me: &Thumbprint,
    ) -> bool {
        let mut is_news = std::mem::take(&mut self.is_unsure);
        if let Some(mine) = self.mine.as_mut().filter(|mine| by.as_ref() == Some(me) && !mine.is_stored) {
            mine.is_stored = true;
            is_news = true;
        }
        if let Some(by) = by.filter(|by| !self.by.contains(by)) {
            self.by.push(by);
            is_news = true;
        }
        if self.state.is_terminal() || state == self.state || state == State::Pending {
            return is_news;
        }
        self.state = state;
        self.code = code.map(str::to_owned);
        true
    }

    /// Takes the decisions that verify and speak of this request; others have no weight anywhere.
    pub(super) fn take_decisions(&mut self, view: &TrustView, texts: &[&str]) {
        self.decisions = texts.iter().filter_map(|text| open(view, &self.asked, text).ok()).collect();
    }
}

fn open(view: &TrustView, asked: &Asked, text: &str) -> Result<Given, Reason> {
    let trust = view.trust();
    let decision = Received::<Decision>::parse(text)?.open(|kid| trust.device(kid).map(|device| device.key))?;
    if decision.head().tdid != Some(trust.tdid()) {
        return Err(Reason::WrongRoot);
    }
    if decision.body().bundle != trust.bundle_ref() {
        return Err(Reason::StaleTrust);
    }
    if trust.is_device_revoked(&decision.signer()) {
        return Err(Reason::Revoked);
    }
    if decision.body().req != asked.request.hash() {
        return Err(Reason::WrongRequest);
    }
    let content = decision.content()?;
    Ok(Given { decision, content })
}
