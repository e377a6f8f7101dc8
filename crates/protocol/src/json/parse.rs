//! The parser: one pass over the bytes, no recursion beyond [`MAX_DEPTH`](super::MAX_DEPTH).

use super::{MAX_DEPTH, MAX_INTEGER, Number, Object, Value};

/// An IEEE double's powers of ten have three digits at most; longer ones only hide what a number is worth.
const MAX_EXPONENT_DIGITS: usize = 3;

/// Which ways of writing a number are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Integers only: every message member.
    Integers,
    /// Integers and plain fractions: payloads that hold constraints.
    Fractions,
    /// Fractions and exponents too: tool arguments and outputs. Values beyond an IEEE double are refused.
    Any,
}

/// The bytes are not strict JSON, and the offset in bytes where that showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not strict JSON at byte {at}: {what}")]
pub struct BadJson {
    /// Offset in bytes.
    pub at: usize,
    /// What is wrong, for a developer.
    pub what: &'static str,
}

/// Parses one value that fills the whole input, white space around it allowed.
///
/// # Errors
/// [`BadJson`] names the first offending byte.
pub fn parse(bytes: &[u8], numbers: Numbers) -> Result<Value, BadJson> {
    let text = std::str::from_utf8(bytes).map_err(|e| BadJson { at: e.valid_up_to(), what: "not UTF-8" })?;
    let mut parser = Parser { text, at: 0, numbers };
    parser.space();
    let value = parser.value(0)?;
    parser.space();
    if parser.at == text.len() { Ok(value) } else { Err(parser.bad("something follows the value")) }
}

pub(super) fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    numbers: Numbers,
}

impl Parser<'_> {
    fn bad(&self, what: &'static str) -> BadJson {
        BadJson { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.step();
        }
        found
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), BadJson> {
        if self.eat(byte) { Ok(()) } else { Err(self.bad(what)) }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, BadJson> {
        match self.peek() {
            Some(b'{') => Ok(Value::Object(self.object(self.deeper(depth)?)?)),
            Some(b'[') => Ok(Value::Array(self.array(self.deeper(depth)?)?)),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.bad("expected a value")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, BadJson> {
        if depth < MAX_DEPTH { Ok(depth.saturating_add(1)) } else { Err(self.bad("nested too deeply")) }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, BadJson> {
        let end = self.at.saturating_add(word.len());
        if self.text.as_bytes().get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.bad("expected a value"));
        }
        self.at = end;
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, BadJson> {
        self.step();
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(items);
        }
        loop {
            self.space();
            items.push(self.value(depth)?);
            self.space();
            if self.eat(b']') {
                return Ok(items);
            }
            self.expect(b',', "expected `,` or `]`")?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, BadJson> {
        self.step();
        let mut members = Vec::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':', "expected `:`")?;
            self.space();
            members.push((name, self.value(depth)?));
            self.space();
            if self.eat(b'}') {
                break;
            }
            self.expect(b',', "expected `,` or `}`")?;
        }
        // Sorted, so that a message full of members cannot make this quadratic.
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.get(1)) {
            return Err(self.bad("a member stands twice"));
        }
        Ok(Object(members))
    }

    fn string(&mut self) -> Result<String, BadJson> {
        self.expect(b'"', "expected a string")?;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(c) = rest.chars().next() else { return Err(self.bad("the string does not end")) };
            match c {
                '"' => {
                    self.step();
                    return Ok(out);
                }
                '\\' => {
                    self.step();
                    let c = self.escape()?;
                    self.push(&mut out, c)?;
                }
                '\0'..='\u{1f}' => return Err(self.bad("a control character must be escaped")),
                _ => {
                    self.push(&mut out, c)?;
                    self.at = self.at.saturating_add(c.len_utf8());
                }
            }
        }
    }

    fn push(&self, out: &mut String, c: char) -> Result<(), BadJson> {
        if is_noncharacter(c) {
            return Err(self.bad("a noncharacter"));
        }
        out.push(c);
        Ok(())
    }

    fn escape(&mut self) -> Result<char, BadJson> {
        let byte = self.peek().ok_or(self.bad("the string does not end"))?;
        self.step();
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.bad("an unknown escape")),
        })
    }

    fn unicode(&mut self) -> Result<char, BadJson> {
        let first = self.hex4()?;
        let units = if (0xD800..0xDC00).contains(&first) {
            self.expect(b'\\', "a lone surrogate")?;
            self.expect(b'u', "a lone surrogate")?;
            vec![first, self.hex4()?]
        } else {
            vec![first]
        };
        let mut chars = char::decode_utf16(units);
        match (chars.next(), chars.next()) {
            (Some(Ok(c)), None) => Ok(c),
            _ => Err(self.bad("a lone surrogate")),
        }
    }

    fn hex4(&mut self) -> Result<u16, BadJson> {
        let end = self.at.saturating_add(4);
        let digits = self.text.get(self.at..end).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|d| u16::from_str_radix(d, 16).ok()).ok_or(self.bad("expected four hex digits"))?;
        self.at = end;
        Ok(unit)
    }

    fn number(&mut self) -> Result<Number, BadJson> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        let mut form = Numbers::Integers;
        if self.eat(b'.') {
            self.digits()?;
            form = Numbers::Fractions;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            let start = self.at;
            self.digits()?;
            if self.at.saturating_sub(start) > MAX_EXPONENT_DIGITS {
                return Err(self.bad("an exponent out of range"));
            }
            form = Numbers::Any;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let exact = match form {
            Numbers::Integers => {
                text != "-0" && text.parse::<i64>().is_ok_and(|n| (-MAX_INTEGER..=MAX_INTEGER).contains(&n))
            }
            Numbers::Fractions | Numbers::Any => text.parse::<f64>().is_ok_and(f64::is_finite),
        };
        let allowed = match self.numbers {
            Numbers::Integers => form == Numbers::Integers,
            Numbers::Fractions => form != Numbers::Any,
            Numbers::Any => true,
        };
        if exact && allowed {
            Ok(Number(text.to_owned()))
        } else {
            Err(BadJson { at: start, what: "a number that is not allowed here" })
        }
    }

    fn digits(&mut self) -> Result<(), BadJson> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step();
        }
        if self.at == start { Err(self.bad("expected a digit")) } else { Ok(()) }
    }
}
