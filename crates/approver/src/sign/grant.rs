//! Trusted actions, made from an action a person has just seen.

use super::Desk;
use crate::display::{span, utc};
use crate::refused::Refused;
use agenttrust_protocol::Time;
use agenttrust_protocol::check::{Asked, open_grant};
use agenttrust_protocol::constraint::{Constraint, Pattern};
use agenttrust_protocol::envelope::Random;
use agenttrust_protocol::message::{Grant, GrantContent, Uv};

/// How far a trusted action made from one call reaches: the same agent, tool, server and arguments, never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantScope {
    /// Only within the session it was asked in.
    pub session_only: bool,
    /// How often at most.
    pub uses: Option<u64>,
    /// Until when.
    pub exp: Time,
}

impl GrantScope {
    /// One sentence that says what it will allow.
    pub fn sentence(&self, asked: &Asked, now: Time) -> String {
        let agent = crate::display::safe_line(&asked.cert.body().name, 40);
        let tool = crate::display::safe_line(&asked.request.body().action.tool, 60);
        let place = if self.session_only { " in this session" } else { "" };
        let uses = self.uses.map_or(String::new(), |uses| format!(", at most {uses} times"));
        let left = span(self.exp.since(now));
        format!(
            "{agent} may call {tool} with exactly these arguments{place}{uses}, for {left}, until {}.",
            utc(self.exp)
        )
    }
}

impl Desk<'_> {
    /// Signs a trusted action that covers exactly this call.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless this device may approve; [`Refused::CannotGrant`] where the arguments cannot
    /// stand in a grant, such as a number with an exponent; the reasons of a status that is not current.
    pub fn grant(
        &self,
        asked: &Asked,
        title: &str,
        scope: &GrantScope,
        uv: Uv,
        random: &mut impl Random,
    ) -> Result<String, Refused> {
        if !self.device.is_approver() {
            return Err(Refused::NotAllowed);
        }
        let trust = self.view.trust();
        trust.fresh_status(self.now)?;
        asked.check_standing(trust)?;
        let body = Grant {
            agents: vec![asked.agent()],
            constraints: exactly(asked, scope),
            uv,
            bundle: trust.bundle_ref(),
            offline: false,
            exp: scope.exp,
        };
        let grant = self.sign(&body, &GrantContent { title: title.to_owned() }, random);
        open_grant(trust, &grant, self.now).map_err(|_| Refused::CannotGrant)?;
        Ok(grant)
    }
}

fn exactly(asked: &Asked, scope: &GrantScope) -> Vec<Constraint> {
    let action = &asked.request.body().action;
    let mut constraints = vec![Constraint::Tool { name: action.tool.clone(), digest: action.digest }];
    constraints.extend(action.server.iter().map(|server| Constraint::Server { is: server.clone() }));
    if scope.session_only {
        constraints.push(Constraint::Session { sid: asked.session.body().sid.clone() });
    }
    constraints.extend(scope.uses.map(|max| Constraint::Use { max, per: None }));
    let keys = asked.content.arguments.iter();
    constraints.push(Constraint::Args {
        keys: keys.map(|(name, value)| (name.to_owned(), Pattern::Eq(value.clone()))).collect(),
    });
    constraints
}
