//! Links into the app: `agenttrust://inbox` and `agenttrust://request/ID`.
//!
//! Anybody can write a link, so a link goes to a place and does nothing there.

use agenttrust_device::console::Target;

/// The scheme, as the desktop entry and the bundles announce it.
const SCHEME: &str = "agenttrust://";

/// Where a link leads; `None` if it is not exactly one of ours.
pub fn target(link: &str) -> Option<Target> {
    match link.strip_prefix(SCHEME)? {
        "inbox" | "inbox/" => Some(Target::Inbox),
        place => place.strip_prefix("request/")?.parse().ok().map(|card| Target::Request { card }),
    }
}

/// Where the first link among a program's arguments leads.
pub fn among<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Option<Target> {
    arguments.into_iter().find_map(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn links_lead_to_places() {
        assert_eq!(target("agenttrust://inbox"), Some(Target::Inbox));
        assert_eq!(target("agenttrust://inbox/"), Some(Target::Inbox));
        let card = ID.parse().unwrap();
        assert_eq!(target(&format!("agenttrust://request/{ID}")), Some(Target::Request { card }));
        assert_eq!(among(["agenttrust-app", "--hidden", "agenttrust://inbox"]), Some(Target::Inbox));
        assert_eq!(among(["agenttrust-app", "--hidden"]), None);
    }

    #[test]
    fn what_is_not_exactly_a_link_of_ours_leads_nowhere() {
        for link in [
            String::new(),
            "agenttrust:".to_owned(),
            "agenttrust://".to_owned(),
            "agenttrust://inbox//".to_owned(),
            "agenttrust://inbox?x".to_owned(),
            "agenttrust://Inbox".to_owned(),
            "AGENTTRUST://inbox".to_owned(),
            " agenttrust://inbox".to_owned(),
            "agenttrust://settings".to_owned(),
            "agenttrust://request".to_owned(),
            "agenttrust://request/".to_owned(),
            format!("agenttrust://request/{ID}/"),
            format!("agenttrust://request/{ID}/approve"),
            format!("agenttrust://request/{ID}?answer=approve"),
            format!("agenttrust://request/{ID}#approve"),
            format!("agenttrust://request/{ID}="),
            format!("agenttrust://request/../{ID}"),
            format!("agenttrust://approve/{ID}"),
            format!("agenttrust://owner@request/{ID}"),
            format!("https://request/{ID}"),
        ] {
            assert_eq!(target(&link), None, "{link}");
        }
    }
}
