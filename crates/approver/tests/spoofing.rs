//! More than 500 strings made to deceive, in every place where a device shows text: cards, titles, notifications.
//! The browser's tests show the same list on the interface.
#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use agenttrust_approver::display::{Care, Display, Flag, Folds, Local, Segment, Text, safe_line};
use agenttrust_protocol::json::Value;
use common::{Ask, World, ask};
use regex::Regex;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct List {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    /// Whether each of it has a chip or a caution; otherwise it deceives by its words, which stay words.
    pointed_out: bool,
    texts: Vec<String>,
}

static LIST: LazyLock<List> = LazyLock::new(|| serde_json::from_str(include_str!("spoofing.json")).unwrap());

/// What Unicode calls invisible, directing, enclosing or private, and blanks other than the plain one.
static NEVER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Variation_Selector}\p{Noncharacter_Code_Point}\p{Me}&&[^ ]]",
    )
    .unwrap()
});

static NO_CHARACTER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\p{Noncharacter_Code_Point}").unwrap());

/// The longest line of a window's title or a notification.
const TITLE: usize = 80;

fn texts() -> impl Iterator<Item = (&'static Group, &'static str)> {
    LIST.groups.iter().flat_map(|group| group.texts.iter().map(move |text| (group, text.as_str())))
}

/// What can be part of a request whole: it is short, and has none of the noncharacters that no message may hold.
fn sendable() -> Vec<&'static str> {
    let can_be_sent = |text: &&str| text.len() <= 120 && !NO_CHARACTER.is_match(text);
    texts().map(|(_, text)| text).filter(can_be_sent).collect()
}

fn is_innocent(text: &Text) -> bool {
    let is_plain = |segment: &Segment| matches!(segment, Segment::Plain { .. });
    text.flags.is_empty() && text.head.iter().chain(&text.rest).all(is_plain)
}

fn assert_safe(line: &str, of: &str) {
    assert!(!NEVER.is_match(line), "{of:?} shows {line:?}");
}

#[test]
fn there_are_many_and_each_is_another_one() {
    let all: Vec<&str> = texts().map(|(_, text)| text).collect();
    assert!(all.len() >= 500, "{}", all.len());
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert!(sendable().len() >= 500, "{}", sendable().len());
}

#[test]
fn each_is_shown_whole_and_what_hides_in_it_is_pointed_out() {
    for (group, text) in texts() {
        let shown = [Text::line(text, Care::Url), Text::line(text, Care::Name), Text::block(text, Care::Prose)];
        if group.pointed_out {
            assert!(!is_innocent(&shown[0]), "{}: {text:?} looks innocent", group.name);
        }
        for shown in shown {
            assert_eq!(shown.raw(), text, "no character is lost");
            for line in shown.shown(Folds::Open).iter().chain(&shown.shown(Folds::Closed)) {
                assert_safe(line, text);
            }
            shown.flags.iter().map(Flag::sentence).for_each(|sentence| assert_safe(&sentence, text));
        }
    }
}

#[test]
fn titles_and_notifications_are_one_safe_line_each() {
    for (_, text) in texts() {
        let line = safe_line(text, TITLE);
        assert_safe(&line, text);
        let width = unicode_segmentation::UnicodeSegmentation::graphemes(line.as_str(), true).count();
        assert!(width <= TITLE, "{text:?} becomes {width} wide");
    }
}

#[test]
fn a_card_of_them_has_a_safe_title_and_no_line_that_they_made() {
    let mut world = World::new();
    let first_words: HashSet<String> = lines_of(&mut world, "harmless").iter().map(|line| first_word(line)).collect();
    for text in sendable() {
        let lines = lines_of(&mut world, text);
        for line in &lines {
            assert_safe(line, text);
            let ours =
                line.starts_with(' ') || line.starts_with("Caution: ") || first_words.contains(&first_word(line));
            assert!(ours, "{text:?} made the line {line:?}");
        }
        for once in ["Tool: ", "Risk: ", "Agent: "] {
            assert_eq!(lines.iter().filter(|line| line.starts_with(once)).count(), 1, "{text:?}");
        }
    }
}

fn first_word(line: &str) -> String {
    line.split([':', ' ']).next().unwrap_or_default().to_owned()
}

/// The lines of a card that has the text wherever an agent may write, and its title.
fn lines_of(world: &mut World, text: &str) -> Vec<String> {
    let quoted = Value::from(text);
    let some = Some(text.to_owned());
    let asked = world.asked(&Ask {
        title: some.clone(),
        target: some.clone(),
        reason: some.clone(),
        task: some,
        ..ask("tool", &format!("{{\"text\":{quoted},\"list\":[{quoted}]}}"))
    });
    let display = Display::of(&asked, &Local::default(), None);
    assert_safe(&display.title(TITLE), text);
    display.lines(Folds::Open)
}
