//! Server-sent events, one at a time, with the bytes they were.

use crate::message::MAX_MESSAGE;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its bytes, with the empty line that ends it.
    pub(super) raw: Vec<u8>,
    /// Its data; `None` if it has none, or nothing but emptiness.
    pub(super) data: Option<Vec<u8>>,
    pub(super) id: Option<String>,
    /// How long to wait before connecting again, in milliseconds.
    pub(super) retry: Option<u64>,
}

/// The stream holds an event that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Cuts a stream into events.
#[derive(Debug, Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    /// Up to where it was looked at: the beginning of a line.
    looked: usize,
}

impl Events {
    /// Takes more of the stream.
    ///
    /// # Errors
    /// [`TooLong`]; the stream cannot be read any further.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(bytes);
        // An event is a message and some lines more.
        if self.buffer.len() > MAX_MESSAGE + (64 << 10) { Err(TooLong) } else { Ok(()) }
    }

    /// The next whole event.
    pub(super) fn next(&mut self) -> Option<Event> {
        loop {
            let rest = self.buffer.get(self.looked..)?;
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
            let width = match (rest.get(end), rest.get(end + 1)) {
                (Some(b'\r'), Some(b'\n')) => 2,
                // What follows may be the other half of the line's end.
                (Some(b'\r'), None) => return None,
                (Some(_), _) => 1,
                (None, _) => return None,
            };
            self.looked += end + width;
            if end == 0 {
                let raw: Vec<u8> = self.buffer.drain(..self.looked).collect();
                self.looked = 0;
                return Some(read(raw));
            }
        }
    }
}

fn read(raw: Vec<u8>) -> Event {
    let (mut data, mut id, mut retry) = (Vec::new(), None, None);
    let text = String::from_utf8_lossy(&raw);
    for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value),
            "id" => id = Some(value.to_owned()),
            "retry" => retry = value.parse().ok(),
            _ => {}
        }
    }
    let data = Some(data.join("\n").into_bytes()).filter(|data| !data.is_empty());
    Event { raw: raw.clone(), data, id, retry }
}

/// An event with this message.
pub(super) fn event(id: Option<&str>, message: &[u8]) -> Vec<u8> {
    let mut raw = b"event: message\n".to_vec();
    if let Some(id) = id {
        raw.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    raw.extend_from_slice(b"data: ");
    raw.extend_from_slice(&crate::message::one_line(message));
    raw.extend_from_slice(b"\n\n");
    raw
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(stream: &[u8], cut: usize) -> Vec<Event> {
        let (mut events, mut found) = (Events::default(), Vec::new());
        for part in stream.chunks(cut) {
            events.push(part).unwrap();
            found.extend(std::iter::from_fn(|| events.next()));
        }
        found
    }

    #[test]
    fn events_are_told_apart_by_every_line_end() {
        for end in ["\n", "\r\n"] {
            let stream =
                ": hello\n\nid: 7\nretry: 5\ndata: {\"a\":\ndata: 1}\n\ndata: \n\ndata:x\n\nhalf".replace('\n', end);
            let events = all(stream.as_bytes(), 1000);
            let data: Vec<Option<&[u8]>> = events.iter().map(|event| event.data.as_deref()).collect();
            assert_eq!(data, [None, Some(&b"{\"a\":\n1}"[..]), None, Some(b"x")]);
            assert_eq!((events[1].id.as_deref(), events[1].retry), (Some("7"), Some(5)));
        }
        assert_eq!(all(b"data: x\r\r.", 1000)[0].data.as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn our_own_events_are_read_back() {
        let made = event(Some("3"), b"{\n\"a\":1}");
        let events = all(&made, 1000);
        assert_eq!((events[0].id.as_deref(), events[0].data.as_deref()), (Some("3"), Some(&b"{ \"a\":1}"[..])));
    }

    proptest! {
        #[test]
        fn no_cut_changes_what_is_read(stream in "(data: [ab]?|id: 1|:|\n|\r|\r\n){0,12}", cut in 1usize..5) {
            let stream = format!("{stream}\n.");
            prop_assert_eq!(all(stream.as_bytes(), cut), all(stream.as_bytes(), 1000));
            let raw: Vec<u8> = all(stream.as_bytes(), cut).into_iter().flat_map(|event| event.raw).collect();
            prop_assert!(stream.as_bytes().starts_with(&raw));
        }
    }
}
