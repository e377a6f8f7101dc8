//! The checks between a signed request and a running tool: what a receiver of a request demands, what the agent's
//! side demands of decisions, and what it demands of a grant.
//!
//! Every check answers with the first [`Reason`] of refusal, in the order in which [`Reason::ALL`] lists them.

mod asked;
mod decisions;
mod grant;

pub use asked::{Asked, open_cert};
pub use decisions::{Refusal, Release, check_decisions};
pub use grant::{Covered, check_grant, check_grant_standing, check_opened_grant, open_grant};

use crate::constraint::Facts;
use crate::envelope::{Head, Opened};
use crate::hash::Time;
use crate::json::Object;
use crate::message::{CLOCK_SKEW, Message, SessionContent};
use crate::reason::Reason;
use crate::trust::Trust;

fn check_root<M: Message>(message: &Opened<M>, trust: &Trust) -> Result<(), Reason> {
    if message.head().tdid == Some(trust.tdid()) { Ok(()) } else { Err(Reason::WrongRoot) }
}

/// `iat − 60 ≤ now ≤ exp + 60`, in seconds.
fn check_times(head: &Head, exp: Time, now: Time) -> Result<(), Reason> {
    if now < head.iat.plus(-CLOCK_SKEW) {
        Err(Reason::NotYetValid)
    } else if now > exp.plus(CLOCK_SKEW) {
        Err(Reason::Expired)
    } else {
        Ok(())
    }
}

impl Asked {
    /// The facts that constraints are evaluated on, with the arguments that would run.
    pub fn facts<'a>(&'a self, arguments: &'a Object) -> Facts<'a> {
        let SessionContent { task, .. } = &self.session_content;
        Facts {
            action: &self.request.body().action,
            arguments,
            session: &self.session.body().sid,
            task: task.as_deref(),
        }
    }
}
