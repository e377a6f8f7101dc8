//! Ids as people type them: the beginning of a hash or thumbprint, or a name.

use crate::failure::{Exit, Failure, Outcome};
use agenttrust_protocol::door::Trouble;

/// Characters of a short id.
const SHORT: usize = 8;

/// The short form of an id. A hyphen at its beginning would be taken for a flag, so it is left out.
pub fn short(id: &impl std::fmt::Display) -> String {
    let text = id.to_string();
    text.trim_start_matches(['-', '_']).chars().take(SHORT).collect()
}

/// The one thing that is meant by what was typed: its name, its whole id, or the beginning of its id.
///
/// # Errors
/// `not_found`, or `ambiguous`.
pub fn pick<T>(
    things: impl IntoIterator<Item = T>,
    typed: &str,
    id: impl Fn(&T) -> String,
    name: impl Fn(&T) -> Option<String>,
) -> Outcome<T> {
    let begins = |id: &str| id.starts_with(typed) || id.trim_start_matches(['-', '_']).starts_with(typed);
    let (mut named, mut found): (Vec<T>, Vec<T>) = (Vec::new(), Vec::new());
    for thing in things {
        if name(&thing).as_deref() == Some(typed) {
            named.push(thing);
        } else if !typed.is_empty() && begins(&id(&thing)) {
            found.push(thing);
        }
    }
    let mut candidates = if named.is_empty() { found } else { named };
    match (candidates.pop(), candidates.len()) {
        (Some(thing), 0) => Ok(thing),
        (Some(_), more) => {
            let message = format!("`{typed}` can mean {} of them.", more.saturating_add(1));
            Err(Failure::own("ambiguous", Exit::Usage, message, "Type more of the id."))
        }
        (None, _) => Err(Failure::new(Trouble::NotFound, typed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: [(&str, &str); 4] = [("-_Xq3vR9bA1", "a"), ("Xq3zzzzz", "b"), ("7Ykkkkkkk", "b"), ("abc", "Xq3v")];

    fn meant(typed: &str) -> Result<&'static str, String> {
        let picked = pick(THINGS, typed, |(id, _)| (*id).to_owned(), |(_, name)| Some((*name).to_owned()));
        picked.map(|(id, _)| id).map_err(|failure| failure.code().to_owned())
    }

    #[test]
    fn names_come_before_ids() {
        assert_eq!(meant("Xq3v"), Ok("abc"));
        assert_eq!(meant("Xq3vR"), Ok("-_Xq3vR9bA1"));
        assert_eq!(meant("-_Xq3vR9bA1"), Ok("-_Xq3vR9bA1"));
        assert_eq!(meant("7"), Ok("7Ykkkkkkk"));
        assert_eq!(meant("Xq3"), Err("ambiguous".to_owned()));
        assert_eq!(meant("b"), Err("ambiguous".to_owned()));
        for nothing in ["", "nope"] {
            assert_eq!(meant(nothing), Err("not_found".to_owned()));
        }
    }

    #[test]
    fn a_short_id_is_no_flag() {
        assert_eq!(short(&"-_Xq3vR9bA1"), "Xq3vR9bA");
        assert_eq!(short(&"ab"), "ab");
    }
}
