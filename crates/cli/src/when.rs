//! Times as people type them.

use crate::failure::{Failure, Outcome};
use agenttrust_protocol::Time;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::time::Duration;

const FORMS: &str = "Write 90m, 2h, 3d, 2026-11-22 or '2026-11-22 14:00'.";

/// A span: `90s`, `5m`, `2h`, `3d`; a bare number is seconds.
///
/// # Errors
/// What is wrong with it, for the command line.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let seconds = match unit {
        "" | "s" => 1_u64,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("`{unit}` is not a unit: write 90s, 5m, 2h or 3d")),
    };
    let count: u64 = digits.parse().map_err(|_| "write 90s, 5m, 2h or 3d".to_owned())?;
    let span = count.checked_mul(seconds).filter(|span| (1..=i64::MAX as u64).contains(span));
    span.map(Duration::from_secs).ok_or_else(|| "that is no span of time".to_owned())
}

/// A moment: so long ago, or a date, or a date and a time in the person's zone.
///
/// # Errors
/// `bad_usage`.
pub fn moment(text: &str, now: Time, zone: &TimeZone) -> Outcome<Time> {
    if let Ok(span) = parse_span(text) {
        let ago = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        return Ok(now.plus(ago.saturating_neg()));
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)));
    let zoned = civil.and_then(|civil| civil.to_zoned(zone.clone()).ok());
    let zoned = zoned.ok_or_else(|| Failure::usage(format!("`{text}` is not a time."), FORMS))?;
    Ok(Time(zoned.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("5min", 300), ("2h", 7200), ("3d", 259_200)] {
            assert_eq!(parse_span(text).unwrap().as_secs(), seconds, "{text}");
        }
        for bad in ["", "h", "0s", "-5m", "5w", "5 m", "99999999999999999999d", "1.5h"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_ago_or_by_the_calendar() {
        let now = Time(1_790_000_000);
        let read = |text: &str| moment(text, now, &TimeZone::UTC).unwrap().0;
        assert_eq!(read("2h"), 1_790_000_000 - 7200);
        assert_eq!(read("2026-09-21"), 1_789_948_800);
        assert_eq!(read("2026-09-21 14:13:20"), 1_790_000_000);
        assert_eq!(read("2026-09-21T14:13"), 1_789_999_980);
        for bad in ["yesterday", "2026-13-01", "14:00", ""] {
            assert_eq!(moment(bad, now, &TimeZone::UTC).unwrap_err().code(), "bad_usage", "{bad}");
        }
    }
}
