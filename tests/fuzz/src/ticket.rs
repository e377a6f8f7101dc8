//! The pairing ticket: one ticket has one text.
//!
//! An input that begins with `t` goes on with the text; any other is the ticket's bytes, which are put into a text
//! here, because chance seldom finds base32.

use agenttrust_protocol::pairing::{PREFIX, PairSecret, Ticket};
use data_encoding::BASE32_NOPAD;

/// Tries one ticket.
pub fn run(data: &[u8]) -> bool {
    let text = match data.split_first() {
        Some((b't', text)) => match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => return false,
        },
        Some(_) | None => format!("{PREFIX}{}", BASE32_NOPAD.encode(data)),
    };
    let Ok(ticket) = text.parse::<Ticket>() else { return false };
    assert_eq!(ticket.to_text().as_str(), text);
    let again = Ticket::new(
        ticket.intent(),
        *ticket.daemon(),
        PairSecret::from_bytes(*ticket.secret().as_bytes()),
        ticket.relay().cloned(),
        ticket.direct().to_vec(),
    );
    assert_eq!(again.as_ref(), Ok(&ticket));
    assert!(!format!("{ticket:?}").contains(&format!("{:?}", ticket.secret().as_bytes())));
    true
}
