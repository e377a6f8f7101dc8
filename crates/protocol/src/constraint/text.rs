//! What the patterns on text mean: `like`, `under`, `host` and `named`, each over bytes and without a library
//! whose idea of a path or a URL could differ between languages.

use crate::hash::BadText;
use crate::json::Value;
use crate::wire::{Wire, quote};
use std::fmt;
use std::str::FromStr;

macro_rules! operand {
    ($(#[$doc:meta])* $name:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadText;
            fn from_str(text: &str) -> Result<$name, BadText> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok($name(text.to_owned())) } else { Err(BadText(stringify!($name))) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Wire for $name {
            fn read(value: &Value) -> Option<$name> {
                value.as_str()?.parse().ok()
            }
            fn write(&self, out: &mut String) {
                quote(out, &self.0);
            }
        }
    };
}

operand!(
    /// An absolute POSIX path without `.`, `..`, empty segment or `\`; so neither `/` alone nor a slash at the end.
    Folder,
    is_plain_path
);

operand!(
    /// `host` or `host:port`, in lower case: `[a-z0-9.-]+(:\d+)?`.
    Authority,
    is_authority
);

fn is_plain_path(text: &str) -> bool {
    let Some(segments) = text.strip_prefix('/') else { return false };
    !text.contains('\\') && segments.split('/').all(|s| !matches!(s, "" | "." | ".."))
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let host_fits = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let port_fits = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    !host.is_empty() && host_fits && port_fits
}

impl Folder {
    /// Whether `path` is this folder or lies below it, by its letters alone.
    ///
    /// # Errors
    /// `None` if it is not a path of the same form.
    pub fn holds(&self, path: &str) -> Option<bool> {
        let rest = is_plain_path(path).then(|| path.strip_prefix(&self.0))?;
        Some(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

/// The `host[:port]` of a URL of the form `https?://[a-z0-9.-]+(:\d+)?([/?#]…)?`, all ASCII.
///
/// # Errors
/// `None` for any other text: user names, upper case, brackets and back slashes are where URL parsers disagree.
pub(super) fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let found = rest.split(['/', '?', '#']).next()?;
    (url.is_ascii() && is_authority(found)).then_some(found)
}

/// Whether the whole text matches, byte for byte; `*` stands for any run, the empty one included.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The earliest place for each piece leaves the most for those after it, so nothing has to be tried twice.
    for piece in middle.split('*') {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Whether `name`, ASCII case folded, stands in `task` as a word of its own.
pub(super) fn named(task: &str, name: &str) -> bool {
    let (task, name) = (task.to_ascii_lowercase(), name.to_ascii_lowercase());
    let task = task.as_bytes();
    occurrences(task, name.as_bytes()).any(|start| {
        let before = start.checked_sub(1).and_then(|at| task.get(at));
        let after = task.get(start.saturating_add(name.len())..).unwrap_or_default();
        before.is_none_or(|b| parts_words(*b)) && ends_word(after)
    })
}

fn ends_word(after: &[u8]) -> bool {
    match after {
        [] | [b'.'] => true,
        [b'.', next, ..] => next.is_ascii_whitespace(),
        [next, ..] => parts_words(*next),
    }
}

fn parts_words(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b",;:!?()[]<>\"'`".contains(&byte)
}

/// Where `needle` begins in `hay`, overlaps included, in linear time (Knuth, Morris, Pratt): both texts may be
/// large and chosen by someone who wants the search to take long.
fn occurrences<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let borders = borders(needle);
    let mut matched = 0_usize;
    hay.iter().enumerate().filter_map(move |(at, byte)| {
        matched = extend(needle, &borders, matched, *byte);
        let end = at.saturating_add(1);
        (matched == needle.len() && matched > 0).then(|| end.saturating_sub(matched))
    })
}

/// For each prefix of `needle`, the length of its longest proper prefix that is also its end.
fn borders(needle: &[u8]) -> Vec<usize> {
    let mut borders = Vec::with_capacity(needle.len());
    let mut matched = 0;
    for (at, byte) in needle.iter().enumerate() {
        matched = if at == 0 { 0 } else { extend(needle, &borders, matched, *byte) };
        borders.push(matched);
    }
    borders
}

/// How much of `needle` is matched once `byte` has followed `matched` matched bytes.
fn extend(needle: &[u8], borders: &[usize], mut matched: usize, byte: u8) -> usize {
    loop {
        if needle.get(matched) == Some(&byte) {
            return matched.saturating_add(1);
        }
        match matched.checked_sub(1) {
            Some(last) => matched = borders.get(last).copied().unwrap_or(0),
            None => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folders_and_authorities_have_one_form() {
        for good in ["/a", "/a/b", "/a/..b", "/...", "/ä/ö", "/a b"] {
            assert!(good.parse::<Folder>().is_ok(), "{good}");
        }
        for bad in ["", "/", "a", "a/b", "/a/", "//a", "/a//b", "/.", "/..", "/a/./b", "/a/..", "/a\\b", "C:/a", "~/a"]
        {
            assert!(bad.parse::<Folder>().is_err(), "{bad}");
        }
        for good in ["a", "example.com", "example.com:443", "127.0.0.1:8080", "a-b.c", "xn--bcher-kva.example"] {
            assert!(good.parse::<Authority>().is_ok(), "{good}");
        }
        for bad in ["", ":80", "a:", "a:b", "a:1:2", "A.com", "a/b", "a@b", "[::1]", "bücher.example", "a b", "*.a"] {
            assert!(bad.parse::<Authority>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_authority_is_cut_out_of_a_plain_url_only() {
        for (url, found) in [
            ("https://a.example", Some("a.example")),
            ("http://a.example/", Some("a.example")),
            ("https://a.example:8443/x?y#z", Some("a.example:8443")),
            ("https://a.example?x", Some("a.example")),
            ("https://a.example#x", Some("a.example")),
            ("https://a.example/@b.example", Some("a.example")),
            ("https://a.example/x:1", Some("a.example")),
            ("https://a.example@b.example", None),
            ("https://a.example:80@b.example/", None),
            ("https://a.example\\@b.example", None),
            ("https://a.example:", None),
            ("https://a.example:x", None),
            ("https://", None),
            ("https:///a.example", None),
            ("HTTPS://a.example", None),
            ("https://A.example", None),
            ("ftp://a.example", None),
            ("//a.example", None),
            ("a.example", None),
            (" https://a.example", None),
            ("https://a.example ", None),
            ("https://a.exam\tple", None),
            ("https://[::1]/", None),
            ("https://a.example/ü", None),
            ("https://bücher.example/", None),
        ] {
            assert_eq!(authority(url), found, "{url}");
        }
    }

    #[test]
    fn like_matches_the_whole_text() {
        for (pattern, text, holds) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything\n*", true),
            ("a", "a", true),
            ("a", "A", false),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aab", false),
            ("a?", "ab", false),
            ("a.", "ab", false),
            ("ä*", "äß", true),
            ("[a]", "[a]", true),
            ("git *", "git push", true),
            ("git *", "git", false),
            ("a**b", "ab", true),
            ("*aab", "aaab", true),
        ] {
            assert_eq!(like(pattern, text), holds, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn named_needs_a_word_of_its_own() {
        for (task, name, holds) in [
            ("pay bob", "bob", true),
            ("pay Bob", "bOB", true),
            ("pay bobby", "bob", false),
            ("pay xbob", "bob", false),
            ("pay bob.", "bob", true),
            ("pay bob. Now", "bob", true),
            ("pay bob.com", "bob", false),
            ("pay bob.com", "bob.com", true),
            ("pay bob.com.", "bob.com", true),
            ("(bob)", "bob", true),
            ("pay:bob;x", "bob", true),
            ("`bob`", "bob", true),
            ("\"bob\"", "bob", true),
            ("<bob>", "bob", true),
            ("[bob]", "bob", true),
            ("bob!", "bob", true),
            ("bob?", "bob", true),
            ("bob's", "bob", true),
            ("a\tbob\r\n", "bob", true),
            ("a\u{a0}bob", "bob", false),
            ("x-bob", "bob", false),
            ("@bob", "bob", false),
            (".bob", "bob", false),
            ("bob..", "bob", false),
            ("bob.)", "bob", false),
            ("bob", "bob", true),
            ("", "bob", false),
            ("/srv/a/b", "/srv/a", false),
            ("in /srv/a, then", "/srv/a", true),
            ("xa,a,a", "a,a", true),
            ("send 5.5", "5", false),
            ("send 5.", "5", true),
            ("send -5", "5", false),
            ("pay ÄB", "äb", false),
            ("pay äB", "äb", true),
            ("bo b", "bob", false),
            ("a\u{b}bob", "bob", false),
        ] {
            assert_eq!(named(task, name), holds, "{name:?} in {task:?}");
        }
    }

    fn like_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|n| like_by_definition(rest, &text[n..])),
            [byte, rest @ ..] => text.first() == Some(byte) && like_by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn like_agrees_with_its_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(like(&pattern, &text), like_by_definition(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn every_occurrence_is_found(hay in "[ab]{0,24}", needle in "[ab]{1,5}") {
            let naive: Vec<usize> = (0..hay.len()).filter(|at| hay.as_bytes()[*at..].starts_with(needle.as_bytes())).collect();
            prop_assert_eq!(occurrences(hay.as_bytes(), needle.as_bytes()).collect::<Vec<_>>(), naive);
        }

        #[test]
        fn a_folder_holds_what_is_built_below_it(folder in "(/[ab.]{3,4}){1,3}", below in "(/[ab.]{3,4}){0,3}") {
            let parsed: Folder = folder.parse().unwrap();
            let path = format!("{folder}{below}");
            prop_assert_eq!(parsed.holds(&path), Some(true));
            let sibling = format!("{folder}x{below}");
            prop_assert_eq!(parsed.holds(&sibling), Some(false));
        }
    }
}
