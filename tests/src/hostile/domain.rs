//! The person's devices and what they sign, dated by the real clock.

use crate::cast::{DeviceKeys, object};
use crate::forge::{key, random};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Approval, Log, SecretKey, Transport};
use agenttrust_protocol::message::{
    AgentCert, Bundle, BundleRef, Decision, DecisionContent, Enroll, Grant, GrantContent, Message, Nothing, Paused,
    Status, Uv, Verdict,
};
use agenttrust_protocol::trust::{Trust, bundle_ref};
use agenttrust_protocol::{Hash, Head, Opened, Random, Received, Signed, Thumbprint, Time};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock, as the agents read it.
pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Time(i64::try_from(since.as_secs()).expect("a clock before the end of time"))
}

/// One of the devices there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Admin and approver.
    Phone,
    /// Admin and approver, of another owner.
    Tablet,
    /// Approver only, on the agents' machine.
    Laptop,
    /// Admin only.
    Keeper,
    /// In no bundle.
    Stranger,
}

/// A trust domain.
pub(super) struct Domain {
    devices: [(Who, DeviceKeys); 5],
    pub(super) log: SecretKey<Log>,
    tdid: Option<Tdid>,
    pub(super) bundles: Vec<String>,
    pub(super) statuses: Vec<String>,
}

impl Domain {
    /// A new domain, with one bundle and one status.
    pub(super) fn found(name: &str) -> Domain {
        let device =
            |n: &str, owner, roles: &[&str], local| DeviceKeys::new(&format!("{name} {n}"), owner, roles, local);
        let devices = [
            (Who::Phone, device("phone", "first", &["admin", "approver"], false)),
            (Who::Tablet, device("tablet", "second", &["admin", "approver"], false)),
            (Who::Laptop, device("laptop", "first", &["approver"], true)),
            (Who::Keeper, device("keeper", "first", &["admin"], false)),
            (Who::Stranger, device("stranger", "nobody", &["admin", "approver"], false)),
        ];
        let log = key(&format!("{name} log"));
        let mut domain = Domain { devices, log, tdid: None, bundles: Vec::new(), statuses: Vec::new() };
        let listed = domain.devices.iter().filter(|(who, _)| *who != Who::Stranger);
        let body = Bundle {
            version: 1,
            prev: None,
            threshold: 1,
            devices: listed.map(|(_, device)| device.entry.clone()).collect(),
            rules: Vec::new(),
            log: domain.log.public(),
            transport: key::<Transport>(&format!("{name} daemon")).public().thumbprint(),
            recovery: None,
        };
        let bundle = domain.sign(Who::Phone, now(), &body, &Nothing {});
        domain.tdid = Some(Received::<Bundle>::parse(&bundle).expect("well formed").hash().into());
        domain.bundles.push(bundle);
        let status = domain.status(Who::Phone, now(), |_| {});
        domain.statuses.push(status);
        domain
    }

    pub(super) fn tdid(&self) -> Tdid {
        self.tdid.expect("it is founded")
    }

    pub(super) fn device(&self, who: Who) -> &DeviceKeys {
        let found = self.devices.iter().find(|(name, _)| *name == who);
        &found.expect("every device is listed").1
    }

    /// What an honest verifier believes.
    pub(super) fn trust(&self) -> Trust {
        let (first, later) = self.bundles.split_first().expect("it is founded");
        let mut trust = Trust::enter(first, None).expect("bundle 1");
        later.iter().for_each(|text| trust.accept_bundle(text, now()).expect("the next bundle"));
        self.statuses.iter().for_each(|text| trust.accept_status(text).expect("the next status"));
        trust
    }

    /// Signs anything that a device may sign.
    pub(super) fn sign<M: Message<Signer = Approval>>(
        &self,
        who: Who,
        iat: Time,
        body: &M,
        content: &M::Content,
    ) -> String {
        let mut dice = dice();
        let head = Head::new(&mut dice, iat, self.tdid);
        Signed::sign(&self.device(who).approval, &head, body, content, &mut dice).into_string()
    }

    /// The bundle after the newest one.
    pub(super) fn bundle(&self, who: Who, change: impl FnOnce(&mut Bundle)) -> String {
        let trust = self.trust();
        let old = trust.current();
        let mut body = Bundle { version: old.body().version + 1, prev: Some(old.hash()), ..old.body().clone() };
        change(&mut body);
        self.sign(who, now(), &body, &Nothing {})
    }

    /// The status after the newest one; three days long.
    pub(super) fn status(&self, who: Who, iat: Time, change: impl FnOnce(&mut Status)) -> String {
        let trust = self.trust();
        let old = trust.status();
        let mut body = Status {
            seq: old.map_or(1, |old| old.body().seq + 1),
            prev: old.map(Opened::hash),
            bundle: trust.bundle_ref(),
            revoked: old.map_or_else(Vec::new, |old| old.body().revoked.clone()),
            paused: old.map_or(Paused::Agents(Vec::new()), |old| old.body().paused.clone()),
            exp: iat.plus(72 * 3600),
        };
        change(&mut body);
        self.sign(who, iat, &body, &Nothing {})
    }

    /// Installs a bundle of the phone's, and a status that speaks for it.
    pub(super) fn next_bundle(&mut self, change: impl FnOnce(&mut Bundle)) {
        let bundle = self.bundle(Who::Phone, change);
        self.bundles.push(bundle);
        self.next_status(|_| {});
    }

    /// Installs a status of the phone's.
    pub(super) fn next_status(&mut self, change: impl FnOnce(&mut Status)) {
        let status = self.status(Who::Phone, now(), change);
        self.statuses.push(status);
    }

    /// The phone's certificate for an agent.
    pub(super) fn certify(&self, who: Who, enroll: &Opened<Enroll>) -> String {
        let cert = AgentCert {
            enroll: enroll.hash(),
            cnf: enroll.body().key,
            name: enroll.body().name.clone(),
            exp: now().plus(24 * 3600),
        };
        self.sign(who, now(), &cert, &Nothing {})
    }

    /// A decision, five minutes long unless changed.
    pub(super) fn decide(
        &self,
        who: Who,
        request: Hash,
        outcome: Verdict,
        iat: Time,
        change: impl FnOnce(&mut Decision, &mut DecisionContent),
    ) -> String {
        let mut body = Decision {
            req: request,
            outcome,
            first: None,
            requires: None,
            uv: Uv::Verified,
            seq: 1,
            bundle: self.trust().bundle_ref(),
            log: None,
            exp: iat.plus(300),
        };
        let mut content = DecisionContent { arguments: None, shown: None, note: None };
        change(&mut body, &mut content);
        self.sign(who, iat, &body, &content)
    }

    pub(super) fn approve(&self, who: Who, request: Hash) -> String {
        self.decide(who, request, Verdict::Approve, now(), |_, _| {})
    }

    /// An approval with other arguments.
    pub(super) fn edit(&self, who: Who, request: Hash, arguments: &str) -> String {
        let arguments = object(arguments);
        self.decide(who, request, Verdict::Modify, now(), |_, content| content.arguments = Some(arguments))
    }

    /// A day's grant to pay invoices.
    pub(super) fn grant(&self, who: Who, agent: Thumbprint, change: impl FnOnce(&mut Grant)) -> String {
        self.grant_from(who, agent, now(), change)
    }

    /// The same, from this time on.
    pub(super) fn grant_from(&self, who: Who, agent: Thumbprint, iat: Time, change: impl FnOnce(&mut Grant)) -> String {
        let mut body = Grant {
            agents: vec![agent],
            constraints: crate::cast::constraints(r#"[{"c":"tool","name":"pay_invoice"}]"#),
            uv: Uv::Verified,
            bundle: self.trust().bundle_ref(),
            offline: false,
            exp: iat.plus(24 * 3600),
        };
        change(&mut body);
        self.sign(who, iat, &body, &GrantContent { title: "Payments".to_owned() })
    }
}

/// The name of a bundle that may not be in any chain.
pub(super) fn name_of(bundle: &str, signer: &DeviceKeys) -> BundleRef {
    let opened = Received::<Bundle>::parse(bundle).and_then(|b| b.open(|_| Some(signer.approval.public())));
    bundle_ref(&opened.expect("a bundle by this device"))
}

/// Other numbers for each signature, in this process and in the next.
fn dice() -> impl Random {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    random(&format!("{:?} {} {count}", SystemTime::now(), std::process::id()))
}
