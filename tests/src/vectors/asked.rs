//! `asked`: a daemon or a device is handed a request with its certificate and session: may it be shown at all?

use super::Case;
use crate::cast::{Cast, DeviceKeys, NOW, hash, sign};
use crate::forge::{Parts, key};
use agenttrust_protocol::key::{Agent, Role, SecretKey};
use agenttrust_protocol::message::{AgentCert, Nothing, RequestContent, Session};
use agenttrust_protocol::{Hash, Time};
use serde_json::json;

/// The three messages and when they are looked at, before one thing about them goes wrong.
struct Scene<'a> {
    cast: &'a Cast,
    cert: String,
    session: String,
    request: String,
    now: Time,
}

impl<'a> Scene<'a> {
    fn new(cast: &'a Cast) -> Scene<'a> {
        Scene { cast, cert: cast.cert.clone(), session: cast.session.clone(), request: told(cast), now: NOW }
    }

    fn cert(self, cert: String) -> Scene<'a> {
        Scene { cert, ..self }
    }

    fn session(self, session: String) -> Scene<'a> {
        Scene { session, ..self }
    }

    fn request(self, request: String) -> Scene<'a> {
        Scene { request, ..self }
    }

    fn at(self, now: Time) -> Scene<'a> {
        Scene { now, ..self }
    }

    fn case(&self, name: &str, why: &str, expect: &str) -> Case {
        let content = json!({
            "bundles": [self.cast.bundle], "statuses": [self.cast.status], "cert": self.cert, "session": self.session,
            "request": self.request, "now": self.now, "expect": expect,
        });
        Case::new("asked", name, why, content)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let cast = Cast::new();
    let mut cases = certs(&cast);
    cases.extend(strangers(&cast));
    cases.extend(apart(&cast));
    cases.extend(times(&cast));
    cases.extend(withheld(&cast));
    cases
}

/// A request to pay an invoice, with a title.
fn told(cast: &Cast) -> String {
    let content = RequestContent { title: Some("Pay Example GmbH".to_owned()), ..super::content(super::PAID) };
    sign("told", &cast.agent, cast.tdid(), &cast.request_body("pay_invoice"), &content)
}

fn cert_body(cast: &Cast) -> AgentCert {
    AgentCert {
        enroll: Hash::of(b"an enrolment"),
        cnf: cast.agent.public(),
        name: "Invoice agent".to_owned(),
        exp: NOW.plus(86_400),
    }
}

/// One message in the name of another domain, by its proper key.
fn elsewhere<R: Role>(cast: &Cast, text: &str, key: &SecretKey<R>) -> String {
    let tdid = format!("\"tdid\":\"{}\"", cast.tdid().expect("a domain"));
    Parts::of(text).swap(&tdid, &format!("\"tdid\":\"{}\"", Hash::of(b"elsewhere"))).sign(key)
}

fn certs(cast: &Cast) -> Vec<Case> {
    let scene = || Scene::new(cast);
    let watch = DeviceKeys::new("watch", "first", &["admin", "approver"], false);
    let by = |device: &DeviceKeys| sign("cert", &device.approval, cast.tdid(), &cert_body(cast), &Nothing {});
    let altered = {
        let more = Parts::of(&cast.cert).swap("Invoice agent", "Invoice Agent").sign(&cast.phone.approval);
        let signature = cast.cert.rsplit('.').next().unwrap_or_default();
        format!("{}.{signature}", more.rsplit_once('.').expect("three segments").0)
    };
    vec![
        scene().case("good", "a request with its certificate and its session", "ok"),
        scene().cert(by(&watch)).case("cert-by-stranger", "a device outside the bundle", "unknown_key"),
        scene().cert(by(&cast.laptop)).case("cert-by-approver", "an approver that is no admin", "unknown_key"),
        scene().cert(altered).case("cert-altered", "another name under the old signature", "bad_signature"),
        scene().cert(elsewhere(cast, &cast.cert, &cast.phone.approval)).case(
            "cert-of-other-domain",
            "a certificate of another trust domain",
            "wrong_root",
        ),
        scene().cert(cast.status.clone()).case("cert-is-a-status", "another message of the same device", "wrong_typ"),
    ]
}

/// Another agent's messages, and ones of another domain.
fn strangers(cast: &Cast) -> Vec<Case> {
    let scene = || Scene::new(cast);
    let other: SecretKey<Agent> = key("another agent");
    let request = told(cast);
    let other_cert = {
        let body = AgentCert { cnf: other.public(), ..cert_body(cast) };
        sign("other cert", &cast.phone.approval, cast.tdid(), &body, &Nothing {})
    };
    vec![
        scene().session(Parts::of(&cast.session).sign(&other)).case(
            "session-by-another-agent",
            "the certificate is another agent's",
            "unknown_key",
        ),
        scene().request(Parts::of(&request).sign(&other)).case(
            "request-by-another-agent",
            "the certificate is another agent's",
            "unknown_key",
        ),
        scene().cert(other_cert).case("cert-of-another-agent", "it names another key", "unknown_key"),
        scene().session(elsewhere(cast, &cast.session, &cast.agent)).case(
            "session-of-other-domain",
            "a session of another trust domain",
            "wrong_root",
        ),
        scene().request(elsewhere(cast, &request, &cast.agent)).case(
            "request-of-other-domain",
            "a request of another trust domain",
            "wrong_root",
        ),
        scene().session(request.clone()).case("session-is-a-request", "another message of the agent", "wrong_typ"),
        scene().request(cast.session.clone()).case("request-is-a-session", "another message of the agent", "wrong_typ"),
    ]
}

/// Each valid by itself, but not of one another.
fn apart(cast: &Cast) -> Vec<Case> {
    let scene = || Scene::new(cast);
    let renewed = sign("renewed", &cast.phone.approval, cast.tdid(), &cert_body(cast), &Nothing {});
    let of_renewed = |text: &str| {
        let old = hash::<AgentCert>(&cast.cert).to_string();
        Parts::of(text).swap(&old, &hash::<AgentCert>(&renewed).to_string()).sign(&cast.agent)
    };
    let other_session = cast.sign_session("another", Some("Delete all invoices"));
    let of_other_session = {
        let old = hash::<Session>(&cast.session).to_string();
        let new = hash::<Session>(&other_session).to_string();
        Parts::of(&told(cast)).swap(&old, &new).sign(&cast.agent)
    };
    let renewed_session = of_renewed(&cast.session);
    let in_renewed_session = {
        let new = hash::<Session>(&renewed_session).to_string();
        Parts::of(&told(cast)).swap(&hash::<Session>(&cast.session).to_string(), &new).sign(&cast.agent)
    };
    vec![
        scene().cert(renewed.clone()).case("cert-of-neither", "session and request name another one", "wrong_request"),
        scene().session(renewed_session).request(in_renewed_session).case(
            "session-of-another-cert",
            "only the session names another certificate",
            "wrong_request",
        ),
        scene().request(of_renewed(&told(cast))).case(
            "request-of-another-cert",
            "only the request names another certificate",
            "wrong_request",
        ),
        scene().session(other_session.clone()).case(
            "another-session",
            "another task of the same agent beside the request",
            "wrong_request",
        ),
        scene().request(of_other_session.clone()).case(
            "request-of-another-session",
            "the request names another session",
            "wrong_request",
        ),
        scene().session(other_session).request(of_other_session).case(
            "both-of-another-session",
            "they belong together",
            "ok",
        ),
    ]
}

fn times(cast: &Cast) -> Vec<Case> {
    let scene = || Scene::new(cast);
    let at = |seconds: i64| scene().at(NOW.plus(seconds));
    let short_cert = {
        let body = AgentCert { exp: NOW.plus(30), ..cert_body(cast) };
        sign("short cert", &cast.phone.approval, cast.tdid(), &body, &Nothing {})
    };
    let under = |cert: &str| {
        let new = hash::<AgentCert>(cert).to_string();
        let old = hash::<AgentCert>(&cast.cert).to_string();
        let session = Parts::of(&cast.session).swap(&old, &new).sign(&cast.agent);
        let request = Parts::of(&told(cast)).swap(&old, &new);
        let request = request.swap(&hash::<Session>(&cast.session).to_string(), &hash::<Session>(&session).to_string());
        scene().cert(cert.to_owned()).session(session).request(request.sign(&cast.agent))
    };
    let dated = |text: &str, seconds: i64| {
        let (old, new) = (format!("\"iat\":{}", NOW.0), format!("\"iat\":{}", NOW.plus(seconds).0));
        Parts::of(text).swap(&old, &new)
    };
    let cert_from = |seconds: i64| dated(&cast.cert, seconds).sign(&cast.phone.approval);
    let session_from = |seconds: i64| {
        let session = dated(&cast.session, seconds).sign(&cast.agent);
        let (old, new) = (hash::<Session>(&cast.session).to_string(), hash::<Session>(&session).to_string());
        let request = Parts::of(&told(cast)).swap(&old, &new).sign(&cast.agent);
        scene().session(session).request(request)
    };
    let request_from = |seconds: i64| scene().request(dated(&told(cast), seconds).sign(&cast.agent));
    vec![
        at(360).case("request-within-skew", "60 seconds after its end", "ok"),
        at(361).case("request-expired", "61 seconds after its end", "expired"),
        request_from(60).case("request-early-within-skew", "60 seconds before it was made", "ok"),
        request_from(61).case("request-from-the-future", "61 seconds before it was made", "not_yet_valid"),
        session_from(60).case("session-early-within-skew", "60 seconds before it was made", "ok"),
        session_from(61).case("session-from-the-future", "61 seconds before it was made", "not_yet_valid"),
        session_from(-30 * 86_400).case("session-of-last-month", "a session has no end of its own", "ok"),
        under(&cert_from(60)).case("cert-early-within-skew", "60 seconds before it was made", "ok"),
        under(&cert_from(61)).case("cert-from-the-future", "61 seconds before it was made", "not_yet_valid"),
        under(&short_cert).at(NOW.plus(90)).case("cert-within-skew", "60 seconds after its end", "ok"),
        under(&short_cert).at(NOW.plus(91)).case("cert-expired", "61 seconds after its end", "expired"),
    ]
}

/// To be shown, everything is disclosed.
fn withheld(cast: &Cast) -> Vec<Case> {
    let scene = || Scene::new(cast);
    let without = |text: &str, name: &str| {
        let parts = Parts::of(text);
        let named = |segment: &String| {
            let bytes = data_encoding::BASE64URL_NOPAD.decode(segment.as_bytes()).expect("base64url");
            String::from_utf8(bytes).expect("UTF-8").contains(&format!(",\"{name}\","))
        };
        let kept: Vec<String> = parts.disclosures.iter().filter(|segment| !named(segment)).cloned().collect();
        assert_eq!(kept.len() + 1, parts.disclosures.len(), "{name}");
        Parts { disclosures: kept, ..parts }.present(text.split('~').next().unwrap_or_default())
    };
    let erased = format!("{}~", told(cast).split('~').next().unwrap_or_default());
    let request = |name: &str| scene().request(without(&told(cast), name));
    let session = |name: &str| scene().session(without(&cast.session, name));
    let why = "withheld: it cannot be shown";
    vec![
        request("arguments").case("arguments-withheld", why, "bad_disclosure"),
        request("title").case("title-withheld", why, "bad_disclosure"),
        scene().request(erased).case("everything-withheld", why, "bad_disclosure"),
        session("facts").case("facts-withheld", why, "bad_disclosure"),
        session("task").case("task-withheld", why, "bad_disclosure"),
    ]
}
