//! Lists of the past as a shell shows them: requests, counts over time, agents.

use agenttrust_approver::display::{Care, GateWords, MAX_NAME, Text, safe_line};
use agenttrust_approver::record::{Fault, Wrong};
use agenttrust_approver::trustview::TrustView;
use agenttrust_protocol::door::{AgentState, AgentView, CountRow, ErrorBody, HistoryPage, HistoryRow, typ_of};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{AgentCert, AgentKind, Enroll, Message};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// A page of history, newest first. It is the daemon's word: what counts is in each request's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryList {
    /// The rows.
    pub rows: Vec<HistoryItem>,
    /// The cursor of the next page, if there is one.
    pub next: Option<u64>,
}

impl HistoryList {
    pub(crate) fn of(page: HistoryPage, view: &TrustView) -> HistoryList {
        let rows = page.rows.iter().map(|row| HistoryItem::of(row, view));
        HistoryList { rows: rows.collect(), next: page.next }
    }
}

/// One request in a list; what is erased is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryItem {
    /// The request.
    pub request: Hash,
    /// The agent's key.
    pub agent: Thumbprint,
    /// The agent's name.
    pub agent_name: Text,
    /// The tool.
    pub tool: Text,
    /// Its server.
    pub server: Option<Text>,
    /// The state now.
    pub state: State,
    /// When it was asked.
    pub asked: Time,
    /// When it was answered.
    pub decided: Option<Time>,
    /// The devices that answered.
    pub decided_by: Vec<NamedDevice>,
    /// The agent's title.
    pub title: Option<Text>,
    /// The agent's target.
    pub target: Option<Text>,
}

impl HistoryItem {
    fn of(row: &HistoryRow, view: &TrustView) -> HistoryItem {
        let name = |text: &String| Text::line(text, Care::Name);
        HistoryItem {
            request: row.request,
            agent: row.agent,
            agent_name: name(&row.agent_name),
            tool: name(&row.tool),
            server: row.server.as_ref().map(name),
            state: row.state,
            asked: row.asked,
            decided: row.decided,
            decided_by: row.decided_by.iter().map(|device| NamedDevice::of(device, view)).collect(),
            title: row.title.as_ref().map(|title| Text::line(title, Care::Prose)),
            target: row.target.as_ref().map(name),
        }
    }
}

/// The row as the daemon sent it, for programs.
impl From<&HistoryItem> for HistoryRow {
    fn from(item: &HistoryItem) -> HistoryRow {
        HistoryRow {
            request: item.request,
            agent: item.agent,
            agent_name: item.agent_name.raw(),
            tool: item.tool.raw(),
            server: item.server.as_ref().map(Text::raw),
            state: item.state,
            asked: item.asked,
            decided: item.decided,
            decided_by: item.decided_by.iter().map(|device| device.device).collect(),
            title: item.title.as_ref().map(Text::raw),
            target: item.target.as_ref().map(Text::raw),
        }
    }
}

/// A device in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct NamedDevice {
    /// Its approval key.
    pub device: Thumbprint,
    /// Its name, in a safe line; the beginning of its key if no bundle has ever named it.
    pub name: String,
}

impl NamedDevice {
    fn of(device: &Thumbprint, view: &TrustView) -> NamedDevice {
        NamedDevice { device: *device, name: device_name(device, view) }
    }
}

/// A device's name in a safe line, whether or not it is still one; the beginning of its key if no bundle has named it.
pub(crate) fn device_name(device: &Thumbprint, view: &TrustView) -> String {
    view.name_of(device).map_or_else(|| short(device), |name| safe_line(name, MAX_NAME))
}

fn short(key: &Thumbprint) -> String {
    key.to_string().chars().take(8).collect()
}

/// How many requests came to which state over time. It is the daemon's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Counts {
    /// The length of each span of time, in seconds.
    pub step: u64,
    /// The counts, ascending in time; what is zero is absent.
    pub rows: Vec<CountRow>,
}

/// One agent: what its enrolment and its certificate say, verified here, and what the daemon says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct AgentInfo {
    /// The agent's key.
    pub agent: Thumbprint,
    /// Its enrolment; absent if that does not verify.
    pub enroll: Option<Hash>,
    /// The name the person gave it, or its own until they did.
    pub name: Text,
    /// The program it says it is; absent if its enrolment does not verify.
    pub program: Option<Text>,
    /// How it is gated, as it says; absent if its enrolment does not verify.
    pub kind: Option<AgentKind>,
    /// What that means.
    pub gate: Option<GateWords>,
    /// How it stands.
    pub state: AgentState,
    /// Whether it is paused.
    pub paused: bool,
    /// How many requests it made.
    pub requests: u64,
    /// When it asked last.
    pub last_asked: Option<Time>,
    /// When a person accepted it.
    pub enrolled: Option<Time>,
    /// The device that signed its certificate, in a safe line.
    pub accepted_by: Option<String>,
    /// Until when its certificate holds.
    pub until: Option<Time>,
    /// What does not verify of what the daemon says.
    pub fault: Option<ErrorBody>,
}

impl AgentInfo {
    pub(crate) fn of(view: &AgentView, trust: &TrustView) -> AgentInfo {
        let mut faults: Vec<Fault> = Vec::new();
        let enroll = found::<Enroll>(view).map(|text| open_enroll(view, text));
        let enroll = checked(enroll, true, &mut faults);
        let cert = found::<AgentCert>(view).map(|text| open_cert(view, trust.trust(), enroll.as_ref(), text));
        let cert = checked(cert, view.state == AgentState::Enrolled, &mut faults);
        let named = cert.as_ref().map(|cert| &cert.body().name);
        let name = named.or(enroll.as_ref().map(|enroll| &enroll.body().name));
        // What a status says is signed; the daemon is believed for the rest.
        let revoked = trust.trust().is_agent_revoked(&view.agent);
        AgentInfo {
            agent: view.agent,
            enroll: enroll.as_ref().map(Opened::hash),
            name: name.map_or_else(|| Text::line(&short(&view.agent), Care::Name), |name| Text::line(name, Care::Name)),
            program: enroll.as_ref().map(|enroll| Text::line(&enroll.body().program, Care::Name)),
            gate: enroll.as_ref().map(|enroll| GateWords::of(enroll.body())),
            kind: enroll.as_ref().map(|enroll| enroll.body().kind),
            state: if revoked { AgentState::Revoked } else { view.state },
            paused: trust.trust().is_paused(&view.agent),
            requests: view.requests,
            last_asked: view.last_asked,
            enrolled: cert.as_ref().map(|cert| cert.head().iat),
            accepted_by: cert.as_ref().map(|cert| device_name(&cert.signer(), trust)),
            until: cert.as_ref().map(|cert| cert.body().exp),
            fault: faults.first().map(ErrorBody::from),
        }
    }
}

fn found<M: Message>(view: &AgentView) -> Option<&str> {
    view.messages.iter().map(String::as_str).find(|text| typ_of(text).as_deref() == Some(M::TYP))
}

/// The message, or why there is none.
fn checked<M: Message>(
    opened: Option<Result<Opened<M>, Reason>>,
    must_be: bool,
    faults: &mut Vec<Fault>,
) -> Option<Opened<M>> {
    let wrong = match opened {
        Some(Ok(opened)) => return Some(opened),
        Some(Err(reason)) => Wrong::Message(reason),
        None if must_be => Wrong::Missing,
        None => return None,
    };
    faults.push(Fault { typ: Some(M::TYP), hash: None, wrong });
    None
}

fn open_enroll(view: &AgentView, text: &str) -> Result<Opened<Enroll>, Reason> {
    let enroll = Received::<Enroll>::parse(text)?.open_own()?;
    if enroll.body().key.thumbprint() == view.agent { Ok(enroll) } else { Err(Reason::UnknownKey) }
}

/// An agent may have been accepted by a device that is none any more: that did not undo it.
fn open_cert(
    view: &AgentView,
    trust: &Trust,
    enroll: Option<&Opened<Enroll>>,
    text: &str,
) -> Result<Opened<AgentCert>, Reason> {
    let mut bundles = trust.bundles().iter().rev().map(|bundle| bundle.body());
    let cert = Received::<AgentCert>::parse(text)?;
    let signer = cert.signers().next().and_then(|kid| bundles.find_map(|bundle| bundle.admin(&kid)));
    let cert = cert.open(|kid| signer.map(|device| device.key).filter(|key| key.thumbprint() == *kid))?;
    if cert.head().tdid != Some(trust.tdid()) {
        return Err(Reason::WrongRoot);
    }
    let fits = cert.body().cnf.thumbprint() == view.agent && Some(cert.body().enroll) == enroll.map(Opened::hash);
    if fits { Ok(cert) } else { Err(Reason::UnknownKey) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_approver::sign::{Founding, found};
    use agenttrust_protocol::key::{SecretKey, Transport};
    use agenttrust_protocol::message::Device;

    #[test]
    fn what_a_row_says_is_shown_safely_and_kept_exactly() {
        let device = SecretKey::from_seed(&[1; 32]).public();
        let founding = Founding {
            device: Device {
                key: device,
                witness: SecretKey::from_seed(&[2; 32]).public(),
                transport: SecretKey::<Transport>::from_seed(&[3; 32]).public().thumbprint(),
                name: "Phone\u{202e}".to_owned(),
                owner: "owner".to_owned(),
                roles: vec!["admin".parse().unwrap(), "approver".parse().unwrap()],
                local: false,
                protection: "file".to_owned(),
            },
            log: SecretKey::from_seed(&[4; 32]).public(),
            transport: SecretKey::<Transport>::from_seed(&[5; 32]).public().thumbprint(),
        };
        let now = Time(1_800_000_000);
        let me = device.thumbprint();
        let founded = found(founding, &SecretKey::from_seed(&[1; 32]), now, &mut |bytes: &mut [u8]| bytes.fill(7));
        let founded = founded.unwrap();
        let view = TrustView::enter(me, &[&founded.bundle, &founded.status], None, now).unwrap();
        let row = HistoryRow {
            request: Hash::of(b"request"),
            agent: Thumbprint::from_bytes([8; 32]),
            agent_name: "agent\u{202e}\n<b>".to_owned(),
            tool: "pay\u{200b}".to_owned(),
            server: Some("b\u{430}nk".to_owned()),
            state: State::Denied,
            asked: now,
            decided: Some(now),
            decided_by: vec![me, Thumbprint::from_bytes([9; 32])],
            title: Some("a\u{7}b".to_owned()),
            target: None,
        };
        let list = HistoryList::of(HistoryPage { rows: vec![row.clone()], next: Some(3) }, &view);
        assert_eq!((HistoryRow::from(&list.rows[0]), list.next), (row, Some(3)));
        let names: Vec<&str> = list.rows[0].decided_by.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(names, ["Phone\u{27e6}U+202E\u{27e7}", "CQkJCQkJ"]);
        assert!(list.rows[0].server.as_ref().is_some_and(|server| !server.flags.is_empty()));
    }
}
