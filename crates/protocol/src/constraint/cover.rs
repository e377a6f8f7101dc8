//! Whether a floor rule applies to an action, and whether a grant covers it.

use super::{Constraint, Place, Truth, units};
use crate::hash::Time;
use crate::json::Object;
use crate::message::{Action, SessionId};

/// What is known of the action that would run.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What is to be called.
    pub action: &'a Action,
    /// With these arguments.
    pub arguments: &'a Object,
    /// In this session.
    pub session: &'a SessionId,
    /// The person's own instruction, where it is known.
    pub task: Option<&'a str>,
}

/// What was reserved under one grant so far.
pub trait Counters {
    /// The sum of the amounts reserved for the constraint at this place in the grant, strictly after `since`, or
    /// ever. What is dated in the future counts as well: a clock set back must not make room.
    fn used(&self, constraint: usize, since: Option<Time>) -> u64;
}

/// What one use of a grant takes from one of its constraints. It is written before the tool runs and never returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The constraint's place in the grant, counted from 0.
    pub constraint: usize,
    /// Uses, or units of the budget.
    pub amount: u64,
}

/// Whether a rule with these constraints applies: unless one of them is false.
pub fn rule_applies(matches: &[Constraint], facts: &Facts<'_>) -> bool {
    matches.iter().all(|constraint| constraint.holds(facts, Place::Rule) != Truth::False)
}

/// What must be reserved for a grant with these constraints to cover the action now.
///
/// # Errors
/// `None`: it does not cover it, because something is false or cannot be told, or too much was used within the
/// window `(now − per, now]`.
pub fn covers(
    constraints: &[Constraint],
    facts: &Facts<'_>,
    now: Time,
    counters: &dyn Counters,
) -> Option<Vec<Reservation>> {
    let names_server = constraints.iter().any(|constraint| matches!(constraint, Constraint::Server { .. }));
    let all_true = constraints.iter().all(|constraint| constraint.holds(facts, Place::Grant) == Truth::True);
    if !all_true || names_server != facts.action.server.is_some() {
        return None;
    }
    let mut reservations = Vec::new();
    for (place, constraint) in constraints.iter().enumerate() {
        let (amount, max, per) = match constraint {
            Constraint::Use { max, per } => (1, *max, *per),
            Constraint::Budget { key, scale, max, per } => {
                (units(facts.arguments, key, *scale)?.try_into().ok()?, *max, Some(*per))
            }
            Constraint::Tool { .. }
            | Constraint::Server { .. }
            | Constraint::Session { .. }
            | Constraint::Args { .. } => continue,
        };
        let since = per.map(|seconds| now.plus(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_neg()));
        if counters.used(place, since).checked_add(amount)? > max {
            return None;
        }
        reservations.push(Reservation { constraint: place, amount });
    }
    Some(reservations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Numbers, Value, parse};
    use crate::wire::Wire;
    use proptest::prelude::*;

    /// Reservations as `(constraint, time, amount)`.
    struct Ledger(Vec<(usize, i64, u64)>);

    impl Counters for Ledger {
        fn used(&self, constraint: usize, since: Option<Time>) -> u64 {
            let counts =
                |row: &&(usize, i64, u64)| row.0 == constraint && since.is_none_or(|since| Time(row.1) > since);
            self.0.iter().filter(counts).fold(0, |sum, row| sum.saturating_add(row.2))
        }
    }

    const NOW: Time = Time(1_000_000);
    const SID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), Numbers::Any).unwrap()
    }

    fn constraints(text: &str) -> Vec<Constraint> {
        Vec::read(&json(text)).unwrap_or_else(|| panic!("{text} are constraints"))
    }

    /// A call, as its tool, its server and its arguments.
    fn with_facts<T>(call: (&str, Option<&str>, &str), task: Option<&str>, run: impl Fn(&Facts<'_>) -> T) -> T {
        let action = Action { tool: call.0.into(), server: call.1.map(str::to_owned), digest: None };
        let arguments = json(call.2).as_object().unwrap().clone();
        let session = SID.parse().unwrap();
        run(&Facts { action: &action, arguments: &arguments, session: &session, task })
    }

    fn covered(grant: &str, call: (&str, Option<&str>, &str)) -> Option<Vec<Reservation>> {
        with_facts(call, Some("pay bob"), |facts| covers(&constraints(grant), facts, NOW, &Ledger(vec![])))
    }

    fn applies(rule: &str, call: (&str, Option<&str>, &str)) -> bool {
        with_facts(call, None, |facts| rule_applies(&constraints(rule), facts))
    }

    #[test]
    fn a_grant_covers_what_it_names_and_no_more() {
        let pay = r#"{"c":"tool","name":"pay"}"#;
        for (grant, call, expected) in [
            (format!("[{pay}]"), ("pay", None, "{}"), true),
            (format!("[{pay}]"), ("pay", None, r#"{"anything":[1]}"#), true),
            (format!("[{pay}]"), ("pays", None, "{}"), false),
            (format!("[{pay}]"), ("Pay", None, "{}"), false),
            (format!("[{pay}]"), ("pay", Some("bank"), "{}"), false),
            (format!(r#"[{pay},{{"c":"server","is":"bank"}}]"#), ("pay", Some("bank"), "{}"), true),
            (format!(r#"[{pay},{{"c":"server","is":"bank"}}]"#), ("pay", Some("bank2"), "{}"), false),
            (format!(r#"[{pay},{{"c":"server","is":"bank"}}]"#), ("pay", None, "{}"), false),
            (format!(r#"[{pay},{{"c":"session","sid":"{SID}"}}]"#), ("pay", None, "{}"), true),
            (
                format!(r#"[{pay},{{"c":"session","sid":"01890a5d-ac96-774b-bcce-b302099a8058"}}]"#),
                ("pay", None, "{}"),
                false,
            ),
            (format!(r#"[{pay},{{"c":"args","keys":{{}}}}]"#), ("pay", None, "{}"), true),
            (format!(r#"[{pay},{{"c":"args","keys":{{}}}}]"#), ("pay", None, r#"{"a":1}"#), false),
            (format!(r#"[{pay},{{"c":"args","keys":{{"a":true}}}}]"#), ("pay", None, r#"{"a":null}"#), true),
            (format!(r#"[{pay},{{"c":"args","keys":{{"a":true}}}}]"#), ("pay", None, r#"{"a":1,"b":1}"#), false),
            (format!(r#"[{pay},{{"c":"args","keys":{{"a":true}}}}]"#), ("pay", None, "{}"), false),
            (
                format!(r#"[{pay},{{"c":"args","keys":{{"to":{{"named":true}}}}}}]"#),
                ("pay", None, r#"{"to":"Bob"}"#),
                true,
            ),
            (
                format!(r#"[{pay},{{"c":"args","keys":{{"to":{{"named":true}}}}}}]"#),
                ("pay", None, r#"{"to":"eve"}"#),
                false,
            ),
        ] {
            assert_eq!(covered(&grant, call).is_some(), expected, "{grant} on {call:?}");
        }
    }

    #[test]
    fn a_pinned_tool_is_covered_only_with_its_digest() {
        let (digest, other) = (crate::Hash::of(b"a"), crate::Hash::of(b"b"));
        let grant = [Constraint::Tool { name: "pay".into(), digest: Some(digest) }];
        for (found, expected) in [(Some(digest), true), (Some(other), false), (None, false)] {
            let (action, session) = (Action { tool: "pay".into(), server: None, digest: found }, SID.parse().unwrap());
            let facts = Facts { action: &action, arguments: &Object::default(), session: &session, task: None };
            assert_eq!(covers(&grant, &facts, NOW, &Ledger(vec![])).is_some(), expected, "{found:?}");
        }
    }

    #[test]
    fn a_rule_is_skipped_only_if_something_is_false() {
        for (rule, call, expected) in [
            ("[]", ("pay", None, "{}"), true),
            (r#"[{"c":"tool","name":"pay"}]"#, ("pay", Some("bank"), r#"{"a":1}"#), true),
            (r#"[{"c":"tool","name":"pay"}]"#, ("pays", None, "{}"), false),
            (r#"[{"c":"tool","name":"pay*"}]"#, ("pays", None, "{}"), true),
            (r#"[{"c":"tool","name":"pay*"}]"#, ("pay", None, "{}"), true),
            (r#"[{"c":"tool","name":"pay*"}]"#, ("repay", None, "{}"), false),
            (r#"[{"c":"tool","name":"p*y"}]"#, ("pay", None, "{}"), false),
            (r#"[{"c":"tool","name":"*"}]"#, ("", None, "{}"), true),
            (r#"[{"c":"server","is":"bank"}]"#, ("pay", Some("bank"), "{}"), true),
            (r#"[{"c":"server","is":"bank"}]"#, ("pay", Some("shop"), "{}"), false),
            (r#"[{"c":"server","is":"bank"}]"#, ("pay", None, "{}"), false),
            (r#"[{"c":"args","keys":{"a":{"ge":5}}}]"#, ("pay", None, r#"{"a":5,"b":1}"#), true),
            (r#"[{"c":"args","keys":{"a":{"ge":5}}}]"#, ("pay", None, r#"{"a":4,"b":1}"#), false),
            (r#"[{"c":"args","keys":{"to":{"named":true}}}]"#, ("pay", None, r#"{"to":"bob"}"#), true),
        ] {
            assert_eq!(applies(rule, call), expected, "{rule} on {call:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_applies_in_a_rule_and_is_not_covered_by_a_grant() {
        let args = r#"{"c":"args","keys":{"a":{"ge":5},"b":{"like":"x*"}}}"#;
        for arguments in [
            "{}",
            r#"{"a":6}"#,
            r#"{"b":"x"}"#,
            r#"{"a":"6","b":"x"}"#,
            r#"{"a":6e0,"b":"x"}"#,
            // False and error in one set of arguments: the error beats the false.
            r#"{"a":4,"b":7}"#,
            r#"{"b":"y"}"#,
        ] {
            let call = ("pay", None, arguments);
            assert!(applies(&format!("[{args}]"), call), "{arguments}");
            assert_eq!(covered(&format!(r#"[{{"c":"tool","name":"pay"}},{args}]"#), call), None, "{arguments}");
            // Another constraint that is false still skips the rule.
            assert!(!applies(&format!(r#"[{args},{{"c":"tool","name":"other"}}]"#), call), "{arguments}");
        }
        let (grant, call) = (format!(r#"[{{"c":"tool","name":"pay"}},{args}]"#), r#"{"a":6,"b":"xy"}"#);
        assert!(covered(&grant, ("pay", None, call)).is_some());
    }

    fn budget_grant() -> String {
        r#"[{"c":"tool","name":"pay"},{"c":"use","max":2,"per":60},{"c":"budget","key":"n","scale":2,"max":1000,"per":60}]"#
            .to_owned()
    }

    #[test]
    fn a_budget_counts_exact_units() {
        for (arguments, amount) in [
            (r#"{"n":10}"#, Some(1000)),
            (r#"{"n":10.00}"#, Some(1000)),
            (r#"{"n":0.01}"#, Some(1)),
            (r#"{"n":0}"#, Some(0)),
            (r#"{"n":-0.00}"#, Some(0)),
            (r#"{"n":10.01}"#, None),
            (r#"{"n":0.001}"#, None),
            (r#"{"n":-0.01}"#, None),
            (r#"{"n":1e0}"#, None),
            (r#"{"n":"1"}"#, None),
            (r#"{"n":999999999999999}"#, None),
            ("{}", None),
        ] {
            let expected = amount
                .map(|amount| vec![Reservation { constraint: 1, amount: 1 }, Reservation { constraint: 2, amount }]);
            assert_eq!(covered(&budget_grant(), ("pay", None, arguments)), expected, "{arguments}");
        }
    }

    #[test]
    fn the_window_is_open_at_its_beginning() {
        let now = NOW.0;
        for (rows, expected) in [
            (vec![(1, now, 1)], true),
            (vec![(1, now, 1), (1, now - 59, 1)], false),
            (vec![(1, now, 1), (1, now - 60, 1)], true),
            (vec![(1, now + 5, 1), (1, now, 1)], false),
            (vec![(0, now, 9), (7, now, 9)], true),
            (vec![(2, now, 500)], true),
            (vec![(2, now, 501)], false),
            (vec![(2, now - 60, 1000)], true),
            (vec![(2, now, u64::MAX)], false),
            (vec![(1, now, u64::MAX)], false),
        ] {
            let ledger = Ledger(rows);
            let covered = with_facts(("pay", None, r#"{"n":5}"#), None, |facts| {
                covers(&constraints(&budget_grant()), facts, NOW, &ledger).is_some()
            });
            assert_eq!(covered, expected, "{:?}", ledger.0);
        }
    }

    #[test]
    fn uses_without_a_window_never_come_back() {
        let grant = r#"[{"c":"tool","name":"pay"},{"c":"use","max":1}]"#;
        let ledger = Ledger(vec![(1, 0, 1)]);
        let covered = with_facts(("pay", None, "{}"), None, |facts| covers(&constraints(grant), facts, NOW, &ledger));
        assert_eq!(covered, None);
    }

    #[test]
    fn a_window_longer_than_time_itself_counts_everything() {
        let grant =
            [Constraint::Tool { name: "pay".into(), digest: None }, Constraint::Use { max: 1, per: Some(u64::MAX) }];
        let ledger = Ledger(vec![(1, 0, 1)]);
        assert_eq!(with_facts(("pay", None, "{}"), None, |facts| covers(&grant, facts, NOW, &ledger)), None);
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limits(
            calls in prop::collection::vec((0..40_i64, 0..600_u64), 1..40),
        ) {
            let (grant, mut ledger, mut now) = (constraints(&budget_grant()), Ledger(vec![]), 0);
            for (wait, cents) in calls {
                now += wait;
                let arguments = format!(r#"{{"n":{}.{:02}}}"#, cents / 100, cents % 100);
                let reserved = with_facts(("pay", None, &arguments), None, |facts| covers(&grant, facts, Time(now), &ledger));
                let inside = |row: &&(usize, i64, u64)| row.1 > now - 60 && row.1 <= now;
                let (uses, spent) = ledger.0.iter().filter(inside).fold((0, 0), |(uses, spent), row| {
                    if row.0 == 1 { (uses + row.2, spent) } else { (uses, spent + row.2) }
                });
                prop_assert_eq!(reserved.is_some(), uses < 2 && spent + cents <= 1000);
                ledger.0.extend(reserved.into_iter().flatten().map(|r| (r.constraint, now, r.amount)));
            }
        }
    }
}
