//! The six digits, and the commitment that keeps whoever chooses last from choosing them.

use crate::hash::{BadText, Hash, Id, Tdid};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// There are so many digits to tell apart.
const DIGITS: u64 = 1_000_000;

/// What the new device binds itself to before it learns the confirmer's number: SHA-256 of its own.
pub fn commit(r: &Id) -> Hash {
    Hash::of(r.as_bytes())
}

/// The six digits of a run: over the joiner's message, the trust domain (none on the first pairing), the confirmer's
/// number and the joiner's.
pub fn digits(joiner: &Hash, tdid: Option<&Tdid>, c: &Id, r: &Id) -> Digits {
    let hash = Sha256::new()
        .chain_update(b"agenttrust-sas-v1\0")
        .chain_update(joiner.as_bytes())
        .chain_update(tdid.map_or(&[0; 32], Tdid::as_bytes))
        .chain_update(c.as_bytes())
        .chain_update(r.as_bytes());
    let bytes: [u8; 32] = hash.finalize().into();
    let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = bytes;
    Digits(u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]) % DIGITS)
}

/// Six digits. They are compared in constant time and never logged: whoever reads them could type them.
#[derive(Clone, Copy)]
pub struct Digits(u64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digits(……)")
    }
}

/// Exactly six ASCII digits; spaces that a person types are for the user interface to take out.
impl FromStr for Digits {
    type Err = BadText;
    fn from_str(text: &str) -> Result<Digits, BadText> {
        let six = text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
        six.then(|| text.parse().ok()).flatten().map(Digits).ok_or(BadText("six digits"))
    }
}

impl PartialEq for Digits {
    fn eq(&self, other: &Digits) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digits {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digits_are_fixed_and_depend_on_every_input() {
        let (joiner, tdid) = (Hash::from_bytes([1; 32]), Tdid::from_bytes([2; 32]));
        let (c, r, other) = (Id::from_bytes([3; 16]), Id::from_bytes([4; 16]), Id::from_bytes([5; 16]));
        assert_eq!(digits(&joiner, None, &c, &r).to_string(), "015004");
        let found = digits(&joiner, Some(&tdid), &c, &r);
        assert_eq!(found.to_string(), "568308");
        assert_eq!(digits(&joiner, None, &c, &r), digits(&joiner, Some(&Tdid::from_bytes([0; 32])), &c, &r));
        assert_ne!(digits(&Hash::from_bytes([9; 32]), Some(&tdid), &c, &r), found);
        assert_ne!(digits(&joiner, None, &c, &r), found);
        assert_ne!(digits(&joiner, Some(&tdid), &other, &r), found);
        assert_ne!(digits(&joiner, Some(&tdid), &c, &other), found);
        assert_ne!(digits(&joiner, Some(&tdid), &r, &c), found);
        assert_eq!(commit(&r).to_string(), "mVWKiB8LIp50M10WTu73FStxFuzIu-jinJtnO47p1mk");
    }

    #[test]
    fn six_digits_and_nothing_else() {
        assert_eq!("000042".parse::<Digits>().unwrap().to_string(), "000042");
        for bad in ["", "42", "0000042", "12345a", "+12345", "-12345", " 12345", "123 456", "١٢٣٤٥٦", "12345\n"] {
            assert!(bad.parse::<Digits>().is_err(), "{bad:?}");
        }
        assert!(!format!("{:?}", "123456".parse::<Digits>().unwrap()).contains(|c: char| c.is_ascii_digit()));
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed(c in prop::array::uniform16(prop::num::u8::ANY), r in prop::array::uniform16(prop::num::u8::ANY)) {
            let shown = digits(&Hash::of(&c), None, &Id::from_bytes(c), &Id::from_bytes(r));
            prop_assert_eq!(shown.to_string().parse::<Digits>(), Ok(shown));
        }
    }
}
