//! Test devices and what they sign.

use agenttrust_gate::{Tdid, Thumbprint, Time};
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::key::{Approval, Log, Recovery, SecretKey, Transport, Witness};
use agenttrust_protocol::message::{
    AgentCert, Bundle, Decision, DecisionContent, Device, Enroll, Grant, GrantContent, Message, Nothing, Paused,
    Request, RequestContent, Revocation, Status, Uv, Verdict,
};
use agenttrust_protocol::trust::{RECOVERY_DELAY, Trust, bundle_ref};
use agenttrust_protocol::{Hash, Head, Opened, Received, Signed};
use std::sync::atomic::{AtomicU64, Ordering};

/// Distinct, repeatable "random" bytes.
pub fn random(buffer: &mut [u8]) {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    for chunk in buffer.chunks_mut(8) {
        let bytes = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
}

fn seed(kind: u8, number: u8) -> [u8; 32] {
    let mut seed = [kind; 32];
    seed[0] = number;
    seed
}

/// A trust domain with all its keys.
pub struct Domain {
    number: u8,
    pub phones: Vec<SecretKey<Approval>>,
    pub bundles: Vec<String>,
    pub statuses: Vec<String>,
    pub tdid: Option<Tdid>,
    /// Whether a recovery bundle has waited its time.
    settled: bool,
}

/// The time a message is dated.
pub fn at(seconds: i64) -> Time {
    super::START.plus(seconds)
}

impl Domain {
    /// So many phones, all admins and approvers; any one of them signs for all.
    pub fn new(phones: u8) -> Domain {
        Domain::numbered(1, phones)
    }

    /// A domain with other keys than those of another number.
    pub fn numbered(number: u8, phones: u8) -> Domain {
        let phones = (0..phones).map(|n| SecretKey::from_seed(&seed(number, n))).collect();
        let mut domain =
            Domain { number, phones, bundles: Vec::new(), statuses: Vec::new(), tdid: None, settled: false };
        domain.next_bundle(at(-1000), |_| {});
        domain
    }

    pub fn trust(&self) -> Trust {
        let mut trust = Trust::enter(&self.bundles[0], None).unwrap();
        for bundle in &self.bundles[1..] {
            trust.accept_bundle(bundle, at(0)).unwrap();
        }
        if self.settled {
            assert!(trust.settle(at(RECOVERY_DELAY)));
        }
        for status in &self.statuses {
            trust.accept_status(status).unwrap();
        }
        trust
    }

    fn head(&self, iat: Time) -> Head {
        Head::new(&mut random, iat, self.tdid)
    }

    fn device(&self, phone: usize) -> Device {
        let (n, kind) = (u8::try_from(phone).unwrap(), 100 + self.number);
        Device {
            key: self.phones[phone].public(),
            witness: SecretKey::<Witness>::from_seed(&seed(kind, 2 * n)).public(),
            transport: SecretKey::<Transport>::from_seed(&seed(kind, 2 * n + 1)).public().thumbprint(),
            name: format!("phone {phone}"),
            owner: format!("owner {phone}"),
            roles: vec!["admin".parse().unwrap(), "approver".parse().unwrap()],
            local: false,
            protection: "keystore".to_owned(),
        }
    }

    /// A further bundle, and a status that speaks for it.
    pub fn next_bundle(&mut self, iat: Time, change: impl FnOnce(&mut Bundle)) {
        let last = self.bundles.last().map(|_| self.trust());
        let mut body = match &last {
            Some(trust) => Bundle {
                version: trust.current().body().version + 1,
                prev: Some(trust.current().hash()),
                ..trust.current().body().clone()
            },
            None => Bundle {
                version: 1,
                prev: None,
                threshold: 1,
                devices: (0..self.phones.len()).map(|phone| self.device(phone)).collect(),
                rules: Vec::new(),
                log: SecretKey::<Log>::from_seed(&seed(200, self.number)).public(),
                transport: SecretKey::<Transport>::from_seed(&seed(201, self.number)).public().thumbprint(),
                recovery: Some(self.recovery_key().public()),
            },
        };
        change(&mut body);
        let text = Signed::sign(&self.phones[0], &self.head(iat), &body, &Nothing {}, &mut random).into_string();
        self.tdid = self.tdid.or_else(|| Some(Received::<Bundle>::parse(&text).unwrap().hash().into()));
        self.bundles.push(text);
        self.next_status(iat, |_| {});
    }

    fn recovery_key(&self) -> SecretKey<Recovery> {
        SecretKey::from_seed(&seed(202, self.number))
    }

    /// All phones are lost: the recovery key and a new one sign a bundle, which waits.
    pub fn recover(&mut self, iat: Time) {
        let trust = self.trust();
        self.phones.push(SecretKey::from_seed(&seed(self.number, 99)));
        let new = self.phones.len() - 1;
        let body = Bundle {
            version: trust.current().body().version + 1,
            prev: Some(trust.current().hash()),
            devices: vec![self.device(new)],
            ..trust.current().body().clone()
        };
        let unsigned = Unsigned::new(&self.head(iat), &body, &Nothing {}, &mut random);
        let parts = vec![unsigned.part(&self.phones[new]), unsigned.recovery_part(&self.recovery_key())];
        self.bundles.push(unsigned.join(parts).into_string());
    }

    /// The recovery bundle counts, with a status that speaks for it: the new phone is the first now.
    pub fn settle(&mut self, iat: Time) {
        self.settled = true;
        self.phones.rotate_right(1);
        self.next_status(iat, |_| {});
    }

    /// A further status, of the first phone, an hour long unless changed.
    pub fn next_status(&mut self, iat: Time, change: impl FnOnce(&mut Status)) {
        let trust = self.trust();
        let old = trust.status();
        let mut body = Status {
            seq: old.map_or(1, |old| old.body().seq + 1),
            prev: old.map(Opened::hash),
            bundle: bundle_ref(trust.current()),
            revoked: old.map_or_else(Vec::new, |old| old.body().revoked.clone()),
            paused: old.map_or(Paused::Agents(Vec::new()), |old| old.body().paused.clone()),
            exp: iat.plus(72 * 3600),
        };
        change(&mut body);
        let text = Signed::sign(&self.phones[0], &self.head(iat), &body, &Nothing {}, &mut random).into_string();
        self.statuses.push(text);
    }

    pub fn revoke(&mut self, kind: agenttrust_protocol::message::RevokedKind, id: Hash, iat: Time) {
        self.next_status(iat, |status| status.revoked.push(Revocation { kind, id, until: iat.plus(1_000_000) }));
    }

    pub fn certify(&self, enroll: &Opened<Enroll>, iat: Time) -> String {
        let body = AgentCert {
            enroll: enroll.hash(),
            cnf: enroll.body().key,
            name: enroll.body().name.clone(),
            exp: iat.plus(30 * 24 * 3600),
        };
        self.sign(0, iat, &body, &Nothing {})
    }

    pub fn sign<M: Message<Signer = Approval>>(
        &self,
        phone: usize,
        iat: Time,
        body: &M,
        content: &M::Content,
    ) -> String {
        Signed::sign(&self.phones[phone], &self.head(iat), body, content, &mut random).into_string()
    }

    /// A decision of one phone, five minutes long unless changed.
    pub fn decide(
        &self,
        phone: usize,
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
            bundle: bundle_ref(self.trust().current()),
            log: None,
            exp: iat.plus(300),
        };
        let mut content = DecisionContent { arguments: None, shown: None, note: None };
        change(&mut body, &mut content);
        self.sign(phone, iat, &body, &content)
    }

    pub fn approve(&self, phone: usize, request: Hash, iat: Time) -> String {
        self.decide(phone, request, Verdict::Approve, iat, |_, _| {})
    }

    pub fn grant(&self, agent: Thumbprint, iat: Time, change: impl FnOnce(&mut Grant)) -> String {
        let tool = agenttrust_protocol::constraint::Constraint::Tool { name: "pay".to_owned(), digest: None };
        let mut body = Grant {
            agents: vec![agent],
            constraints: vec![tool],
            uv: Uv::Verified,
            bundle: bundle_ref(self.trust().current()),
            offline: false,
            exp: iat.plus(24 * 3600),
        };
        change(&mut body);
        self.sign(0, iat, &body, &GrantContent { title: "Payments".to_owned() })
    }
}

/// How a person answers a request: the state the daemon gives it, and the decisions.
pub type Person =
    Box<dyn FnMut(&Domain, &Opened<Request>, &RequestContent, Time) -> Option<(&'static str, Vec<String>)> + Send>;

/// A person who answers at once.
pub fn person(mut answer: impl FnMut(&Domain, Hash, Time) -> (&'static str, Vec<String>) + Send + 'static) -> Person {
    Box::new(move |domain, request, _, now| Some(answer(domain, request.hash(), now)))
}
