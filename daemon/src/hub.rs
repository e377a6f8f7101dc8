//! Which devices are connected.

use crate::gate::View;
use crate::gate::admitted;
use agenttrust_link::{Alpn, EndpointKey, Peers};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Thumbprint};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A device that stays connected is noted this seldom.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// The connections behind the device door.
#[derive(Debug)]
pub struct Hub {
    peers: Peers,
    noted: Mutex<HashMap<Thumbprint, Instant>>,
}

impl Hub {
    /// Over the link's list.
    pub fn new(peers: Peers) -> Hub {
        Hub { peers, noted: Mutex::default() }
    }

    /// The approval keys of devices that are connected and may be.
    pub fn connected(&self, trust: &Trust) -> BTreeSet<Thumbprint> {
        let devices = self.peers.connected().into_iter().filter(|peer| peer.alpn == Alpn::Device);
        devices.filter_map(|peer| admitted(trust, &thumbprint(&peer.key))).map(|d| d.key.thumbprint()).collect()
    }

    /// Whether anyone who may approve is connected.
    pub fn can_ask(&self, trust: &Trust) -> bool {
        self.peers.connected().into_iter().filter(|peer| peer.alpn == Alpn::Device).any(|peer| {
            admitted(trust, &thumbprint(&peer.key)).is_some_and(agenttrust_protocol::message::Device::is_approver)
        })
    }

    /// Disconnects devices that trust no longer admits.
    pub fn disconnect_others(&self, trust: &Trust) {
        for peer in self.peers.connected() {
            if peer.alpn == Alpn::Device && admitted(trust, &thumbprint(&peer.key)).is_none() {
                let closed = self.peers.disconnect(&peer.key);
                tracing::info!(closed, "disconnected a device that is no longer trusted");
            }
        }
    }

    /// Whether it is time again to note that this device is here.
    pub fn is_news(&self, device: Thumbprint) -> bool {
        let (mut noted, now) = (self.noted.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let news = noted.get(&device).is_none_or(|at| now.duration_since(*at) >= NOTED_EVERY);
        if news {
            noted.insert(device, now);
        }
        news
    }
}

/// Who may connect: devices of the bundle, and whoever pairing lets in.
pub fn admits(view: &View, transport: &Thumbprint) -> bool {
    view.peek().is_some_and(|trust| admitted(&trust, transport).is_some())
}

/// The RFC 7638 thumbprint of an endpoint's key; the handshake has proved the key, so it is not checked again.
pub fn thumbprint(key: &EndpointKey) -> Thumbprint {
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{key}"}}"#);
    Thumbprint::from_bytes(*Hash::of(jwk.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::key::{SecretKey, Transport};

    #[test]
    fn an_endpoint_has_the_thumbprint_of_its_transport_key() {
        let key = SecretKey::<Transport>::from_seed(&[7; 32]).public();
        assert_eq!(thumbprint(&EndpointKey::from_bytes(*key.as_bytes())), key.thumbprint());
    }
}
