//! Salted disclosures (RFC 9901 section 4.2), top level only.

use crate::hash::{Hash, Id, base64, unbase64};
use crate::json::{Numbers, Object, Value, parse};
use crate::reason::Reason;
use crate::wire::{Record, Wire, quote, read_record};

/// One disclosed member: its name, its value, and the segment it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Disclosure {
    /// The digest that stands in `_sd`: SHA-256 over the segment's ASCII.
    pub digest: Hash,
    /// The member's name.
    pub name: String,
    /// The member's value.
    pub value: Value,
}

impl Disclosure {
    /// Reads a segment, which must be base64url of exactly `["salt22","name",value]`.
    pub(super) fn read(segment: &str) -> Option<Disclosure> {
        let value = parse(&unbase64(segment.as_bytes())?, Numbers::Any).ok()?;
        let [salt, name, value] = value.as_array()? else { return None };
        let _salt: Id = salt.as_str()?.parse().ok()?;
        let name = name.as_str()?.to_owned();
        let free = matches!(name.as_str(), "arguments" | "output");
        (free || value.only_integers()).then(|| Disclosure {
            digest: Hash::of(segment.as_bytes()),
            name,
            value: value.clone(),
        })
    }

    /// Writes the segment that discloses `name` with a value in its JSON text.
    pub(super) fn segment(salt: Id, name: &str, text: &str) -> String {
        let mut json = String::from("[");
        salt.write(&mut json);
        json.push(',');
        quote(&mut json, name);
        json.push(',');
        json.push_str(text);
        json.push(']');
        base64(json.as_bytes())
    }
}

/// Reads the content of a *full* presentation: every digest has exactly one disclosure and the reverse.
pub(super) fn full<C: Record>(sd: &[Hash], segments: &[&str]) -> Result<C, Reason> {
    let disclosures = listed(sd, segments, C::NAMES)?;
    if disclosures.len() != sd.len() {
        return Err(Reason::BadDisclosure);
    }
    let mut object = Object::default();
    for disclosure in disclosures {
        object.set(&disclosure.name, disclosure.value);
    }
    read_record(&object).ok_or(Reason::BadDisclosure)
}

/// Reads what is disclosed, some of it perhaps withheld: each digest listed, in order, names distinct and
/// among those allowed for the type.
pub(super) fn listed(sd: &[Hash], segments: &[&str], allowed: &[&str]) -> Result<Vec<Disclosure>, Reason> {
    let mut expected = sd.iter();
    let mut seen: Vec<Disclosure> = Vec::new();
    for segment in segments {
        let disclosure = Disclosure::read(segment).ok_or(Reason::BadDisclosure)?;
        let in_order = expected.any(|digest| *digest == disclosure.digest);
        let fresh = !seen.iter().any(|d| d.name == disclosure.name);
        if !in_order || !fresh || !allowed.contains(&disclosure.name.as_str()) {
            return Err(Reason::BadDisclosure);
        }
        seen.push(disclosure);
    }
    Ok(seen)
}
