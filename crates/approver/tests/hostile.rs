//! Strings made to deceive: none shows a hidden character as itself, none loses one, and each is pointed out.
#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use agenttrust_approver::display::{Care, Display, Folds, Local, Segment, Text, safe_line};
use agenttrust_protocol::json::Value;
use common::{Ask, World, ask};
use proptest::prelude::*;
use regex::Regex;
use std::sync::LazyLock;

/// Where a hidden character is put.
const AROUND: &str = "pay{}pal.example";

/// Characters that are invisible, direct the text, or belong to nobody.
const HIDDEN: &[char] = &[
    '\0',
    '\u{1}',
    '\u{7}',
    '\u{8}',
    '\u{b}',
    '\u{c}',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{80}',
    '\u{85}',
    '\u{9b}',
    '\u{a0}',
    '\u{ad}',
    '\u{34f}',
    '\u{600}',
    '\u{61c}',
    '\u{6dd}',
    '\u{70f}',
    '\u{8e2}',
    '\u{115f}',
    '\u{1160}',
    '\u{1680}',
    '\u{17b4}',
    '\u{17b5}',
    '\u{180b}',
    '\u{180e}',
    '\u{180f}',
    '\u{2000}',
    '\u{2003}',
    '\u{2007}',
    '\u{2009}',
    '\u{200a}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202a}',
    '\u{202b}',
    '\u{202c}',
    '\u{202d}',
    '\u{202e}',
    '\u{202f}',
    '\u{205f}',
    '\u{2060}',
    '\u{2061}',
    '\u{2062}',
    '\u{2063}',
    '\u{2064}',
    '\u{2065}',
    '\u{2066}',
    '\u{2067}',
    '\u{2068}',
    '\u{2069}',
    '\u{206a}',
    '\u{206f}',
    '\u{2800}',
    '\u{3000}',
    '\u{3164}',
    '\u{e000}',
    '\u{f8ff}',
    '\u{fe00}',
    '\u{fe0e}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff9}',
    '\u{fffa}',
    '\u{fffb}',
    '\u{fffc}',
    '\u{110bd}',
    '\u{13430}',
    '\u{1bca0}',
    '\u{1d159}',
    '\u{1d173}',
    '\u{1d17a}',
    '\u{e0001}',
    '\u{e0020}',
    '\u{e0041}',
    '\u{e007f}',
    '\u{e0100}',
    '\u{e01ef}',
    '\u{f0000}',
    '\u{ffffd}',
    '\u{100000}',
    '\u{10fffd}',
    '\u{378}',
    '\u{e0fff}',
    '\u{fff0}',
];

/// Whole texts that deceive.
const SPOOFS: &[&str] = &[
    // The order turned around.
    "invoice\u{202e}fdp.exe",
    "\u{202e}evil",
    "a\u{202d}\u{202e}b",
    "user\u{2066}//\u{2069}admin",
    "\u{2067}txt.\u{2069}exe",
    "if (isAdmin\u{202e} \u{2066}) {",
    "/*\u{202e} } \u{2066}if (ok)\u{2069} \u{2066} begin */",
    "1\u{200f}2\u{200f}3",
    "100 אבג 200",
    "\u{5d0}/etc/passwd",
    "قبل/etc/shadow",
    // Letters from elsewhere.
    "\u{430}pple.com",
    "p\u{430}ypal.com",
    "g\u{43e}\u{43e}gle.com",
    "\u{440}\u{430}y\u{440}\u{430}l.com",
    "micr\u{3bf}soft.com",
    "\u{391}mazon",
    "\u{412}ank",
    "fa\u{441}ebook",
    "\u{4cf}inkedin",
    "twi\u{3c4}ter",
    "\u{561}pple",
    "g\u{585}\u{585}gle",
    "\u{13a0}mazon",
    "\u{1d00}pple",
    "g\u{2c9f}\u{2c9f}gle",
    "\u{441}\u{43e}\u{440}\u{435}.example",
    "\u{435}\u{445}\u{430}\u{440}\u{435}.example",
    "ｐａｙｐａｌ.com",
    "𝐩𝐚𝐲𝐩𝐚𝐥",
    "𝓰oogle",
    "𝕒pple",
    "🅿aypal\u{200d}",
    "ⓟaypal\u{fe0f}",
    "xn--pple-43d.com",
    "XN--80ak6aa92e.com",
    "www.xn--e1awd7f.com",
    "https://xn--ggle-55da.com/login",
    // Signs that look like others.
    "https:\u{2215}\u{2215}bank.example",
    "bank.example\u{2044}pay",
    "bank\u{2024}example",
    "bank\u{ff0e}example",
    "bank\u{3002}example\u{200b}",
    "example.com\u{ff0f}evil",
    "rm \u{2212}rf",
    "rm \u{2013}rf /",
    "a\u{2236}b",
    "https\u{a789}//bank.example",
    "user\u{ff20}bank.example",
    // User names before the host, odd hosts.
    "https://bank.example@evil.example/",
    "https://bank.example:443@evil.example",
    "http://bank.example%2f@evil.example",
    "https://münchen-bank.example/",
    // Space that hides.
    "ls                                                                                   ; rm -rf ~",
    " leading",
    "trailing ",
    "two  spaces",
    "tab\there",
    "a\u{a0}b",
    "a\u{3000}b",
    "cmd \\\n",
    "   ",
    // Line breaks that forge lines.
    "ok\nRisk: low",
    "ok\r\nTool: nothing",
    "ok\u{2028}Agent: Your bank",
    "ok\u{2029}Deny",
    "ok\u{85}Approve",
    "ok\u{b}x",
    // Terminal control.
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}]0;title\u{7}",
    "\u{1b}[8mhidden\u{1b}[0m",
    "a\u{8}b",
    "\u{9b}31m",
    "\u{1b}]8;;http://evil.example\u{7}x",
    // Marks that climb.
    "Z\u{334}\u{335}\u{336}algo",
    "a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
    "\u{301}start",
    "x \u{489}",
    "a\u{20dd}",
    "n\u{338}",
    "\u{488}",
    // Imitations of our own marks.
    "⟦true⟧",
    "a␣b",
    "⟦… 12 more characters⟧",
    "⟧",
    "⟦U+202E right-to-left override⟧",
    // Messages in tags and selectors.
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}",
    "hi\u{e0049}\u{e0067}\u{e006e}",
    "x\u{fe00}\u{fe01}\u{fe02}",
    "👨\u{200d}👩",
    "❤\u{fe0f}",
    "ᄀ\u{1160}ᄀ",
    "\u{3164}\u{3164}",
    "\u{2800}\u{2800}\u{2800}",
];

/// An independent table of what must never appear.
static ORACLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Variation_Selector}\p{Me}&&[^ ]]",
    )
    .unwrap()
});

fn spoofs() -> Vec<String> {
    let hidden = HIDDEN.iter().map(|c| AROUND.replace("{}", &c.to_string()));
    hidden.chain(SPOOFS.iter().map(|text| (*text).to_owned())).collect()
}

fn is_pointed_out(text: &Text) -> bool {
    let is_plain = |segment: &Segment| matches!(segment, Segment::Plain { .. });
    !text.flags.is_empty() || !text.head.iter().chain(&text.rest).all(is_plain)
}

#[test]
fn every_spoof_is_pointed_out_and_complete() {
    let all = spoofs();
    assert!(all.len() >= 180, "{}", all.len());
    for spoof in &all {
        let line = Text::line(spoof, Care::Url);
        assert!(is_pointed_out(&line), "{spoof:?} looks innocent");
        for text in [line, Text::block(spoof, Care::Prose), Text::line(spoof, Care::Name)] {
            assert_eq!(text.raw(), *spoof);
            for shown in text.shown(Folds::Open) {
                assert!(!ORACLE.is_match(&shown), "{spoof:?} shows {shown:?}");
            }
            for flag in &text.flags {
                assert!(!ORACLE.is_match(&flag.sentence()), "{spoof:?}: {flag:?}");
            }
        }
        assert!(!ORACLE.is_match(&safe_line(spoof, 80)), "{spoof:?}");
    }
}

#[test]
fn innocent_texts_are_left_alone() {
    for text in [
        "bob@example.org",
        "/home/ana/Grüße.txt",
        "https://example.org:8443/a?b=c&d=%20#e",
        "cargo test -p crate --all",
        "Zażółć gęślą jaźń",
        "l'été à Zürich",
        "привет, мир",
        "東京へ行く",
        "안녕하세요",
        "Ελληνικά",
        "हिन्दी में",
        "€ 12.50 – “ok” …",
        "a_b-c.d",
        "C:\\Users\\ana",
        "SELECT * FROM t WHERE a = 'x';",
        "😀 done",
        "naïve café",
    ] {
        let text = Text::line(text, Care::Prose);
        assert!(!is_pointed_out(&text), "{text:?}");
    }
}

#[test]
fn nothing_hidden_gets_into_what_a_decision_signs() {
    let mut world = World::new();
    for chunk in spoofs().chunks(12) {
        let members: Vec<String> = chunk
            .iter()
            .enumerate()
            .map(|(n, spoof)| {
                format!("{}:{}", Value::from(format!("{spoof}{n}").as_str()), Value::from(spoof.as_str()))
            })
            .collect();
        let first = chunk.first().cloned();
        let asked = world.asked(&Ask {
            title: first.clone(),
            target: first.clone(),
            reason: first.clone(),
            task: first,
            ..ask("tool", &format!("{{{}}}", members.join(",")))
        });
        let display = Display::of(&asked, &Local::default(), None);
        let lines = display.lines(Folds::Open);
        for line in &lines {
            assert!(!ORACLE.is_match(line), "{line:?}");
        }
        // Only lines of ours begin in the first column, each with its own beginning.
        let ours = [
            "Agent: ",
            "New: ",
            "Program: ",
            "Computer: ",
            "Folder: ",
            "Your task",
            "Tool: ",
            "Arguments:",
            "In the agent's",
            "Risk: not assessed",
            "Asked: ",
            "Answer by: ",
            "Caution: ",
            "  ",
        ];
        assert!(lines.iter().all(|line| ours.iter().any(|start| line.starts_with(start))), "{lines:#?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("Tool: ")).count(), 1);
        assert_eq!(lines.iter().filter(|line| line.starts_with("Risk: ")).count(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_text_is_shown_whole_and_visibly(text in prop::collection::vec(prop_oneof![
        prop::char::any(), prop::sample::select(HIDDEN), prop::char::range(' ', '~'), Just(' '), Just('\n'), Just('\u{301}'),
    ], 0..600)) {
        let text: String = text.into_iter().collect();
            for shown in [Text::line(&text, Care::Url), Text::block(&text, Care::Prose)] {
            prop_assert_eq!(shown.raw(), text.clone());
            for folds in [Folds::Open, Folds::Closed] {
                for line in shown.shown(folds) {
                    prop_assert!(!ORACLE.is_match(&line), "{:?}", line);
                    prop_assert!(!line.contains('\n'));
                }
            }
            for flag in &shown.flags {
                prop_assert!(!ORACLE.is_match(&flag.sentence()));
            }
        }
        let title = safe_line(&text, 40);
        prop_assert!(!ORACLE.is_match(&title));
        prop_assert!(unicode_segmentation::UnicodeSegmentation::graphemes(title.as_str(), true).count() <= 40);
    }
}
