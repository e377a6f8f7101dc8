//! This terminal as a device, its key sealed by a PIN.

use crate::args::PairArgs;
use crate::commands::status::grouped;
use crate::failure::{Exit, Failure, Outcome};
use crate::out::Out;
use crate::tty::Tty;
use agenttrust_device::HostDoor;
use agenttrust_device::{Config, Introduction, KeyStore, MIN_PIN, PairEvent, Pin, join};
use agenttrust_device::{Place, environment};
use agenttrust_protocol::door::Trouble;
use zeroize::Zeroizing;

pub(super) async fn pair(place: &Place, args: &PairArgs, config: Config, out: &mut Out) -> Outcome {
    let tty = Tty::open()?;
    if place.terminal().join("keys.json").exists() {
        let message = "This terminal is one of your devices already.";
        let hint = "`agenttrust devices` lists them; to begin anew, remove it on another device and delete its folder.";
        return Err(Failure::own(Trouble::Conflict.code(), Exit::Failed, message, hint));
    }
    let host = HostDoor::new(place.host_socket());
    let typed = if args.ticket { Some(tty.line("Paste the code that the other device shows: ")?) } else { None };
    if typed.is_none() && host.status().await?.tdid.is_some() {
        let message = "There are devices already, so one of them has to let this terminal in.";
        let hint = "Show a code there (`agenttrust pair`), then run `agenttrust pair --this-terminal --ticket` here.";
        return Err(Failure::own(Trouble::Conflict.code(), Exit::Failed, message, hint));
    }
    let pin = choose_pin(&tty)?;
    // Only now: the ticket lives two minutes.
    let (ticket, local) = match typed {
        Some(ticket) => (ticket, false),
        None => (host.start_pairing(true).await?.ticket, true),
    };
    let introduction = Introduction { name: name(args), owner: owner(), local };
    let tell = |event: PairEvent| match event {
        PairEvent::Knocked => {}
        PairEvent::Digits { digits } => {
            let (left, right) = digits.split_at_checked(3).unwrap_or((&digits, ""));
            tty.show(&format!("\n    {left} {right}\n\nType these digits on the other device.\n"));
        }
        PairEvent::Confirmed => tty.show("The digits were right.\n"),
    };
    let called = introduction.name.clone();
    let quiet = |event: PairEvent| {
        if !local {
            tell(event)
        }
    };
    let folder = place.terminal();
    let keys = KeyStore::Pin(Pin::new(pin.as_str()));
    tokio::select! {
        joined = join(&folder, keys, &ticket, introduction, &config, quiet) => joined?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
    }
    out.line(format!("This terminal is now a device, called “{called}”. Its key is sealed by your PIN."));
    let tdid = host.status().await.ok().and_then(|status| status.tdid);
    if let Some(tdid) = tdid {
        out.line(format!("Trust root: {}", grouped(&tdid.fingerprint())));
    }
    out.line("Answer requests with `agenttrust approver`.");
    out.document(&serde_json::json!({ "paired": true, "name": called, "tdid": tdid }));
    Ok(())
}

/// A new PIN, typed twice.
fn choose_pin(tty: &Tty) -> Outcome<Zeroizing<String>> {
    tty.show(&format!("Choose a PIN of at least {MIN_PIN} characters. Without it nothing can be approved here.\n"));
    loop {
        let pin = tty.hidden("New PIN: ")?;
        if pin.chars().count() < MIN_PIN {
            tty.show(&format!("{}\n", Trouble::PinTooShort.sentence()));
            continue;
        }
        let again = tty.hidden("The same again: ")?;
        if *pin == *again {
            return Ok(pin);
        }
        tty.show("They differ.\n");
    }
}

/// What this terminal is called.
fn name(args: &PairArgs) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    args.name.clone().unwrap_or_else(|| format!("terminal on {host}"))
}

/// Whose it is.
fn owner() -> String {
    let user = environment("USER").or_else(|| environment("LOGNAME"));
    user.map_or_else(|| "me".to_owned(), |user| user.to_string_lossy().into_owned())
}
