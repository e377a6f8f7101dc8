//! Making messages.

use super::{Message, disclosure::Disclosure, header};
use crate::hash::{Hash, Id, Tdid, Thumbprint, Time, base64};
use crate::key::{Recovery, Role, SecretKey};
use crate::message::Bundle;
use crate::wire::{Record, text, write_member};
use std::marker::PhantomData;

/// A source of random bytes, handed in by whoever does IO.
pub trait Random {
    /// Fills the buffer with random bytes.
    fn fill(&mut self, buffer: &mut [u8]);

    /// A fresh random id.
    fn id(&mut self) -> Id
    where
        Self: Sized,
    {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Id::from_bytes(bytes)
    }
}

impl<F: FnMut(&mut [u8])> Random for F {
    fn fill(&mut self, buffer: &mut [u8]) {
        self(buffer);
    }
}

/// The members every payload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// A random id of this message.
    pub jti: Id,
    /// When it was made.
    pub iat: Time,
    /// The trust domain it belongs to; absent where [`super::Rooted`] says so.
    pub tdid: Option<Tdid>,
}

impl Head {
    /// A head with a fresh id.
    pub fn new(random: &mut impl Random, iat: Time, tdid: Option<Tdid>) -> Head {
        Head { jti: random.id(), iat, tdid }
    }
}

/// A message in its wire form, made here and not yet verified by anyone.
pub struct Signed<M> {
    text: String,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Signed<M> {
    /// Signs a message and its content with one key.
    pub fn sign(
        key: &SecretKey<M::Signer>,
        head: &Head,
        body: &M,
        content: &M::Content,
        random: &mut impl Random,
    ) -> Signed<M> {
        Unsigned::new(head, body, content, random).sign([key])
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The wire form, owned.
    pub fn into_string(self) -> String {
        self.text
    }
}

/// A payload ready to be signed, by one device or by several over the identical bytes.
pub struct Unsigned<M> {
    payload: String,
    disclosures: Vec<String>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Unsigned<M> {
    /// Fixes the bytes: head, body and the digests of the content.
    pub fn new(head: &Head, body: &M, content: &M::Content, random: &mut impl Random) -> Unsigned<M> {
        let mut disclosures: Vec<(Hash, String)> = Vec::new();
        content.each(&mut |name, text| {
            let segment = Disclosure::segment(random.id(), name, &text);
            disclosures.push((Hash::of(segment.as_bytes()), segment));
        });
        // All ordering on the wire is by ASCII bytes, which is not that of the raw hashes.
        disclosures.sort_by_key(|(digest, _)| digest.to_string());
        let mut json = String::from("{");
        write_member(&mut json, "jti", &text(&head.jti));
        write_member(&mut json, "iat", &text(&head.iat));
        if let Some(tdid) = head.tdid {
            write_member(&mut json, "tdid", &text(&tdid));
        }
        body.each(&mut |name, text| write_member(&mut json, name, &text));
        if !disclosures.is_empty() {
            let digests: Vec<Hash> = disclosures.iter().map(|(digest, _)| *digest).collect();
            write_member(&mut json, "_sd", &text(&digests));
        }
        json.push('}');
        let segments = disclosures.into_iter().map(|(_, segment)| segment).collect();
        Unsigned { payload: base64(json.as_bytes()), disclosures: segments, message: PhantomData }
    }

    /// Signs with every key given; one key unless the type is joint.
    pub fn sign<'k>(&self, keys: impl IntoIterator<Item = &'k SecretKey<M::Signer>>) -> Signed<M> {
        let parts = keys.into_iter().map(|key| self.part(key)).collect();
        self.join(parts)
    }

    /// One signer's JWS over these bytes.
    pub fn part(&self, key: &SecretKey<M::Signer>) -> (Thumbprint, String) {
        self.part_by(key)
    }

    /// Puts several signers' parts together, thumbprints ascending.
    pub fn join(&self, mut parts: Vec<(Thumbprint, String)>) -> Signed<M> {
        parts.sort_by_key(|(kid, _)| kid.to_string());
        let mut text = parts.into_iter().map(|(_, jws)| jws).collect::<Vec<_>>().join(",");
        if !M::Content::NAMES.is_empty() {
            text.push('~');
            for segment in &self.disclosures {
                text.push_str(segment);
                text.push('~');
            }
        }
        Signed { text, message: PhantomData }
    }

    fn part_by<R: Role>(&self, key: &SecretKey<R>) -> (Thumbprint, String) {
        let kid = key.public().thumbprint();
        let signed = format!("{}.{}", base64(header(M::TYP, &kid).as_bytes()), self.payload);
        let signature = base64(&key.sign(signed.as_bytes()));
        (kid, format!("{signed}.{signature}"))
    }
}

impl Unsigned<Bundle> {
    /// The recovery key's JWS over these bytes: it stands in for lost admins.
    pub fn recovery_part(&self, key: &SecretKey<Recovery>) -> (Thumbprint, String) {
        self.part_by(key)
    }
}
