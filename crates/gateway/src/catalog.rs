//! What a server says of its tools, pinned by digest.
//!
//! A digest says that two definitions are the same words; whether they are true it does not say. What a server claims
//! of a tool may raise the risk of a call and never lowers it.

mod mirror;
mod pins;
mod place;

pub(crate) use mirror::{Mirrored, header_value};
pub(crate) use pins::{Pin, Pins};
pub(crate) use place::Place;

use crate::call::canonical;
use agenttrust_protocol::Hash;
use agenttrust_protocol::json::{Numbers, Value, parse};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After this long a server is asked again what it offers.
const FRESH: Duration = Duration::from_secs(60);

/// The members of a definition that its digest covers: all that a model or a person may go by.
const COVERED: [&str; 6] = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];

/// The most tools that are remembered of a server.
const MAX_TOOLS: usize = 10_000;

/// The longest piece of a server's description that is shown with a call.
const MAX_DESCRIPTION: usize = 400;

/// One tool as the server last described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) digest: Hash,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) claims: Claims,
    /// Arguments that are repeated in headers.
    pub(crate) mirrored: Vec<Mirrored>,
    /// Where a structured result has a place for a word to the model.
    pub(crate) place: Place,
}

/// What a server says a tool does; nobody has checked it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) open_world: Option<bool>,
}

impl Claims {
    fn read(annotations: &Value) -> Claims {
        let hint = |name: &str| match annotations.as_object()?.get(name) {
            Some(Value::Bool(hint)) => Some(*hint),
            Some(Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) | None => None,
        };
        Claims {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            open_world: hint("openWorldHint"),
        }
    }

    /// The claims as a sentence.
    pub(crate) fn words(self) -> Option<String> {
        let said = [
            (self.read_only == Some(true)).then_some("it only reads"),
            (self.read_only == Some(false)).then_some("it changes things"),
            (self.destructive == Some(true)).then_some("it may destroy"),
            (self.destructive == Some(false)).then_some("it destroys nothing"),
            (self.open_world == Some(true)).then_some("it reaches the outside world"),
        ];
        let said: Vec<&str> = said.into_iter().flatten().collect();
        (!said.is_empty()).then(|| format!("The server claims: {}. Nobody has checked that.", said.join(", ")))
    }
}

impl Definition {
    /// Reads one definition; `None` if it has no name.
    fn read(raw: &RawValue) -> Option<(String, Definition)> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let Ok(value) = parse(raw.get().as_bytes(), Numbers::Any) else {
            // Of what programs read differently only the bytes themselves can be compared.
            let Named { name } = serde_json::from_str(raw.get()).ok()?;
            let digest = Hash::of(format!("raw {}", raw.get()).as_bytes());
            let (claims, mirrored, place) = (Claims::default(), Vec::new(), Place::Nowhere);
            return Some((name, Definition { digest, title: None, description: None, claims, mirrored, place }));
        };
        let object = value.as_object()?;
        let covered = COVERED.iter().filter_map(|member| Some((member, object.get(member)?)));
        let covered: Vec<String> = covered.map(|(member, value)| format!("{member} {}", canonical(value))).collect();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let annotations = object.get("annotations");
        let second = annotations.and_then(Value::as_object).and_then(|hints| hints.get("title"));
        let definition = Definition {
            digest: Hash::of(covered.join("\n").as_bytes()),
            title: text(object.get("title")).or_else(|| text(second)),
            description: text(object.get("description")),
            claims: annotations.map(Claims::read).unwrap_or_default(),
            mirrored: object.get("inputSchema").map(mirror::mirrored).unwrap_or_default(),
            place: object.get("outputSchema").map_or(Place::Member, Place::in_results_of),
        };
        Some((object.get("name")?.as_str()?.to_owned(), definition))
    }

    /// The beginning of the server's own description.
    pub(crate) fn beginning(&self) -> Option<String> {
        let description = self.description.as_deref()?;
        let mut beginning: String = description.chars().take(MAX_DESCRIPTION).collect();
        if beginning.len() < description.len() {
            beginning.push('…');
        }
        Some(beginning)
    }
}

/// A page of tools.
pub(crate) struct Page {
    tools: Vec<(String, Definition)>,
    pub(crate) next: Option<String>,
}

impl Page {
    /// Reads the result of `tools/list`; `None` if it is none.
    pub(crate) fn read(result: &str) -> Option<Page> {
        #[derive(Deserialize)]
        struct Result<'a> {
            #[serde(borrow)]
            tools: Vec<&'a RawValue>,
            #[serde(rename = "nextCursor")]
            next: Option<String>,
        }
        let result: Result<'_> = serde_json::from_str(result).ok()?;
        let mut tools = result.tools.into_iter().map(Definition::read).collect::<Option<Vec<_>>>()?;
        tools.truncate(MAX_TOOLS);
        Some(Page { tools, next: result.next })
    }
}

/// What one server offers.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    tools: HashMap<String, (Definition, Instant)>,
    /// What the client was told; a server may tell it and the gateway different things.
    shown: HashMap<String, Hash>,
}

impl Catalog {
    /// Takes a page that the client is about to see.
    pub(crate) fn show(&mut self, page: Page) {
        for (name, definition) in page.tools {
            if self.shown.len() < MAX_TOOLS || self.shown.contains_key(&name) {
                self.shown.insert(name.clone(), definition.digest);
                self.tools.insert(name, (definition, Instant::now()));
            }
        }
    }

    /// Takes everything that the server offers.
    pub(crate) fn replace(&mut self, pages: Vec<Page>) {
        let now = Instant::now();
        let tools = pages.into_iter().flat_map(|page| page.tools).take(MAX_TOOLS);
        self.tools = tools.map(|(name, definition)| (name, (definition, now))).collect();
    }

    /// The server says that its tools have changed.
    pub(crate) fn outdate(&mut self) {
        self.tools.clear();
    }

    /// A definition that was heard of lately.
    pub(crate) fn fresh(&self, tool: &str) -> Option<Definition> {
        self.tools.get(tool).filter(|(_, heard)| heard.elapsed() < FRESH).map(|(definition, _)| definition.clone())
    }

    /// Whether the client was told something else of this tool.
    pub(crate) fn differs_from_shown(&self, tool: &str, digest: &Hash) -> bool {
        self.shown.get(tool).is_some_and(|shown| shown != digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tools: &str) -> Page {
        Page::read(&format!(r#"{{"tools":[{tools}]}}"#)).unwrap()
    }

    fn digest(tool: &str) -> Hash {
        page(tool).tools.remove(0).1.digest
    }

    #[test]
    fn a_digest_covers_what_a_model_or_a_person_may_go_by() {
        let tool = r#"{"name":"t","description":"d","inputSchema":{"type":"object","required":["a"]},"annotations":{"readOnlyHint":true}}"#;
        let spelled = r#"{ "annotations":{"readOnlyHint":true},"inputSchema":{"required":["a"],"type":"object"}, "description":"\u0064","name":"t","_meta":{"n":1}}"#;
        assert_eq!(digest(tool), digest(spelled));
        for (from, to) in [(r#""d""#, r#""e""#), (r#"["a"]"#, "[]"), ("true", "false"), (r#""t""#, r#""u""#)] {
            assert_ne!(digest(tool), digest(&tool.replace(from, to)), "{from}");
        }
        assert_ne!(digest(tool), digest(&tool.replace(r#""name""#, r#""title":"T","name""#)));
    }

    #[test]
    fn what_programs_read_differently_is_compared_by_its_bytes() {
        let twice = r#"{"name":"t","description":"a","description":"b"}"#;
        assert!(Page::read(&format!(r#"{{"tools":[{}]}}"#, twice.replace("description", "name"))).is_none());
        assert_eq!(digest(twice), digest(twice));
        assert_ne!(digest(twice), digest(&twice.replace(r#""a""#, r#""c""#)));
    }

    #[test]
    fn claims_are_told_as_claims() {
        let tool = r#"{"name":"t","annotations":{"title":"T","readOnlyHint":true,"destructiveHint":"yes"}}"#;
        let (_, definition) = page(tool).tools.remove(0);
        assert_eq!(definition.title.as_deref(), Some("T"));
        assert_eq!(definition.claims.words().unwrap(), "The server claims: it only reads. Nobody has checked that.");
        assert_eq!(definition.claims.destructive, None);
        assert_eq!(Claims::default().words(), None);
    }

    #[test]
    fn a_tool_that_is_gone_or_shown_otherwise_is_noticed() {
        let mut catalog = Catalog::default();
        catalog.show(page(r#"{"name":"a"},{"name":"b"}"#));
        let shown = catalog.fresh("a").unwrap().digest;
        catalog.replace(vec![page(r#"{"name":"a","description":"other"}"#)]);
        assert!(catalog.fresh("b").is_none());
        let now = catalog.fresh("a").unwrap().digest;
        assert!(catalog.differs_from_shown("a", &now) && !catalog.differs_from_shown("a", &shown));
        catalog.outdate();
        assert!(catalog.fresh("a").is_none());
    }
}
