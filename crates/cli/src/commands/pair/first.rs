//! The first device: the ticket comes from the host door, and the digits are typed here.

use super::{ask_digits, show_offer};
use crate::args::PairArgs;
use crate::commands::status::grouped;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::tty::Tty;
use agenttrust_device::HostDoor;
use agenttrust_device::Place;
use agenttrust_device::approver::display::safe_line;
use agenttrust_protocol::door::{PairState, PairingView, Trouble};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(300);

pub(super) async fn pair(place: &Place, args: &PairArgs, out: &mut Out) -> Outcome {
    // The digits are a person's word: whoever has no terminal cannot give it.
    let tty = Tty::open()?;
    let host = HostDoor::new(place.host_socket());
    let offer = host.start_pairing(false).await?;
    show_offer(&tty, &offer, args, out)?;
    let paired = tokio::select! {
        paired = confirm(&host, &tty) => paired,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    if let Err(failure) = paired {
        // One that is over already needs no end.
        let _ended = host.cancel_pairing().await;
        return Err(failure);
    }
    let status = host.status().await?;
    let fingerprint = status.tdid.map(|tdid| grouped(&tdid.fingerprint())).unwrap_or_default();
    out.line("Paired. This device now decides what your agents may do.");
    out.line(format!("Trust root, to compare with the device: {fingerprint}"));
    out.event(&serde_json::json!({ "paired": true, "tdid": status.tdid }));
    Ok(())
}

async fn confirm(host: &HostDoor, tty: &Tty) -> Outcome {
    let view = wait(host, PairState::Revealed).await?;
    let name = view.name.map(|name| safe_line(&name, 60)).unwrap_or_default();
    tty.show(&format!("A device that calls itself “{name}” wants to be the first one.\n"));
    let digits = ask_digits(tty)?;
    match host.digits(&digits).await?.state {
        PairState::Confirmed | PairState::Paired => {}
        PairState::Offered
        | PairState::Joined
        | PairState::Challenged
        | PairState::Revealed
        | PairState::Refused
        | PairState::Expired => return Err(Trouble::DigitsWrong.into()),
    }
    wait(host, PairState::Paired).await.map(drop)
}

async fn wait(host: &HostDoor, wanted: PairState) -> Outcome<PairingView> {
    loop {
        let view = host.pairing().await?;
        match view.state {
            state if state == wanted || state == PairState::Paired => return Ok(view),
            PairState::Refused => return Err(Trouble::DigitsWrong.into()),
            PairState::Expired => return Err(Trouble::TicketInvalid.into()),
            PairState::Offered
            | PairState::Joined
            | PairState::Challenged
            | PairState::Revealed
            | PairState::Confirmed
            | PairState::Paired => tokio::time::sleep(POLL).await,
        }
    }
}
