//! `agenttrust pair`: a first or further device, or this terminal.

mod first;
mod further;
mod here;

use crate::args::PairArgs;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::qr::Qr;
use crate::tty::Tty;
use agenttrust_device::Config;
use agenttrust_device::HostDoor;
use agenttrust_device::Place;
use agenttrust_protocol::door::{PairingOffer, Trouble};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Pairs.
///
/// # Errors
/// `no_terminal`, `daemon_down`, `digits_wrong`, `ticket_invalid`, and others that name themselves.
pub async fn pair(place: &Place, args: &PairArgs, config: Config, out: &mut Out) -> Outcome {
    if args.this_terminal {
        return here::pair(place, args, config, out).await;
    }
    let status = HostDoor::new(place.host_socket()).status().await?;
    match status.tdid {
        None => first::pair(place, args, out).await,
        Some(_) if place.terminal().join("keys.json").exists() => further::pair(place, args, config, out).await,
        Some(_) => {
            let mut failure = Failure::from(Trouble::NotADevice);
            failure.body.message = "There are devices already, so one of them has to let another in.".to_owned();
            failure.body.hint = Some("Open AgentTrust on an admin device and add it there.".to_owned());
            Err(failure)
        }
    }
}

/// Shows the ticket as a QR code and as text, and writes the pictures that are wanted.
fn show_offer(tty: &Tty, offer: &PairingOffer, args: &PairArgs, out: &mut Out) -> Outcome {
    let qr = Qr::of(&offer.ticket)?;
    if let Some(path) = &args.svg {
        write_private(path, qr.svg().as_bytes())?;
    }
    if let Some(path) = &args.png {
        write_private(path, &qr.png()?)?;
    }
    let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut page = String::new();
    if tty.columns() >= qr.columns() {
        page.push_str(&qr.terminal(color));
    } else {
        page.push_str("The terminal is too narrow for the QR code: make it wider, or use --svg or --png.\n");
    }
    page.push_str(&format!(
        "\nScan this with AgentTrust on the new device, or paste the code there:\n{}\n\n",
        offer.ticket
    ));
    tty.show(&page);
    out.event(&serde_json::json!({ "ticket": offer.ticket, "expires": offer.expires }));
    Ok(())
}

/// The file holds a secret as long as the ticket lives.
fn write_private(path: &Path, bytes: &[u8]) -> Outcome {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(|error| Failure::io(path, &error))
}

/// Six digits as they were typed, spaces left out.
fn six_digits(typed: &str) -> Option<String> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Asks for the digits until they are six.
fn ask_digits(tty: &Tty) -> Outcome<String> {
    loop {
        let typed = tty.line("Type the six digits that the new device shows: ")?;
        match six_digits(&typed) {
            Some(digits) => return Ok(digits),
            None => tty.show("That is not six digits.\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_may_be_grouped() {
        assert_eq!(six_digits("123456").as_deref(), Some("123456"));
        assert_eq!(six_digits(" 123 456\t").as_deref(), Some("123456"));
        assert_eq!(six_digits("123-456").as_deref(), Some("123456"));
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(six_digits(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_picture_of_the_secret_is_private() {
        use std::os::unix::fs::MetadataExt;
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("code.svg");
        write_private(&path, b"<svg/>").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
