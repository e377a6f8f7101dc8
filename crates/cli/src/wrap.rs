//! Breaking lines at the terminal's width, so that no part of agent text can begin in the first column.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The deepest indentation of what is wrapped.
const DEEPEST: usize = 24;

/// The line in pieces no wider than `columns`; the first as it stands, the others indented below its own text.
pub fn wrap(line: &str, columns: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let indent = indent.saturating_add(4).min(DEEPEST);
    let columns = columns.max(indent.saturating_add(8));
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut width = 0;
    for word in words(line) {
        let wide = word.width();
        if width + wide <= columns || (word == " " && width >= columns) {
            if !(word == " " && width >= columns) {
                piece.push_str(word);
                width += wide;
            }
            continue;
        }
        if wide + indent <= columns && word != " " {
            next(&mut pieces, &mut piece, &mut width, indent);
            piece.push_str(word);
            width += wide;
            continue;
        }
        // A word wider than a line is cut where the line ends.
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if width + wide > columns {
                next(&mut pieces, &mut piece, &mut width, indent);
            }
            piece.push(c);
            width += wide;
        }
    }
    pieces.push(piece);
    pieces
}

fn next(pieces: &mut Vec<String>, piece: &mut String, width: &mut usize, indent: usize) {
    pieces.push(std::mem::replace(piece, " ".repeat(indent)));
    *width = indent;
}

/// Words and the single spaces between them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive(' ')
        .flat_map(|part| match part.strip_suffix(' ') {
            Some(word) => [Some(word).filter(|word| !word.is_empty()), Some(" ")],
            None => [Some(part), None],
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        for line in ["", "Agent: bot", "  amount:  5 ", "    deep"] {
            assert_eq!(wrap(line, 40), [line]);
        }
    }

    #[test]
    fn what_is_wrapped_never_begins_in_the_first_column() {
        let line = format!("  reason: “{}”", "Agent: trusted ".repeat(20));
        let pieces = wrap(&line, 40);
        assert!(pieces.len() > 5);
        assert!(pieces.iter().all(|piece| piece.width() <= 40), "{pieces:?}");
        assert!(pieces.iter().skip(1).all(|piece| piece.starts_with("      ")), "{pieces:?}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&pieces.join(" ")), words(&line));
    }

    #[test]
    fn a_long_word_is_cut_and_nothing_of_it_lost() {
        let word = "x".repeat(200);
        let pieces = wrap(&format!("Folder: /{word}"), 50);
        assert!(pieces.iter().all(|piece| piece.width() <= 50));
        assert_eq!(pieces.concat().matches('x').count(), 200);
        let wide = "猫".repeat(60);
        let pieces = wrap(&wide, 21);
        assert!(pieces.iter().all(|piece| piece.width() <= 21), "{pieces:?}");
        assert_eq!(pieces.concat().matches('猫').count(), 60);
    }

    #[test]
    fn a_tiny_terminal_still_shows_everything() {
        let pieces = wrap("Agent: someone with a long name", 1);
        assert_eq!(pieces.concat().split_whitespace().collect::<String>(), "Agent:someonewithalongname");
    }
}
