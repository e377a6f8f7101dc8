//! Exact decimals, read from a number's source text: an amount of money never passes through a float.

use crate::json::{Number, Value};
use crate::wire::Wire;
use std::fmt;

/// The most digits before the point.
const WHOLE_DIGITS: usize = 15;

/// The most digits after the point.
const FRACTION_DIGITS: usize = 6;

/// A decimal with at most 15 digits before and 6 after the point, as millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i128);

impl Decimal {
    /// The number's exact value.
    ///
    /// # Errors
    /// `None` if its source text has an exponent or more digits than a decimal holds, zeros included.
    pub fn of(number: &Number) -> Option<Decimal> {
        let (negative, text) = match number.text().strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.text()),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.len() > WHOLE_DIGITS || fraction.len() > FRACTION_DIGITS {
            return None;
        }
        // An exponent's letter or sign is not a digit, so this refuses it.
        let digits = format!("{whole}{fraction:0<FRACTION_DIGITS$}");
        let millionths: i128 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
        Some(Decimal(if negative { millionths.checked_neg()? } else { millionths }))
    }

    /// The value × 10^`scale`, for a scale of at most 6.
    ///
    /// # Errors
    /// `None` if that is not a whole number.
    pub fn scaled(self, scale: u64) -> Option<i128> {
        let dropped = (FRACTION_DIGITS as u64).checked_sub(scale)?;
        let unit = 10_i128.checked_pow(dropped.try_into().ok()?)?;
        (self.0.checked_rem(unit)? == 0).then(|| self.0.checked_div(unit))?
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:07}", self.0.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(FRACTION_DIGITS));
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{whole}{point}{fraction}", if self.0 < 0 { "-" } else { "" })
    }
}

impl Wire for Decimal {
    fn read(value: &Value) -> Option<Decimal> {
        if let Value::Number(number) = value { Decimal::of(number) } else { None }
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Numbers, parse};
    use proptest::prelude::*;

    fn decimal(text: &str) -> Option<Decimal> {
        Decimal::read(&parse(text.as_bytes(), Numbers::Any).unwrap())
    }

    #[test]
    fn reads_what_is_exact_and_nothing_else() {
        for (text, millionths) in [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("1", Some(1_000_000)),
            ("-1", Some(-1_000_000)),
            ("0.000001", Some(1)),
            ("-0.000001", Some(-1)),
            ("1.500000", Some(1_500_000)),
            ("999999999999999.999999", Some(999_999_999_999_999_999_999)),
            ("-999999999999999.999999", Some(-999_999_999_999_999_999_999)),
            ("1000000000000000", None),
            ("1.0000000", None),
            ("0.0000001", None),
            ("1e2", None),
            ("1E2", None),
            ("1.5e1", None),
            ("1e-2", None),
            ("\"1\"", None),
            ("true", None),
        ] {
            assert_eq!(decimal(text).map(|d| d.0), millionths, "{text}");
        }
    }

    #[test]
    fn scaling_is_exact_or_refused() {
        for (text, scale, units) in [
            ("12.34", 2, Some(1234)),
            ("12.34", 1, None),
            ("12.30", 1, Some(123)),
            ("12.34", 6, Some(12_340_000)),
            ("12", 0, Some(12)),
            ("12.5", 0, None),
            ("-12.34", 2, Some(-1234)),
            ("0.001", 2, None),
            ("12", 7, None),
            ("12", u64::MAX, None),
        ] {
            assert_eq!(decimal(text).unwrap().scaled(scale), units, "{text} × 10^{scale}");
        }
    }

    proptest! {
        #[test]
        fn order_and_scaling_agree_with_integers(a in -MOST..=MOST, b in -MOST..=MOST) {
            let (x, y) = (decimal(&Decimal(a).to_string()).unwrap(), decimal(&Decimal(b).to_string()).unwrap());
            prop_assert_eq!((x.0, y.0), (a, b));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            for scale in 0..=6_u32 {
                let scaled = a * 10_i128.pow(scale);
                let expected = (scaled % 1_000_000 == 0).then_some(scaled / 1_000_000);
                prop_assert_eq!(x.scaled(scale.into()), expected);
            }
        }
    }

    const MOST: i128 = 999_999_999_999_999_999_999;
}
