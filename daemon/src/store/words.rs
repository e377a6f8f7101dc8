//! The text index over what is disclosed: words alone, which are taken out again when the content is erased.

use super::log::segments_of;
use super::schema::{Typ, corrupt};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::Opened;
use agenttrust_protocol::envelope::Message;
use agenttrust_protocol::json::{Numbers, Value, parse};
use data_encoding::BASE64URL_NOPAD;

/// The bytes of one message's text that are indexed.
const MAX_TEXT: usize = 16 << 10;

/// How many messages of one request are indexed; rows of the index are numbered by request and message.
const MAX_MESSAGES: i64 = 256;

/// The disclosures whose words are found.
const INDEXED: [&str; 6] = ["title", "target", "reason", "arguments", "note", "output"];

/// The messages about a request that have disclosures.
const WITH_CONTENT: [Typ; 3] = [Typ::REQUEST, Typ::DECISION, Typ::OUTCOME];

/// A change of the text index.
pub(super) enum WordChange {
    Insert { row: i64, text: String },
    Delete { row: i64, text: String },
}

impl Tx<'_> {
    /// Indexes the words of a request's message that was just appended.
    pub(super) fn index<M: Message>(&mut self, message: &Opened<M>, request: i64) -> Result<(), StoreError> {
        let text = text_of(segments_of(message))?;
        if text.is_empty() {
            return Ok(());
        }
        let place = self.count_with_content(request)?.saturating_sub(1);
        if let Some(row) = row_of(request, place) {
            self.words.push(WordChange::Insert { row, text });
        }
        Ok(())
    }

    /// Takes the words of all messages of a request out of the index.
    pub(super) fn unindex(&mut self, request: i64) -> Result<(), StoreError> {
        for (place, segments) in self.messages_with_content(request)?.into_iter().enumerate() {
            let text = text_of(&segments.unwrap_or_default())?;
            if let Some(row) = row_of(request, place).filter(|_| !text.is_empty()) {
                self.words.push(WordChange::Delete { row, text });
            }
        }
        Ok(())
    }

    /// Writes the changes of a whole batch, in their order.
    pub(super) fn index_words(&mut self) -> Result<(), StoreError> {
        for change in std::mem::take(&mut self.words) {
            match change {
                WordChange::Insert { row, text } => {
                    let mut insert = self.conn.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
                    insert.execute((row, text))?;
                }
                WordChange::Delete { row, text } => {
                    let sql = "INSERT INTO words (words, rowid, text) VALUES ('delete', ?1, ?2)";
                    self.conn.prepare_cached(sql)?.execute((row, text))?;
                }
            }
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// How many of a request's messages can disclose something.
    fn count_with_content(&self, request: i64) -> Result<usize, StoreError> {
        let mut query =
            self.conn.prepare_cached("SELECT count(*) FROM message WHERE request = ?1 AND typ IN (?2, ?3, ?4)")?;
        let [a, b, c] = WITH_CONTENT.map(|typ| typ.code);
        let count: i64 = query.query_row((request, a, b, c), |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// What the messages of a request disclose, those included whose content is erased.
    fn messages_with_content(&self, request: i64) -> Result<Vec<Option<String>>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT d.segments FROM message m LEFT JOIN disclosure d ON d.message = m.idx
             WHERE m.request = ?1 AND m.typ IN (?2, ?3, ?4) ORDER BY m.idx",
        )?;
        let [a, b, c] = WITH_CONTENT.map(|typ| typ.code);
        let rows = query.query_map((request, a, b, c), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn row_of(request: i64, place: usize) -> Option<i64> {
    let place = i64::try_from(place).ok().filter(|place| *place < MAX_MESSAGES)?;
    Some(request * MAX_MESSAGES + place)
}

/// The rows of the index that belong to requests before this one.
pub(super) const fn rows_before(request: i64) -> i64 {
    request.saturating_mul(MAX_MESSAGES)
}

/// The request that a row of the index belongs to.
pub(super) const fn request_of(row: i64) -> i64 {
    row / MAX_MESSAGES
}

/// The words of disclosures, made from their stored form alone, so that they are found again to be taken out.
fn text_of(segments: &str) -> Result<String, StoreError> {
    let mut text = String::new();
    for segment in segments.split_terminator('~') {
        let (name, value) = read(segment).ok_or_else(|| corrupt("a stored disclosure is not one"))?;
        if INDEXED.contains(&name.as_str()) {
            gather(&value, &mut text);
        }
    }
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    Ok(text)
}

fn read(segment: &str) -> Option<(String, Value)> {
    let json = BASE64URL_NOPAD.decode(segment.as_bytes()).ok()?;
    let value = parse(&json, Numbers::Any).ok()?;
    let [_salt, name, value] = value.as_array()? else { return None };
    Some((name.as_str()?.to_owned(), value.clone()))
}

fn gather(value: &Value, text: &mut String) {
    if text.len() > MAX_TEXT {
        return;
    }
    let mut word = |word: &str| {
        text.push_str(word);
        text.push('\n');
    };
    match value {
        Value::String(string) => word(string),
        Value::Number(number) => word(number.text()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, text)),
        Value::Object(object) => object.iter().for_each(|(_, member)| gather(member, text)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// What a person typed, as a query: every word or run of words must occur. `None` if there is no letter and no digit
/// in it, and then nothing is found.
///
/// Whole words: for the beginnings of words SQLite would put together everything that begins so before the first
/// match, which takes a second among ten million requests.
pub(super) fn query_of(typed: &str) -> Option<String> {
    let words: Vec<String> = typed
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"").replace('\0', " ")))
        .collect();
    (!words.is_empty()).then(|| words.join(" AND "))
}
