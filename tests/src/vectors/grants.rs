//! `grant`: a request names a grant; is it covered, and what is added to the counters?
//!
//! `used[i]` lists the reservations already made under constraint i, as `[time, amount]`.

use super::Case;
use crate::cast::{Cast, DeviceKeys, NOW, constraints, hash, object};
use crate::forge::{Parts, id, random};
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::key::{Approval, SecretKey};
use agenttrust_protocol::message::{
    Grant, GrantContent, Paused, Request, RequestContent, Require, Revocation, RevokedKind, Rule, Status, Uv,
};
use agenttrust_protocol::{Hash, Head, Time};
use serde_json::{Value, json};

const ARGUMENTS: &str = r#"{"payee":"Example GmbH","amount":12.50}"#;
const TOOL: &str = r#"{"c":"tool","name":"pay_invoice"}"#;

struct Scene<'a> {
    cast: &'a Cast,
    status: String,
    grant: String,
    request: String,
    now: Time,
    used: Value,
}

fn sign(cast: &Cast, name: &str, by: &[&SecretKey<Approval>], grant: &Grant) -> String {
    let head = Head { jti: id(name), iat: NOW, tdid: cast.tdid() };
    let content = GrantContent { title: "Small invoices".to_owned() };
    Unsigned::new(&head, grant, &content, &mut random(name)).sign(by.iter().copied()).into_string()
}

fn body(cast: &Cast, list: &str) -> Grant {
    Grant {
        agents: vec![cast.agent.public().thumbprint()],
        constraints: constraints(list),
        uv: Uv::Presence,
        bundle: cast.bundle_ref(),
        offline: false,
        exp: NOW.plus(86_400),
    }
}

impl<'a> Scene<'a> {
    fn new(cast: &'a Cast, list: &str) -> Scene<'a> {
        Scene::of(cast, sign(cast, "grant", &[&cast.phone.approval], &body(cast, list)), ARGUMENTS)
    }

    fn of(cast: &'a Cast, grant: String, arguments: &str) -> Scene<'a> {
        let request = Request { grant: Some(hash::<Grant>(&grant)), ..cast.request_body("pay_invoice") };
        let request = sign_request(cast, &request, arguments);
        Scene { cast, status: cast.status.clone(), grant, request, now: NOW, used: json!([]) }
    }

    fn case(&self, name: &str, why: &str, expect: &str) -> Case {
        self.reserving(name, why, expect, json!([]))
    }

    fn reserving(&self, name: &str, why: &str, expect: &str, reservations: Value) -> Case {
        let content = json!({
            "bundles": [self.cast.bundle], "statuses": [self.status], "cert": self.cast.cert,
            "session": self.cast.session, "request": self.request, "grant": self.grant, "now": self.now,
            "used": self.used, "expect": expect, "reservations": reservations,
        });
        Case::new("grant", name, why, content)
    }
}

fn sign_request(cast: &Cast, request: &Request, arguments: &str) -> String {
    let content = RequestContent { arguments: object(arguments), title: None, target: None, reason: None };
    crate::cast::sign("granted", &cast.agent, cast.tdid(), request, &content)
}

pub(super) fn cases() -> Vec<Case> {
    let cast = Cast::new();
    let mut cases = coverage(&cast);
    cases.extend(counters(&cast));
    cases.extend(trust(&cast));
    cases.extend(malformed(&cast));
    cases.extend(rules());
    cases
}

fn coverage(cast: &Cast) -> Vec<Case> {
    let run = |name: &str, why: &str, list: &str, expect: &str| Scene::new(cast, list).case(name, why, expect);
    let other_agent = Grant { agents: vec![cast.phone.id()], ..body(cast, &format!("[{TOOL}]")) };
    let mut unnamed = Scene::new(cast, &format!("[{TOOL}]"));
    unnamed.request = sign_request(cast, &cast.request_body("pay_invoice"), ARGUMENTS);
    let mut served = Scene::new(cast, &format!("[{TOOL}]"));
    let mut request = cast.request_body("pay_invoice");
    request.grant = Some(hash::<Grant>(&served.grant));
    request.action.server = Some("bank".to_owned());
    served.request = sign_request(cast, &request, ARGUMENTS);
    vec![
        run("covered", "this tool, any arguments", &format!("[{TOOL}]"), "ok"),
        run(
            "covered-arguments",
            "every argument as named",
            &format!(r#"[{TOOL},{{"c":"args","keys":{{"payee":{{"named":true}},"amount":{{"le":100}}}}}}]"#),
            "ok",
        ),
        run("other-tool", "another tool", r#"[{"c":"tool","name":"send_mail"}]"#, "not_covered"),
        run(
            "amount-over",
            "over the limit",
            &format!(r#"[{TOOL},{{"c":"args","keys":{{"payee":true,"amount":{{"le":10}}}}}}]"#),
            "not_covered",
        ),
        run(
            "argument-unnamed",
            "an argument the grant does not name",
            &format!(r#"[{TOOL},{{"c":"args","keys":{{"payee":true}}}}]"#),
            "not_covered",
        ),
        run(
            "argument-missing",
            "an argument the grant names is missing",
            &format!(r#"[{TOOL},{{"c":"args","keys":{{"payee":true,"amount":true,"currency":true}}}}]"#),
            "not_covered",
        ),
        run(
            "other-session",
            "another session",
            &format!(r#"[{TOOL},{{"c":"session","sid":"0198c2f0-7a00-7000-8000-000000000009"}}]"#),
            "not_covered",
        ),
        run(
            "this-session",
            "this session",
            &format!(r#"[{TOOL},{{"c":"session","sid":"0198c2f0-7a00-7000-8000-000000000001"}}]"#),
            "ok",
        ),
        run(
            "server-without",
            "a server where the action has none",
            &format!(r#"[{TOOL},{{"c":"server","is":"bank"}}]"#),
            "not_covered",
        ),
        served.case("server-unnamed", "the action has a server, the grant names none", "not_covered"),
        run(
            "digest-pinned",
            "another definition of the tool",
            &format!(r#"[{{"c":"tool","name":"pay_invoice","digest":"{}"}}]"#, Hash::of(b"definition")),
            "not_covered",
        ),
        Scene::of(cast, sign(cast, "other agent", &[&cast.phone.approval], &other_agent), ARGUMENTS).case(
            "other-agent",
            "given to another agent",
            "not_covered",
        ),
        unnamed.case("not-named", "the request does not name it", "wrong_request"),
    ]
}

fn counters(cast: &Cast) -> Vec<Case> {
    let uses = format!(r#"[{TOOL},{{"c":"use","max":2,"per":3600}}]"#);
    let budget = format!(r#"[{TOOL},{{"c":"budget","key":"amount","scale":2,"max":2000,"per":86400}}]"#);
    let ago = |seconds: i64| NOW.plus(-seconds).0;
    let used = |list: &str, used: Value| Scene { used, ..Scene::new(cast, list) };
    let spend = |arguments: &str| {
        Scene::of(cast, sign(cast, "grant", &[&cast.phone.approval], &body(cast, &budget)), arguments)
    };
    let ever = format!(r#"[{TOOL},{{"c":"use","max":1}}]"#);
    vec![
        used(&uses, json!([])).reserving("use-first", "the first of two", "ok", json!([[1, 1]])),
        used(&uses, json!([[], [[ago(3599), 1], [ago(10), 1]]])).case("use-up", "two within the hour", "not_covered"),
        used(&uses, json!([[], [[ago(3600), 1], [ago(10), 1]]])).reserving(
            "use-window",
            "one of them is an hour old",
            "ok",
            json!([[1, 1]]),
        ),
        used(&uses, json!([[], [[ago(-5), 1], [ago(10), 1]]])).case(
            "use-future",
            "reservations from the future count",
            "not_covered",
        ),
        used(&ever, json!([[], [[ago(9_000_000), 1]]])).case("use-ever", "without a window, ever", "not_covered"),
        used(&budget, json!([])).reserving("budget-first", "1250 of 2000 cents", "ok", json!([[1, 1250]])),
        used(&budget, json!([[], [[ago(60), 750]]])).reserving(
            "budget-exact",
            "up to the last cent",
            "ok",
            json!([[1, 1250]]),
        ),
        used(&budget, json!([[], [[ago(60), 751]]])).case("budget-over", "one cent too much", "not_covered"),
        spend(r#"{"payee":"x","amount":-1}"#).case("budget-negative", "below 0 cannot be told", "not_covered"),
        spend(r#"{"payee":"x","amount":1.005}"#).case("budget-inexact", "half a cent cannot be told", "not_covered"),
        spend(r#"{"payee":"x","amount":"5"}"#).case("budget-text", "text is no amount", "not_covered"),
        spend(r#"{"payee":"x"}"#).case("budget-missing", "no amount at all", "not_covered"),
    ]
}

fn trust(cast: &Cast) -> Vec<Case> {
    let list = format!("[{TOOL}]");
    let watch = DeviceKeys::new("watch", "first", &["approver"], false);
    let status = |name: &str, f: &dyn Fn(&mut Status)| {
        let mut body = cast.status_body();
        f(&mut body);
        Scene { status: cast.sign_status(name, &body), ..Scene::new(cast, &list) }
    };
    let grant = hash::<Grant>(&Scene::new(cast, &list).grant);
    let entry = |kind, id| Revocation { kind, id, until: NOW.plus(86_400) };
    let elsewhere = {
        let tdid = format!("\"tdid\":\"{}\"", cast.tdid().expect("a domain"));
        Parts::of(&Scene::new(cast, &list).grant)
            .swap(&tdid, &format!("\"tdid\":\"{}\"", Hash::of(b"x")))
            .sign(&cast.phone.approval)
    };
    let unknown_bundle = {
        let mut body = body(cast, &list);
        body.bundle.hash = Hash::of(b"x");
        sign(cast, "unknown bundle", &[&cast.phone.approval], &body)
    };
    let leaf = Scene::new(cast, &list).grant.split('~').next().unwrap_or_default().to_owned();
    let by = |keys: &[&SecretKey<Approval>]| Scene::of(cast, sign(cast, "by", keys, &body(cast, &list)), ARGUMENTS);
    let later = Scene { now: NOW.plus(86_461), ..status("l", &|s| s.exp = NOW.plus(90_000)) };
    vec![
        status("g", &|s| s.revoked = vec![entry(RevokedKind::Grant, grant)]).case(
            "revoked",
            "the grant is revoked",
            "revoked",
        ),
        status("d", &|s| s.revoked = vec![entry(RevokedKind::Device, Hash::from_bytes(*cast.phone.id().as_bytes()))])
            .case("signer-revoked", "the device that gave it is revoked", "revoked"),
        status("a", &|s| {
            s.revoked = vec![entry(RevokedKind::Agent, Hash::from_bytes(*cast.agent.public().thumbprint().as_bytes()))]
        })
        .case("agent-revoked", "the agent is revoked", "revoked"),
        status("p", &|s| s.paused = Paused::All).case("paused", "the kill switch holds for grants", "paused"),
        status("e", &|s| s.exp = NOW.plus(-61)).case(
            "status-expired",
            "no grant without a living status",
            "status_expired",
        ),
        by(&[&watch.approval]).case("by-stranger", "a device outside the bundle", "unknown_key"),
        by(&[&cast.phone.approval, &cast.tablet.approval]).case("by-two", "two devices gave it", "ok"),
        Scene::of(cast, elsewhere, ARGUMENTS).case("other-domain", "given in another trust domain", "wrong_root"),
        Scene::of(cast, unknown_bundle, ARGUMENTS).case(
            "unknown-bundle",
            "given under a bundle outside the chain",
            "stale_trust",
        ),
        Scene { grant: format!("{leaf}~"), ..Scene::new(cast, &list) }.case(
            "title-withheld",
            "it is shown in full or not used",
            "bad_disclosure",
        ),
        later.case("late", "the grant is over", "expired"),
    ]
}

fn malformed(cast: &Cast) -> Vec<Case> {
    let good = Scene::new(cast, &format!("[{TOOL}]")).grant;
    let with = |f: &dyn Fn(&mut Grant)| {
        let mut body = body(cast, &format!("[{TOOL}]"));
        f(&mut body);
        sign(cast, "malformed", &[&cast.phone.approval], &body)
    };
    [
        ("no-tool", "a grant names one tool", with(&|g| g.constraints = constraints(r#"[{"c":"use","max":1}]"#))),
        ("two-tools", "exactly one", with(&|g| g.constraints = constraints(&format!("[{TOOL},{TOOL}]")))),
        ("tool-star", "`*` is for rules", with(&|g| g.constraints = constraints(r#"[{"c":"tool","name":"pay*"}]"#))),
        (
            "two-args",
            "at most one",
            with(&|g| {
                g.constraints =
                    constraints(&format!(r#"[{TOOL},{{"c":"args","keys":{{}}}},{{"c":"args","keys":{{}}}}]"#))
            }),
        ),
        (
            "offline-use",
            "an offline grant counts nothing",
            with(&|g| {
                g.offline = true;
                g.constraints = constraints(&format!(r#"[{TOOL},{{"c":"use","max":1}}]"#));
            }),
        ),
        ("no-agents", "given to nobody", with(&|g| g.agents.clear())),
        ("no-time", "it must be of use for some time", with(&|g| g.exp = NOW)),
        (
            "unknown-constraint",
            "refused whole",
            Parts::of(&good).swap(r#""c":"tool""#, r#""c":"tools""#).sign(&cast.phone.approval),
        ),
    ]
    .into_iter()
    .map(|(name, why, grant)| {
        let request = Scene::new(cast, &format!("[{TOOL}]")).request;
        Scene { grant, request, ..Scene::new(cast, &format!("[{TOOL}]")) }.case(
            &format!("malformed-{name}"),
            why,
            "bad_payload",
        )
    })
    .collect()
}

fn rules() -> Vec<Case> {
    let matches = || constraints(r#"[{"c":"tool","name":"pay*"}]"#);
    let two = Cast::with_rules(vec![Rule { matches: matches(), require: Require { approvers: 2, ..Require::ONE } }]);
    let list = format!("[{TOOL}]");
    let both = sign(&two, "both", &[&two.phone.approval, &two.tablet.approval], &body(&two, &list));
    vec![
        Scene::new(&two, &list).case("rule-two-needed", "a floor rule asks for two, one gave it", "quorum"),
        Scene::of(&two, both, ARGUMENTS).case("rule-two-there", "two gave it", "ok"),
    ]
}
