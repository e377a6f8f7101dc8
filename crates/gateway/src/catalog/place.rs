//! Where a structured result has a place for a word to the model.
//!
//! Some clients show their model the structured result of a tool and nothing else of the answer; all of them hold it
//! against the tool's schema.

use agenttrust_protocol::json::{Object, Value};

/// Such a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A member of its own.
    Member,
    /// In front of the text that this member holds.
    Before(String),
    /// There is none.
    Nowhere,
}

impl Place {
    /// The place that results with this schema have.
    pub(super) fn in_results_of(schema: &Value) -> Place {
        let Some(schema) = schema.as_object() else { return Place::Nowhere };
        let is_composed = ["allOf", "anyOf", "oneOf", "not", "if", "$ref", "unevaluatedProperties"];
        if is_composed.iter().any(|name| schema.get(name).is_some()) || schema.get("maxProperties").is_some() {
            return Place::Nowhere;
        }
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(true)) => Place::Member,
            Some(_) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let mut texts =
                    properties.into_iter().flat_map(Object::iter).filter(|(_, schema)| is_free_text(schema));
                texts.next().map_or(Place::Nowhere, |(name, _)| Place::Before(name.to_owned()))
            }
        }
    }
}

/// Whether any text will do.
fn is_free_text(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return false };
    let is_known = |name: &str| ["type", "title", "description"].contains(&name);
    schema.get("type").and_then(Value::as_str) == Some("string") && schema.iter().all(|(name, _)| is_known(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::json::{Numbers, parse};

    #[test]
    fn a_word_stands_where_the_schema_lets_it() {
        let place = |schema: &str| Place::in_results_of(&parse(schema.as_bytes(), Numbers::Any).unwrap());
        assert_eq!(place(r#"{"type":"object","properties":{"n":{"type":"number"}}}"#), Place::Member);
        let closed = r#"{"additionalProperties":false,"properties":{"n":{"type":"number"},"id":{"type":"string","pattern":"x"},"text":{"type":"string"}}}"#;
        assert_eq!(place(closed), Place::Before("text".to_owned()));
        for schema in
            [r#"{"$ref":"x"}"#, "true", r#"{"additionalProperties":false,"properties":{"n":{"type":"number"}}}"#]
        {
            assert_eq!(place(schema), Place::Nowhere, "{schema}");
        }
    }
}
