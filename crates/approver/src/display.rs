//! The display model: exactly what a device shows before the person answers, made from the signed bytes of a request.
//!
//! Agent text is text: nothing in it is markup, no character of it is lost, and none of it can look like a line of
//! ours. A screen draws the model; [`Display::lines`] is the same as plain text, which a decision signs as `shown`.
//! The model depends on nothing that passes with time, so the same request always shows the same.

mod arguments;
mod enrolment;
mod hidden;
mod kind;
mod lines;
mod script;
mod segment;
mod text;
mod when;

pub(crate) use arguments::pointer;
pub use arguments::{Arguments, Item, Shown};
pub use enrolment::{EnrolDisplay, GateWords};
pub use kind::Kind;
pub use script::{Care, Flag};
pub use segment::{Form, Segment};
pub use text::{Folds, Text, safe_line};
pub use when::{span, utc};

use crate::edit::{Change, changes};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::json::{Object, Value};
use agenttrust_protocol::message::Risk;
use agenttrust_protocol::{Hash, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// The longest name of a device in a line, in user-perceived characters.
pub const MAX_NAME: usize = 60;

/// The most flags listed together; each stands beside its text as well.
const MAX_FLAGS: usize = 40;

/// What this device knows of an agent beside what is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Whether this device has had a request of this agent before.
    pub seen_before: bool,
    /// The program the agent named when it was accepted, where this device knows it.
    pub enrolled_program: Option<String>,
}

/// Everything shown of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Display {
    /// The request.
    pub card: Hash,
    /// Who asks, and where.
    pub who: Who,
    /// The person's own instruction, in their words.
    pub task: Option<Task>,
    /// The tool.
    pub tool: Text,
    /// The server that offers it.
    pub server: Option<Text>,
    /// Whether the tool's definition is pinned by a digest.
    pub pinned: bool,
    /// The arguments that would run: the agent's, or the edited ones.
    pub arguments: Arguments,
    /// What was edited; absent if nothing was.
    pub edits: Option<Vec<Edited>>,
    /// What the agent says about it.
    pub story: Story,
    /// The risk.
    pub risk: RiskView,
    /// When it was asked.
    pub asked: Time,
    /// Until when an answer is of use.
    pub deadline: Time,
    /// What ties it to other calls of the same turn.
    pub group: Option<Text>,
    /// Whether it wanted to run under a trusted action and has to ask all the same.
    pub beyond_grant: bool,
}

/// Who asks, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Who {
    /// The agent, by the name the person gave it.
    pub agent: Text,
    /// Its key.
    pub key: Thumbprint,
    /// The program, as the agent's session says.
    pub program: Text,
    /// The program it named when it was accepted, if that is another one.
    pub enrolled_program: Option<Text>,
    /// The working folder.
    pub folder: Text,
    /// The machine.
    pub host: Text,
    /// Whether this device has not had a request of this agent before.
    pub is_new: bool,
}

/// What the person had asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Task {
    /// In their own words.
    pub words: Text,
    /// When.
    pub given: Time,
}

/// The agent's own words: they prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Story {
    /// What it calls the action.
    pub title: Option<Text>,
    /// What it says it acts on.
    pub target: Option<Text>,
    /// Why it wants it.
    pub reason: Option<Text>,
}

/// The risk, as far as anything is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RiskView {
    /// What the agent says; nobody else has assessed it.
    pub agent_says: Option<Risk>,
}

/// One edited argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Edited {
    /// Where it stands: a JSON pointer (RFC 6901).
    pub path: Text,
    /// What it was; absent if it is new.
    pub old: Option<Text>,
    /// What it is; absent if it is gone.
    pub new: Option<Text>,
}

impl RiskView {
    /// The risk in words.
    pub fn label(&self) -> String {
        match self.agent_says {
            Some(risk) => format!("not assessed; the agent says {risk}"),
            None => "not assessed".to_owned(),
        }
    }
}

impl Display {
    /// What is shown of a request, with the agent's arguments or with edited ones.
    pub fn of(asked: &Asked, local: &Local, edited: Option<&Object>) -> Display {
        let request = asked.request.body();
        let content = &asked.content;
        let name = |text: &String| Text::line(text, Care::Name);
        Display {
            card: asked.request.hash(),
            who: Who::of(asked, local),
            task: asked
                .session_content
                .task
                .as_ref()
                .map(|task| Task { words: Text::block(task, Care::Prose), given: asked.session.head().iat }),
            tool: name(&request.action.tool),
            server: request.action.server.as_ref().map(name),
            pinned: request.action.digest.is_some(),
            arguments: Arguments::of(edited.unwrap_or(&content.arguments)),
            edits: edited.map(|new| changes(&content.arguments, new).iter().map(Edited::of).collect()),
            story: Story {
                title: content.title.as_ref().map(|title| Text::line(title, Care::Prose)),
                target: content.target.as_ref().map(|target| Text::line(target, Care::Name)),
                reason: content.reason.as_ref().map(|reason| Text::block(reason, Care::Prose)),
            },
            risk: RiskView { agent_says: request.risk },
            asked: asked.request.head().iat,
            deadline: request.exp,
            group: request.group.as_ref().map(name),
            beyond_grant: request.grant.is_some(),
        }
    }

    /// The name of exactly this display: what an answer is bound to beside the request itself.
    pub fn digest(&self) -> Hash {
        Hash::of(format!("{}\n{}", self.card, self.lines(Folds::Open).join("\n")).as_bytes())
    }

    /// A title for a window or a notification.
    pub fn title(&self, max_graphemes: usize) -> String {
        safe_line(&format!("{}: {}", self.who.agent.raw(), self.tool.raw()), max_graphemes)
    }

    /// What may deceive, in who asks, what happens and what the agent says; a flood of it is cut off, but never
    /// becomes nothing.
    pub fn flags(&self) -> Vec<&Flag> {
        let who = [&self.who.agent, &self.who.program, &self.who.folder, &self.who.host, &self.tool];
        let more = [&self.server, &self.group, &self.story.title, &self.story.target, &self.story.reason];
        let texts = who.into_iter().chain(more.into_iter().flatten());
        let all = texts.flat_map(|text| &text.flags).chain(self.arguments.flags());
        let mut distinct: Vec<&Flag> = Vec::new();
        for flag in all {
            if distinct.len() >= MAX_FLAGS {
                break;
            }
            if !distinct.contains(&flag) {
                distinct.push(flag);
            }
        }
        distinct
    }
}

impl Who {
    fn of(asked: &Asked, local: &Local) -> Who {
        let facts = &asked.session_content.facts;
        let other = local.enrolled_program.as_ref().filter(|program| **program != facts.program);
        Who {
            agent: Text::line(&asked.cert.body().name, Care::Name),
            key: asked.agent(),
            program: Text::line(&facts.program, Care::Name),
            enrolled_program: other.map(|program| Text::line(program, Care::Name)),
            folder: Text::line(&facts.cwd, Care::Name),
            host: Text::line(&facts.host, Care::Host),
            is_new: !local.seen_before,
        }
    }
}

impl Edited {
    fn of(change: &Change) -> Edited {
        Edited {
            path: Text::line(&change.path, Care::Name),
            old: change.old.as_ref().map(value_text),
            new: change.new.as_ref().map(value_text),
        }
    }
}

/// Whether a character is never shown as itself.
pub(crate) fn is_hidden(c: char) -> bool {
    hidden::chip_name(c).is_some()
}

/// A value in one line: a text as it is, everything else as JSON.
fn value_text(value: &Value) -> Text {
    match value {
        Value::String(text) => Text::line(text, Care::Name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Text::line(&value.to_string(), Care::Name)
        }
    }
}
