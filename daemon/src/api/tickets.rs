//! Making pairing tickets: what they say of where this daemon is.

use super::reply::Refusal;
use crate::gate::Gate;
use crate::pairing::{Confirmer, Run};
use agenttrust_link::{Address, Endpoint};
use agenttrust_protocol::door::{PairingOffer, Trouble};
use agenttrust_protocol::key::{PublicKey, Transport};
use agenttrust_protocol::message::Intent;
use agenttrust_protocol::pairing::{MAX_DIRECT, Offer, PairSecret, Ticket};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a ticket waits for the network to say where we are.
const SETTLE: Duration = Duration::from_secs(2);

/// Where tickets point to.
#[derive(Clone, Debug)]
pub struct Tickets {
    endpoint: Endpoint,
}

impl Tickets {
    /// Tickets to this endpoint.
    pub fn new(endpoint: Endpoint) -> Tickets {
        Tickets { endpoint }
    }

    /// The way for programs on this machine.
    pub fn loopback(&self) -> Address {
        self.endpoint.loopback_addr()
    }

    /// Every way known now.
    pub fn everywhere(&self) -> Address {
        self.endpoint.addr()
    }

    /// Starts a pairing and makes its ticket: for the first device while there is none, for a further one after.
    ///
    /// # Errors
    /// `conflict` if a local device is to be let in without digits although there is one already.
    pub async fn offer(&self, gate: &Gate, local: bool) -> Result<PairingOffer, Refusal> {
        let trust = gate.trust.peek();
        let (intent, confirmer) = match (&trust, local) {
            (None, true) => (Intent::First, Confirmer::Nobody),
            (None, false) => (Intent::First, Confirmer::Host),
            (Some(trust), _) => (Intent::Add, Confirmer::Admin(trust.tdid())),
        };
        let address = if local { self.loopback() } else { self.endpoint.settled_addr(SETTLE).await };
        let ticket = ticket(intent, &gate.transport, &address)?;
        let text = ticket.to_text().to_string();
        let offer = Offer::new(ticket, gate.clock.now());
        let expires = offer.expires();
        gate.pairing.start(Run::new(offer, confirmer));
        tracing::info!("a pairing ticket is open");
        Ok(PairingOffer { ticket: text, expires, digits: confirmer == Confirmer::Host })
    }
}

fn ticket(intent: Intent, daemon: &PublicKey<Transport>, address: &Address) -> Result<Ticket, Refusal> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|_| Trouble::Internal)?;
    let relay = address.relay.as_deref().and_then(|url| url.parse().ok());
    let direct = best(&address.direct);
    Ticket::new(intent, *daemon, PairSecret::from_bytes(secret), relay, direct).map_err(|_| Trouble::Internal.into())
}

/// The few addresses a ticket has room for: those another machine may reach before loopback, IPv4 before IPv6.
fn best(all: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut usable: Vec<SocketAddr> = all.iter().copied().filter(fits_ticket).collect();
    usable.sort_by_key(|address| (address.ip().is_loopback(), address.is_ipv6(), *address));
    usable.dedup();
    usable.truncate(MAX_DIRECT);
    usable
}

/// An address of one link alone, or one that needs an interface named, is of no use elsewhere.
fn fits_ticket(address: &SocketAddr) -> bool {
    let plain = match address {
        SocketAddr::V4(v4) => !v4.ip().is_link_local(),
        SocketAddr::V6(v6) => !v6.ip().is_unicast_link_local() && v6.scope_id() == 0 && v6.flowinfo() == 0,
    };
    plain && address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_names_where_others_may_reach_us() {
        let addresses =
            |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        for (all, expected) in [
            (
                vec!["127.0.0.1:7", "192.168.1.2:7", "[2001:db8::1]:7", "10.0.0.1:7"],
                vec!["10.0.0.1:7", "192.168.1.2:7"],
            ),
            (vec!["127.0.0.1:7", "[2001:db8::1]:7", "[fe80::1]:7"], vec!["[2001:db8::1]:7", "127.0.0.1:7"]),
            (vec!["127.0.0.1:7", "169.254.0.1:7", "0.0.0.0:7", "127.0.0.1:7"], vec!["127.0.0.1:7"]),
        ] {
            assert_eq!(best(&addresses(&all)), addresses(&expected));
        }
    }
}
