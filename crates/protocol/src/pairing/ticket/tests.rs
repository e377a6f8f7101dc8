use super::*;
use crate::key::SecretKey;
use proptest::prelude::*;

fn ticket(relay: Option<&str>, direct: &[&str]) -> Result<Ticket, BadTicket> {
    let daemon = SecretKey::from_seed(&[1; 32]).public();
    let direct = direct.iter().map(|a| a.parse().unwrap()).collect();
    let relay = relay.map(str::parse).transpose()?;
    Ticket::new(Intent::Add, daemon, PairSecret::from_bytes([7; 16]), relay, direct)
}

fn full() -> Ticket {
    ticket(Some("https://relay.example/"), &["192.0.2.1:4433", "[2001:db8::1]:4433"]).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Ticket, BadTicket> {
    format!("{PREFIX}{}", BASE32_NOPAD.encode(bytes)).parse()
}

#[test]
fn the_text_is_fixed() {
    assert_eq!(
        full().to_text().as_str(),
        "agenttrust://pair/AEAYVCHD3V2AT4MV7VJNWLJ4XJOXFSTHBG7R3FASDPZXJCABWQHW6XAHA4DQOBYHA4DQOBYHA4DQOBYHCZUHI5DQOM5C6L3SMVWGC6JOMV4GC3LQNRSS6AQEYAAAEAIRKEDCAAINXAAAAAAAAAAAAAAAAAAACEKR"
    );
    assert_eq!(full().to_text().parse::<Ticket>(), Ok(full()));
}

#[test]
fn the_layout_is_the_documented_one() {
    let bytes = full().to_bytes();
    assert_eq!(&bytes[..2], &[1, 1]);
    assert_eq!(&bytes[2..34], full().daemon().as_bytes());
    assert_eq!(&bytes[34..50], &[7; 16]);
    assert_eq!(&bytes[50..73], b"\x16https://relay.example/");
    assert_eq!(&bytes[73..81], &[2, 4, 192, 0, 2, 1, 0x11, 0x51]);
    assert_eq!(&bytes[81..86], &[6, 0x20, 0x01, 0x0d, 0xb8]);
    assert_eq!(&bytes[97..], &[1, 0x11, 0x51]);
    assert_eq!(ticket(None, &[]).unwrap().to_bytes().len(), 52);
}

#[test]
fn what_no_device_could_use_is_not_made() {
    for (direct, error) in [
        (vec!["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"], BadTicket::TooMany),
        (vec!["192.0.2.1:1", "192.0.2.1:1"], BadTicket::Address),
        (vec!["192.0.2.1:0"], BadTicket::Address),
        (vec!["0.0.0.0:1"], BadTicket::Address),
        (vec!["[::]:1"], BadTicket::Address),
        (vec!["224.0.0.1:1"], BadTicket::Address),
        (vec!["[ff02::1]:1"], BadTicket::Address),
        (vec!["[::ffff:192.0.2.1]:1"], BadTicket::Address),
        (vec!["[fe80::1%3]:1"], BadTicket::Address),
    ] {
        assert_eq!(ticket(None, &direct), Err(error), "{direct:?}");
    }
    assert!(ticket(None, &["127.0.0.1:1", "[::1]:1"]).is_ok());
    assert!(ticket(None, &["192.0.2.1:1", "192.0.2.1:2"]).is_ok());
    let long = format!("https://{}", "a".repeat(MAX_RELAY - 8));
    assert!(ticket(Some(&long), &[]).is_ok_and(|t| t.to_text().parse() == Ok(t)));
    for relay in
        ["", "https://", "ftp://a", "relay.example", "https://a b", "https://bücher.example", &format!("{long}a")]
    {
        assert_eq!(ticket(Some(relay), &[]), Err(BadTicket::Relay), "{relay}");
    }
}

#[test]
fn each_fault_has_its_error() {
    let good = full().to_bytes().to_vec();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        parse(&bad)
    };
    assert_eq!(with(0, &[0]), Err(BadTicket::Version(0)));
    assert_eq!(with(0, &[2]), Err(BadTicket::Version(2)));
    assert_eq!(with(1, &[2]), Err(BadTicket::Intent));
    assert_eq!(with(2, &[0; 32]), Err(BadTicket::Key));
    assert_eq!(with(2, &[0xff; 32]), Err(BadTicket::Key));
    assert_eq!(with(51, b"ftp"), Err(BadTicket::Relay));
    assert_eq!(with(60, &[0xff]), Err(BadTicket::Relay));
    assert_eq!(with(60, b"\n"), Err(BadTicket::Relay));
    assert_eq!(with(73, &[3]), Err(BadTicket::TooMany));
    assert_eq!(with(73, &[1]), Err(BadTicket::Long));
    assert_eq!(with(74, &[5]), Err(BadTicket::Address));
    assert_eq!(with(79, &[0, 0]), Err(BadTicket::Address));
    assert_eq!(with(82, &[0; 16]), Err(BadTicket::Address));
    assert_eq!(with(82, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), Err(BadTicket::Address));
    assert_eq!(parse(&[&good[..], &[0]].concat()), Err(BadTicket::Long));
    for end in 0..good.len() {
        assert_eq!(parse(&good[..end]), Err(BadTicket::Short), "{end} bytes");
    }
}

#[test]
fn one_ticket_has_one_text() {
    let text = full().to_text().to_string();
    let rest = text.strip_prefix(PREFIX).unwrap();
    for (bad, error) in [
        (text.to_uppercase(), BadTicket::Prefix),
        (text.replace("://", ":"), BadTicket::Prefix),
        (format!(" {text}"), BadTicket::Prefix),
        (String::new(), BadTicket::Prefix),
        (format!("{PREFIX}{}", rest.to_lowercase()), BadTicket::Encoding),
        (format!("{text}="), BadTicket::Encoding),
        (format!("{text}\n"), BadTicket::Encoding),
        (format!("{text}/"), BadTicket::Encoding),
        (format!("{text}{}", "A".repeat(1000)), BadTicket::Long),
    ] {
        assert_eq!(bad.parse::<Ticket>(), Err(error), "{bad}");
    }
    // 81 bytes leave 2 unused bits in the last character; only zeros are canonical there.
    let text = ticket(Some("https://relay.example/"), &["192.0.2.1:4433"]).unwrap().to_text().to_string();
    let last = text.chars().last().unwrap();
    let next = char::from_u32(u32::from(last) + 1).unwrap();
    let bent = format!("{}{next}", text.strip_suffix(last).unwrap());
    assert_eq!(bent.parse::<Ticket>(), Err(BadTicket::Encoding));
}

#[test]
fn the_secret_is_never_printed() {
    let printed = format!("{:?}", full());
    assert!(!printed.contains("7, 7") && !printed.contains("BwcH"), "{printed}");
}

fn addresses() -> impl Strategy<Value = Vec<SocketAddr>> {
    let v4 = (prop::array::uniform4(1..200_u8), 1..=u16::MAX).prop_map(|(ip, port)| (ip, port).into());
    let v6 = (prop::array::uniform16(1..200_u8), 1..=u16::MAX).prop_map(|(ip, port)| (ip, port).into());
    prop::collection::vec(prop_oneof![v4, v6], 0..=MAX_DIRECT)
}

proptest! {
    #[test]
    fn reading_undoes_writing(
        seed in prop::array::uniform32(prop::num::u8::ANY),
        secret in prop::array::uniform16(prop::num::u8::ANY),
        relay in prop::option::of("https?://[a-z0-9.:/-]{1,60}"),
        direct in addresses(),
        first in prop::bool::ANY,
    ) {
        let intent = if first { Intent::First } else { Intent::Add };
        let relay = relay.map(|relay| relay.parse().unwrap());
        let daemon = SecretKey::from_seed(&seed).public();
        let made = Ticket::new(intent, daemon, PairSecret::from_bytes(secret), relay, direct);
        prop_assume!(made.is_ok());
        prop_assert_eq!(made.as_ref().unwrap().to_text().parse::<Ticket>(), made);
    }

    #[test]
    fn what_is_read_is_written_alike(change in (0..100_usize, prop::num::u8::ANY)) {
        let mut bytes = full().to_bytes().to_vec();
        bytes[change.0] = change.1;
        if let Ok(read) = parse(&bytes) {
            prop_assert_eq!(read.to_bytes().to_vec(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(prop::num::u8::ANY, 0..120)) {
        if let Ok(read) = parse(&[&[VERSION, 0], &bytes[..]].concat()) {
            prop_assert_eq!(read.to_bytes()[2..].to_vec(), bytes);
        }
    }
}
