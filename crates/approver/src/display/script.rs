//! What in a text may deceive although every character can be seen: scripts mixed within a word, letters that look
//! like Latin ones, encoded host names, user names in front of a host, text that runs from right to left.
//!
//! The idea is that of Unicode Technical Standard #39: a word whose letters share no script was made to be misread.

use super::text::safe_line;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};
use unicode_security::{MixedScript, skeleton};

/// The most flags a text lists one by one.
const MAX_FLAGS: usize = 12;

/// The longest word quoted in a flag, in graphemes.
const MAX_QUOTE: usize = 60;

/// What may deceive. Words are quoted in a form that is safe to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "flag", rename_all = "snake_case")]
pub enum Flag {
    /// A word mixes scripts.
    MixedScripts {
        /// The word.
        word: String,
        /// The scripts' names.
        scripts: Vec<String>,
        /// What it would be taken for, if all of it looks like plain Latin.
        like: Option<String>,
    },
    /// A word in a name, address, path or command looks like another one in plain Latin.
    LooksLike {
        /// The word.
        word: String,
        /// What it would be taken for.
        like: String,
    },
    /// A host name is encoded (`xn--`): what it will be shown as elsewhere is not what stands here.
    Punycode {
        /// The label.
        word: String,
    },
    /// A host name has letters beyond ASCII.
    ForeignHost {
        /// The host.
        word: String,
    },
    /// A user name stands in front of the host and may be taken for it.
    UserInfo {
        /// The true host.
        host: String,
    },
    /// Letters run from right to left: what stands beside them may appear in another order.
    RightToLeft,
    /// There is more of the kind.
    More {
        /// How many more.
        count: usize,
    },
}

impl Flag {
    /// One sentence for a person.
    pub fn sentence(&self) -> String {
        match self {
            Flag::MixedScripts { word, scripts, like } => {
                let like = like.as_ref().map_or(String::new(), |like| format!(" and looks like “{like}”"));
                format!("“{word}” mixes {} letters{like}.", scripts.join(" and "))
            }
            Flag::LooksLike { word, like } => format!("“{word}” only looks like “{like}”."),
            Flag::Punycode { word } => format!("“{word}” is an encoded name; elsewhere it looks different."),
            Flag::ForeignHost { word } => format!("The host “{word}” has letters beyond plain Latin."),
            Flag::UserInfo { host } => format!("What stands before the @ is not the host; the host is “{host}”."),
            Flag::RightToLeft => "Some letters run from right to left and may change the order on screen.".to_owned(),
            Flag::More { count } => format!("{count} more words like these."),
        }
    }
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Sentences: only mixed words and the direction.
    Prose,
    /// Names, addresses, paths, commands: every letter counts.
    Name,
    /// A host name.
    Host,
    /// A URL.
    Url,
}

/// Everything in the text that may deceive.
pub fn flags(text: &str, care: Care) -> Vec<Flag> {
    let mut flags = Flags::default();
    match care {
        Care::Prose | Care::Name => {}
        Care::Host => host_flags(text, &mut flags),
        Care::Url => match authority(text) {
            Some(found) => {
                if found.has_user {
                    flags.push(Flag::UserInfo { host: quote(found.host) });
                }
                host_flags(found.host, &mut flags);
            }
            None => host_flags(text, &mut flags),
        },
    }
    if text.is_ascii() {
        return flags.done();
    }
    for word in text.split(|c: char| !is_word(c)).filter(|word| !word.is_ascii()) {
        word_flags(word, care, &mut flags);
    }
    if care != Care::Prose {
        punctuation_flags(text, &mut flags);
    }
    if text.chars().any(runs_right_to_left) {
        flags.push(Flag::RightToLeft);
    }
    flags.done()
}

#[derive(Default)]
struct Flags {
    list: Vec<Flag>,
    more: usize,
}

impl Flags {
    fn push(&mut self, flag: Flag) {
        if self.list.contains(&flag) {
            return;
        }
        if self.list.len() < MAX_FLAGS {
            self.list.push(flag);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn done(mut self) -> Vec<Flag> {
        if self.more > 0 {
            self.list.push(Flag::More { count: self.more });
        }
        self.list
    }
}

fn quote(word: &str) -> String {
    safe_line(word, MAX_QUOTE)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

fn word_flags(word: &str, care: Care, flags: &mut Flags) {
    let twin = latin_twin(word);
    if !word.is_single_script() {
        flags.push(Flag::MixedScripts { word: quote(word), scripts: scripts(word), like: twin });
    } else if care != Care::Prose
        && let Some(like) = twin
    {
        flags.push(Flag::LooksLike { word: quote(word), like });
    }
}

/// The scripts of a word by their names, in the order in which they first stand there.
fn scripts(word: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for script in word.chars().map(|c| c.script()) {
        let name = script.full_name().replace('_', " ");
        if script != Script::Common && script != Script::Inherited && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The ASCII word it would be taken for, if every letter beyond ASCII has a twin there.
fn latin_twin(word: &str) -> Option<String> {
    let mut twin = String::new();
    for c in word.chars() {
        if c.is_ascii() {
            twin.push(c);
        } else {
            twin.push_str(&ascii_twin(c)?);
        }
    }
    Some(safe_line(&twin, MAX_QUOTE))
}

fn ascii_twin(c: char) -> Option<String> {
    // Full-width forms stand at a fixed distance from ASCII.
    let code = u32::from(c);
    if (0xff01..=0xff5e).contains(&code) {
        return code.checked_sub(0xfee0).and_then(char::from_u32).map(String::from);
    }
    let mut buffer = [0; 4];
    let twin: String = skeleton(c.encode_utf8(&mut buffer)).collect();
    (!twin.is_empty() && twin.is_ascii()).then_some(twin)
}

/// Signs that look like those which part a path, a host or a command.
fn punctuation_flags(text: &str, flags: &mut Flags) {
    for c in text.chars().filter(|c| !c.is_ascii() && !is_word(*c)) {
        let parts = |twin: &String| twin.chars().all(|t| "/\\.:;@?#-|&%=~'\"$*".contains(t));
        if let Some(like) = ascii_twin(c).filter(parts) {
            flags.push(Flag::LooksLike { word: c.to_string(), like });
        }
    }
}

fn host_flags(host: &str, flags: &mut Flags) {
    if !host.is_ascii() {
        flags.push(Flag::ForeignHost { word: quote(host) });
    }
    let labels = host.split(['.', '@', '/', ':', ' ', '。', '．', '｡']);
    for label in labels.filter(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"))) {
        flags.push(Flag::Punycode { word: quote(label) });
    }
}

/// Where a URL leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// `host` or `host:port`.
    pub host: &'a str,
    /// Whether a user name stands before it.
    pub has_user: bool,
}

/// The host of a URL that names one after `://`, as the more dangerous reading has it: a backslash ends the host,
/// and everything up to the last `@` is a user name.
pub fn authority(url: &str) -> Option<Authority<'_>> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    match authority.rsplit_once('@') {
        Some((_, host)) => Some(Authority { host, has_user: true }),
        None => Some(Authority { host: authority, has_user: false }),
    }
}

fn runs_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, care: Care) -> Vec<String> {
        flags(text, care).iter().map(Flag::sentence).collect()
    }

    #[test]
    fn mixed_words_are_flagged_everywhere() {
        assert_eq!(
            told("pay p\u{430}yp\u{430}l now", Care::Prose),
            ["“p\u{430}yp\u{430}l” mixes Latin and Cyrillic letters and looks like “paypal”."]
        );
        for one in ["naïve Grüße", "привет мир", "Ελλάδα", "東京タワー です", "한국어 漢字", "µs", "x²", "中文ㄅ"]
        {
            assert_eq!(told(one, Care::Prose), [""; 0], "{one}");
        }
        assert!(!told("Αpple", Care::Prose).is_empty());
    }

    #[test]
    fn whole_words_that_look_latin_are_flagged_in_names() {
        // Every letter of it is Cyrillic.
        let word = "\u{441}\u{43e}\u{440}\u{435}";
        assert_eq!(told(word, Care::Name), [format!("“{word}” only looks like “cope”.")]);
        assert_eq!(told(word, Care::Prose), [""; 0]);
        assert_eq!(told("ｇoogle", Care::Name), ["“ｇoogle” only looks like “google”."]);
        assert_eq!(told("café", Care::Name), [""; 0]);
        assert_eq!(told("rm \u{2013}rf", Care::Name), ["“\u{2013}” only looks like “-”."]);
        assert_eq!(told("https:\u{2215}\u{2215}a", Care::Name).len(), 1);
    }

    #[test]
    fn hosts_are_looked_at_closely() {
        assert_eq!(
            told("https://xn--pple-43d.com/", Care::Url),
            ["“xn--pple-43d” is an encoded name; elsewhere it looks different."]
        );
        assert_eq!(
            told("https://bank.example@evil.example/x", Care::Url),
            ["What stands before the @ is not the host; the host is “evil.example”."]
        );
        assert_eq!(told("https://bank.example\\@evil.example/x", Care::Url), [""; 0]);
        assert_eq!(authority("https://bank.example\\@evil.example/x").unwrap().host, "bank.example");
        assert_eq!(
            told("https://münchen.example", Care::Url),
            ["The host “münchen.example” has letters beyond plain Latin."]
        );
        assert_eq!(told("Bücher@XN--abc.example", Care::Host).len(), 2);
        assert_eq!(told("https://example.org/a?b=c#d", Care::Url), [""; 0]);
    }

    #[test]
    fn direction_is_told() {
        assert_eq!(flags("pay 100 אבג 200", Care::Prose), [Flag::RightToLeft]);
    }

    #[test]
    fn a_flood_is_counted() {
        let flood: String = (0..40).map(|n| format!("a{n}\u{430} ")).collect();
        let found = flags(&flood, Care::Prose);
        assert_eq!(found.len(), MAX_FLAGS + 1);
        assert_eq!(found.last(), Some(&Flag::More { count: 28 }));
    }
}
