//! The pairing ticket: what the QR code holds.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | intent: 0 first, 1 add |
//! | 32 | the daemon's endpoint id, its Ed25519 transport key |
//! | 16 | the one-time secret |
//! | 1 + n | length and ASCII text of the relay's URL; length 0: no relay |
//! | 1 | number of direct addresses, at most 2, the preferred one first |
//! | 7 or 19 each | 4 or 6, the IPv4 or IPv6 address, the port; all in network byte order |
//!
//! Nothing follows. One ticket has one text: [`PREFIX`], then these bytes in upper-case base32 without padding
//! (RFC 4648). A URL of a scheme of its own lets a phone's camera open the app; its scheme is in lower case because
//! Android compares schemes letter by letter. The upper-case rest is what QR codes pack best: base32 in their
//! alphanumeric mode takes 1.1 bits for a bit, base64url in byte mode 1.33. Another app could claim the scheme and
//! so receive a ticket; it would still have to show the digits that the person expects from this app.

use super::PairSecret;
use crate::key::{PublicKey, Transport};
use crate::message::Intent;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use data_encoding::BASE32_NOPAD;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What every ticket's text begins with.
pub const PREFIX: &str = "agenttrust://pair/";

/// The version of the layout.
pub const VERSION: u8 = 1;

/// The most direct addresses: more would make the QR code hard to scan.
pub const MAX_DIRECT: usize = 2;

/// The most characters of the relay's URL.
pub const MAX_RELAY: usize = 255;

/// The most bytes of a ticket; with this capacity no copy of the secret is left behind by a growing buffer.
const MAX_BYTES: usize = 52 + MAX_RELAY + MAX_DIRECT * 19;

/// A relay's URL: `http` or `https`, printable ASCII, at most [`MAX_RELAY`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl(String);

impl RelayUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RelayUrl {
    type Err = BadTicket;
    fn from_str(text: &str) -> Result<RelayUrl, BadTicket> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(BadTicket::Relay)?;
        let fits = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()) && text.len() <= MAX_RELAY;
        if fits { Ok(RelayUrl(text.to_owned())) } else { Err(BadTicket::Relay) }
    }
}

/// Why a text is not a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTicket {
    /// It does not begin with [`PREFIX`].
    #[error("this is not a pairing code")]
    Prefix,
    /// Not canonical base32.
    #[error("the pairing code is damaged")]
    Encoding,
    /// It ends too early.
    #[error("the pairing code is cut off")]
    Short,
    /// Something follows.
    #[error("the pairing code is too long")]
    Long,
    /// Another version.
    #[error("the pairing code is of version {0}, which this version of AgentTrust does not know")]
    Version(u8),
    /// Neither first nor add.
    #[error("the pairing code asks for something unknown")]
    Intent,
    /// The endpoint id is not a sound Ed25519 key.
    #[error("the pairing code holds an invalid key")]
    Key,
    /// The relay's URL has another form.
    #[error("the pairing code holds an invalid relay address")]
    Relay,
    /// More than [`MAX_DIRECT`] addresses.
    #[error("the pairing code holds too many addresses")]
    TooMany,
    /// An address nobody can connect to, of an unknown family, given twice, or an IPv4 address dressed up as IPv6.
    #[error("the pairing code holds an invalid address")]
    Address,
}

/// What the QR code holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    intent: Intent,
    daemon: PublicKey<Transport>,
    secret: PairSecret,
    relay: Option<RelayUrl>,
    direct: Vec<SocketAddr>,
}

impl Ticket {
    /// A ticket; direct addresses in the order in which they should be tried.
    ///
    /// # Errors
    /// [`BadTicket::TooMany`], [`BadTicket::Address`].
    pub fn new(
        intent: Intent,
        daemon: PublicKey<Transport>,
        secret: PairSecret,
        relay: Option<RelayUrl>,
        direct: Vec<SocketAddr>,
    ) -> Result<Ticket, BadTicket> {
        if direct.len() > MAX_DIRECT {
            return Err(BadTicket::TooMany);
        }
        let distinct = direct.first() != direct.get(1) || direct.len() < MAX_DIRECT;
        if !distinct || !direct.iter().all(is_reachable) {
            return Err(BadTicket::Address);
        }
        Ok(Ticket { intent, daemon, secret, relay, direct })
    }

    /// Whether the device is to be the first or one more.
    pub fn intent(&self) -> Intent {
        self.intent
    }

    /// The daemon's transport key, its endpoint id.
    pub fn daemon(&self) -> &PublicKey<Transport> {
        &self.daemon
    }

    /// The one-time secret.
    pub fn secret(&self) -> &PairSecret {
        &self.secret
    }

    /// The relay, if there is one.
    pub fn relay(&self) -> Option<&RelayUrl> {
        self.relay.as_ref()
    }

    /// Direct addresses, the preferred one first.
    pub fn direct(&self) -> &[SocketAddr] {
        &self.direct
    }

    /// The text for the QR code. It holds the secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = self.to_bytes();
        let length = PREFIX.len().saturating_add(BASE32_NOPAD.encode_len(bytes.len()));
        let mut text = Zeroizing::new(String::with_capacity(length));
        text.push_str(PREFIX);
        BASE32_NOPAD.encode_append(&bytes, &mut text);
        text
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
        out.push(VERSION);
        out.push(match self.intent {
            Intent::First => 0,
            Intent::Add => 1,
        });
        out.extend_from_slice(self.daemon.as_bytes());
        out.extend_from_slice(self.secret.as_bytes());
        let relay = self.relay.as_ref().map_or("", RelayUrl::as_str);
        // `RelayUrl` and `Ticket::new` keep both lengths within a byte.
        out.push(u8::try_from(relay.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(relay.as_bytes());
        out.push(u8::try_from(self.direct.len()).unwrap_or(u8::MAX));
        for address in &self.direct {
            match address.ip() {
                IpAddr::V4(ip) => {
                    out.push(4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(6);
                    out.extend_from_slice(&ip.octets());
                }
            }
            out.extend_from_slice(&address.port().to_be_bytes());
        }
        out
    }

    fn from_bytes(bytes: &[u8]) -> Result<Ticket, BadTicket> {
        let mut rest = Rest(bytes);
        let version = rest.byte()?;
        if version != VERSION {
            return Err(BadTicket::Version(version));
        }
        let intent = match rest.byte()? {
            0 => Intent::First,
            1 => Intent::Add,
            _ => return Err(BadTicket::Intent),
        };
        let daemon = PublicKey::from_bytes(rest.array()?).ok_or(BadTicket::Key)?;
        let secret = PairSecret::from_bytes(*rest.array()?);
        let relay = rest.relay()?;
        let count = rest.byte()?;
        if usize::from(count) > MAX_DIRECT {
            return Err(BadTicket::TooMany);
        }
        let direct = (0..count).map(|_| rest.address()).collect::<Result<_, _>>()?;
        if !rest.0.is_empty() {
            return Err(BadTicket::Long);
        }
        Ticket::new(intent, daemon, secret, relay, direct)
    }
}

impl FromStr for Ticket {
    type Err = BadTicket;
    fn from_str(text: &str) -> Result<Ticket, BadTicket> {
        let text = text.strip_prefix(PREFIX).ok_or(BadTicket::Prefix)?;
        if text.len() > BASE32_NOPAD.encode_len(MAX_BYTES) {
            return Err(BadTicket::Long);
        }
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| BadTicket::Encoding)?;
        Ticket::from_bytes(&Zeroizing::new(bytes))
    }
}

/// Whether another device could connect there, and the ticket carries all of it.
fn is_reachable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    let plain = match address {
        SocketAddr::V4(_) => true,
        SocketAddr::V6(v6) => v6.ip().to_ipv4_mapped().is_none() && *v6 == SocketAddrV6::new(*v6.ip(), v6.port(), 0, 0),
    };
    plain && address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}

/// The bytes not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], BadTicket> {
        let (array, rest) = self.0.split_first_chunk().ok_or(BadTicket::Short)?;
        self.0 = rest;
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, BadTicket> {
        self.array::<1>().map(|[byte]| *byte)
    }

    fn relay(&mut self) -> Result<Option<RelayUrl>, BadTicket> {
        let length = usize::from(self.byte()?);
        let (text, rest) = self.0.split_at_checked(length).ok_or(BadTicket::Short)?;
        self.0 = rest;
        let text = std::str::from_utf8(text).map_err(|_| BadTicket::Relay)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
    }

    fn address(&mut self) -> Result<SocketAddr, BadTicket> {
        let ip = match self.byte()? {
            4 => IpAddr::V4(Ipv4Addr::from(*self.array::<4>()?)),
            6 => IpAddr::V6(Ipv6Addr::from(*self.array::<16>()?)),
            _ => return Err(BadTicket::Address),
        };
        Ok(SocketAddr::new(ip, u16::from_be_bytes(*self.array()?)))
    }
}

#[cfg(test)]
mod tests;
