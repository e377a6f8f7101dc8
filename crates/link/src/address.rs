//! Who and where an endpoint is.

use std::{fmt, net::SocketAddr, str::FromStr};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use data_encoding::BASE64URL_NOPAD;
use iroh::{EndpointAddr, EndpointId, RelayUrl, SecretKey, TransportAddr};

use crate::{error::LinkError, listener::Incoming};

/// An endpoint's Ed25519 public transport key, 32 bytes; the same bytes are its iroh endpoint id and its JWK's `x`.
///
/// Written as unpadded base64url, as in a JWK (RFC 8037).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey([u8; 32]);

impl EndpointKey {
    /// Wraps the key's bytes; whether they are a curve point is found out when dialling.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public key of an Ed25519 seed (RFC 8032).
    pub fn of_secret(seed: &[u8; 32]) -> Self {
        Self(*SecretKey::from_bytes(seed).public().as_bytes())
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn id(&self) -> Result<EndpointId, LinkError> {
        EndpointId::from_bytes(&self.0).map_err(|_| LinkError::BadAddress(format!("{self} is not an Ed25519 key")))
    }
}

impl From<EndpointId> for EndpointKey {
    fn from(id: EndpointId) -> Self {
        Self(*id.as_bytes())
    }
}

impl fmt::Display for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointKey({self})")
    }
}

impl FromStr for EndpointKey {
    type Err = LinkError;

    /// Reads unpadded base64url; anything but the one canonical spelling is `link_bad_address`.
    fn from_str(text: &str) -> Result<Self, LinkError> {
        let bad = || LinkError::BadAddress("an endpoint key is 43 characters of base64url".to_owned());
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| bad())?;
        Ok(Self(bytes.try_into().map_err(|_| bad())?))
    }
}

/// The protocols spoken, one ALPN each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `agenttrust/1`: a paired device.
    Device,
    /// `agenttrust-pair/1`: somebody who wants to become one.
    Pairing,
}

impl Alpn {
    /// Both, in the order a server offers them.
    pub const ALL: [Self; 2] = [Self::Device, Self::Pairing];

    /// The ALPN's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "agenttrust/1",
            Self::Pairing => "agenttrust-pair/1",
        }
    }

    pub(crate) fn from_wire(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|alpn| alpn.as_str().as_bytes() == name)
    }
}

impl fmt::Display for Alpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The caller as the TLS handshake proved it; `axum` handlers get it as `ConnectInfo<Peer>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The key the caller holds.
    pub key: EndpointKey,
    /// The protocol it asked for.
    pub alpn: Alpn,
}

impl Connected<IncomingStream<'_, Incoming>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        *stream.remote_addr()
    }
}

/// Where an endpoint can be dialled; what a pairing ticket carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whom to expect there.
    pub key: EndpointKey,
    /// UDP socket addresses to try, IPv4 first.
    pub direct: Vec<SocketAddr>,
    /// The URL of the relay it listens on, if any.
    pub relay: Option<String>,
}

impl Address {
    pub(crate) fn from_iroh(addr: &EndpointAddr) -> Self {
        Self {
            key: addr.id.into(),
            direct: addr.ip_addrs().copied().collect(),
            relay: addr.relay_urls().next().map(ToString::to_string),
        }
    }

    pub(crate) fn to_iroh(&self) -> Result<EndpointAddr, LinkError> {
        let mut places: Vec<_> = self.direct.iter().copied().map(TransportAddr::Ip).collect();
        if let Some(url) = &self.relay {
            let url = RelayUrl::from_str(url).map_err(|_| LinkError::BadAddress(format!("relay {url}")))?;
            places.push(TransportAddr::Relay(url));
        }
        if places.is_empty() {
            return Err(LinkError::BadAddress("neither a socket address nor a relay".to_owned()));
        }
        Ok(EndpointAddr::from_parts(self.key.id()?, places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8037 A.2: the seed's public key as a JWK's `x`.
    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn a_key_is_written_like_its_jwk() {
        let seed: EndpointKey = SEED.parse().unwrap();
        let key = EndpointKey::of_secret(seed.as_bytes());
        assert_eq!(key.to_string(), X);
        assert_eq!(X.parse::<EndpointKey>().unwrap(), key);
    }

    #[test]
    fn only_the_canonical_spelling_is_a_key() {
        for bad in [
            "",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp",
            X.get(..42).unwrap(),
            &format!("{X}="),
            &X.replace('_', "/"),
        ] {
            assert_eq!(bad.parse::<EndpointKey>().unwrap_err().code(), "link_bad_address", "{bad}");
        }
    }

    #[test]
    fn an_address_without_a_place_or_with_a_bad_key_is_refused() {
        let key: EndpointKey = X.parse().unwrap();
        let direct = vec![SocketAddr::from(([127, 0, 0, 1], 7))];
        let nowhere = Address { key, direct: Vec::new(), relay: None };
        assert_eq!(nowhere.to_iroh().unwrap_err().code(), "link_bad_address");
        let bad_relay = Address { key, direct: direct.clone(), relay: Some("not a url".to_owned()) };
        assert_eq!(bad_relay.to_iroh().unwrap_err().code(), "link_bad_address");
        let mut no_point = [0; 32];
        no_point[0] = 2;
        let bad_key = Address { key: EndpointKey::from_bytes(no_point), direct: direct.clone(), relay: None };
        assert_eq!(bad_key.to_iroh().unwrap_err().code(), "link_bad_address");
        let good = Address { key, direct, relay: Some("https://relay.example/".to_owned()) };
        assert_eq!(Address::from_iroh(&good.to_iroh().unwrap()), good);
    }

    #[test]
    fn the_wire_names_are_the_protocols() {
        for alpn in Alpn::ALL {
            assert_eq!(Alpn::from_wire(alpn.as_str().as_bytes()), Some(alpn));
        }
        assert_eq!(Alpn::from_wire(b"agenttrust/2"), None);
    }
}
