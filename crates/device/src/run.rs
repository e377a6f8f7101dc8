//! Doing what a shell says.

use crate::command::{Command, DeviceInfo, Done, Edits, Scope};
use crate::device::Shared;
use crate::failure::Failure;
use crate::history::{AgentInfo, Counts, HistoryList};
use crate::record::RecordView;
use crate::sessions::SessionList;
use agenttrust_approver::Refused;
use agenttrust_approver::display::Folds;
use agenttrust_approver::sign::{Answer, DeviceChange, FOREVER, GrantScope, Intent, StatusStep, TrustStep};
use agenttrust_protocol::door::{SeenKind, SessionsQuery, Trouble};
use agenttrust_protocol::message::{Paused, RevokedKind, Uv};
use agenttrust_protocol::{Hash, Reason, Thumbprint};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// An agent is known for this long; then the person is asked again.
const CERT_LIFE: i64 = 365 * 86_400;

/// A step of trust that came too late for another one is made again so often.
const TRIES: u32 = 4;

impl Shared {
    pub(crate) async fn run(self: &Arc<Shared>, command: Command) -> Result<Done, Failure> {
        match command {
            Command::Preview { card, edit } => {
                let preview = self.lock().preview(&card, edit.as_ref())?;
                Ok(Done::Preview(Box::new(preview)))
            }
            Command::Approve { card, shown, edit, note, uv, unfolded } => {
                let answer = self.approval(&card, edit.as_ref())?;
                let folds = if unfolded { Folds::Open } else { Folds::Closed };
                self.answer(Intent { note, folds, ..intent(card, shown, answer, uv) }).await
            }
            Command::Agree { card, shown, first, uv } => {
                self.answer(intent(card, shown, Answer::Agree(first), uv)).await
            }
            Command::Deny { card, shown, note } => {
                self.answer(Intent { note, ..intent(card, shown, Answer::Deny, Uv::None) }).await
            }
            Command::Opened { card } => {
                self.lock().card(&card)?;
                self.mark(vec![card], SeenKind::Opened);
                Ok(Done::Ok)
            }
            Command::PreviewGrant { card, scope } => self.preview_grant(&card, &scope),
            Command::Grant { card, title, scope, uv } => self.grant(&card, &title, &scope, uv).await,
            Command::RevokeDevice { device } => {
                self.revoke(RevokedKind::Device, Hash::from_bytes(*device.as_bytes()), None).await
            }
            Command::RevokeAgent { agent } => {
                self.revoke(RevokedKind::Agent, Hash::from_bytes(*agent.as_bytes()), None).await
            }
            Command::RevokeGrant { grant, exp } => self.revoke(RevokedKind::Grant, grant, Some(exp)).await,
            Command::PauseAll => self.step(&StatusStep::Pause(Paused::All)).await,
            Command::Pause { agent } => self.step(&StatusStep::Pause(Paused::Agents(vec![agent]))).await,
            Command::Resume { agent } => {
                let who = agent.map_or(Paused::All, |agent| Paused::Agents(vec![agent]));
                self.step(&StatusStep::Lift(who)).await
            }
            Command::AcceptAgent { enroll, name } => self.accept(&enroll, name).await,
            Command::RefuseAgent { enroll } => {
                self.door().refuse_agent(&enroll).await?;
                Ok(Done::Ok)
            }
            Command::OfferPairing => self.offer_pairing().await,
            Command::WithdrawPairing => self.withdraw_pairing().await,
            Command::ConfirmPairing { joiner, digits, name, owner, admin, local } => {
                self.confirm_pairing(&joiner, &digits, name, &owner, admin, local).await
            }
            Command::RefusePairing { joiner } => self.refuse_pairing(&joiner).await,
            Command::RemoveDevice { device } => self.change(&DeviceChange::Remove(device)).await,
            Command::RenameDevice { device, name } => self.change(&DeviceChange::Rename { device, name }).await,
            Command::History { query } => {
                let page = self.door().history(&query).await?;
                Ok(Done::History(HistoryList::of(page, self.lock().approver.view())))
            }
            Command::Counts { query } => {
                Ok(Done::Counts(Counts { step: query.step, rows: self.door().counts(&query).await? }))
            }
            Command::Detail { request } => {
                let detail = self.door().detail(&request).await?;
                Ok(Done::Detail(Box::new(RecordView::of(&request, &detail, &self.lock().approver))))
            }
            Command::Erase { requests } => {
                self.door().erase(requests).await?;
                Ok(Done::Ok)
            }
            Command::Agents => {
                let views = self.door().agents().await?;
                let core = self.lock();
                let agents = views.iter().map(|view| AgentInfo::of(view, core.approver.view()));
                Ok(Done::Agents { agents: agents.collect() })
            }
            Command::Sessions { agent, before, limit } => {
                let door = self.door();
                let (views, page) =
                    (door.agents().await?, door.sessions(&agent, &SessionsQuery { before, limit }).await?);
                Ok(Done::Sessions(SessionList::of(&agent, &views, page, self.lock().approver.view())))
            }
            Command::Devices => self.devices().await,
            Command::Grants => Ok(Done::Grants { grants: self.door().grants().await? }),
            Command::Verify { request } => self.verify(&request).await,
            Command::Renew => self.step(&StatusStep::Renew).await,
        }
    }

    fn approval(&self, card: &Hash, edits: Option<&Edits>) -> Result<Answer, Failure> {
        match edits {
            None => Ok(Answer::Approve),
            Some(edits) => {
                let core = self.lock();
                let original = &core.card(card)?.asked().content.arguments;
                Ok(Answer::Modify(edits.apply(original)?))
            }
        }
    }

    /// Signs and stores, then sends. Whoever stops waiting stops nothing: what is stored will be sent.
    async fn answer(&self, intent: Intent) -> Result<Done, Failure> {
        let mut turn = pin!(self.sending.lock());
        // Signed and in line in one go: the daemon takes a device's numbers in rising order only.
        let (signed, first) = poll_fn(|context| {
            let signed = self.lock().answer(&intent);
            let first = if signed.is_ok() { turn.as_mut().poll(context) } else { Poll::Pending };
            Poll::Ready((signed, first))
        })
        .await;
        let signed = signed?;
        let _one_at_a_time = match first {
            Poll::Ready(guard) => guard,
            Poll::Pending => turn.await,
        };
        let sent = match self.send_until(Some(&signed.card)).await {
            Ok(()) => self.deliver(&signed.card, &signed.message).await,
            Err(failure) => Err(failure),
        };
        let stored = match sent {
            Ok(state) => Some(state),
            Err(failure) if failure.is_passing() => None,
            Err(failure) => return Err(failure),
        };
        Ok(Done::Answered { decision: signed.decision, stored })
    }

    fn scope(&self, scope: &Scope) -> GrantScope {
        let exp = self.config.clock.now().plus(i64::from(scope.seconds));
        GrantScope { session_only: scope.session_only, uses: scope.uses, exp }
    }

    fn preview_grant(&self, card: &Hash, scope: &Scope) -> Result<Done, Failure> {
        let core = self.lock();
        let text = self.scope(scope).sentence(core.card(card)?.asked(), core.now());
        Ok(Done::Sentence { text })
    }

    async fn grant(&self, card: &Hash, title: &str, scope: &Scope, uv: Uv) -> Result<Done, Failure> {
        let message = {
            let core = self.lock();
            let desk = core.approver.desk(&core.keys.approval, core.clocks())?;
            desk.grant(core.card(card)?.asked(), title, &self.scope(scope), uv, &mut { crate::clock::random })?
        };
        self.door().post("/v1/grants", &message).await?;
        self.grown.notify_one();
        Ok(Done::Ok)
    }

    async fn revoke(
        &self,
        kind: RevokedKind,
        id: Hash,
        until: Option<agenttrust_protocol::Time>,
    ) -> Result<Done, Failure> {
        let until = until.unwrap_or(self.config.clock.now().plus(FOREVER));
        self.step(&StatusStep::Revoke { kind, id, until }).await
    }

    /// Signs a step of the status and has the daemon take it; one that came too late for another is signed anew.
    pub(crate) async fn step(&self, step: &StatusStep) -> Result<Done, Failure> {
        let _one_at_a_time = self.stepping.lock().await;
        let door = self.door();
        let mut tries = 0;
        loop {
            let message = self.lock().status(step)?;
            match door.post("/v1/status", &message).await {
                Ok(_) => {
                    self.adopt(&[message])?;
                    return Ok(Done::Ok);
                }
                Err(failure) if is_late(&failure) && tries < TRIES => {
                    tries += 1;
                    self.catch_up(&door).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Signs a bundle with other devices and its status, and has the daemon take both.
    pub(crate) async fn change(&self, change: &DeviceChange) -> Result<Done, Failure> {
        let _one_at_a_time = self.stepping.lock().await;
        let door = self.door();
        let mut tries = 0;
        loop {
            let TrustStep { bundle, status } = self.lock().change_devices(change)?;
            match door.post("/v1/bundles", &bundle).await {
                Ok(_) => {
                    // If only this one is lost, the status is renewed for the new bundle by itself.
                    match door.post("/v1/status", &status).await {
                        Ok(_) => self.adopt(&[bundle, status])?,
                        Err(failure) if is_late(&failure) => {
                            // Another device has vouched for the new bundle already.
                            self.adopt(&[bundle])?;
                            self.catch_up(&door).await?;
                        }
                        Err(failure) => return Err(failure),
                    }
                    return Ok(Done::Ok);
                }
                Err(failure) if is_late(&failure) && tries < TRIES => {
                    tries += 1;
                    self.catch_up(&door).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// What the daemon has taken counts here, too; it may have come back by the inbox already.
    fn adopt(&self, messages: &[String]) -> Result<(), Failure> {
        self.grown.notify_one();
        self.timers.notify_one();
        match self.lock().follow(messages) {
            Ok(_) | Err(Failure::Reason(Reason::StaleTrust)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn accept(&self, enroll: &Hash, name: Option<String>) -> Result<Done, Failure> {
        let (message, opened) = {
            let core = self.lock();
            let knock = core.approver.inbox().knocks().find(|knock| knock.enroll.hash() == *enroll);
            let opened = knock.ok_or(Refused::NotFound)?.enroll.clone();
            let name = name.unwrap_or_else(|| opened.body().name.clone());
            let desk = core.approver.desk(&core.keys.approval, core.clocks())?;
            let exp = core.now().plus(CERT_LIFE);
            (desk.certify(&opened, &name, exp, &mut { crate::clock::random })?, opened)
        };
        self.door().post("/v1/agent-certs", &message).await?;
        self.lock().approver.learn_agent(&opened);
        self.grown.notify_one();
        Ok(Done::Ok)
    }

    async fn devices(&self) -> Result<Done, Failure> {
        let views = self.door().devices().await?;
        let mut devices: Vec<DeviceInfo> = self.lock().device_infos();
        let of = |key: &Thumbprint| views.iter().find(|view| view.device == *key).cloned();
        for device in &mut devices {
            device.daemon = of(&device.device);
        }
        Ok(Done::Devices { devices })
    }
}

fn intent(card: Hash, display: Hash, answer: Answer, uv: Uv) -> Intent {
    Intent { card, display, answer, note: None, uv, requires: None, folds: Folds::Closed, life: None }
}

/// Whether another step of trust came first.
fn is_late(failure: &Failure) -> bool {
    failure.is(Trouble::Conflict) || failure.code() == Reason::StaleTrust.code()
}
