//! Times and spans in words.

use agenttrust_protocol::Time;

const DAY: i64 = 86_400;

/// A span of seconds in its two largest units: `2 min 5 s`.
pub fn span(seconds: i64) -> String {
    let units = [("d", DAY), ("h", 3600), ("min", 60), ("s", 1)];
    let mut left = seconds.max(0);
    let mut parts = Vec::new();
    for (name, size) in units {
        let count = left.checked_div(size).unwrap_or(0);
        left = left.checked_rem(size).unwrap_or(0);
        if count > 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// A time as `2026-01-31 12:00:00 UTC`.
pub fn utc(time: Time) -> String {
    let days = time.0.div_euclid(DAY);
    let second = time.0.rem_euclid(DAY);
    let (year, month, day) = civil(days);
    let part = |size: i64, of: i64| second.checked_div(size).unwrap_or(0).checked_rem(of).unwrap_or(0);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", part(3600, 24), part(60, 60), part(1, 60))
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days.saturating_add(719_468);
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let leap_days = day_of_era
        .saturating_div(1460)
        .saturating_sub(day_of_era.saturating_div(36_524))
        .saturating_add(day_of_era.saturating_div(146_096));
    let year_of_era = day_of_era.saturating_sub(leap_days).saturating_div(365);
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.saturating_div(4))
        .saturating_sub(year_of_era.saturating_div(100));
    let day_of_year = day_of_era.saturating_sub(before);
    // Months are counted from March, so that the leap day is the year's last.
    let from_march = day_of_year.saturating_mul(5).saturating_add(2).saturating_div(153);
    let first = from_march.saturating_mul(153).saturating_add(2).saturating_div(5);
    let day = day_of_year.saturating_sub(first).saturating_add(1);
    let month = if from_march < 10 { from_march.saturating_add(3) } else { from_march.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(i64::from(month <= 2));
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_767_225_600, "2026-01-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc(Time(seconds)), text);
        }
        let _extremes_do_not_panic = (utc(Time(i64::MAX)), utc(Time(i64::MIN)));
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (125, "2 min 5 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (-5, "0 s")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
