//! Who is connected right now.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iroh::endpoint::Connection;

use crate::{
    address::{EndpointKey, Peer},
    error::close,
    listener::Limits,
};

/// The connections behind the doors; clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    /// By order of arrival.
    connections: BTreeMap<u64, (Peer, Connection)>,
    next: u64,
}

/// The connection's place in the list; given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    peers: Peers,
}

impl Peers {
    /// Closes every connection of `key`, on both protocols, and returns how many there were.
    ///
    /// The requests on them are dropped. The peer may dial again: make the admission say no before calling this.
    pub fn disconnect(&self, key: &EndpointKey) -> usize {
        let list = self.lock();
        let mut closed = 0;
        for (_, connection) in list.connections.values().filter(|(peer, _)| peer.key == *key) {
            connection.close(close::DONE, b"disconnected");
            closed += 1;
        }
        closed
    }

    /// Everyone connected, in the order they came; a peer with two connections is named twice.
    pub fn connected(&self) -> Vec<Peer> {
        self.lock().connections.values().map(|(peer, _)| *peer).collect()
    }

    /// Enters a connection, or returns `None` if the door is full.
    ///
    /// A peer at its own limit loses its oldest connection: after a network change that is the dead one.
    pub(crate) fn enter(&self, peer: Peer, connection: &Connection, limits: &Limits) -> Option<Place> {
        let limit = limits.of(peer.alpn);
        let mut list = self.lock();
        let own: Vec<_> = list.connections.iter().filter(|(_, (other, _))| *other == peer).map(|(n, _)| *n).collect();
        let full = list.connections.values().filter(|(other, _)| other.alpn == peer.alpn).count() >= limit.connections;
        if own.len() >= limit.per_peer {
            if let Some((_, oldest)) = own.first().and_then(|number| list.connections.remove(number)) {
                oldest.close(close::BUSY, b"replaced by a newer connection");
            }
        } else if full {
            return None;
        }
        let number = list.next;
        list.next = number.wrapping_add(1);
        list.connections.insert(number, (peer, connection.clone()));
        Some(Place { number, peers: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.peers.lock().connections.remove(&self.number);
    }
}
