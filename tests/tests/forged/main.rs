//! 100,000 different messages that somebody other than their signer made, bent, moved or kept for later: no check of
//! `crates/protocol` that opens such a message accepts one, and nothing panics.

mod scene;

use agenttrust_protocol::key::Role;
use agenttrust_protocol::key::SecretKey;
use agenttrust_protocol::message::Rule;
use agenttrust_protocol::{Hash, Random, Reason, Thumbprint};
use agenttrust_tests::cast::{Cast, NOW};
use agenttrust_tests::forge::{Parts, base64, header, jws, random};
use scene::{Door, Honest, REQUESTS, Scene, rules, stranger};
use std::collections::BTreeSet;

/// What was offered and why it was refused.
struct Tally<'a> {
    scene: &'a Scene,
    /// The names of the texts, each once, however often it was offered.
    texts: BTreeSet<Hash>,
    refused: BTreeSet<Reason>,
}

impl Tally<'_> {
    fn refuse(&mut self, door: Door, text: &str, how: impl FnOnce() -> String) {
        match self.scene.offer(door, text, NOW) {
            Ok(()) => panic!("{} was accepted at {door:?}:\n{text}", how()),
            Err(reason) => self.count(text, reason),
        }
    }

    fn count(&mut self, text: &str, reason: Reason) {
        self.texts.insert(Hash::of(text.as_bytes()));
        self.refused.insert(reason);
    }
}

/// A number below `end`; the same ones in every run.
fn below(random: &mut impl Random, end: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % end as u64).expect("it is below a usize")
}

/// The messages of whose type there are many only differ in one hash: a few stand for all.
fn some(scene: &Scene, decisions: usize) -> Vec<Honest> {
    let few = |m: &&Honest| !matches!(m.door, Door::Decision(n) if n >= decisions);
    scene.messages.iter().filter(few).cloned().collect()
}

#[test]
fn what_is_honest_is_accepted() {
    let scene = Scene::new(Cast::with_rules(rules()));
    for Honest { name, door, text } in &scene.messages {
        assert_eq!(scene.offer(*door, text, NOW), Ok(()), "{name} at {door:?}");
    }
    assert_eq!(some(&scene, 1).len() + REQUESTS - 1, scene.messages.len());
}

#[test]
fn a_hundred_thousand_forged_replayed_and_displaced_messages_are_refused() {
    let scene = Scene::new(Cast::with_rules(rules()));
    let attacks: &[fn(&mut Tally<'_>)] = &[
        at_other_doors,
        under_other_headers,
        by_other_keys,
        with_flipped_bits,
        cut_short,
        with_other_disclosures,
        replayed_on_other_requests,
        from_another_domain,
        at_other_times,
        spliced,
    ];
    let tallies: Vec<Tally<'_>> = std::thread::scope(|threads| {
        let run = |attack: &fn(&mut Tally<'_>)| {
            let (attack, scene) = (*attack, &scene);
            threads.spawn(move || {
                let mut tally = Tally { scene, texts: BTreeSet::new(), refused: BTreeSet::new() };
                attack(&mut tally);
                tally
            })
        };
        let running: Vec<_> = attacks.iter().map(run).collect();
        running.into_iter().map(|thread| thread.join().expect("every message is refused")).collect()
    });
    let texts: BTreeSet<&Hash> = tallies.iter().flat_map(|tally| &tally.texts).collect();
    let refused: BTreeSet<&Reason> = tallies.iter().flat_map(|tally| &tally.refused).collect();
    assert!(texts.len() >= 100_000, "only {} different ones were offered", texts.len());
    // Attacks that all stop at the first check would prove nothing of the later ones.
    for reason in [
        Reason::BadForm,
        Reason::BadHeader,
        Reason::WrongTyp,
        Reason::UnknownKey,
        Reason::BadSignature,
        Reason::WrongRoot,
        Reason::WrongRequest,
        Reason::NotYetValid,
        Reason::Expired,
        Reason::BadDisclosure,
        Reason::Quorum,
    ] {
        assert!(refused.contains(&reason), "nothing was refused as {reason}: {refused:?}");
    }
}

/// As every other type.
fn at_other_doors(tally: &mut Tally<'_>) {
    let messages = &tally.scene.messages;
    for message in messages {
        for other in &some(tally.scene, 1) {
            let same = std::mem::discriminant(&other.door) == std::mem::discriminant(&message.door);
            if !same {
                tally.refuse(other.door, &message.text, || message.name.clone());
            }
        }
    }
}

/// Everyone's thumbprint, whatever the key's role.
fn thumbprints(cast: &Cast) -> Vec<Thumbprint> {
    let of_devices = [&cast.phone, &cast.laptop, &cast.tablet]
        .into_iter()
        .flat_map(|device| [device.id(), device.witness.public().thumbprint(), device.transport.public().thumbprint()]);
    let others = [
        cast.agent.public().thumbprint(),
        cast.log.public().thumbprint(),
        cast.recovery.public().thumbprint(),
        stranger::<agenttrust_protocol::key::Approval>().public().thumbprint(),
    ];
    of_devices.chain(others).collect()
}

/// With the header of every type and every key over the old signature.
fn under_other_headers(tally: &mut Tally<'_>) {
    let doors = some(tally.scene, 1);
    for message in some(tally.scene, 6) {
        let (_, rest) = message.text.split_once('.').expect("three segments");
        for door in &doors {
            for kid in thumbprints(&tally.scene.cast) {
                let text = format!("{}.{rest}", base64(header(&Parts::of(&door.text).typ, &kid).as_bytes()));
                if text != message.text {
                    tally.refuse(door.door, &text, || format!("{} under {kid}", message.name));
                }
            }
        }
    }
}

/// Signed anew by the keys of other roles and by a stranger, under their own name and under the honest one.
fn by_other_keys(tally: &mut Tally<'_>) {
    fn sign<R: Role>(tally: &mut Tally<'_>, message: &Honest, key: &SecretKey<R>) {
        let parts = Parts::of(&message.text);
        let header_of = |kid: &Thumbprint| header(&parts.typ, kid);
        for kid in thumbprints(&tally.scene.cast).into_iter().chain([key.public().thumbprint()]) {
            let text = parts.present(&jws(key, &header_of(&kid), &parts.payload));
            tally.refuse(message.door, &text, || format!("{} by a {} key", message.name, R::NAME));
        }
    }
    let cast = &tally.scene.cast;
    for message in some(tally.scene, 6) {
        let by_agent = matches!(
            message.door,
            Door::Enroll | Door::Session | Door::Request | Door::Claim | Door::Outcome | Door::Cancel
        );
        if by_agent {
            sign(tally, &message, &cast.phone.approval);
            sign(tally, &message, &cast.laptop.approval);
        } else {
            sign(tally, &message, &cast.agent);
        }
        if message.door != Door::Event {
            sign(tally, &message, &cast.log);
        }
        for device in [&cast.phone, &cast.tablet] {
            sign(tally, &message, &device.witness);
            sign(tally, &message, &device.transport);
        }
        sign(tally, &message, &cast.recovery);
        sign(tally, &message, &stranger::<agenttrust_protocol::key::Approval>());
    }
}

/// One bit wrong, anywhere.
fn with_flipped_bits(tally: &mut Tally<'_>) {
    let mut random = random("bits");
    for message in some(tally.scene, 6) {
        for _ in 0..2_500 {
            let mut bytes = message.text.clone().into_bytes();
            let at = below(&mut random, bytes.len());
            bytes[at] ^= 1 << below(&mut random, 7);
            let text = String::from_utf8(bytes).expect("it is still ASCII");
            tally.refuse(message.door, &text, || format!("{} with a bit flipped at {at}", message.name));
        }
    }
}

/// Without its end, or without its beginning.
fn cut_short(tally: &mut Tally<'_>) {
    let mut random = random("cuts");
    for message in some(tally.scene, 6) {
        for _ in 0..250 {
            let at = 1 + below(&mut random, message.text.len() - 1);
            let (head, tail) = message.text.split_at(at);
            tally.refuse(message.door, head, || format!("{} cut at {at}", message.name));
            tally.refuse(message.door, tail, || format!("{} from {at} on", message.name));
        }
        // At the seams as well, which chance seldom hits.
        for (at, _) in message.text.match_indices(['.', '~', ',']) {
            let (head, tail) = message.text.split_at(at);
            let (with_seam, after_seam) = message.text.split_at(at + 1);
            for piece in [head, with_seam, tail, after_seam] {
                if piece != message.text {
                    tally.refuse(message.door, piece, || format!("{} at the seam {at}", message.name));
                }
            }
        }
    }
}

/// With disclosures of other messages, doubled, in another order, or some of them missing.
fn with_other_disclosures(tally: &mut Tally<'_>) {
    let disclosing: Vec<Honest> =
        tally.scene.messages.iter().filter(|message| message.text.contains('~')).cloned().collect();
    for message in &disclosing {
        let (leaf, _) = message.text.split_once('~').expect("a leaf");
        let own = Parts::of(&message.text).disclosures;
        let mut others: Vec<Vec<String>> = Vec::new();
        for other in disclosing.iter().map(|other| Parts::of(&other.text).disclosures) {
            others.extend([[other.clone(), own.clone()].concat(), [own.clone(), other.clone()].concat(), other]);
        }
        let mut reversed = own.clone();
        reversed.reverse();
        let without = |at: usize| own.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, s)| s.clone()).collect();
        others.extend((0..own.len()).map(without));
        others.push(reversed);
        for segments in others {
            let text = segments.iter().fold(format!("{leaf}~"), |text, segment| text + segment + "~");
            if text != message.text {
                tally.refuse(message.door, &text, || format!("{} with other disclosures", message.name));
            }
        }
    }
}

/// Every decision on every request but its own, also beside the right one.
fn replayed_on_other_requests(tally: &mut Tally<'_>) {
    let decisions: Vec<&Honest> = tally.scene.messages.iter().filter(|m| matches!(m.door, Door::Decision(_))).collect();
    for (n, own) in decisions.iter().enumerate() {
        for other in decisions.iter().filter(|other| other.door != own.door) {
            for set in [&[other.text.as_str()][..], &[&own.text, &other.text], &[&other.text, &own.text]] {
                let refused = tally.scene.decide(n, set, NOW);
                assert_eq!(refused, Err(Reason::WrongRequest), "{} on request {n}", other.name);
                tally.count(&set.join(" "), Reason::WrongRequest);
            }
        }
    }
    for n in 0..REQUESTS {
        assert_eq!(tally.scene.decide(n, &[], NOW), Err(Reason::Quorum), "no decision at all");
        tally.count("", Reason::Quorum);
    }
}

/// From a domain of the same keys whose first bundle differs.
fn from_another_domain(tally: &mut Tally<'_>) {
    let strict: Vec<Rule> = rules().into_iter().chain(rules()).collect();
    let other = Scene::new(Cast::with_rules(strict));
    for message in &other.messages {
        // Neither of them belongs to a domain: they are how one is entered.
        if !matches!(message.door, Door::PairInit | Door::Enroll) {
            assert_eq!(other.offer(message.door, &message.text, NOW), Ok(()), "{}", message.name);
            tally.refuse(message.door, &message.text, || format!("{} of another domain", message.name));
        }
    }
}

/// Before it was made and after its end.
fn at_other_times(tally: &mut Tally<'_>) {
    let mut random = random("times");
    for message in &tally.scene.messages {
        let life = match message.door {
            Door::Decision(_) | Door::Request => 300,
            Door::Grant => 3600,
            Door::Cert => 86_400,
            Door::PairInit | Door::Bundle | Door::Status | Door::Enroll | Door::Session => continue,
            Door::Claim | Door::Outcome | Door::Cancel | Door::Event => continue,
        };
        for _ in 0..20 {
            let far = i64::try_from(below(&mut random, 1 << 33)).expect("33 bits");
            let (early, late) = (NOW.plus(-61 - far), NOW.plus(life + 61 + far));
            for (now, expected) in
                [(early, &[Reason::NotYetValid][..]), (late, &[Reason::Expired, Reason::StatusExpired])]
            {
                let refused = tally.scene.offer(message.door, &message.text, now).expect_err("it is not its time");
                assert!(expected.contains(&refused), "{} at {now:?}: {refused}", message.name);
                tally.count(&message.text, refused);
            }
        }
    }
}

/// The header of one, the payload of another and the signature of a third.
fn spliced(tally: &mut Tally<'_>) {
    let single: Vec<Honest> =
        some(tally.scene, 26).into_iter().filter(|message| message.text.matches('.').count() == 2).collect();
    let segments = |message: &Honest| {
        let (leaf, disclosures) = message.text.split_at(message.text.find('~').unwrap_or(message.text.len()));
        (leaf.split('.').map(str::to_owned).collect(), disclosures.to_owned())
    };
    let cut: Vec<(Vec<String>, String)> = single.iter().map(segments).collect();
    for (at, (header, disclosures)) in cut.iter().enumerate() {
        for (payload, _) in &cut {
            for (signature, _) in &cut {
                let leaf = format!("{}.{}.{}", header[0], payload[1], signature[2]);
                if !single.iter().any(|message| message.text.starts_with(&leaf)) {
                    let text = format!("{leaf}{disclosures}");
                    tally.refuse(single[at].door, &text, || format!("{} spliced", single[at].name));
                }
            }
        }
    }
}
