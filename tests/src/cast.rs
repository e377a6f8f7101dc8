//! The same few devices and one agent that all vectors and many tests speak of.

use crate::forge::{id, key, random};
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::json::{Numbers, Object, parse};
use agenttrust_protocol::key::{Agent, Approval, Log, Recovery, SecretKey, Transport, Witness};
use agenttrust_protocol::message::{
    Action, AgentCert, AgentKind, Bundle, BundleRef, Decision, DecisionContent, Device, Enroll, Facts, Message,
    Nothing, Paused, Request, RequestContent, Rule, Session, SessionContent, Status, Uv, Verdict,
};
use agenttrust_protocol::{Hash, Head, Received, Signed, Thumbprint, Time};

/// The time at which everything happens: 2027-01-15T08:00:00Z.
pub const NOW: Time = Time(1_800_000_000);

/// A device with all its keys.
pub struct DeviceKeys {
    /// Signs decisions.
    pub approval: SecretKey<Approval>,
    /// Co-signs the log.
    pub witness: SecretKey<Witness>,
    /// Authenticates connections.
    pub transport: SecretKey<Transport>,
    /// Its entry in the bundle.
    pub entry: Device,
}

impl DeviceKeys {
    /// The device of this name.
    #[must_use]
    pub fn new(name: &str, owner: &str, roles: &[&str], local: bool) -> DeviceKeys {
        let approval: SecretKey<Approval> = key(&format!("{name} approval"));
        let witness: SecretKey<Witness> = key(&format!("{name} witness"));
        let transport: SecretKey<Transport> = key(&format!("{name} transport"));
        let entry = Device {
            key: approval.public(),
            witness: witness.public(),
            transport: transport.public().thumbprint(),
            name: name.to_owned(),
            owner: owner.to_owned(),
            roles: roles.iter().map(|role| role.parse().expect("a role name")).collect(),
            local,
            protection: "keystore".to_owned(),
        };
        DeviceKeys { approval, witness, transport, entry }
    }

    /// The approval key's thumbprint.
    #[must_use]
    pub fn id(&self) -> Thumbprint {
        self.approval.public().thumbprint()
    }
}

/// One trust domain: three devices, one daemon, one enrolled agent.
pub struct Cast {
    /// Admin and approver; not on the agents' machine.
    pub phone: DeviceKeys,
    /// Approver on the agents' machine.
    pub laptop: DeviceKeys,
    /// Admin and approver of a second owner.
    pub tablet: DeviceKeys,
    /// The agent's key.
    pub agent: SecretKey<Agent>,
    /// The daemon's log key.
    pub log: SecretKey<Log>,
    /// The paper key.
    pub recovery: SecretKey<Recovery>,
    /// The first bundle.
    pub bundle: String,
    /// The first status.
    pub status: String,
    /// The agent's enrolment.
    pub enroll: String,
    /// The agent's certificate.
    pub cert: String,
    /// The agent's session.
    pub session: String,
}

/// Signs one message with random numbers that depend on its name alone.
pub fn sign<M: Message>(
    name: &str,
    key: &SecretKey<M::Signer>,
    tdid: Option<Tdid>,
    body: &M,
    content: &M::Content,
) -> String {
    Signed::sign(key, &Head { jti: id(name), iat: NOW, tdid }, body, content, &mut random(name)).into_string()
}

/// The hash that names a message.
#[must_use]
pub fn hash<M: Message>(text: &str) -> Hash {
    Received::<M>::parse(text).expect("a well-formed message").hash()
}

/// An object from its JSON text.
#[must_use]
pub fn object(text: &str) -> Object {
    parse(text.as_bytes(), Numbers::Any).expect("strict JSON").as_object().expect("an object").clone()
}

impl Cast {
    /// The usual trust domain.
    #[must_use]
    pub fn new() -> Cast {
        Cast::with_rules(Vec::new())
    }

    /// The usual trust domain with floor rules.
    #[must_use]
    pub fn with_rules(rules: Vec<Rule>) -> Cast {
        let phone = DeviceKeys::new("phone", "first", &["admin", "approver"], false);
        let laptop = DeviceKeys::new("laptop", "first", &["approver"], true);
        let tablet = DeviceKeys::new("tablet", "second", &["admin", "approver"], false);
        let agent: SecretKey<Agent> = key("agent");
        let log: SecretKey<Log> = key("log");
        let recovery: SecretKey<Recovery> = key("recovery");
        let body = Bundle {
            version: 1,
            prev: None,
            threshold: 1,
            devices: vec![phone.entry.clone(), laptop.entry.clone(), tablet.entry.clone()],
            rules,
            log: log.public(),
            transport: key::<Transport>("daemon").public().thumbprint(),
            recovery: Some(recovery.public()),
        };
        let bundle = sign("bundle", &phone.approval, None, &body, &Nothing {});
        let tdid = Some(Tdid::from(hash::<Bundle>(&bundle)));
        let enroll_body = Enroll {
            key: agent.public(),
            name: "Invoice agent".to_owned(),
            program: "python3 invoices.py".to_owned(),
            kind: AgentKind::Sdk,
        };
        let enroll = sign("enroll", &agent, None, &enroll_body, &Nothing {});
        let cert_body = AgentCert {
            enroll: hash::<Enroll>(&enroll),
            cnf: agent.public(),
            name: "Invoice agent".to_owned(),
            exp: NOW.plus(86_400),
        };
        let cert = sign("cert", &phone.approval, tdid, &cert_body, &Nothing {});
        let mut cast = Cast {
            phone,
            laptop,
            tablet,
            agent,
            log,
            recovery,
            bundle,
            status: String::new(),
            enroll,
            cert,
            session: String::new(),
        };
        cast.status = cast.sign_status("status", &cast.status_body());
        cast.session = cast.sign_session("session", Some("Pay the open invoices of January to Example GmbH"));
        cast
    }

    /// The trust domain.
    #[must_use]
    pub fn tdid(&self) -> Option<Tdid> {
        Some(Tdid::from(hash::<Bundle>(&self.bundle)))
    }

    /// The name of the first bundle.
    #[must_use]
    pub fn bundle_ref(&self) -> BundleRef {
        BundleRef { version: 1, hash: hash::<Bundle>(&self.bundle) }
    }

    /// The first bundle's body.
    #[must_use]
    pub fn bundle_body(&self) -> Bundle {
        Received::<Bundle>::parse(&self.bundle)
            .and_then(|b| b.open(|kid| (*kid == self.phone.id()).then(|| self.phone.approval.public())))
            .expect("bundle 1 verifies")
            .body()
            .clone()
    }

    /// The first status' body: nobody revoked, nobody paused, 24 hours.
    #[must_use]
    pub fn status_body(&self) -> Status {
        Status {
            seq: 1,
            prev: None,
            bundle: self.bundle_ref(),
            revoked: Vec::new(),
            paused: Paused::Agents(Vec::new()),
            exp: NOW.plus(86_400),
        }
    }

    /// A status signed by the phone.
    #[must_use]
    pub fn sign_status(&self, name: &str, body: &Status) -> String {
        sign(name, &self.phone.approval, self.tdid(), body, &Nothing {})
    }

    /// A bundle signed by these devices together.
    #[must_use]
    pub fn sign_bundle(&self, name: &str, body: &Bundle, by: &[&SecretKey<Approval>]) -> String {
        let head = Head { jti: id(name), iat: NOW, tdid: self.tdid() };
        Unsigned::new(&head, body, &Nothing {}, &mut random(name)).sign(by.iter().copied()).into_string()
    }

    /// A session with this task.
    #[must_use]
    pub fn sign_session(&self, name: &str, task: Option<&str>) -> String {
        let body = Session {
            cert: hash::<AgentCert>(&self.cert),
            sid: "0198c2f0-7a00-7000-8000-000000000001".parse().expect("a UUIDv7"),
            parent: None,
        };
        let facts = Facts {
            cwd: "/home/user/invoices".to_owned(),
            host: "workstation".to_owned(),
            program: "/usr/bin/python3".to_owned(),
        };
        sign(name, &self.agent, self.tdid(), &body, &SessionContent { facts, task: task.map(str::to_owned) })
    }

    /// A request's body for this tool, five minutes long.
    #[must_use]
    pub fn request_body(&self, tool: &str) -> Request {
        Request {
            cert: hash::<AgentCert>(&self.cert),
            session: hash::<Session>(&self.session),
            action: Action { tool: tool.to_owned(), server: None, digest: None },
            risk: None,
            grant: None,
            group: None,
            call: None,
            exp: NOW.plus(300),
        }
    }

    /// A request by the agent.
    #[must_use]
    pub fn sign_request(&self, name: &str, body: &Request, arguments: &str) -> String {
        let content = RequestContent { arguments: object(arguments), title: None, target: None, reason: None };
        sign(name, &self.agent, self.tdid(), body, &content)
    }

    /// A request to pay an invoice.
    #[must_use]
    pub fn pay(&self) -> String {
        self.sign_request(
            "pay",
            &self.request_body("pay_invoice"),
            r#"{"payee":"DE02120300000000202051","amount":120.50}"#,
        )
    }

    /// A decision's body on this request.
    #[must_use]
    pub fn decision_body(&self, request: &str, outcome: Verdict) -> Decision {
        Decision {
            req: hash::<Request>(request),
            outcome,
            first: None,
            requires: None,
            uv: Uv::Presence,
            seq: 1,
            bundle: self.bundle_ref(),
            log: None,
            exp: NOW.plus(300),
        }
    }

    /// A decision by this device.
    #[must_use]
    pub fn sign_decision(&self, name: &str, by: &DeviceKeys, body: &Decision, arguments: Option<&str>) -> String {
        let content = DecisionContent { arguments: arguments.map(object), shown: None, note: None };
        sign(name, &by.approval, self.tdid(), body, &content)
    }
}

impl Default for Cast {
    fn default() -> Cast {
        Cast::new()
    }
}

/// Constraints from their JSON text.
///
/// # Panics
/// If one of them is malformed.
#[must_use]
pub fn constraints(text: &str) -> Vec<agenttrust_protocol::constraint::Constraint> {
    let value = parse(text.as_bytes(), Numbers::Fractions).expect("strict JSON");
    let items = value.as_array().expect("an array");
    items.iter().map(|item| agenttrust_protocol::constraint::Constraint::parse(item).expect("a constraint")).collect()
}
