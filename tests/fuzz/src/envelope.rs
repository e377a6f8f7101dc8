//! A message of any type, as it comes or signed here.
//!
//! The first byte is a letter that chooses the type. In upper case the rest is the message itself, the only way to
//! try its form and its signatures. In lower case the rest is a payload's JSON and, one a line, its disclosures'
//! JSON; they are signed here with the right key, the only way past the signature.

use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::key::{PublicKey, Role, SecretKey};
use agenttrust_protocol::message::{
    AgentCert, Bundle, Cancel, Claim, Decision, Enroll, Event, Grant, Message, Outcome, PairInit, Request, Session,
    Status,
};
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint};
use data_encoding::BASE64URL_NOPAD;

/// Tries one message.
pub fn run(data: &[u8]) -> bool {
    let Some((letter, rest)) = data.split_first() else { return false };
    let Ok(rest) = std::str::from_utf8(rest) else { return false };
    let sign = letter.is_ascii_lowercase();
    match letter.to_ascii_lowercase() {
        b'a' => offer::<PairInit>(rest, sign),
        b'b' => offer::<Bundle>(rest, sign),
        b'c' => offer::<Status>(rest, sign),
        b'd' => offer::<Enroll>(rest, sign),
        b'e' => offer::<AgentCert>(rest, sign),
        b'f' => offer::<Session>(rest, sign),
        b'g' => offer::<Request>(rest, sign),
        b'h' => offer::<Decision>(rest, sign),
        b'i' => offer::<Grant>(rest, sign),
        b'j' => offer::<Claim>(rest, sign),
        b'k' => offer::<Outcome>(rest, sign),
        b'l' => offer::<Cancel>(rest, sign),
        b'm' => offer::<Event>(rest, sign),
        _ => false,
    }
}

/// The key that the corpus's messages are signed with.
fn key<R: Role>() -> SecretKey<R> {
    named(match R::NAME {
        "agent" => "agent",
        "log" => "log",
        _ => "phone",
    })
}

fn named<R: Role>(name: &str) -> SecretKey<R> {
    SecretKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

/// Opens with that key or, as joint messages have it, a second one; made only when they are asked for.
fn open<M: Message>(text: &str) -> Result<Opened<M>, Reason> {
    let is = |kid: &Thumbprint, key: PublicKey<M::Signer>| (key.thumbprint() == *kid).then_some(key);
    Received::<M>::parse(text)?.open(|kid| is(kid, key().public()).or_else(|| is(kid, named("laptop").public())))
}

fn offer<M: Message>(rest: &str, sign: bool) -> bool {
    let text = if sign { signed::<M>(rest) } else { rest.to_owned() };
    if let Ok(received) = Received::<M>::parse(&text) {
        assert_eq!(received.as_str(), text);
        assert!(text.starts_with(received.leaf()) && !received.leaf().contains('~'));
        assert!(received.signers().count() >= 1);
        assert_eq!(typ_of(&text).as_deref(), Some(M::TYP));
    }
    let other = if M::TYP == Cancel::TYP { open::<Claim>(&text).err() } else { open::<Cancel>(&text).err() };
    assert!(other.is_some(), "one message is of two types");
    open::<M>(&text).is_ok_and(|opened| survives(&opened))
}

/// What was accepted comes out the same when it is made again; answers whether its content is complete.
fn survives<M: Message>(opened: &Opened<M>) -> bool {
    let text = opened.as_str();
    let disclosed = opened.disclosed();
    let shown = text.split('~').skip(1).filter(|segment| !segment.is_empty()).count();
    let Ok(content) = opened.content() else { return false };
    assert_eq!(disclosed.map(|all| all.len()), Ok(shown), "full content is also a partial one");
    assert_eq!(opened.digests().len(), shown);
    let mut filler = 0_u8;
    let mut random = |buffer: &mut [u8]| {
        filler = filler.wrapping_add(1);
        buffer.fill(filler);
    };
    let again = Unsigned::new(opened.head(), opened.body(), &content, &mut random).sign([&key()]);
    let again = open::<M>(again.as_str()).expect("what was read can be written");
    assert_eq!((again.head(), again.body(), again.content()), (opened.head(), opened.body(), Ok(content)));
    // Without one disclosure it is still that message, and nobody acts on it.
    if let Some((rest, _)) = text.strip_suffix('~').and_then(|text| text.rsplit_once('~')) {
        let less = open::<M>(&format!("{rest}~")).expect("withholding is allowed");
        assert_eq!(less.hash(), opened.hash());
        assert_eq!(less.content().err(), Some(Reason::BadDisclosure));
    }
    true
}

/// Signs a payload under the right header; where disclosures follow, their digests are put in.
fn signed<M: Message>(rest: &str) -> String {
    let mut lines = rest.split('\n');
    let mut payload = lines.next().unwrap_or_default().to_owned();
    let segment = |json: &str| BASE64URL_NOPAD.encode(json.as_bytes());
    let mut disclosures: Vec<(String, String)> = lines
        .map(segment)
        .map(|segment| (Hash::of(segment.as_bytes()).to_string(), segment))
        .filter(|(_, segment)| !segment.is_empty())
        .collect();
    disclosures.sort();
    if !disclosures.is_empty() && payload.ends_with('}') && !payload.contains("_sd") {
        payload.pop();
        let digests: Vec<String> = disclosures.iter().map(|(digest, _)| format!("\"{digest}\"")).collect();
        payload.push_str(&format!(",\"_sd\":[{}]}}", digests.join(",")));
    }
    let key = key::<M::Signer>();
    let header = format!(r#"{{"alg":"Ed25519","typ":"{}","kid":"{}"}}"#, M::TYP, key.public().thumbprint());
    let signed = format!("{}.{}", segment(&header), segment(&payload));
    let mut text = format!("{signed}.{}", BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes())));
    if !disclosures.is_empty() || ends_in_mark::<M>(&text) {
        text.push('~');
    }
    for (_, segment) in &disclosures {
        text.push_str(segment);
        text.push('~');
    }
    text
}

/// Types that disclose end in `~` even where nothing is disclosed.
fn ends_in_mark<M: Message>(text: &str) -> bool {
    Received::<M>::parse(text).err() == Some(Reason::BadForm)
}
