//! A request's life: where it stands, what can happen to it, and the one table that says where that leads.
//!
//! The daemon's store, the SDK's waiting loop and the devices' lists all ask [`next`]; nobody keeps a table of
//! their own.

use crate::wire::words;

words! {
    /// Where a request stands.
    pub enum State {
        /// The person has been asked.
        Pending = "pending",
        /// Enough devices said yes, as asked or with other arguments.
        Approved = "approved",
        /// A device said no.
        Denied = "denied",
        /// Nobody answered, or nobody claimed the answer, in time.
        Expired = "expired",
        /// The agent no longer wants an answer.
        Cancelled = "cancelled",
        /// The agent has taken the approval, or acts under a grant: the tool may be running.
        Claimed = "claimed",
        /// The approval was taken back before the agent claimed it.
        Revoked = "revoked",
        /// The tool ran.
        Executed = "executed",
        /// The tool ran into an error.
        Failed = "failed",
        /// The agent went silent after its claim; nobody knows whether the tool ran.
        Unknown = "unknown",
    }
}

words! {
    /// What happens to a request.
    pub enum Transition {
        /// The decisions add up to an approval.
        Approve = "approve",
        /// A device says no.
        Deny = "deny",
        /// Its time is over.
        Expire = "expire",
        /// The agent withdraws it.
        Cancel = "cancel",
        /// The agent takes the approval.
        Claim = "claim",
        /// A new status hits the agent or a device that was counted.
        Revoke = "revoke",
        /// The agent reports that the tool ran.
        Execute = "execute",
        /// The agent reports that the tool failed.
        Fail = "fail",
        /// The agent has been silent for too long after its claim.
        LoseTrack = "lose_track",
    }
}

/// Where a transition leads from a state; `None` if it may not happen there, and then nothing changes.
pub const fn next(state: State, transition: Transition) -> Option<State> {
    use Transition::{Approve, Cancel, Claim, Deny, Execute, Expire, Fail, LoseTrack, Revoke};
    match state {
        State::Pending => match transition {
            Approve => Some(State::Approved),
            Deny => Some(State::Denied),
            Expire => Some(State::Expired),
            Cancel => Some(State::Cancelled),
            Claim | Revoke | Execute | Fail | LoseTrack => None,
        },
        State::Approved => match transition {
            Claim => Some(State::Claimed),
            // Any deny wins, also one that comes after enough approvals.
            Deny | Revoke => Some(State::Revoked),
            Expire => Some(State::Expired),
            Approve | Cancel | Execute | Fail | LoseTrack => None,
        },
        State::Claimed => match transition {
            Execute => Some(State::Executed),
            Fail => Some(State::Failed),
            LoseTrack => Some(State::Unknown),
            Approve | Deny | Expire | Cancel | Claim | Revoke => None,
        },
        State::Unknown => match transition {
            Execute => Some(State::Executed),
            Fail => Some(State::Failed),
            Approve | Deny | Expire | Cancel | Claim | Revoke | LoseTrack => None,
        },
        State::Denied | State::Expired | State::Cancelled | State::Revoked | State::Executed | State::Failed => None,
    }
}

impl State {
    /// Where a request may begin: asked, or claimed at once under a grant.
    pub const ENTRIES: [State; 2] = [State::Pending, State::Claimed];

    /// Whether nothing can happen to it any more.
    pub const fn is_terminal(self) -> bool {
        match self {
            State::Denied | State::Expired | State::Cancelled | State::Revoked | State::Executed | State::Failed => {
                true
            }
            State::Pending | State::Approved | State::Claimed | State::Unknown => false,
        }
    }

    /// Whether someone still waits for it; once this is false, its content may be erased.
    pub const fn is_open(self) -> bool {
        match self {
            State::Pending | State::Approved | State::Claimed => true,
            State::Denied
            | State::Expired
            | State::Cancelled
            | State::Revoked
            | State::Executed
            | State::Failed
            | State::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The design's table, written down a second time as the edges it allows, by their wire words.
    const EDGES: [(&str, &str, &str); 13] = [
        ("pending", "approve", "approved"),
        ("pending", "deny", "denied"),
        ("pending", "expire", "expired"),
        ("pending", "cancel", "cancelled"),
        ("approved", "claim", "claimed"),
        ("approved", "revoke", "revoked"),
        ("approved", "deny", "revoked"),
        ("approved", "expire", "expired"),
        ("claimed", "execute", "executed"),
        ("claimed", "fail", "failed"),
        ("claimed", "lose_track", "unknown"),
        ("unknown", "execute", "executed"),
        ("unknown", "fail", "failed"),
    ];

    #[test]
    fn every_pair_leads_where_the_table_says() {
        let mut edges = 0;
        for state in State::ALL {
            for transition in Transition::ALL {
                let edge = EDGES.iter().find(|e| e.0 == state.as_str() && e.1 == transition.as_str());
                let expected = edge.map(|e| e.2);
                assert_eq!(next(*state, *transition).map(State::as_str), expected, "{state} and {transition}");
                edges += usize::from(edge.is_some());
            }
        }
        assert_eq!(edges, EDGES.len());
    }

    #[test]
    fn terminal_means_that_nothing_leads_out() {
        for state in State::ALL {
            let leads_out = Transition::ALL.iter().any(|t| next(*state, *t).is_some());
            assert_eq!(state.is_terminal(), !leads_out, "{state}");
            assert_eq!(state.is_open(), leads_out && *state != State::Unknown, "{state}");
        }
    }

    #[test]
    fn every_state_is_reached_from_an_entry() {
        let mut reached: Vec<State> = State::ENTRIES.to_vec();
        let mut at = 0;
        while at < reached.len() {
            let from = reached[at];
            for state in Transition::ALL.iter().filter_map(|t| next(from, *t)) {
                if !reached.contains(&state) {
                    reached.push(state);
                }
            }
            at += 1;
        }
        assert_eq!(reached.len(), State::ALL.len());
    }

    proptest! {
        #[test]
        fn a_walk_is_short_claims_at_most_once_and_stays_where_it_ends(
            entry in prop::sample::select(State::ENTRIES.to_vec()),
            steps in prop::collection::vec(prop::sample::select(Transition::ALL.to_vec()), 0..60),
        ) {
            let mut state = entry;
            let (mut moves, mut claims) = (0, usize::from(entry == State::Claimed));
            for step in steps {
                match next(state, step) {
                    Some(new) => {
                        prop_assert!(!state.is_terminal());
                        prop_assert_ne!(new, State::Pending);
                        moves += 1;
                        claims += usize::from(new == State::Claimed);
                        state = new;
                    }
                    None => prop_assert!(state.is_terminal() || EDGES.iter().any(|e| e.0 == state.as_str())),
                }
            }
            prop_assert!(moves <= 4);
            prop_assert!(claims <= 1);
            let ran = matches!(state, State::Executed | State::Failed | State::Unknown);
            prop_assert!(!ran || claims == 1);
        }
    }
}
