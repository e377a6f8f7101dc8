//! Constraints: reading and writing them, and that no list of them hides an error.
//!
//! The input's lines are: an array of constraints; the call's arguments; its tool; its server, if the line is not
//! empty; the person's task, if there is such a line.

use agenttrust_protocol::constraint::{
    Constraint, Counters, Facts, Pattern, Place, Truth, covers, grant_fits, rule_applies, rule_fits,
};
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use agenttrust_protocol::message::{Action, SessionId};
use agenttrust_protocol::{Hash, Time};

const NOW: Time = Time(1_800_000_000);

/// Tries one list of constraints on one call.
pub fn run(data: &[u8]) -> bool {
    let mut lines = data.splitn(5, |byte| *byte == b'\n');
    let Some(constraints) = lines.next().and_then(read) else { return false };
    for constraint in &constraints {
        let text = constraint.to_string();
        let value = parse(text.as_bytes(), Numbers::Fractions).expect("a constraint is written as strict JSON");
        assert_eq!(Constraint::parse(&value).as_ref(), Some(constraint), "{text}");
    }
    if grant_fits(&constraints, true) {
        assert!(grant_fits(&constraints, false), "an offline grant may hold less, not more");
        assert!(!constraints.iter().any(counts));
    }
    if let Some(arguments) = lines.next().and_then(|line| parse(line, Numbers::Any).ok()) {
        let mut text = || lines.next().map(String::from_utf8_lossy).map(String::from);
        let (tool, server, task) = (text().unwrap_or_default(), text().filter(|s| !s.is_empty()), text());
        let action = Action { tool, server, digest: Some(Hash::of(b"")) };
        let session: SessionId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a UUIDv7");
        if let Some(arguments) = arguments.as_object() {
            judge(&constraints, &Facts { action: &action, arguments, session: &session, task: task.as_deref() });
        }
    }
    grant_fits(&constraints, false) || rule_fits(&constraints)
}

fn read(line: &[u8]) -> Option<Vec<Constraint>> {
    let value = parse(line, Numbers::Fractions).ok()?;
    value.as_array()?.iter().map(Constraint::parse).collect()
}

/// The same sum for every constraint, whatever the window.
struct Used(u64);

impl Counters for Used {
    fn used(&self, _constraint: usize, _since: Option<Time>) -> u64 {
        self.0
    }
}

fn counts(constraint: &Constraint) -> bool {
    matches!(constraint, Constraint::Use { .. } | Constraint::Budget { .. })
}

fn judge(constraints: &[Constraint], facts: &Facts<'_>) {
    let all = |place: Place, truth: Truth| constraints.iter().all(|c| c.holds(facts, place) == truth);
    let some = |place: Place, truth: Truth| constraints.iter().any(|c| c.holds(facts, place) == truth);
    assert_eq!(rule_applies(constraints, facts), !some(Place::Rule, Truth::False), "only a false skips a rule");
    let covered = covers(constraints, facts, NOW, &Used(0));
    if let Some(reservations) = &covered {
        assert!(all(Place::Grant, Truth::True), "a grant covered what is false or cannot be told");
        assert_eq!(reservations.len(), constraints.iter().filter(|c| counts(c)).count());
    }
    if constraints.iter().any(counts) {
        assert_eq!(covers(constraints, facts, NOW, &Used(u64::MAX)), None, "nothing is left of any limit");
    }
    for shorter in (0..constraints.len()).map(|at| [&constraints[..at], &constraints[at + 1..]].concat()) {
        // A grant without `server` covers no call to one, so that constraint alone loosens.
        let names_server = |list: &[Constraint]| list.iter().any(|c| matches!(c, Constraint::Server { .. }));
        if covered.is_some() && names_server(&shorter) == names_server(constraints) {
            assert!(covers(&shorter, facts, NOW, &Used(0)).is_some(), "one more constraint made a grant cover more");
        }
        assert!(
            rule_applies(&shorter, facts) || !rule_applies(constraints, facts),
            "one more constraint made a rule apply"
        );
    }
    for constraint in constraints {
        if let Constraint::Args { keys } = constraint {
            keys.iter().for_each(|(name, pattern)| compare(pattern, name, facts));
        }
    }
}

/// Two ways of saying the same thing.
fn compare(pattern: &Pattern, name: &str, facts: &Facts<'_>) {
    let Some(value) = facts.arguments.get(name) else { return };
    let found = pattern.holds(value, facts.task);
    if let Pattern::Eq(operand) = pattern {
        assert_eq!(Pattern::In(vec![operand.clone()]).holds(value, facts.task), found);
        assert_eq!(found == Truth::True, operand == value);
    }
    let one = Value::Array(vec![value.clone()]);
    assert_eq!(Pattern::All(Box::new(pattern.clone())).holds(&one, facts.task), found);
    let mut only = Object::default();
    only.set(name, value.clone());
    let alone = Constraint::Args { keys: vec![(name.to_owned(), pattern.clone())] };
    for place in [Place::Rule, Place::Grant] {
        assert_eq!(alone.holds(&Facts { arguments: &only, ..*facts }, place), found);
    }
}
