//! The tables, and how the protocol's words are written in them.

use super::StoreError;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::envelope::Message;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{
    AgentCert, Bundle, Cancel, Claim, Decision, Enroll, Event, Grant, Outcome, PairInit, Request, Session, Status,
};
use rusqlite_migration::{M, Migrations};

/// What the file's header says whose it is: `AgTr`; the first migration writes it.
pub(super) const APPLICATION_ID: i64 = 0x4167_5472;

/// Append-only: a migration that was released is never changed.
const STEPS: &[M<'static>] =
    &[M::up(include_str!("migrations/0001_initial.sql")), M::up(include_str!("migrations/0002_sessions.sql"))];

pub(super) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// The `user_version` that these migrations lead to.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The first state code that is not open any more; open ones are below it.
pub(super) const FIRST_OVER: i64 = 3;

/// A state as the tables have it.
pub(super) const fn code_of(state: State) -> i64 {
    match state {
        State::Pending => 0,
        State::Approved => 1,
        State::Claimed => 2,
        State::Unknown => FIRST_OVER,
        State::Denied => 4,
        State::Expired => 5,
        State::Cancelled => 6,
        State::Revoked => 7,
        State::Executed => 8,
        State::Failed => 9,
    }
}

/// The state with this code.
pub(super) fn state_of(code: i64) -> Result<State, StoreError> {
    State::ALL.iter().copied().find(|state| code_of(*state) == code).ok_or_else(|| corrupt("no such state"))
}

/// The error for a row that no version of this program writes.
pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Failed { trouble: Trouble::StoreCorrupt, detail: what.to_owned() }
}

/// The error for a database that cannot do something just now.
pub(super) fn busy(what: &str) -> StoreError {
    StoreError::Failed { trouble: Trouble::StoreFailed, detail: what.to_owned() }
}

/// A message type as the tables have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Typ {
    pub code: i64,
    /// Whether it can disclose something: its wire form then has a `~` after the leaf.
    pub has_content: bool,
}

const fn typ(code: i64, has_content: bool) -> Typ {
    Typ { code, has_content }
}

impl Typ {
    pub const PAIR_INIT: Typ = typ(1, false);
    pub const BUNDLE: Typ = typ(2, false);
    pub const STATUS: Typ = typ(3, false);
    pub const ENROLL: Typ = typ(4, false);
    pub const CERT: Typ = typ(5, false);
    pub const SESSION: Typ = typ(6, true);
    pub const REQUEST: Typ = typ(7, true);
    pub const DECISION: Typ = typ(8, true);
    pub const GRANT: Typ = typ(9, true);
    pub const CLAIM: Typ = typ(10, false);
    pub const OUTCOME: Typ = typ(11, true);
    pub const CANCEL: Typ = typ(12, false);
    pub const EVENT: Typ = typ(13, false);

    const ALL: [(Typ, &'static str); 13] = [
        (Typ::PAIR_INIT, PairInit::TYP),
        (Typ::BUNDLE, Bundle::TYP),
        (Typ::STATUS, Status::TYP),
        (Typ::ENROLL, Enroll::TYP),
        (Typ::CERT, AgentCert::TYP),
        (Typ::SESSION, Session::TYP),
        (Typ::REQUEST, Request::TYP),
        (Typ::DECISION, Decision::TYP),
        (Typ::GRANT, Grant::TYP),
        (Typ::CLAIM, Claim::TYP),
        (Typ::OUTCOME, Outcome::TYP),
        (Typ::CANCEL, Cancel::TYP),
        (Typ::EVENT, Event::TYP),
    ];

    /// The type of a message.
    pub fn of<M: Message>() -> Result<Typ, StoreError> {
        let known = Typ::ALL.iter().find(|(_, name)| *name == M::TYP);
        known.map(|(typ, _)| *typ).ok_or_else(|| corrupt("no such type"))
    }

    /// The type with this code.
    pub fn from_code(code: i64) -> Result<Typ, StoreError> {
        let known = Typ::ALL.iter().find(|(typ, _)| typ.code == code);
        known.map(|(typ, _)| *typ).ok_or_else(|| corrupt("no such type"))
    }
}

/// A count or index as the tables have it; SQLite's integers end at 2^63.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or index from the tables, which never hold negative ones.
pub(super) fn nat(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::envelope::Nothing;
    use std::any::TypeId;

    #[test]
    fn the_migrations_are_sound_and_make_this_schema() {
        MIGRATIONS.validate().unwrap();
        let mut conn = rusqlite::Connection::open_in_memory().unwrap();
        MIGRATIONS.to_latest(&mut conn).unwrap();
        let mut query = conn.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        let rows: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        insta::assert_snapshot!(rows.join(";\n"));
    }

    #[test]
    fn codes_are_distinct_and_open_states_come_first() {
        for state in State::ALL {
            assert_eq!(state_of(code_of(*state)).unwrap(), *state);
            assert_eq!(code_of(*state) < FIRST_OVER, state.is_open(), "{state}");
        }
        assert!(state_of(10).is_err());
    }

    #[test]
    fn types_with_content_are_those_of_the_protocol() {
        fn check<M: Message<Content: 'static>>() {
            let has_content = TypeId::of::<M::Content>() != TypeId::of::<Nothing>();
            assert_eq!(Typ::of::<M>().unwrap().has_content, has_content, "{}", M::TYP);
            assert_eq!(Typ::from_code(Typ::of::<M>().unwrap().code).unwrap(), Typ::of::<M>().unwrap());
        }
        check::<PairInit>();
        check::<Bundle>();
        check::<Status>();
        check::<Enroll>();
        check::<AgentCert>();
        check::<Session>();
        check::<Request>();
        check::<Decision>();
        check::<Grant>();
        check::<Claim>();
        check::<Outcome>();
        check::<Cancel>();
        check::<Event>();
        assert!(Typ::from_code(14).is_err());
    }
}
