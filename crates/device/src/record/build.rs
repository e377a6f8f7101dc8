//! Making the view of a record from what was verified.

use super::{MarkView, MessageView, Moment, MomentKind, RecordHead, RecordView};
use crate::history::device_name;
use agenttrust_approver::Approver;
use agenttrust_approver::display::{Care, Display, Edited, Local, MAX_NAME, Text, safe_line};
use agenttrust_approver::edit::Edit;
use agenttrust_approver::record::{Part, Record};
use agenttrust_approver::trustview::TrustView;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::{ErrorBody, Mark, RequestDetail};
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Decision, Event, EventKind, ExecutionResult, Verdict};
use agenttrust_protocol::{Hash, Opened, Time};
use data_encoding::BASE64URL_NOPAD;

/// The longest code that is shown.
const MAX_CODE: usize = 60;

/// What a view is made of.
struct Source<'a> {
    detail: &'a RequestDetail,
    record: Record,
    view: &'a TrustView,
    asked: Option<Asked>,
    local: Local,
    /// The agent's name, in a safe line.
    agent: String,
}

impl RecordView {
    pub(crate) fn of(request: &Hash, detail: &RequestDetail, approver: &Approver) -> RecordView {
        let record = Record::check(approver.view().trust(), request, detail.state, &detail.messages);
        let cert = record.cert().map(|cert| cert.body());
        let agent = cert.map_or_else(|| "the agent".to_owned(), |cert| safe_line(&cert.name, MAX_NAME));
        let known = cert.map(|cert| approver.local(&cert.cnf.thumbprint())).unwrap_or_default();
        // Of the past nothing is new.
        let local = Local { seen_before: true, ..known };
        let asked = record.asked();
        let source = Source { detail, record, view: approver.view(), asked, local, agent };
        RecordView {
            request: *request,
            state: detail.state,
            fault: source.record.faults().first().map(ErrorBody::from),
            about: source.about(),
            display: source.display(),
            erased: source.record.is_erased(),
            timeline: source.timeline(),
            output: source.output(),
            marks: detail.marks.iter().map(|mark| source.mark(mark)).collect(),
            messages: source.record.parts().iter().map(|part| source.message(part)).collect(),
        }
    }
}

impl Source<'_> {
    fn about(&self) -> Option<RecordHead> {
        let (cert, request) = (self.record.cert()?.body(), self.record.asking()?);
        let (body, name) = (request.body(), |text: &String| Text::line(text, Care::Name));
        Some(RecordHead {
            agent: cert.cnf.thumbprint(),
            agent_name: name(&cert.name),
            tool: name(&body.action.tool),
            server: body.action.server.as_ref().map(name),
            asked: request.head().iat,
            deadline: body.exp,
            grant: body.grant,
        })
    }

    /// The request with the arguments that ran, or would have run: those of the change, if a device made one.
    fn display(&self) -> Option<Display> {
        let edited = self.record.counted().find_map(|decision| decision.content().ok()?.arguments);
        Some(Display::of(self.asked.as_ref()?, &self.local, edited.as_ref()))
    }

    fn output(&self) -> Option<Text> {
        Some(match self.record.outcome()?.content().ok()?.output? {
            Value::String(text) => Text::block(&text, Care::Prose),
            Value::Object(object) => json(&object),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
                Text::block(&other.to_string(), Care::Prose)
            }
        })
    }

    fn mark(&self, mark: &Mark) -> MarkView {
        MarkView {
            device: device_name(&mark.device, self.view),
            delivered: mark.delivered,
            opened: mark.opened,
            answered: mark.answered,
        }
    }

    fn timeline(&self) -> Vec<Moment> {
        let marked = |at: Option<Time>, kind, mark: &Mark| {
            let by = Some(device_name(&mark.device, self.view));
            at.map(|at| Moment { by, signed: false, ..moment(at, kind) })
        };
        let delivered = self.detail.marks.iter().map(|mark| marked(mark.delivered, MomentKind::Delivered, mark));
        let opened = self.detail.marks.iter().map(|mark| marked(mark.opened, MomentKind::Opened, mark));
        let asked = self.record.parts().iter().filter(|part| matches!(part, Part::Request(_)));
        let rest = self.record.parts().iter().filter(|part| !matches!(part, Part::Request(_)));
        // Among moments of one second the sorting keeps this order.
        let mut moments: Vec<Moment> = asked.filter_map(|part| self.moment(part)).collect();
        moments.extend(delivered.chain(opened).flatten());
        moments.extend(rest.filter_map(|part| self.moment(part)));
        moments.sort_by_key(|moment| moment.at);
        moments
    }

    /// What a message says has happened; `None` if that is told elsewhere.
    fn moment(&self, part: &Part) -> Option<Moment> {
        let by_agent = |kind| Moment { by: Some(self.agent.clone()), ..moment(part.at(), kind) };
        match part {
            Part::Cert(_) | Part::Session(_) => None,
            Part::Request(_) => Some(by_agent(MomentKind::Asked)),
            Part::Decision(decision) => Some(self.answer(decision)),
            Part::Claim(_) => Some(by_agent(MomentKind::Claimed)),
            Part::Outcome(outcome) => Some(by_agent(match outcome.body().result {
                ExecutionResult::Executed => MomentKind::Executed,
                ExecutionResult::Failed => MomentKind::Failed,
            })),
            Part::Cancel(_) => Some(by_agent(MomentKind::Cancelled)),
            Part::Event(event) => self.noted(event),
        }
    }

    fn answer(&self, decision: &Opened<Decision>) -> Moment {
        let content = decision.content().unwrap_or(agenttrust_protocol::message::DecisionContent {
            arguments: None,
            shown: None,
            note: None,
        });
        let kind = match decision.body().outcome {
            Verdict::Deny if self.detail.state == State::Revoked => MomentKind::Revoked,
            Verdict::Deny => MomentKind::Denied,
            Verdict::Modify if decision.body().first.is_none() => MomentKind::Changed,
            Verdict::Modify | Verdict::Approve => MomentKind::Approved,
        };
        let refusal = self.record.refusal(&decision.hash());
        Moment {
            by: Some(device_name(&decision.signer(), self.view)),
            note: content.note.as_ref().map(|note| Text::block(note, Care::Prose)),
            edits: content.arguments.as_ref().and_then(|arguments| self.edits(arguments)),
            code: refusal.map(|code| safe_line(code.unwrap_or("refused"), MAX_CODE)),
            ..moment(decision.head().iat, kind)
        }
    }

    fn edits(&self, arguments: &Object) -> Option<Vec<Edited>> {
        Display::of(self.asked.as_ref()?, &self.local, Some(arguments)).edits
    }

    fn noted(&self, event: &Opened<Event>) -> Option<Moment> {
        let body = event.body();
        let kind = match body.kind {
            EventKind::Expired => MomentKind::Expired,
            EventKind::Unknown => MomentKind::Unknown,
            EventKind::Erased => MomentKind::Erased,
            // It stands beside the answer that did not count.
            EventKind::Refused if body.of != self.record.request() => return None,
            EventKind::Refused => MomentKind::Event,
        };
        let code = body.code.as_ref().map(|code| safe_line(code, MAX_CODE));
        Some(Moment { code, ..moment(event.head().iat, kind) })
    }

    fn message(&self, part: &Part) -> MessageView {
        let signer = match part {
            Part::Cert(_) | Part::Decision(_) => device_name(&part.signer(), self.view),
            Part::Session(_) | Part::Request(_) | Part::Claim(_) | Part::Outcome(_) | Part::Cancel(_) => {
                self.agent.clone()
            }
            Part::Event(_) => "the daemon".to_owned(),
        };
        let mut disclosed = Object::default();
        for disclosure in part.disclosed() {
            disclosed.set(&disclosure.name, disclosure.value);
        }
        let hash = part.hash();
        let leaf = self.detail.leaves.iter().find(|leaf| leaf.hash == hash).map(|leaf| leaf.index);
        MessageView {
            typ: part.typ().to_owned(),
            hash,
            leaf,
            signer,
            key: part.signer(),
            at: part.at(),
            text: part.as_str().to_owned(),
            payload: json(&payload(part.as_str()).unwrap_or_default()),
            content: (!disclosed.is_empty()).then(|| json(&disclosed)),
            erased: part.missing().unwrap_or(0),
        }
    }
}

/// The daemon's doing, as far as nothing else is said.
fn moment(at: Time, kind: MomentKind) -> Moment {
    Moment { at, kind, by: None, signed: true, note: None, edits: None, code: None }
}

fn json(object: &Object) -> Text {
    Text::block(Edit::new(object).to_json().trim_end(), Care::Prose)
}

/// The payload of a verified message.
fn payload(message: &str) -> Option<Object> {
    let bytes = BASE64URL_NOPAD.decode(message.split('.').nth(1)?.as_bytes()).ok()?;
    parse(&bytes, Numbers::Integers).ok()?.as_object().cloned()
}
