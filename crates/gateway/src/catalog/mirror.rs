//! Arguments that HTTP repeats in headers (`x-mcp-header` in a tool's schema, since 2026-07-28).

use agenttrust_protocol::json::{Object, Value};
use data_encoding::BASE64;

/// What marks a value that could not stand in a header as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// One argument that is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// The header.
    pub(crate) header: String,
    path: Vec<String>,
}

impl Mirrored {
    /// The header's value for these arguments; `None` where the argument is absent or null.
    pub(crate) fn value(&self, arguments: &Object) -> Option<String> {
        let (last, folders) = self.path.split_last()?;
        let mut object = arguments;
        for name in folders {
            object = object.get(name)?.as_object()?;
        }
        match object.get(last)? {
            Value::String(text) => Some(header_value(text)),
            Value::Number(number) => Some(number.text().to_owned()),
            Value::Bool(yes) => Some(yes.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// A text as a header can carry it.
pub(crate) fn header_value(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    if is_plain && text.trim() == text && !text.starts_with(ENCODED.0) {
        return text.to_owned();
    }
    format!("{}{}{}", ENCODED.0, BASE64.encode(text.as_bytes()), ENCODED.1)
}

/// The arguments that a schema wants repeated.
pub(super) fn mirrored(schema: &Value) -> Vec<Mirrored> {
    let mut found = Vec::new();
    collect(schema, &[], &mut found);
    found
}

fn collect(schema: &Value, path: &[String], found: &mut Vec<Mirrored>) {
    let properties = schema.as_object().and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    for (name, property) in properties.into_iter().flat_map(Object::iter) {
        let path: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
        let header = property.as_object().and_then(|property| property.get("x-mcp-header")).and_then(Value::as_str);
        if let Some(header) = header {
            found.push(Mirrored { header: format!("mcp-param-{}", header.to_ascii_lowercase()), path: path.clone() });
        }
        collect(property, &path, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::json::{Numbers, parse};

    #[test]
    fn headers_say_what_the_arguments_say() {
        let schema = r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"properties":{"n":{"type":"integer","x-mcp-header":"N"}}},"free":{"type":"string"}}}"#;
        let mirrored = mirrored(&parse(schema.as_bytes(), Numbers::Any).unwrap());
        let values = |arguments: &str| {
            let arguments = parse(arguments.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone();
            let said = mirrored.iter().filter_map(|m| Some(format!("{}: {}", m.header, m.value(&arguments)?)));
            said.collect::<Vec<String>>()
        };
        let both = ["mcp-param-region: eu", "mcp-param-n: 3"];
        assert_eq!(values(r#"{"region":"eu","deep":{"n":3},"free":"x"}"#), both);
        assert_eq!(values(r#"{"region":null}"#), [""; 0]);
        assert_eq!(values(r#"{"region":"a\r\nHost: b"}"#), ["mcp-param-region: =?base64?YQ0KSG9zdDogYg==?="]);
        assert_eq!(values(r#"{"region":"=?base64?x?="}"#), ["mcp-param-region: =?base64?PT9iYXNlNjQ/eD89?="]);
    }
}
