//! Edits in JSON that keep everything else as it was written: comments, order, spaces, the text of numbers.

use crate::edit::{Edit, Given, is_our_hook};
use crate::refusal::{Outcome, Refusal};
use agenttrust_hooks::Client;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::Value;

/// What some editors put before the first character.
const BOM: char = '\u{feff}';

/// Comments and trailing commas are what the clients take beside JSON; anything looser may mean one thing here and
/// another there.
const FORM: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What the text says; an empty text is an empty object.
pub(crate) fn read(text: &str) -> Outcome<Value> {
    let (_, root) = parse(text)?;
    let value = object(&root)?.to_serde_value();
    value.ok_or_else(|| Refusal::unreadable("a value in it is not JSON"))
}

pub(crate) fn apply(text: &str, edits: &[Edit]) -> Outcome<String> {
    let (mark, root) = parse(text)?;
    let top = object(&root)?;
    for edit in edits {
        match edit {
            Edit::Append { path, value } => list(&top, path)?.append(input(value)),
            Edit::Set { path, value } => match split(path) {
                (above, Some(name)) => set(&descend(&top, above)?, name, value)?,
                (_, None) => continue,
            },
            Edit::Remove { path } => {
                remove(&top, path)?;
                continue;
            }
            Edit::Whole(_) => continue,
        };
    }
    Ok(format!("{mark}{root}"))
}

pub(crate) fn strip(client: Client, text: &str, edits: &[Edit], base: Option<&str>) -> Outcome<String> {
    let (mark, root) = parse(text)?;
    let top = object(&root)?;
    let before = base.map(parse).transpose()?.map(|(_, root)| root);
    let before = before.as_ref().map(object).transpose()?;
    for edit in edits.iter().rev() {
        match edit {
            Edit::Append { path, .. } => strip_hooks(client, &top, path, before.as_ref())?,
            Edit::Set { path, value } => {
                let is_as_set = find(&top, path).is_some_and(|node| node.to_serde_value() == Some(value.to_json()));
                if let (true, Some(before)) = (is_as_set, &before) {
                    restore(&top, path, before)?;
                }
            }
            Edit::Remove { path } => {
                if let (None, Some(before)) = (find(&top, path), &before) {
                    restore(&top, path, before)?;
                }
            }
            Edit::Whole(_) => {}
        }
    }
    Ok(format!("{mark}{root}"))
}

fn parse(text: &str) -> Outcome<(String, CstRootNode)> {
    let bare = text.strip_prefix(BOM).unwrap_or(text);
    let mark = if bare.len() == text.len() { String::new() } else { BOM.to_string() };
    let root = CstRootNode::parse(bare, &FORM).map_err(|error| Refusal::unreadable(format!("{error}")))?;
    Ok((mark, root))
}

/// The object that the file is; an empty file becomes one.
fn object(root: &CstRootNode) -> Outcome<CstObject> {
    root.object_value_or_create().ok_or_else(|| Refusal::unreadable("it is not an object"))
}

fn split(path: &[String]) -> (&[String], Option<&str>) {
    match path.split_last() {
        Some((last, above)) => (above, Some(last)),
        None => (&[], None),
    }
}

/// A member that stands there once: of two of the same name, every client has its own idea which counts.
fn member(of: &CstObject, name: &str) -> Outcome<Option<CstNode>> {
    let named = of.properties().into_iter().filter(|property| property.decoded_name().as_deref() == Some(name));
    let mut found: Vec<_> = named.collect();
    match (found.pop(), found.is_empty()) {
        (Some(_), false) => Err(Refusal::unreadable(format!("it names `{name}` twice in one place"))),
        (Some(property), true) => Ok(property.value()),
        (None, _) => Ok(None),
    }
}

fn descend(top: &CstObject, path: &[String]) -> Outcome<CstObject> {
    path.iter().try_fold(top.clone(), |at, name| match member(&at, name)? {
        Some(node) => node.as_object().ok_or_else(|| Refusal::unreadable(format!("`{name}` is not an object"))),
        None => at.object_value_or_create(name).ok_or_else(|| Refusal::unreadable(format!("`{name}` has no value"))),
    })
}

fn list(top: &CstObject, path: &[String]) -> Outcome<CstArray> {
    let (above, name) = split(path);
    let name = name.unwrap_or_default();
    let at = descend(top, above)?;
    match member(&at, name)? {
        Some(node) => node.as_array().ok_or_else(|| Refusal::unreadable(format!("`{name}` is not a list"))),
        None => at.array_value_or_create(name).ok_or_else(|| Refusal::unreadable(format!("`{name}` has no value"))),
    }
}

fn set(at: &CstObject, name: &str, value: &Given) -> Outcome<CstNode> {
    let none = || Refusal::unreadable(format!("`{name}` has no value"));
    match member(at, name)? {
        // What is so already keeps the way it is written.
        Some(node) if node.to_serde_value() == Some(value.to_json()) => Ok(node),
        Some(_) => {
            let property = at.get(name).ok_or_else(none)?;
            property.set_value(input(value));
            property.value().ok_or_else(none)
        }
        None => at.append(name, input(value)).value().ok_or_else(none),
    }
}

fn remove(top: &CstObject, path: &[String]) -> Outcome<()> {
    let (above, name) = split(path);
    let Some(at) = find_object(top, above) else { return Ok(()) };
    if member(&at, name.unwrap_or_default())?.is_some()
        && let Some(property) = at.get(name.unwrap_or_default())
    {
        property.remove();
    }
    Ok(())
}

fn find_object(top: &CstObject, path: &[String]) -> Option<CstObject> {
    path.iter().try_fold(top.clone(), |at, name| at.object_value(name))
}

fn find(top: &CstObject, path: &[String]) -> Option<CstNode> {
    let (above, name) = split(path);
    find_object(top, above)?.get(name?)?.value()
}

/// What was there before, or nothing, with the objects that were made on the way.
fn restore(top: &CstObject, path: &[String], before: &CstObject) -> Outcome<()> {
    let (above, name) = split(path);
    match find(before, path) {
        Some(node) => set(&descend(top, above)?, name.unwrap_or_default(), &raw(&node)).map(drop),
        None => {
            remove(top, path)?;
            prune(top, above, Some(before))
        }
    }
}

/// Objects and lists that are empty now and were not there before go as well.
fn prune(top: &CstObject, path: &[String], before: Option<&CstObject>) -> Outcome<()> {
    for length in (1..=path.len()).rev() {
        let (path, _) = path.split_at(length);
        let is_empty = find(top, path).is_some_and(|node| node.children_exclude_trivia_and_tokens().is_empty());
        if !is_empty || before.is_some_and(|before| find(before, path).is_some()) {
            break;
        }
        remove(top, path)?;
    }
    Ok(())
}

/// Takes our hooks out of every list beside this one, however they got there.
fn strip_hooks(client: Client, top: &CstObject, path: &[String], before: Option<&CstObject>) -> Outcome<()> {
    let (above, _) = split(path);
    let Some(hooks) = find_object(top, above) else { return Ok(()) };
    for property in hooks.properties() {
        let (Some(name), Some(list)) = (property.decoded_name(), property.array_value()) else { continue };
        let count = list.elements().len();
        list.elements().into_iter().for_each(|entry| strip_entry(client, entry));
        if list.elements().len() < count {
            let path: Vec<String> = above.iter().chain([&name]).cloned().collect();
            prune(top, &path, before)?;
        }
    }
    Ok(())
}

/// An entry is a hook, or a matcher with hooks of its own; one with hooks of others keeps those.
fn strip_entry(client: Client, entry: CstNode) {
    let ours = |node: &CstNode| node.to_serde_value().is_some_and(|value| is_our_hook(&value, client));
    if ours(&entry) {
        return entry.remove();
    }
    let Some(inner) = entry.as_object().and_then(|entry| entry.array_value("hooks")) else { return };
    let found: Vec<CstNode> = inner.elements().into_iter().filter(ours).collect();
    if found.is_empty() {
        return;
    }
    if found.len() == inner.elements().len() {
        return entry.remove();
    }
    found.into_iter().for_each(CstNode::remove);
}

fn input(value: &Given) -> CstInputValue {
    match value {
        Given::Text(text) => text.as_str().into(),
        Given::Number(number) => CstInputValue::Number(number.clone()),
        Given::Null => CstInputValue::Null,
        Given::Flag(flag) => (*flag).into(),
        Given::List(list) => CstInputValue::Array(list.iter().map(input).collect()),
        Given::Map(map) => {
            CstInputValue::Object(map.iter().map(|(name, value)| (name.clone(), input(value))).collect())
        }
    }
}

/// A value as it stands in a text, its numbers to the letter.
pub(crate) fn raw(node: &CstNode) -> Given {
    if let Some(object) = node.as_object() {
        let member =
            |property: jsonc_parser::cst::CstObjectProp| Some((property.decoded_name()?, raw(&property.value()?)));
        return Given::Map(object.properties().into_iter().filter_map(member).collect());
    }
    if let Some(array) = node.as_array() {
        return Given::List(array.elements().iter().map(raw).collect());
    }
    if let Some(text) = node.as_string_lit() {
        return Given::Text(text.decoded_value().unwrap_or_default());
    }
    if let Some(flag) = node.as_boolean_lit() {
        return Given::Flag(flag.value());
    }
    node.as_number_lit().map_or(Given::Null, |number| Given::Number(number.to_string()))
}
