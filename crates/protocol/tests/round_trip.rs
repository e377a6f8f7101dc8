//! Whatever fits into a message comes out of it again: decode ∘ encode is the identity, for every type.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use agenttrust_protocol::constraint::{Constraint, Decimal, MAX_SCALE, Pattern};
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::json::{MAX_INTEGER, Numbers, Object, Value, parse};
use agenttrust_protocol::key::{PublicKey, Role, SecretKey};
use agenttrust_protocol::message::*;
use agenttrust_protocol::{Hash, Head, Id, Reason, Received, Thumbprint, Time};
use common::{key, random};
use proptest::option::of;
use proptest::prelude::*;
use proptest::{bool::ANY as BOOL, collection::vec, sample::select};

/// Signs, opens and compares; then withholds each disclosure in turn, which history may and nobody else.
fn survives<M: Message>(head: &Head, body: &M, content: &M::Content, signers: usize) -> Result<(), TestCaseError> {
    let by: Vec<SecretKey<M::Signer>> = (0..signers).map(|n| key(&format!("signer {n}"))).collect();
    let keys: Vec<PublicKey<M::Signer>> = by.iter().map(SecretKey::public).collect();
    let open =
        |text: &str| Received::<M>::parse(text)?.open(|kid| keys.iter().copied().find(|key| key.thumbprint() == *kid));
    let made = Unsigned::new(head, body, content, &mut random(&head.jti.to_string())).sign(&by).into_string();
    let opened = open(&made).map_err(|reason| TestCaseError::fail(format!("{reason}: {made}")))?;
    prop_assert_eq!(opened.as_str(), &made);
    prop_assert_eq!(opened.head(), head);
    prop_assert_eq!(opened.body(), body);
    let presented = opened.content();
    prop_assert_eq!(presented.as_ref(), Ok(content));
    prop_assert_eq!(opened.signers().count(), signers);
    let segments: Vec<&str> = made.split('~').skip(1).filter(|segment| !segment.is_empty()).collect();
    for withheld in 0..segments.len() {
        let mut rest = segments.clone();
        rest.remove(withheld);
        let text = rest.iter().fold(format!("{}~", opened.leaf()), |text, segment| format!("{text}{segment}~"));
        let less = open(&text).map_err(|reason| TestCaseError::fail(format!("{reason}: {text}")))?;
        prop_assert_eq!(less.content(), Err(Reason::BadDisclosure));
        prop_assert_eq!(less.disclosed().map(|disclosed| disclosed.len()), Ok(rest.len()));
        prop_assert_eq!(less.hash(), opened.hash());
    }
    Ok(())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,12}", "[\\x00-\\x7f]{0,12}", "[\"\\\\/~.,\u{7f}\u{2028}\u{1f9fe}]{0,6}"]
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn thumbprint() -> impl Strategy<Value = Thumbprint> {
    any::<[u8; 32]>().prop_map(Thumbprint::from_bytes)
}

fn public<R: Role>() -> impl Strategy<Value = PublicKey<R>> {
    any::<[u8; 32]>().prop_map(|seed| SecretKey::from_seed(&seed).public())
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![1..9_u64, Just(MAX_INTEGER as u64)]
}

fn word<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn rooted() -> impl Strategy<Value = Head> {
    (unrooted(), any::<[u8; 32]>()).prop_map(|(head, tdid)| Head { tdid: Some(Tdid::from_bytes(tdid)), ..head })
}

fn unrooted() -> impl Strategy<Value = Head> {
    (any::<[u8; 16]>(), 0..2_000_000_000_i64).prop_map(|(jti, iat)| Head {
        jti: Id::from_bytes(jti),
        iat: Time(iat),
        tdid: None,
    })
}

fn number(form: &'static str, numbers: Numbers) -> impl Strategy<Value = Value> {
    form.prop_filter_map("a number that is allowed", move |text| parse(text.as_bytes(), numbers).ok())
}

fn value(number: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(parse(b"null", Numbers::Any).unwrap()),
        BOOL.prop_map(Value::Bool),
        number,
        text().prop_map(Value::String)
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let members = vec((text(), inner.clone()), 0..4);
        prop_oneof![vec(inner, 0..4).prop_map(Value::Array), members.prop_map(|members| Value::Object(object(members)))]
    })
}

fn object(members: Vec<(String, Value)>) -> Object {
    let mut object = Object::default();
    members.into_iter().for_each(|(name, value)| object.set(&name, value));
    object
}

fn anything() -> impl Strategy<Value = Value> {
    value(number("-?(0|[1-9][0-9]{0,16})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", Numbers::Any))
}

fn arguments() -> impl Strategy<Value = Object> {
    vec((text(), anything()), 0..4).prop_map(object)
}

fn require() -> impl Strategy<Value = Require> {
    (count(), of(BOOL), of("[a-z][a-z0-9-]{0,31}"), of(word(RequiredUv::ALL)), of(BOOL)).prop_map(
        |(approvers, distinct_owners, role, uv, remote)| Require {
            approvers,
            distinct_owners,
            role: role.map(|role| role.parse().unwrap()),
            uv,
            remote,
        },
    )
}

fn bundle_ref() -> impl Strategy<Value = BundleRef> {
    (count(), hash()).prop_map(|(version, hash)| BundleRef { version, hash })
}

fn session_id() -> impl Strategy<Value = SessionId> {
    "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}".prop_map(|text| text.parse().unwrap())
}

fn decimal() -> impl Strategy<Value = Decimal> {
    number("-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,6})?", Numbers::Fractions).prop_map(|value| {
        let Value::Number(number) = value else { panic!("{value} is not a number") };
        Decimal::of(&number).unwrap()
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let operand = || value(number("-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,8})?", Numbers::Fractions));
    let leaf = prop_oneof![
        Just(Pattern::True),
        Just(Pattern::Named),
        operand().prop_map(Pattern::Eq),
        vec(operand(), 1..3).prop_map(Pattern::In),
        decimal().prop_map(Pattern::Le),
        decimal().prop_map(Pattern::Ge),
        text().prop_map(Pattern::Like),
        "(/[a-zäö ]{1,5}){1,3}".prop_map(|folder| Pattern::Under(folder.parse().unwrap())),
        vec("[a-z0-9.-]{1,9}(:[0-9]{1,5})?".prop_map(|host| host.parse().unwrap()), 1..3).prop_map(Pattern::Host),
    ];
    leaf.prop_recursive(3, 3, 1, |inner| inner.prop_map(|each| Pattern::All(Box::new(each))))
}

fn args() -> impl Strategy<Value = Constraint> {
    prop::collection::btree_map(text(), pattern(), 0..4)
        .prop_map(|keys| Constraint::Args { keys: keys.into_iter().collect() })
}

fn in_grants() -> impl Strategy<Value = Vec<Constraint>> {
    let name = text().prop_map(|name| name.trim_end_matches('*').to_owned());
    let tool = (name, of(hash())).prop_map(|(name, digest)| Constraint::Tool { name, digest });
    let server = text().prop_map(|is| Constraint::Server { is });
    let session = session_id().prop_map(|sid| Constraint::Session { sid });
    let uses = (count(), of(count())).prop_map(|(max, per)| Constraint::Use { max, per });
    let budget = (text(), 0..=MAX_SCALE, count(), count()).prop_map(|(key, scale, max, per)| Constraint::Budget {
        key,
        scale,
        max,
        per,
    });
    (tool, of(server), of(session), vec(prop_oneof![uses, budget], 0..3), of(args())).prop_map(
        |(tool, server, session, counts, args)| {
            [tool].into_iter().chain(server).chain(session).chain(counts).chain(args).collect()
        },
    )
}

fn in_rules() -> impl Strategy<Value = Vec<Constraint>> {
    let tool = text().prop_map(|name| Constraint::Tool { name, digest: None });
    vec(prop_oneof![tool, text().prop_map(|is| Constraint::Server { is }), args()], 0..4)
}

fn device() -> impl Strategy<Value = Device> {
    let keys = (public(), public(), thumbprint());
    let words = (text(), text(), vec("[a-z][a-z0-9-]{0,9}", 0..3), BOOL, text());
    (keys, words).prop_map(|((key, witness, transport), (name, owner, roles, local, protection))| Device {
        key,
        witness,
        transport,
        name,
        owner,
        roles: ["admin".to_owned()].iter().chain(&roles).map(|role| role.parse().unwrap()).collect(),
        local,
        protection,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pair_init(
        head in unrooted(), keys in (public(), public()), transport in thumbprint(), words in (text(), text()),
        intent in word(Intent::ALL), hashes in (hash(), hash()),
    ) {
        let body = PairInit {
            key: keys.0, witness: keys.1, transport, name: words.0, protection: words.1, intent,
            mac: hashes.0, commit: hashes.1,
        };
        survives(&head, &body, &Nothing {}, 1)?;
    }

    #[test]
    fn bundle(
        heads in (unrooted(), rooted()), version in prop_oneof![Just(1), count()], prev in hash(), threshold in 1..3_u64,
        devices in vec(device(), 2..4), rules in vec((in_rules(), require()), 0..3),
        daemon in (public(), thumbprint()), recovery in of(public()), signers in 1..4_usize,
    ) {
        let first = version == 1;
        let body = Bundle {
            version, prev: (!first).then_some(prev), threshold, devices,
            rules: rules.into_iter().map(|(matches, require)| Rule { matches, require }).collect(),
            log: daemon.0, transport: daemon.1, recovery,
        };
        survives(if first { &heads.0 } else { &heads.1 }, &body, &Nothing {}, signers)?;
    }

    #[test]
    fn status(
        head in rooted(), seq in prop_oneof![Just(1), count()], prev in hash(), bundle in bundle_ref(),
        revoked in vec((word(RevokedKind::ALL), hash(), 0..=MAX_INTEGER), 0..4), paused in of(vec(thumbprint(), 0..3)),
        life in 0..=MAX_STATUS_LIFE,
    ) {
        let body = Status {
            seq, prev: (seq > 1).then_some(prev), bundle,
            revoked: revoked.into_iter().map(|(kind, id, until)| Revocation { kind, id, until: Time(until) }).collect(),
            paused: paused.map_or(Paused::All, Paused::Agents), exp: head.iat.plus(life),
        };
        survives(&head, &body, &Nothing {}, 1)?;
    }

    #[test]
    fn enroll(head in unrooted(), key in public(), words in (text(), text()), kind in word(AgentKind::ALL)) {
        survives(&head, &Enroll { key, name: words.0, program: words.1, kind }, &Nothing {}, 1)?;
    }

    #[test]
    fn agent_cert(head in rooted(), enroll in hash(), cnf in public(), name in text(), life in 1..=MAX_INTEGER / 2) {
        survives(&head, &AgentCert { enroll, cnf, name, exp: head.iat.plus(life) }, &Nothing {}, 1)?;
    }

    #[test]
    fn session(
        head in rooted(), cert in hash(), sid in session_id(), parent in of(hash()),
        facts in (text(), text(), text()), task in of(text()),
    ) {
        let facts = Facts { cwd: facts.0, host: facts.1, program: facts.2 };
        survives(&head, &Session { cert, sid, parent }, &SessionContent { facts, task }, 1)?;
    }

    #[test]
    fn request(
        head in rooted(), hashes in (hash(), hash()), action in (text(), of(text()), of(hash())),
        risk in of(word(Risk::ALL)), grant in of(hash()), group in of(text()), call in of(text()),
        life in 1..100_000_i64, arguments in arguments(), words in (of(text()), of(text()), of(text())),
    ) {
        let body = Request {
            cert: hashes.0, session: hashes.1, action: Action { tool: action.0, server: action.1, digest: action.2 },
            risk, grant, group, call, exp: head.iat.plus(life),
        };
        let content = RequestContent { arguments, title: words.0, target: words.1, reason: words.2 };
        survives(&head, &body, &content, 1)?;
    }

    #[test]
    fn decision(
        head in rooted(), req in hash(), outcome in word(Verdict::ALL), first in of(hash()), requires in of(require()),
        uv in word(Uv::ALL), seq in count(), bundle in bundle_ref(), log in of((count(), hash())),
        life in 1..=MAX_DECISION_LIFE, content in (arguments(), of(vec(text(), 0..4)), of(text())),
    ) {
        let edits = outcome == Verdict::Modify;
        let first = first.filter(|_| edits);
        let body = Decision {
            req, outcome, first, requires, uv, seq, bundle, log: log.map(|(size, root)| LogRef { size, root }),
            exp: head.iat.plus(life),
        };
        let (arguments, shown, note) = content;
        let arguments = (edits && first.is_none()).then_some(arguments);
        survives(&head, &body, &DecisionContent { arguments, shown, note }, 1)?;
    }

    #[test]
    fn grant(
        head in rooted(), agents in vec(thumbprint(), 1..3), constraints in in_grants(), uv in word(Uv::ALL),
        bundle in bundle_ref(), life in 1..100_000_i64, title in text(), signers in 1..4_usize,
    ) {
        let counts = |c: &Constraint| matches!(c, Constraint::Use { .. } | Constraint::Budget { .. });
        let offline = !constraints.iter().any(counts);
        let body = Grant { agents, constraints, uv, bundle, offline, exp: head.iat.plus(life) };
        survives(&head, &body, &GrantContent { title }, signers)?;
    }

    #[test]
    fn claim(head in rooted(), req in hash(), mut decisions in vec(hash(), 1..4)) {
        decisions.sort_by_key(ToString::to_string);
        decisions.dedup();
        survives(&head, &Claim { req, decisions }, &Nothing {}, 1)?;
    }

    #[test]
    fn outcome(head in rooted(), req in hash(), result in word(ExecutionResult::ALL), output in of(anything())) {
        survives(&head, &Outcome { req, result }, &OutcomeContent { output }, 1)?;
    }

    #[test]
    fn cancel(head in rooted(), req in hash()) {
        survives(&head, &Cancel { req }, &Nothing {}, 1)?;
    }

    #[test]
    fn event(head in rooted(), of_message in hash(), kind in word(EventKind::ALL), code in of("[a-z_]{1,20}")) {
        survives(&head, &Event { of: of_message, kind, code }, &Nothing {}, 1)?;
    }
}
