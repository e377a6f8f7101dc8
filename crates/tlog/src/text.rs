//! The strict base64 and decimals that notes, checkpoints and tile paths share.

use data_encoding::BASE64;

/// Standard padded base64 (RFC 4648 section 4).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes of canonical padded base64, or nothing.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    // The decoder also takes a concatenation of padded pieces; only one spelling may pass.
    (to_base64(&bytes) == text).then_some(bytes)
}

/// An ASCII decimal without sign and without leading zeros, or nothing.
pub(crate) fn from_decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(from_base64("AAE="), Some(vec![0, 1]));
        assert_eq!(from_base64(""), Some(vec![]));
        for bad in ["AAE", "AAF=", "AAE==", "AA==AA==", "AAE=\n", " AAE=", "A-E="] {
            assert_eq!(from_base64(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn decimals_have_one_spelling() {
        assert_eq!(from_decimal("0"), Some(0));
        assert_eq!(from_decimal("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "00", "01", "+1", "-1", "1 ", "1_0", "0x1", "٣"] {
            assert_eq!(from_decimal(bad), None, "{bad:?}");
        }
        assert_eq!(from_decimal("18446744073709551616"), None);
    }
}
