//! The sessions of one agent as a shell shows them: what the person asked it to do, and where it ran.

use agenttrust_approver::display::{Care, Text};
use agenttrust_approver::record::{Fault, Wrong};
use agenttrust_approver::trustview::TrustView;
use agenttrust_protocol::door::{AgentView, ErrorBody, SessionView, SessionsPage, typ_of};
use agenttrust_protocol::envelope::Message;
use agenttrust_protocol::key::{Agent, PublicKey};
use agenttrust_protocol::message::{Enroll, Session, SessionId};
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// A page of an agent's sessions, newest first: as far as it verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SessionList {
    /// The sessions. One that spans two pages is in both, with the turns of each.
    pub sessions: Vec<SessionInfo>,
    /// The cursor of the next page, if there is one.
    pub next: Option<u64>,
    /// What does not verify of what the daemon says: only what does is here, and a shell says so loudly.
    pub fault: Option<ErrorBody>,
}

/// One session: what the agent was told in it, turn by turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SessionInfo {
    /// Its id, by which history can be filtered.
    pub sid: String,
    /// Its turns, newest first; there is one at least.
    pub turns: Vec<Turn>,
}

/// One turn: the person said something, and the agent went to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Turn {
    /// The signed message that says so.
    pub session: Hash,
    /// When it began, by the agent's clock.
    pub begun: Time,
    /// The person's own words, as the agent's program passed them on; absent if it passed on none, or if they are
    /// erased.
    pub task: Option<Text>,
    /// Where it ran; absent once that is erased.
    pub place: Option<TurnPlace>,
    /// How many requests were asked in it, as the daemon says.
    pub requests: u64,
    /// When one was asked last, as the daemon says.
    pub last_asked: Option<Time>,
}

/// Where a turn ran, as the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TurnPlace {
    /// The working folder.
    pub folder: Text,
    /// The machine.
    pub host: Text,
    /// The program.
    pub program: Text,
}

impl SessionList {
    /// `agent` as the daemon describes it, among all it knows: what it signed is checked with its own key.
    pub(crate) fn of(agent: &Thumbprint, views: &[AgentView], page: SessionsPage, trust: &TrustView) -> SessionList {
        let mut faults: Vec<Fault> = Vec::new();
        let key = key_of(agent, views).map_err(|wrong| faults.push(fault::<Enroll>(wrong))).ok();
        let mut sessions: Vec<(SessionId, Vec<Turn>)> = Vec::new();
        for view in page.sessions.iter().filter(|_| key.is_some()) {
            let known = |hash: Hash| sessions.iter().flat_map(|(_, turns)| turns).any(|turn| turn.session == hash);
            match open(view, key, trust).and_then(|(opened, turn)| {
                if known(turn.session) { Err(Wrong::Twice) } else { Ok((opened.body().sid.clone(), turn)) }
            }) {
                Ok((sid, turn)) => match sessions.iter_mut().find(|(known, _)| *known == sid) {
                    Some((_, turns)) => turns.push(turn),
                    None => sessions.push((sid, vec![turn])),
                },
                Err(wrong) => faults.push(fault::<Session>(wrong)),
            }
        }
        let sessions = sessions.into_iter().map(|(sid, turns)| SessionInfo { sid: sid.to_string(), turns });
        SessionList { sessions: sessions.collect(), next: page.next, fault: faults.first().map(ErrorBody::from) }
    }
}

fn fault<M: Message>(wrong: Wrong) -> Fault {
    Fault { typ: Some(M::TYP), hash: None, wrong }
}

/// The key that an agent's enrolment carries, and signs with.
fn key_of(agent: &Thumbprint, views: &[AgentView]) -> Result<PublicKey<Agent>, Wrong> {
    let view = views.iter().find(|view| view.agent == *agent).ok_or(Wrong::Missing)?;
    let enroll = view.messages.iter().find(|text| typ_of(text).as_deref() == Some(Enroll::TYP));
    let enroll = Received::<Enroll>::parse(enroll.ok_or(Wrong::Missing)?).and_then(Received::<Enroll>::open_own);
    let key = enroll.map_err(Wrong::Message)?.body().key;
    if key.thumbprint() == *agent { Ok(key) } else { Err(Wrong::Message(Reason::UnknownKey)) }
}

fn open(
    view: &SessionView,
    key: Option<PublicKey<Agent>>,
    trust: &TrustView,
) -> Result<(Opened<Session>, Turn), Wrong> {
    let session = Received::<Session>::parse(&view.message).map_err(Wrong::Message)?;
    let session = session.open(|kid| key.filter(|key| key.thumbprint() == *kid)).map_err(Wrong::Message)?;
    if session.head().tdid != Some(trust.trust().tdid()) {
        return Err(Wrong::Message(Reason::WrongRoot));
    }
    // Erased is all of it or nothing: a part is what somebody kept back.
    let disclosed = session.disclosed().map_err(Wrong::Message)?;
    let content = if disclosed.is_empty() { None } else { Some(session.content().map_err(Wrong::Message)?) };
    let (place, task) = content.map_or((None, None), |content| (Some(content.facts), content.task));
    let turn = Turn {
        session: session.hash(),
        begun: session.head().iat,
        task: task.map(|task| Text::block(&task, Care::Prose)),
        place: place.map(|facts| TurnPlace {
            folder: Text::line(&facts.cwd, Care::Name),
            host: Text::line(&facts.host, Care::Host),
            program: Text::line(&facts.program, Care::Name),
        }),
        requests: view.requests,
        last_asked: view.last_asked,
    };
    Ok((session, turn))
}
