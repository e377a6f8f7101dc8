//! `message`, second half: each type once as it should be, and with one fault in its members.

use super::Case;
use super::envelope::{jwk, message};
use crate::cast::{Cast, hash, sign};
use crate::forge::{Parts, key};
use agenttrust_protocol::Hash;
use agenttrust_protocol::key::{Agent, Approval, Log, Role, SecretKey};
use agenttrust_protocol::message::{
    Cancel, Claim, Event, EventKind, ExecutionResult, Intent, LogRef, Nothing, Outcome, OutcomeContent, PairInit,
    Request, Require, Verdict,
};
use serde_json::Value;

struct Sample<R: Role> {
    typ: &'static str,
    text: String,
    key: SecretKey<R>,
    /// Name, why, the piece of the payload that is replaced, and by what.
    faults: Vec<(&'static str, &'static str, String, String)>,
}

pub(super) fn cases() -> Vec<Case> {
    let cast = Cast::new();
    let mut cases = Vec::new();
    cases.extend(agent_samples(&cast).iter().flat_map(replay));
    cases.extend(device_samples(&cast).iter().flat_map(replay));
    cases.extend(replay(&event(&cast)));
    cases.extend(keys(&cast));
    cases
}

fn replay<R: Role>(sample: &Sample<R>) -> Vec<Case> {
    let keys: Vec<Value> = vec![jwk(&sample.key.public())];
    let good = message(
        &format!("{}-as-it-should-be", sample.typ),
        "every member in place",
        sample.typ,
        &keys,
        &sample.text,
        "ok",
    );
    let parts = Parts::of(&sample.text);
    let jti =
        parts.payload.find("\"jti\"").and_then(|at| parts.payload.get(at + 7..at + 29)).expect("an id").to_owned();
    let common = [
        ("unknown-member", "unknown members are refused", "{\"jti\"".to_owned(), "{\"new\":1,\"jti\"".to_owned()),
        ("no-jti", "every payload has an id", format!("\"jti\":\"{jti}\","), String::new()),
        ("iat-null", "absent, never null", "\"iat\":1800000000".to_owned(), "\"iat\":null".to_owned()),
        ("iat-negative", "seconds since 1970", "\"iat\":1800000000".to_owned(), "\"iat\":-1".to_owned()),
    ];
    let rooted = if parts.payload.contains("\"tdid\"") {
        let at = parts.payload.find("\"tdid\"").expect("a domain");
        ("no-tdid", "names its trust domain", parts.payload[at..at + 53].to_owned(), String::new())
    } else {
        let tdid = Hash::of(b"some domain");
        (
            "tdid",
            "is made outside any trust domain",
            "\"iat\":1800000000".to_owned(),
            format!("\"iat\":1800000000,\"tdid\":\"{tdid}\""),
        )
    };
    let faults = common.iter().chain(std::iter::once(&rooted)).chain(&sample.faults).map(|(name, why, from, to)| {
        let text = parts.clone().swap(from, to).sign(&sample.key);
        message(&format!("{}-{name}", sample.typ), why, sample.typ, &keys, &text, "bad_payload")
    });
    std::iter::once(good).chain(faults).collect()
}

fn fault(name: &'static str, why: &'static str, from: &str, to: &str) -> (&'static str, &'static str, String, String) {
    (name, why, from.to_owned(), to.to_owned())
}

fn agent_key() -> SecretKey<Agent> {
    key("agent")
}

fn agent_samples(cast: &Cast) -> Vec<Sample<Agent>> {
    let request = cast.pay();
    let req = hash::<Request>(&request);
    let decisions = {
        let mut both = vec![Hash::of(b"one decision"), Hash::of(b"another")];
        both.sort_by_key(Hash::to_string);
        both
    };
    let (first, second) = (decisions[0].to_string(), decisions[1].to_string());
    let claim = sign("claim", &cast.agent, cast.tdid(), &Claim { req, decisions }, &Nothing {});
    let content = OutcomeContent { output: Some("paid".into()) };
    let outcome =
        sign("outcome", &cast.agent, cast.tdid(), &Outcome { req, result: ExecutionResult::Executed }, &content);
    let cancel = sign("cancel", &cast.agent, cast.tdid(), &Cancel { req }, &Nothing {});
    let x = jwk(&cast.agent.public())["x"].as_str().unwrap_or_default().to_owned();
    vec![
        Sample {
            typ: "enroll",
            text: cast.enroll.clone(),
            key: agent_key(),
            faults: vec![
                fault("kind", "one of three words", "\"kind\":\"sdk\"", "\"kind\":\"plugin\""),
                fault("kty", "an octet key pair", "\"kty\":\"OKP\"", "\"kty\":\"EC\""),
                fault("crv", "Ed25519", "\"crv\":\"Ed25519\"", "\"crv\":\"X25519\""),
                fault("name-missing", "a name is shown", "\"name\":\"Invoice agent\",", ""),
                fault(
                    "key-extra",
                    "a JWK of exactly three members",
                    "\"kty\":\"OKP\"",
                    "\"kty\":\"OKP\",\"d\":\"AAAA\"",
                ),
                fault("key-short", "32 bytes", &format!("\"x\":\"{x}\""), "\"x\":\"AAAA\""),
            ],
        },
        Sample {
            typ: "session",
            text: cast.session.clone(),
            key: agent_key(),
            faults: vec![
                fault("sid-version", "a UUID of version 7", "-7000-8000-", "-4000-8000-"),
                fault("sid-upper-case", "one spelling", "0198c2f0", "0198C2F0"),
                fault("parent-null", "absent, never null", "\"sid\"", "\"parent\":null,\"sid\""),
            ],
        },
        Sample {
            typ: "request",
            text: request,
            key: agent_key(),
            faults: vec![
                fault("exp-before-iat", "it must be of use for some time", "\"exp\":1800000300", "\"exp\":1800000000"),
                fault("risk", "one of four words", "\"exp\"", "\"risk\":\"none\",\"exp\""),
                fault("action-extra", "unknown members are refused at any depth", "\"tool\":", "\"args\":{},\"tool\":"),
                fault("action-string", "an object", "{\"tool\":\"pay_invoice\"}", "\"pay_invoice\""),
                fault(
                    "arguments-member",
                    "arguments are disclosed, never a member",
                    "\"exp\"",
                    "\"arguments\":{},\"exp\"",
                ),
            ],
        },
        Sample {
            typ: "claim",
            text: claim,
            key: agent_key(),
            faults: vec![
                fault(
                    "descending",
                    "ascending",
                    &format!("\"{first}\",\"{second}\""),
                    &format!("\"{second}\",\"{first}\""),
                ),
                fault("doubled", "distinct", &second, &first),
                fault("empty", "a claim rests on something", &format!("[\"{first}\",\"{second}\"]"), "[]"),
            ],
        },
        Sample {
            typ: "outcome",
            text: outcome,
            key: agent_key(),
            faults: vec![fault("result", "one of two words", "\"executed\"", "\"ok\"")],
        },
        Sample {
            typ: "cancel",
            text: cancel,
            key: agent_key(),
            faults: vec![fault("req", "a hash of 43 characters", &req.to_string(), "AAAA")],
        },
    ]
}

fn device_samples(cast: &Cast) -> Vec<Sample<Approval>> {
    let approval = || key::<Approval>("phone approval");
    let request = cast.pay();
    let mut body = cast.decision_body(&request, Verdict::Approve);
    body.requires = Some(Require { approvers: 2, ..Require::ONE });
    body.log = Some(LogRef { size: 7, root: Hash::of(b"a root") });
    let decision = cast.sign_decision("approve", &cast.phone, &body, None);
    vec![
        Sample {
            typ: "decision",
            text: decision,
            key: approval(),
            faults: vec![
                fault("lasts-too-long", "an hour at most", "\"exp\":1800000300", "\"exp\":1800003601"),
                fault("lasts-no-time", "some time", "\"exp\":1800000300", "\"exp\":1800000000"),
                fault("outcome", "one of three words", "\"approve\"", "\"allow\""),
                fault("uv", "one of three words", "\"presence\"", "\"yes\""),
                fault("requires-zero", "at least one approver", "\"approvers\":2", "\"approvers\":0"),
                fault(
                    "first-in-approve",
                    "only a modify agrees with another",
                    "\"uv\"",
                    &format!("\"first\":\"{}\",\"uv\"", Hash::of(b"x")),
                ),
                fault("seq-zero", "counted from 1", "\"seq\":1", "\"seq\":0"),
                fault("requires-uv-none", "a demand for nothing", "\"approvers\":2", "\"approvers\":2,\"uv\":\"none\""),
                fault("log-size-text", "a number", "\"size\":7", "\"size\":\"7\""),
            ],
        },
        Sample {
            typ: "status",
            text: cast.status.clone(),
            key: approval(),
            faults: vec![
                fault("lasts-too-long", "72 hours at most", "\"exp\":1800086400", "\"exp\":1800259201"),
                fault("seq-zero", "counted from 1", "\"seq\":1", "\"seq\":0"),
                fault(
                    "prev-in-first",
                    "the first has no predecessor",
                    "\"bundle\"",
                    &format!("\"prev\":\"{}\",\"bundle\"", Hash::of(b"x")),
                ),
                fault("no-prev-later", "every later one names its predecessor", "\"seq\":1", "\"seq\":2"),
                fault("paused-word", "`all` or a list", "\"paused\":[]", "\"paused\":\"none\""),
                fault(
                    "revoked-kind",
                    "device, agent or grant",
                    "\"revoked\":[]",
                    &format!("\"revoked\":[{{\"kind\":\"tool\",\"id\":\"{}\",\"until\":1}}]", Hash::of(b"x")),
                ),
            ],
        },
        Sample {
            typ: "agent-cert",
            text: cast.cert.clone(),
            key: approval(),
            faults: vec![fault(
                "exp-before-iat",
                "it must be of use for some time",
                "\"exp\":1800086400",
                "\"exp\":1799999999",
            )],
        },
        Sample {
            typ: "pair-init",
            text: pair_init(cast),
            key: approval(),
            faults: vec![fault("intent", "first or add", "\"first\"", "\"join\"")],
        },
    ]
}

fn pair_init(cast: &Cast) -> String {
    let body = PairInit {
        key: cast.phone.approval.public(),
        witness: cast.phone.witness.public(),
        transport: cast.phone.transport.public().thumbprint(),
        name: "phone".to_owned(),
        protection: "keystore".to_owned(),
        intent: Intent::First,
        mac: Hash::of(b"mac"),
        commit: Hash::of(b"commit"),
    };
    sign("pair-init", &cast.phone.approval, None, &body, &Nothing {})
}

fn event(cast: &Cast) -> Sample<Log> {
    let body = Event { of: hash::<Request>(&cast.pay()), kind: EventKind::Expired, code: Some("timed_out".to_owned()) };
    let text = sign("event", &cast.log, cast.tdid(), &body, &Nothing {});
    let faults = vec![fault("kind", "one of four words", "\"kind\":\"expired\"", "\"kind\":\"approved\"")];
    Sample { typ: "event", text, key: key("log"), faults }
}

/// Keys that are no keys: each is refused where it is parsed.
fn keys(cast: &Cast) -> Vec<Case> {
    let x = jwk(&cast.agent.public())["x"].as_str().unwrap_or_default().to_owned();
    let parts = Parts::of(&cast.enroll);
    let small = |bytes: [u8; 32]| crate::forge::base64(&bytes);
    let mut identity = [0_u8; 32];
    identity[0] = 1;
    let mut non_canonical = [0xff_u8; 32];
    non_canonical[0] = 0xee;
    non_canonical[31] = 0x7f;
    let mut off_curve = [0_u8; 32];
    off_curve[0] = 2;
    [
        ("key-identity", "the neutral element: every message verifies", small(identity)),
        ("key-zero", "a point of order four", small([0; 32])),
        ("key-non-canonical", "y = p + 1 spells the neutral element again", small(non_canonical)),
        ("key-off-curve", "no point has this y", small(off_curve)),
        ("key-torsion", "a point with a component of small order", small(MIXED_ORDER)),
    ]
    .iter()
    .map(|(name, why, bad)| {
        let text = parts.clone().swap(&x, bad).sign(&cast.agent);
        message(name, why, "enroll", &[], &text, "bad_payload")
    })
    .collect()
}

/// A point with a component of order eight, one of the keys of C2SP/CCTV's Ed25519 collection.
const MIXED_ORDER: [u8; 32] = [
    0x10, 0xeb, 0x7c, 0x3a, 0xcf, 0xb2, 0xbe, 0xd3, 0xe0, 0xd6, 0xab, 0x89, 0xbf, 0x5a, 0x3d, 0x6a, 0xfd, 0xdd, 0x11,
    0x76, 0xce, 0x48, 0x12, 0xe3, 0x8d, 0x9f, 0xd4, 0x85, 0x05, 0x8f, 0xdb, 0x1f,
];
