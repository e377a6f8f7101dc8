//! Constraints: the small language in which floor rules say what they are about and grants what they cover.
//!
//! A constraint is true, false, or an *error* where that cannot be told, and no operator hides an error. The two
//! places draw opposite conclusions from it (rule 4): a grant covers only if all is true, a rule is skipped only if
//! something is false.

mod cover;
mod decimal;
mod pattern;
mod text;

pub use cover::{Counters, Facts, Reservation, covers, rule_applies};
pub use decimal::Decimal;
pub use pattern::Pattern;
pub use text::{Authority, Folder};

use crate::hash::Hash;
use crate::json::{Object, Value};
use crate::message::SessionId;
use crate::wire::{Members, Wire, text as json, write_member};

/// The most decimal places a budget may count in.
pub const MAX_SCALE: u64 = 6;

/// One constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// The tool has this name; in a rule a trailing `*` stands for any ending.
    Tool {
        /// The name.
        name: String,
        /// The digest of the tool's definition; in grants only.
        digest: Option<Hash>,
    },
    /// The tool is offered by this server.
    Server {
        /// The server's name.
        is: String,
    },
    /// The request belongs to this session.
    Session {
        /// The session's id.
        sid: SessionId,
    },
    /// It is used at most so often.
    Use {
        /// How many times, at least 1.
        max: u64,
        /// Within how many seconds, at least 1; ever, if absent.
        per: Option<u64>,
    },
    /// The sum of one argument stays within a budget.
    Budget {
        /// The argument's name.
        key: String,
        /// Its decimal places: the budget counts units of 10^-scale; at most [`MAX_SCALE`].
        scale: u64,
        /// The budget in those units, at least 1.
        max: u64,
        /// Within how many seconds, at least 1.
        per: u64,
    },
    /// The arguments look like this; in a grant there may be no others.
    Args {
        /// What each argument must look like, by its name.
        keys: Vec<(String, Pattern)>,
    },
}

/// What comes of a constraint; of several the greatest counts, so that an error beats a false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told.
    Error,
}

/// Where a constraint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a floor rule's `match`: it only tightens.
    Rule,
    /// In a grant: it loosens.
    Grant,
}

impl Truth {
    fn of(known: Option<bool>) -> Truth {
        match known {
            Some(true) => Truth::True,
            Some(false) => Truth::False,
            None => Truth::Error,
        }
    }
}

impl Constraint {
    /// Reads a constraint from its JSON form; `None` if it is unknown or malformed.
    pub fn parse(value: &Value) -> Option<Constraint> {
        <Constraint as Wire>::read(value)
    }

    /// Whether it holds, leaving aside what was used before: [`covers`] adds that for `use` and `budget`.
    pub fn holds(&self, facts: &Facts<'_>, place: Place) -> Truth {
        match self {
            Constraint::Tool { name, digest } => {
                let is_pinned = digest.is_none() || *digest == facts.action.digest;
                Truth::of(Some(is_pinned && tool_fits(name, &facts.action.tool, place)))
            }
            Constraint::Server { is } => Truth::of(Some(facts.action.server.as_ref() == Some(is))),
            Constraint::Session { sid } => Truth::of(Some(sid == facts.session)),
            Constraint::Use { max, .. } => Truth::of(Some(*max > 0)),
            Constraint::Budget { key, scale, max, .. } => {
                Truth::of(units(facts.arguments, key, *scale).map(|units| units <= i128::from(*max)))
            }
            Constraint::Args { keys } => args_hold(keys, facts, place),
        }
    }
}

fn tool_fits(name: &str, tool: &str, place: Place) -> bool {
    match (place, name.strip_suffix('*')) {
        (Place::Rule, Some(beginning)) => tool.starts_with(beginning),
        (Place::Rule, None) | (Place::Grant, _) => tool == name,
    }
}

fn args_hold(keys: &[(String, Pattern)], facts: &Facts<'_>, place: Place) -> Truth {
    let named = keys.iter().map(|(name, pattern)| match facts.arguments.get(name) {
        Some(value) => pattern.holds(value, facts.task),
        None => Truth::Error,
    });
    let is_known = |argument: &str| keys.iter().any(|(name, _)| name == argument);
    let complete = match place {
        Place::Rule => true,
        Place::Grant => facts.arguments.iter().all(|(argument, _)| is_known(argument)),
    };
    named.max().unwrap_or(Truth::True).max(Truth::of(Some(complete)))
}

/// The argument in units of 10^-scale; `None` if it is missing, inexact, below 0 or not a plain number.
fn units(arguments: &Object, key: &str, scale: u64) -> Option<i128> {
    Decimal::read(arguments.get(key)?)?.scaled(scale).filter(|units| *units >= 0)
}

/// Whether these may stand in a grant: one tool by its full name, at most one server, session and set of arguments,
/// and in an offline grant nothing that counts.
pub fn grant_fits(constraints: &[Constraint], offline: bool) -> bool {
    let (mut tools, mut servers, mut sessions, mut args, mut counts) = (0_u8, 0_u8, 0_u8, 0_u8, 0_u8);
    for constraint in constraints {
        let seen = match constraint {
            Constraint::Tool { name, .. } if name.ends_with('*') => return false,
            Constraint::Tool { .. } => &mut tools,
            Constraint::Server { .. } => &mut servers,
            Constraint::Session { .. } => &mut sessions,
            Constraint::Args { .. } => &mut args,
            Constraint::Use { .. } | Constraint::Budget { .. } => &mut counts,
        };
        *seen = seen.saturating_add(1);
    }
    tools == 1 && servers <= 1 && sessions <= 1 && args <= 1 && !(offline && counts > 0)
}

/// Whether these may stand in a floor rule: tools without digest, servers and arguments.
pub fn rule_fits(constraints: &[Constraint]) -> bool {
    constraints.iter().all(|constraint| match constraint {
        Constraint::Tool { digest, .. } => digest.is_none(),
        Constraint::Server { .. } | Constraint::Args { .. } => true,
        Constraint::Session { .. } | Constraint::Use { .. } | Constraint::Budget { .. } => false,
    })
}

/// An object whose member `c` says which constraint it is.
impl Wire for Constraint {
    fn read(value: &Value) -> Option<Constraint> {
        let object = value.as_object()?;
        let mut members = Members::new(object);
        let kind: String = members.take("c")?;
        let constraint = match kind.as_str() {
            "tool" => Constraint::Tool { name: members.take("name")?, digest: members.take("digest")? },
            "server" => Constraint::Server { is: members.take("is")? },
            "session" => Constraint::Session { sid: members.take("sid")? },
            "use" => Constraint::Use { max: members.take("max")?, per: members.take("per")? },
            "budget" => Constraint::Budget {
                key: members.take("key")?,
                scale: members.take("scale")?,
                max: members.take("max")?,
                per: members.take("per")?,
            },
            "args" => Constraint::Args { keys: members.take::<Keys>("keys")?.0 },
            _ => return None,
        };
        (members.is_done() && constraint.is_sensible()).then_some(constraint)
    }

    fn write(&self, out: &mut String) {
        let mut object = String::from("{");
        let mut put = |name: &str, text: String| write_member(&mut object, name, &text);
        match self {
            Constraint::Tool { name, digest } => {
                put("c", json(&"tool".to_owned()));
                put("name", json(name));
                if let Some(digest) = digest {
                    put("digest", json(digest));
                }
            }
            Constraint::Server { is } => {
                put("c", json(&"server".to_owned()));
                put("is", json(is));
            }
            Constraint::Session { sid } => {
                put("c", json(&"session".to_owned()));
                put("sid", json(sid));
            }
            Constraint::Use { max, per } => {
                put("c", json(&"use".to_owned()));
                put("max", json(max));
                if let Some(per) = per {
                    put("per", json(per));
                }
            }
            Constraint::Budget { key, scale, max, per } => {
                put("c", json(&"budget".to_owned()));
                put("key", json(key));
                put("scale", json(scale));
                put("max", json(max));
                put("per", json(per));
            }
            Constraint::Args { keys } => {
                put("c", json(&"args".to_owned()));
                put("keys", json(&Keys(keys.clone())));
            }
        }
        out.push_str(&object);
        out.push('}');
    }
}

/// Its JSON form.
impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&json(self))
    }
}

impl Constraint {
    /// A window of 0 seconds would forget at once, a limit of 0 never hold.
    fn is_sensible(&self) -> bool {
        match self {
            Constraint::Use { max, per } => *max > 0 && *per != Some(0),
            Constraint::Budget { scale, max, per, .. } => *scale <= MAX_SCALE && *max > 0 && *per > 0,
            Constraint::Tool { .. }
            | Constraint::Server { .. }
            | Constraint::Session { .. }
            | Constraint::Args { .. } => true,
        }
    }
}

struct Keys(Vec<(String, Pattern)>);

impl Wire for Keys {
    fn read(value: &Value) -> Option<Keys> {
        let read = |(name, value): (&str, &Value)| Some((name.to_owned(), Pattern::read(value)?));
        value.as_object()?.iter().map(read).collect::<Option<_>>().map(Keys)
    }
    fn write(&self, out: &mut String) {
        let mut object = String::from("{");
        for (name, pattern) in &self.0 {
            write_member(&mut object, name, &json(pattern));
        }
        out.push_str(&object);
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Numbers, parse};

    fn read(text: &str) -> Option<Constraint> {
        Constraint::read(&parse(text.as_bytes(), Numbers::Fractions).unwrap())
    }

    fn all(texts: &[&str]) -> Vec<Constraint> {
        texts.iter().map(|text| read(text).unwrap_or_else(|| panic!("{text} is a constraint"))).collect()
    }

    const TOOL: &str = r#"{"c":"tool","name":"mail.send"}"#;
    const PINNED: &str = r#"{"c":"tool","name":"mail.send","digest":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}"#;
    const PREFIX: &str = r#"{"c":"tool","name":"mail.*"}"#;
    const SERVER: &str = r#"{"c":"server","is":"mail"}"#;
    const SESSION: &str = r#"{"c":"session","sid":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
    const USE: &str = r#"{"c":"use","max":3,"per":3600}"#;
    const EVER: &str = r#"{"c":"use","max":3}"#;
    const BUDGET: &str = r#"{"c":"budget","key":"amount","scale":2,"max":5000,"per":86400}"#;
    const ARGS: &str = r#"{"c":"args","keys":{"to":{"like":"*@a.example"},"body":true}}"#;
    const NO_ARGS: &str = r#"{"c":"args","keys":{}}"#;

    #[test]
    fn the_wire_form_is_read_and_written_alike() {
        for good in [TOOL, PINNED, PREFIX, SERVER, SESSION, USE, EVER, BUDGET, ARGS, NO_ARGS] {
            assert_eq!(json(&read(good).unwrap()), good);
        }
    }

    #[test]
    fn anything_else_is_refused_whole() {
        for bad in [
            "null",
            "[]",
            "{}",
            r#"{"c":"tool"}"#,
            r#"{"name":"a"}"#,
            r#"{"c":1,"name":"a"}"#,
            r#"{"c":"Tool","name":"a"}"#,
            r#"{"c":"tool","name":1}"#,
            r#"{"c":"tool","name":"a","digest":null}"#,
            r#"{"c":"tool","name":"a","digest":"x"}"#,
            r#"{"c":"tool","name":"a","server":"b"}"#,
            r#"{"c":"server"}"#,
            r#"{"c":"server","is":["a"]}"#,
            r#"{"c":"session","sid":"x"}"#,
            r#"{"c":"use"}"#,
            r#"{"c":"use","max":0}"#,
            r#"{"c":"use","max":-1}"#,
            r#"{"c":"use","max":1.5}"#,
            r#"{"c":"use","max":1,"per":0}"#,
            r#"{"c":"use","max":1,"per":null}"#,
            r#"{"c":"budget","key":"a","scale":2,"max":1}"#,
            r#"{"c":"budget","key":"a","scale":7,"max":1,"per":1}"#,
            r#"{"c":"budget","key":"a","scale":2,"max":0,"per":1}"#,
            r#"{"c":"budget","key":"a","scale":2,"max":1,"per":0}"#,
            r#"{"c":"budget","scale":2,"max":1,"per":1}"#,
            r#"{"c":"args"}"#,
            r#"{"c":"args","keys":[]}"#,
            r#"{"c":"args","keys":{"a":false}}"#,
            r#"{"c":"args","keys":{"a":{"matches":"x"}}}"#,
            r#"{"c":"time"}"#,
            r#"{"c":"args","keys":{},"open":true}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_may_stand_in_a_grant() {
        for (constraints, online, offline) in [
            (vec![TOOL], true, true),
            (vec![PINNED, SERVER, SESSION, ARGS], true, true),
            (vec![TOOL, USE, EVER, BUDGET, BUDGET], true, false),
            (vec![TOOL, USE], true, false),
            (vec![TOOL, BUDGET], true, false),
            (vec![], false, false),
            (vec![SERVER], false, false),
            (vec![TOOL, TOOL], false, false),
            (vec![PREFIX], false, false),
            (vec![TOOL, SERVER, SERVER], false, false),
            (vec![TOOL, SESSION, SESSION], false, false),
            (vec![TOOL, ARGS, NO_ARGS], false, false),
        ] {
            assert_eq!(grant_fits(&all(&constraints), false), online, "{constraints:?}");
            assert_eq!(grant_fits(&all(&constraints), true), offline, "{constraints:?} offline");
        }
    }

    #[test]
    fn what_may_stand_in_a_rule() {
        for (constraint, fits) in [
            (TOOL, true),
            (PREFIX, true),
            (SERVER, true),
            (ARGS, true),
            (PINNED, false),
            (SESSION, false),
            (USE, false),
            (EVER, false),
            (BUDGET, false),
        ] {
            assert_eq!(rule_fits(&all(&[constraint])), fits, "{constraint}");
            assert_eq!(rule_fits(&all(&[TOOL, constraint, ARGS])), fits, "{constraint} among others");
        }
        assert!(rule_fits(&[]));
    }
}
