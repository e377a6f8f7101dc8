//! Reading messages: form, header, keys, signatures, then the payload, in that order.

use super::{Disclosure, Head, MAX_LEAF, MAX_MESSAGE, Message, Rooted, disclosure, header};
use crate::hash::{Hash, Thumbprint, unbase64};
use crate::json::{Numbers, Object, parse};
use crate::key::PublicKey;
use crate::message::{Enroll, PairInit};
use crate::reason::Reason;
use crate::wire::{Members, Record};
use std::marker::PhantomData;

/// One signature over the payload.
#[derive(Clone, Debug)]
struct Part {
    kid: Thumbprint,
    signed: std::ops::Range<usize>,
    signature: [u8; 64],
}

/// A message whose form and header are right and whose signatures nobody has checked yet: it has no body.
#[derive(Clone, Debug)]
pub struct Received<M> {
    text: String,
    parts: Vec<Part>,
    payload: std::ops::Range<usize>,
    /// Where the signed part ends and the disclosures begin.
    leaf_end: usize,
    message: PhantomData<fn() -> M>,
}

/// A message whose every signature was verified, with its body.
#[derive(Clone, Debug)]
pub struct Opened<M: Message> {
    received: Received<M>,
    /// Kept, since it names the message wherever it goes: in an inbox it is compared all the time.
    hash: Hash,
    head: Head,
    body: M,
    sd: Vec<Hash>,
}

impl<M: Message> Received<M> {
    /// Checks size, form and header of a message of this type.
    ///
    /// # Errors
    /// `too_large`, `bad_form`, `bad_header`, `wrong_typ`.
    pub fn parse(text: &str) -> Result<Received<M>, Reason> {
        if text.len() > MAX_MESSAGE {
            return Err(Reason::TooLarge);
        }
        let (leaf, disclosures) = match text.split_once('~') {
            Some((leaf, rest)) => (leaf, Some(rest)),
            None => (text, None),
        };
        if leaf.len() > MAX_LEAF {
            return Err(Reason::TooLarge);
        }
        check_disclosure_form::<M>(disclosures)?;
        let mut parts = Vec::new();
        let mut payload = 0..0;
        let mut at = 0_usize;
        for jws in leaf.split(',') {
            let (part, range) = parse_part::<M>(jws, at)?;
            if !parts.is_empty() && text.get(payload.clone()) != text.get(range.clone()) {
                return Err(Reason::BadForm);
            }
            payload = range;
            parts.push(part);
            at = at.saturating_add(jws.len()).saturating_add(1);
        }
        let ascending = parts.windows(2).all(|w| match w {
            [a, b] => a.kid.to_string() < b.kid.to_string(),
            _ => true,
        });
        if !ascending || (parts.len() > 1 && !M::JOINT) {
            return Err(Reason::BadForm);
        }
        Ok(Received { text: text.to_owned(), parts, payload, leaf_end: leaf.len(), message: PhantomData })
    }

    /// The same for a log leaf: a message without its disclosures and without the mark they would stand behind.
    ///
    /// # Errors
    /// As [`Received::parse`].
    pub fn parse_leaf(leaf: &str) -> Result<Received<M>, Reason> {
        if leaf.contains('~') {
            return Err(Reason::BadForm);
        }
        if M::Content::NAMES.is_empty() { Received::parse(leaf) } else { Received::parse(&format!("{leaf}~")) }
    }

    /// Whose signatures it carries, by thumbprint, ascending.
    pub fn signers(&self) -> impl Iterator<Item = Thumbprint> {
        self.parts.iter().map(|part| part.kid)
    }

    /// The hash that names the message: over the three-part JWS, or over the payload segment where several sign.
    pub fn hash(&self) -> Hash {
        let named = if M::JOINT { self.payload.clone() } else { 0..self.leaf_end };
        Hash::of(self.slice(named).as_bytes())
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The log leaf: the wire form without disclosures.
    pub fn leaf(&self) -> &str {
        self.slice(0..self.leaf_end)
    }

    /// Verifies every signature with the key that `lookup` has pinned for it, then parses the verified bytes.
    ///
    /// # Errors
    /// `unknown_key`, `bad_signature`, `bad_json`, `bad_payload`.
    pub fn open(self, lookup: impl Fn(&Thumbprint) -> Option<PublicKey<M::Signer>>) -> Result<Opened<M>, Reason> {
        for part in &self.parts {
            let key = lookup(&part.kid).ok_or(Reason::UnknownKey)?;
            key.verify(self.slice(part.signed.clone()).as_bytes(), &part.signature)?;
        }
        self.into_opened()
    }

    /// For messages that carry their own keys: parses first, then verifies those same bytes with what `verifier`
    /// finds in the body, so nothing unverified is returned.
    ///
    /// # Errors
    /// `bad_json`, `bad_payload`, `unknown_key`, `bad_signature`.
    pub(crate) fn open_with(
        self,
        verifier: impl Fn(&M, &Thumbprint, &[u8], &[u8; 64]) -> Result<(), Reason>,
    ) -> Result<Opened<M>, Reason> {
        let opened = self.into_opened()?;
        for part in &opened.received.parts {
            let signed = opened.received.slice(part.signed.clone()).as_bytes();
            verifier(&opened.body, &part.kid, signed, &part.signature)?;
        }
        Ok(opened)
    }

    /// Parses the payload without having looked at the signatures; callers verify before they let anything out.
    fn into_opened(self) -> Result<Opened<M>, Reason> {
        let json = unbase64(self.slice(self.payload.clone()).as_bytes()).ok_or(Reason::BadForm)?;
        let numbers = if M::FRACTIONS { Numbers::Fractions } else { Numbers::Integers };
        let value = parse(&json, numbers).map_err(|_| Reason::BadJson)?;
        let object = value.as_object().ok_or(Reason::BadPayload)?;
        let (head, body, sd) = read_payload(object).ok_or(Reason::BadPayload)?;
        Ok(Opened { hash: self.hash(), received: self, head, body, sd })
    }

    fn slice(&self, range: std::ops::Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

impl<M: Message> Opened<M> {
    /// The members every payload has.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The signed body.
    pub fn body(&self) -> &M {
        &self.body
    }

    /// The hash that names the message.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        self.received.as_str()
    }

    /// The log leaf: the wire form without disclosures.
    pub fn leaf(&self) -> &str {
        self.received.leaf()
    }

    /// Whose signatures were verified, by thumbprint, ascending.
    pub fn signers(&self) -> impl Iterator<Item = Thumbprint> {
        self.received.signers()
    }

    /// The thumbprint of the only, or first, signer.
    pub fn signer(&self) -> Thumbprint {
        // `parse` never yields a message without a part.
        self.received.parts.first().map_or(Thumbprint::from_bytes([0; 32]), |part| part.kid)
    }

    /// The content, which must be presented in full: this is what is shown, decided on and run.
    ///
    /// # Errors
    /// `bad_disclosure`.
    pub fn content(&self) -> Result<M::Content, Reason> {
        let content = disclosure::full(&self.sd, &self.segments())?;
        if self.body.content_fits(&content) { Ok(content) } else { Err(Reason::BadDisclosure) }
    }

    /// What is still disclosed, for history and export, where some may have been withheld or erased.
    ///
    /// # Errors
    /// `bad_disclosure` if something is disclosed that was not signed.
    pub fn disclosed(&self) -> Result<Vec<Disclosure>, Reason> {
        disclosure::listed(&self.sd, &self.segments(), M::Content::NAMES)
    }

    /// How many members were signed as disclosures, erased ones included.
    pub fn digests(&self) -> &[Hash] {
        &self.sd
    }

    fn segments(&self) -> Vec<&str> {
        let rest = self.received.text.get(self.received.leaf_end..).unwrap_or_default();
        rest.split('~').filter(|segment| !segment.is_empty()).collect()
    }
}

impl Received<Enroll> {
    /// Verifies with the key inside.
    ///
    /// # Errors
    /// `bad_json`, `bad_payload`, `unknown_key`, `bad_signature`.
    pub fn open_own(self) -> Result<Opened<Enroll>, Reason> {
        self.open_with(|body, kid, signed, signature| verify_own(&body.key, kid, signed, signature))
    }
}

impl Received<PairInit> {
    /// Verifies with the key inside.
    ///
    /// # Errors
    /// `bad_json`, `bad_payload`, `unknown_key`, `bad_signature`.
    pub fn open_own(self) -> Result<Opened<PairInit>, Reason> {
        self.open_with(|body, kid, signed, signature| verify_own(&body.key, kid, signed, signature))
    }
}

fn verify_own<R: crate::key::Role>(
    key: &PublicKey<R>,
    kid: &Thumbprint,
    signed: &[u8],
    signature: &[u8; 64],
) -> Result<(), Reason> {
    if key.thumbprint() == *kid { key.verify(signed, signature) } else { Err(Reason::UnknownKey) }
}

fn check_disclosure_form<M: Message>(rest: Option<&str>) -> Result<(), Reason> {
    match (rest, M::Content::NAMES.is_empty()) {
        (None, true) => Ok(()),
        (Some(""), false) => Ok(()),
        (Some(rest), false) => {
            let segments = rest.strip_suffix('~').ok_or(Reason::BadForm)?;
            let right = segments.split('~').all(|s| !s.is_empty() && unbase64(s.as_bytes()).is_some());
            if right { Ok(()) } else { Err(Reason::BadForm) }
        }
        (Some(_), true) | (None, false) => Err(Reason::BadForm),
    }
}

fn parse_part<M: Message>(jws: &str, at: usize) -> Result<(Part, std::ops::Range<usize>), Reason> {
    let mut segments = jws.split('.');
    let (Some(head), Some(payload), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(Reason::BadForm);
    };
    let header_bytes = unbase64(head.as_bytes()).ok_or(Reason::BadForm)?;
    let _payload_is_base64 = unbase64(payload.as_bytes()).ok_or(Reason::BadForm)?;
    let signature = unbase64(signature.as_bytes()).and_then(|s| s.try_into().ok()).ok_or(Reason::BadForm)?;
    let kid = check_header(&header_bytes, M::TYP)?;
    let start = at.saturating_add(head.len()).saturating_add(1);
    let end = start.saturating_add(payload.len());
    Ok((Part { kid, signed: at..end, signature }, start..end))
}

/// The header is byte-exactly the one prescribed for some `typ`, and that `typ` is the expected one.
fn check_header(bytes: &[u8], typ: &str) -> Result<Thumbprint, Reason> {
    let text = std::str::from_utf8(bytes).map_err(|_| Reason::BadHeader)?;
    let rest = text.strip_prefix(r#"{"alg":"Ed25519","typ":""#).ok_or(Reason::BadHeader)?;
    let (found, rest) = rest.split_once(r#"","kid":""#).ok_or(Reason::BadHeader)?;
    let kid: Thumbprint = rest.strip_suffix(r#""}"#).and_then(|k| k.parse().ok()).ok_or(Reason::BadHeader)?;
    let is_word = found.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_word || header(found, &kid).as_bytes() != bytes {
        return Err(Reason::BadHeader);
    }
    if found == typ { Ok(kid) } else { Err(Reason::WrongTyp) }
}

fn read_payload<M: Message>(object: &Object) -> Option<(Head, M, Vec<Hash>)> {
    let mut members = Members::new(object);
    let head = Head { jti: members.take("jti")?, iat: members.take("iat")?, tdid: members.take("tdid")? };
    let sd: Option<Vec<Hash>> = members.take("_sd")?;
    let body = M::take(&mut members)?;
    let rooted = match M::ROOTED {
        Rooted::Yes => head.tdid.is_some(),
        Rooted::No => head.tdid.is_none(),
        Rooted::Bundle => true,
    };
    let sd_right = match &sd {
        Some(digests) => {
            let ordered = digests.windows(2).all(|w| match w {
                [a, b] => a.to_string() < b.to_string(),
                _ => true,
            });
            !digests.is_empty() && ordered && !M::Content::NAMES.is_empty()
        }
        None => true,
    };
    (members.is_done() && rooted && sd_right && body.fits(&head)).then(|| (head, body, sd.unwrap_or_default()))
}
