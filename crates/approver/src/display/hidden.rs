//! Which characters are never shown as themselves, because nobody would see them, because they change how others are
//! seen, or because the rendering uses them for its own marks.

use unicode_script::{Script, UnicodeScript};

/// Opens a mark in plain text; the same character in agent text becomes a chip, so no text can imitate a mark.
pub const OPEN: char = '⟦';
/// Closes a mark in plain text.
pub const CLOSE: char = '⟧';
/// Stands for a space that would be overlooked.
pub const SPACE: char = '␣';

/// The name of a character that must become a chip; `None` if it can be shown.
pub fn chip_name(c: char) -> Option<&'static str> {
    format_name(c).or_else(|| look_name(c)).or_else(|| is_unassigned(c).then_some("unassigned character"))
}

fn is_unassigned(c: char) -> bool {
    !c.is_ascii() && c.script() == Script::Unknown
}

/// Controls, and whatever directs the text instead of being part of it.
fn format_name(c: char) -> Option<&'static str> {
    Some(match c {
        '\t' => "tab",
        '\n' => "line feed",
        '\r' => "carriage return",
        '\0' => "null",
        '\u{8}' => "backspace",
        '\u{1b}' => "escape",
        '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
        '\u{ad}' => "soft hyphen",
        '\u{34f}' => "combining grapheme joiner",
        '\u{61c}' => "arabic letter mark",
        '\u{180e}' => "mongolian vowel separator",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2060}' => "word joiner",
        '\u{2061}'..='\u{2064}' => "invisible operator",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        '\u{206a}'..='\u{206f}' => "deprecated format character",
        '\u{feff}' => "zero width no-break space",
        '\u{fff9}'..='\u{fffb}' => "interlinear annotation",
        '\u{fffc}' => "object replacement",
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            "variation selector"
        }
        '\u{e0001}' | '\u{e0020}'..='\u{e007f}' => "tag character",
        '\u{600}'..='\u{605}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'
        | '\u{891}'
        | '\u{8e2}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{13455}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => "format character",
        '\u{2065}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}' => "unassigned format character",
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}' => "private use",
        _ => return None,
    })
}

/// What looks like nothing, covers its neighbour, or looks like a mark of ours.
fn look_name(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{a0}' => "no-break space",
        '\u{202f}' => "narrow no-break space",
        '\u{3000}' => "ideographic space",
        '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' => "unusual space",
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "hangul filler",
        '\u{17b4}' | '\u{17b5}' => "invisible vowel",
        '\u{2800}' => "blank braille pattern",
        '\u{16fe4}' | '\u{1d159}' => "invisible character",
        '\u{334}'..='\u{338}' => "combining overlay",
        '\u{488}' | '\u{489}' | '\u{1abe}' | '\u{20d0}'..='\u{20f0}' | '\u{a670}'..='\u{a672}' => "combining enclosure",
        OPEN | CLOSE | SPACE => "mark of this display",
        _ => return None,
    })
}

/// The code point as it is usually written: `U+202E`.
pub fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    /// An independent table: what Unicode itself calls invisible, directing, unassigned or private.
    #[test]
    fn every_invisible_character_of_unicode_has_a_name() {
        let oracle = Regex::new(
            r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Variation_Selector}\p{Noncharacter_Code_Point}\p{Me}&&[^ ]]",
        )
        .unwrap();
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            if oracle.is_match(c.encode_utf8(&mut buffer)) {
                assert!(chip_name(c).is_some(), "{} would be shown raw", code(c));
            }
        }
    }

    #[test]
    fn ordinary_text_has_no_chips() {
        let words =
            "Grüße, naïve Ελληνικά русский 中文 日本語 한국어 עברית العربية हिन्दी ไทย 😀 € – “q” … /usr/bin (a+b)*c\\";
        for c in words.chars() {
            assert_eq!(chip_name(c), None, "{c}");
        }
    }
}
