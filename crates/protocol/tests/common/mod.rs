//! Keys, random numbers and texts that are the same in every run.

#![allow(dead_code, reason = "each test binary uses its own part")]

use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::json::{Numbers, Object, parse};
use agenttrust_protocol::key::{Role, SecretKey};
use agenttrust_protocol::message::Message;
use agenttrust_protocol::{Hash, Head, Id, Random, Received, Thumbprint, Time};
use data_encoding::BASE64URL_NOPAD;

/// 2027-01-15T08:00:00Z.
pub const NOW: Time = Time(1_800_000_000);

pub fn key<R: Role>(name: &str) -> SecretKey<R> {
    SecretKey::from_seed(hash(name).as_bytes())
}

pub fn thumbprint(name: &str) -> Thumbprint {
    Thumbprint::from_bytes(*hash(name).as_bytes())
}

pub fn hash(name: &str) -> Hash {
    Hash::of(name.as_bytes())
}

pub fn tdid() -> Tdid {
    Tdid::from(hash("trust domain"))
}

pub fn id(name: &str) -> Id {
    random(name).id()
}

pub fn random(name: &str) -> impl Random + use<> {
    let mut state = hash(name);
    move |buffer: &mut [u8]| {
        for chunk in buffer.chunks_mut(32) {
            state = Hash::of(state.as_bytes());
            chunk.copy_from_slice(&state.as_bytes()[..chunk.len()]);
        }
    }
}

pub fn head(name: &str, tdid: Option<Tdid>) -> Head {
    Head { jti: id(name), iat: NOW, tdid }
}

pub fn object(text: &str) -> Object {
    parse(text.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone()
}

fn decoded(segment: &str) -> String {
    String::from_utf8(BASE64URL_NOPAD.decode(segment.as_bytes()).unwrap()).unwrap()
}

/// A message taken apart for the eye, with the bytes as they are.
pub fn shown<M: Message>(text: &str) -> String {
    let received = Received::<M>::parse(text).unwrap();
    let mut lines = Vec::new();
    let jwss: Vec<Vec<&str>> = received.leaf().split(',').map(|jws| jws.split('.').collect()).collect();
    for jws in &jwss {
        lines.push(format!("header      {}", decoded(jws[0])));
    }
    lines.push(format!("payload     {}", decoded(jwss[0][1])));
    for segment in text.split('~').skip(1).filter(|segment| !segment.is_empty()) {
        lines.push(format!("disclosure  {}", decoded(segment)));
    }
    lines.push(format!("hash        {}", received.hash()));
    lines.push(format!("wire        {text}"));
    lines.join("\n")
}
