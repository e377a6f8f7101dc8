//! Messages as lines.

use super::MAX_MESSAGE;
use std::borrow::Cow;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Its bytes, without what ends it.
    Whole(Vec<u8>),
    /// It was longer than a message may be, and is gone.
    TooLong,
}

/// The lines of a stream, each of them no longer than a message may be.
pub(crate) struct Lines<R> {
    from: R,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R) -> Lines<R> {
        Lines { from }
    }

    /// The next line that is not empty; `None` at the end or when the stream breaks. What stands behind the last line
    /// break is no line: it may be the half of one.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        let (mut line, mut too_long) = (Vec::new(), false);
        loop {
            let buffer = self.from.fill_buf().await.ok()?;
            if buffer.is_empty() {
                return None;
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = end.map_or(buffer, |end| buffer.get(..end).unwrap_or_default());
            too_long |= line.len().saturating_add(part.len()) > MAX_MESSAGE;
            if too_long {
                line = Vec::new();
            } else {
                line.extend_from_slice(part);
            }
            let used = end.map_or(buffer.len(), |end| end.saturating_add(1));
            self.from.consume(used);
            if end.is_none() {
                continue;
            }
            if too_long {
                return Some(Line::TooLong);
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                line.clear();
                continue;
            }
            return Some(Line::Whole(line));
        }
    }
}

/// A message as one line for every reader, those included that end lines elsewhere than at `\n`: there the same JSON is
/// spelled differently. Nearly always these are the same bytes.
pub(crate) fn one_line(message: &[u8]) -> Cow<'_, [u8]> {
    let breaks = |bytes: &[u8]| {
        bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
            || [&b"\xc2\x85"[..], b"\xe2\x80\xa8", b"\xe2\x80\xa9"].iter().any(|mark| find(bytes, mark))
    };
    if !breaks(message) {
        return Cow::Borrowed(message);
    }
    // In JSON the first two stand between tokens only, and the other three within strings only.
    let text = String::from_utf8_lossy(message);
    let spelled = text.replace(['\r', '\n'], " ").replace('\u{85}', "\\u0085");
    let spelled = spelled.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    Cow::Owned(spelled.into_bytes())
}

fn find(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
