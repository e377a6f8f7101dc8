//! A further device: this terminal, an admin, shows the ticket and lets the other in.

use super::{ask_digits, show_offer};
use crate::args::PairArgs;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::prompt::ARMED;
use crate::terminal::{Terminal, unexpected};
use agenttrust_device::Place;
use agenttrust_device::{Command, Config, Done, Event};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::ErrorBody;

pub(super) async fn pair(place: &Place, args: &PairArgs, config: Config, out: &mut Out) -> Outcome {
    let terminal = Terminal::open(place, config).await?;
    let done = admit(&terminal, args, out).await;
    terminal.close().await;
    done
}

async fn admit(terminal: &Terminal, args: &PairArgs, out: &mut Out) -> Outcome {
    let mut events = terminal.device.events();
    let Done::Offer { offer, .. } = terminal.run(Command::OfferPairing).await? else { return Err(unexpected()) };
    show_offer(&terminal.tty, &offer, args, out)?;
    let joined = async {
        loop {
            match events.next().await {
                Some(Event::PairingDigits { joiner, name }) => return Ok((joiner, name)),
                Some(Event::PairingEnded { why, .. }) => return Err(why),
                Some(_) => {}
                None => return Err(ErrorBody::from(agenttrust_protocol::door::Trouble::Internal)),
            }
        }
    };
    let life = u64::try_from(offer.expires.since(terminal.now())).unwrap_or(0).saturating_add(5);
    let (joiner, name) = tokio::select! {
        joined = tokio::time::timeout(std::time::Duration::from_secs(life), joined) => {
            joined.map_err(|_| Failure::from(agenttrust_protocol::door::Trouble::TicketInvalid))??
        }
        _ = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
    };
    let answered = introduce(terminal, joiner, &name).await;
    if answered.is_err() {
        // One that is over already needs no end.
        let _ended = terminal.run(Command::RefusePairing { joiner }).await;
    }
    answered?;
    out.line("Added. It can answer requests now.");
    out.event(&serde_json::json!({ "paired": true }));
    Ok(())
}

/// The person's word for the new device, and its digits.
async fn introduce(terminal: &Terminal, joiner: Hash, name: &str) -> Outcome {
    let tty = &terminal.tty;
    tty.show(&format!("A device that calls itself “{name}” wants to join.\n"));
    let digits = ask_digits(tty)?;
    let called = tty.line(&format!("What is it called? [{name}] "))?;
    let mine = terminal.snapshot().me.map(|me| me.owner).unwrap_or_default();
    let whose = tty.line(&format!("Whose is it? [{}] ", mine))?;
    let yes = |question: &str| tty.choose(question, "yn", ARMED).map(|key| key == 'y');
    let admin = yes("May it add and remove devices and renew the trust status? [y/n] ")?;
    let local = yes("Does it live on the computer where the agents run? [y/n] ")?;
    let named = |typed: String, own: String| if typed.trim().is_empty() { own } else { typed.trim().to_owned() };
    let command = Command::ConfirmPairing {
        joiner,
        digits,
        name: Some(named(called, name.to_owned())),
        owner: named(whose, mine),
        admin,
        local,
    };
    terminal.run(command).await.map(drop)
}
