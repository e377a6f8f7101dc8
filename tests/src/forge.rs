//! Making messages by hand, good ones and ones with a fault: the only code that signs what the protocol would not.

use agenttrust_protocol::key::{Role, SecretKey};
use agenttrust_protocol::{Hash, Id, Random, Thumbprint};
use data_encoding::BASE64URL_NOPAD;

/// A key that is the same in every run, one per name.
#[must_use]
pub fn key<R: Role>(name: &str) -> SecretKey<R> {
    let seed = Hash::of(format!("agenttrust test key: {name}").as_bytes());
    SecretKey::from_seed(seed.as_bytes())
}

/// Random numbers that are the same in every run.
#[must_use]
pub fn random(seed: &str) -> impl Random + use<> {
    let mut state = Hash::of(seed.as_bytes());
    move |buffer: &mut [u8]| {
        for chunk in buffer.chunks_mut(32) {
            state = Hash::of(state.as_bytes());
            chunk.copy_from_slice(&state.as_bytes()[..chunk.len()]);
        }
    }
}

/// An id that is the same in every run, one per name.
#[must_use]
pub fn id(name: &str) -> Id {
    random(name).id()
}

/// Unpadded base64url.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The header the protocol prescribes.
#[must_use]
pub fn header(typ: &str, kid: &Thumbprint) -> String {
    format!(r#"{{"alg":"Ed25519","typ":"{typ}","kid":"{kid}"}}"#)
}

/// Signs any header over any payload.
#[must_use]
pub fn jws<R: Role>(key: &SecretKey<R>, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", base64(header.as_bytes()), base64(payload.as_bytes()));
    let signature = base64(&key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// One disclosure segment.
#[must_use]
pub fn disclosure(salt: &str, name: &str, value: &str) -> String {
    base64(format!(r#"["{}","{name}",{value}]"#, id(salt)).as_bytes())
}

/// A message taken apart: its parts can be changed one by one.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The `typ`.
    pub typ: String,
    /// The payload's JSON text.
    pub payload: String,
    /// The disclosure segments.
    pub disclosures: Vec<String>,
    /// Whether a `~` follows the signatures.
    pub disclosing: bool,
}

impl Parts {
    /// Takes a well-formed message apart.
    ///
    /// # Panics
    /// If it is not well formed: tests make good messages first.
    #[must_use]
    pub fn of(text: &str) -> Parts {
        let (leaf, rest) = text.split_once('~').map_or((text, None), |(leaf, rest)| (leaf, Some(rest)));
        let payload = leaf.split('.').nth(1).expect("three segments");
        let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64url");
        Parts {
            typ: agenttrust_protocol::door::typ_of(text).expect("a header"),
            payload: String::from_utf8(payload).expect("UTF-8"),
            disclosures: rest.unwrap_or_default().split('~').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
            disclosing: rest.is_some(),
        }
    }

    /// Replaces one piece of the payload's text.
    ///
    /// # Panics
    /// If it does not stand there exactly once: a fault that changes nothing is no fault.
    #[must_use]
    pub fn swap(mut self, from: &str, to: &str) -> Parts {
        assert_eq!(self.payload.matches(from).count(), 1, "{from} in {}", self.payload);
        self.payload = self.payload.replacen(from, to, 1);
        self
    }

    /// Adds a member at the end of the payload.
    #[must_use]
    pub fn append(mut self, member: &str) -> Parts {
        let end = self.payload.rfind('}').expect("an object");
        self.payload.insert_str(end, &format!(",{member}"));
        self
    }

    /// Replaces the disclosures, digests included.
    #[must_use]
    pub fn disclose(mut self, segments: Vec<String>) -> Parts {
        let mut digests: Vec<String> = segments.iter().map(|s| Hash::of(s.as_bytes()).to_string()).collect();
        digests.sort();
        let list = digests.iter().map(|d| format!("\"{d}\"")).collect::<Vec<_>>().join(",");
        let start = self.payload.find(",\"_sd\":[").unwrap_or(self.payload.len() - 1);
        self.payload.truncate(start);
        self.payload.push_str(&format!(",\"_sd\":[{list}]}}"));
        self.disclosures = segments;
        self.disclosures.sort_by_key(|s| Hash::of(s.as_bytes()).to_string());
        self
    }

    /// Signs the parts with one key under the proper header.
    #[must_use]
    pub fn sign<R: Role>(&self, key: &SecretKey<R>) -> String {
        self.present(&jws(key, &header(&self.typ, &key.public().thumbprint()), &self.payload))
    }

    /// Puts the disclosures behind signatures.
    #[must_use]
    pub fn present(&self, signed: &str) -> String {
        let mut text = signed.to_owned();
        if self.disclosing {
            text.push('~');
            for segment in &self.disclosures {
                text.push_str(segment);
                text.push('~');
            }
        }
        text
    }
}
