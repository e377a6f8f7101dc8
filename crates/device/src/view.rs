//! How things look to a shell.

use crate::command::{DeviceInfo, Edits, Preview};
use crate::core::Core;
use crate::event::{CardView, ChangeView, Connection, DecisionView, LogInfo, Snapshot, TrustInfo};
use crate::failure::Failure;
use agenttrust_approver::Refused;
use agenttrust_approver::display::{Care, EnrolDisplay, MAX_NAME, Text, safe_line};
use agenttrust_approver::edit::Edit;
use agenttrust_approver::inbox::Card;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::json::Object;
use agenttrust_protocol::message::{Device, Paused};

impl Connection {
    pub(crate) fn is_up(&self) -> bool {
        match self {
            Connection::Connected { .. } => true,
            Connection::Connecting | Connection::Lost { .. } | Connection::Refused => false,
        }
    }
}

impl Edits {
    /// The arguments after this edit.
    pub(crate) fn apply(&self, arguments: &Object) -> Result<Object, Failure> {
        let mut edit = Edit::new(arguments);
        match self {
            Edits::Fields(fields) => {
                for (path, typed) in fields {
                    edit.set(path, typed)?;
                }
            }
            Edits::Json(text) => edit.replace(text)?,
        }
        Ok(edit.arguments().clone())
    }
}

impl Core {
    pub(crate) fn card(&self, id: &Hash) -> Result<&Card, Failure> {
        self.approver.inbox().card(id).ok_or(Failure::Refused(Refused::NotFound))
    }

    pub(crate) fn card_view(&self, id: &Hash) -> Option<CardView> {
        let card = self.approver.inbox().card(id)?;
        let view = self.approver.view();
        let arguments = &card.asked().content.arguments;
        let (display, edit) = (card.display(None), Edit::new(arguments));
        let shown = display.digest();
        let blocked = self.approver.check_answerable(id, self.clocks()).err();
        let demands = card.demands(view, arguments);
        Some(CardView {
            id: *id,
            phase: card.phase(view, self.now()),
            state: card.state(),
            display,
            shown,
            fields: edit.fields(),
            json: edit.to_json(),
            blocked: blocked.as_ref().map(ErrorBody::from),
            required_uv: card.required_uv(view, arguments),
            approvers: demands.iter().map(|require| require.approvers).max().unwrap_or(1),
            decisions: self.decisions(card),
            change: change(card).map(Box::new),
        })
    }

    fn decisions(&self, card: &Card) -> Vec<DecisionView> {
        let view = card.decisions().iter().map(|given| DecisionView {
            device: safe_line(
                self.approver.view().name_of(&given.decision.signer()).unwrap_or("another device"),
                MAX_NAME,
            ),
            verdict: given.decision.body().outcome,
            note: given.content.note.as_ref().map(|note| Text::block(note, Care::Prose)),
        });
        view.collect()
    }

    /// A card as an edit would make it.
    pub(crate) fn preview(&self, id: &Hash, edits: Option<&Edits>) -> Result<Preview, Failure> {
        let card = self.card(id)?;
        let original = &card.asked().content.arguments;
        let edited = edits.map(|edits| edits.apply(original)).transpose()?;
        let runs = edited.as_ref().unwrap_or(original);
        let edit = Edit::new(runs);
        let display = card.display(edited.as_ref());
        let shown = display.digest();
        let required_uv = card.required_uv(self.approver.view(), runs);
        Ok(Preview { display, shown, fields: edit.fields(), json: edit.to_json(), required_uv })
    }

    pub(crate) fn knocks(&self) -> Vec<EnrolDisplay> {
        let knocks = self.approver.inbox().knocks();
        knocks.map(|knock| EnrolDisplay::of(&knock.enroll, knock.process.as_deref())).collect()
    }

    pub(crate) fn device_infos(&self) -> Vec<DeviceInfo> {
        let trust = self.approver.view().trust();
        trust.current().body().devices.iter().map(|device| self.device_info(device)).collect()
    }

    fn device_info(&self, device: &Device) -> DeviceInfo {
        let view = self.approver.view();
        let key = device.key.thumbprint();
        DeviceInfo {
            device: key,
            name: safe_line(&device.name, MAX_NAME),
            owner: safe_line(&device.owner, MAX_NAME),
            roles: device.roles.iter().map(ToString::to_string).collect(),
            local: device.local,
            protection: device.protection.clone(),
            is_me: key == view.me(),
            revoked: view.trust().is_device_revoked(&key),
            daemon: None,
        }
    }

    pub(crate) fn trust_info(&self) -> TrustInfo {
        let view = self.approver.view();
        let trust = view.trust();
        let (paused_all, paused) = match trust.status().map(|status| &status.body().paused) {
            Some(Paused::All) => (true, Vec::new()),
            Some(Paused::Agents(agents)) => (false, agents.clone()),
            None => (false, Vec::new()),
        };
        TrustInfo {
            tdid: trust.tdid(),
            fingerprint: trust.tdid().fingerprint(),
            version: trust.current().body().version,
            devices: self.device_infos(),
            standing: view.standing(self.now()),
            paused_all,
            paused,
            recovery_at: view.recovery_counts_at(),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let view = self.approver.view();
        let cards = self.approver.inbox().cards();
        Snapshot {
            me: view.device().map(|device| self.device_info(device)),
            connection: self.connection.clone(),
            trust: self.trust_info(),
            cards: cards.iter().filter_map(|card| self.card_view(&card.id())).collect(),
            agents: self.knocks(),
            joiner: self.joiner.clone(),
            log: self.approver.ledger().log.map(|log| LogInfo { size: log.size, root: log.root }),
            log_trouble: self.log_trouble.clone(),
            clock_ahead: self.clock_ahead,
        }
    }
}

fn change(card: &Card) -> Option<ChangeView> {
    let (first, arguments) = card.leader()?;
    let display = card.display(Some(arguments));
    let shown = display.digest();
    Some(ChangeView { first, display, shown })
}
