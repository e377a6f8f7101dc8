//! The same edits in TOML, by a parser that keeps what it read.

use crate::codex_places::move_trust;
use crate::edit::{Edit, Given, is_our_hook};
use crate::refusal::{Outcome, Refusal};
use agenttrust_hooks::Client;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// What the text says.
pub(crate) fn read(text: &str) -> Outcome<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| Refusal::unreadable(error.to_string().trim_end()))
}

pub(crate) fn apply(text: &str, edits: &[Edit]) -> Outcome<String> {
    let mut document = read(text)?;
    for edit in edits {
        match edit {
            Edit::Append { path, value } => append(&mut document, path, value)?,
            Edit::Set { path, value } => {
                let (above, name) = split(path);
                set(descend(document.as_table_mut(), above)?, name, value);
            }
            Edit::Remove { path } => drop(take(&mut document, path)),
            Edit::Whole(_) => {}
        }
    }
    Ok(document.to_string())
}

pub(crate) fn strip(client: Client, text: &str, edits: &[Edit], base: Option<&str>) -> Outcome<String> {
    let mut document = read(text)?;
    let before = base.map(read).transpose()?;
    let before = before.as_ref();
    for edit in edits.iter().rev() {
        match edit {
            Edit::Append { path, .. } => strip_hooks(client, &mut document, path, before),
            Edit::Set { path, value } => {
                let is_as_set = find(&document, path).is_some_and(|item| to_json(item) == value.to_json());
                if let (true, Some(before)) = (is_as_set, before) {
                    restore(&mut document, path, before)?;
                }
            }
            Edit::Remove { path } => {
                if let (None, Some(before)) = (find(&document, path), before) {
                    restore(&mut document, path, before)?;
                }
            }
            Edit::Whole(_) => {}
        }
    }
    Ok(document.to_string())
}

fn split(path: &[String]) -> (&[String], &str) {
    path.split_last().map_or((&[], ""), |(last, above)| (above, last))
}

/// The table there, made without a heading of its own where it is missing.
fn descend<'a>(table: &'a mut dyn TableLike, path: &[String]) -> Outcome<&'a mut dyn TableLike> {
    let Some((name, rest)) = path.split_first() else { return Ok(table) };
    if !table.contains_key(name) {
        let mut made = Table::new();
        made.set_implicit(true);
        table.insert(name, Item::Table(made));
    }
    let below = table.get_mut(name).and_then(Item::as_table_like_mut);
    descend(below.ok_or_else(|| Refusal::unreadable(format!("`{name}` is not a table")))?, rest)
}

fn append(document: &mut DocumentMut, path: &[String], value: &Given) -> Outcome<()> {
    let (above, name) = split(path);
    let at = descend(document.as_table_mut(), above)?;
    let item = at.entry(name).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    match item {
        Item::ArrayOfTables(list) => list.push(table(value)),
        Item::Value(Value::Array(list)) => list.push(inline(value)),
        Item::None | Item::Table(_) | Item::Value(_) => {
            return Err(Refusal::unreadable(format!("`{name}` is not a list")));
        }
    }
    Ok(())
}

fn set(at: &mut dyn TableLike, name: &str, value: &Given) {
    match at.get_mut(name) {
        Some(item) if to_json(item) == value.to_json() => {}
        // What stood around the old value stays around the new one.
        Some(Item::Value(old)) if !matches!(value, Given::Map(_)) => {
            let decor = old.decor().clone();
            *old = inline(value);
            *old.decor_mut() = decor;
        }
        Some(_) | None => drop(at.insert(name, item(value))),
    }
}

fn find<'a>(document: &'a DocumentMut, path: &[String]) -> Option<&'a Item> {
    path.iter().try_fold(document.as_item(), |item, name| item.as_table_like()?.get(name))
}

fn take(document: &mut DocumentMut, path: &[String]) -> Option<Item> {
    let (above, name) = split(path);
    let top: &mut dyn TableLike = document.as_table_mut();
    let at = above.iter().try_fold(top, |at, name| at.get_mut(name)?.as_table_like_mut())?;
    at.remove(name)
}

fn restore(document: &mut DocumentMut, path: &[String], before: &DocumentMut) -> Outcome<()> {
    let (above, name) = split(path);
    match find(before, path) {
        Some(item) => drop(descend(document.as_table_mut(), above)?.insert(name, item.clone())),
        None => {
            take(document, path);
            prune(document, above, Some(before));
        }
    }
    Ok(())
}

/// Tables and lists that are empty now and were not there before go as well.
fn prune(document: &mut DocumentMut, path: &[String], before: Option<&DocumentMut>) {
    for length in (1..=path.len()).rev() {
        let (path, _) = path.split_at(length);
        let is_empty = find(document, path).is_some_and(|item| match item {
            Item::ArrayOfTables(list) => list.is_empty(),
            Item::Value(Value::Array(list)) => list.is_empty(),
            Item::None | Item::Table(_) | Item::Value(_) => item.as_table_like().is_some_and(TableLike::is_empty),
        });
        if !is_empty || before.is_some_and(|before| find(before, path).is_some()) {
            break;
        }
        take(document, path);
    }
}

/// Takes our hooks out of every list beside this one, however they got there.
fn strip_hooks(client: Client, document: &mut DocumentMut, path: &[String], before: Option<&DocumentMut>) {
    let (above, _) = split(path);
    let hooks = find(document, above).and_then(Item::as_table_like);
    let names: Vec<String> = hooks.iter().flat_map(|hooks| hooks.iter()).map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let path: Vec<String> = above.iter().chain([&name]).cloned().collect();
        let stays = find(document, &path).map(|list| stays(client, list)).unwrap_or_default();
        if strip_list(client, find_mut(document, &path)) {
            if client == Client::Codex {
                move_trust(document, &name, &stays);
            }
            prune(document, &path, before);
        }
    }
}

fn find_mut<'a>(document: &'a mut DocumentMut, path: &[String]) -> Option<&'a mut Item> {
    path.iter().try_fold(document.as_item_mut(), |item, name| item.as_table_like_mut()?.get_mut(name))
}

/// Whether one was taken out.
fn strip_list(client: Client, list: Option<&mut Item>) -> bool {
    match list {
        Some(Item::ArrayOfTables(list)) => {
            let count = list.len();
            list.retain(|entry| !is_all_ours(client, &table_to_json(entry)));
            for entry in list.iter_mut() {
                strip_list(client, entry.get_mut("hooks"));
            }
            list.len() < count
        }
        Some(Item::Value(Value::Array(list))) => {
            let count = list.len();
            list.retain(|entry| !is_all_ours(client, &value_to_json(entry)));
            for entry in list.iter_mut() {
                let inner = entry.as_inline_table_mut().and_then(|entry| entry.get_mut("hooks")?.as_array_mut());
                if let Some(inner) = inner {
                    inner.retain(|hook| !is_our_hook(&value_to_json(hook), client));
                }
            }
            list.len() < count
        }
        Some(Item::None | Item::Table(_) | Item::Value(_)) | None => false,
    }
}

/// Of each entry of a list whether it stays when ours go.
fn stays(client: Client, list: &Item) -> Vec<bool> {
    let list = to_json(list);
    list.as_array().into_iter().flatten().map(|entry| !is_all_ours(client, entry)).collect()
}

/// Whether an entry is our hook, or a matcher with hooks of ours alone.
fn is_all_ours(client: Client, entry: &serde_json::Value) -> bool {
    let inner = entry.get("hooks").and_then(serde_json::Value::as_array).filter(|inner| !inner.is_empty());
    is_our_hook(entry, client) || inner.is_some_and(|inner| inner.iter().all(|hook| is_our_hook(hook, client)))
}

fn item(value: &Given) -> Item {
    match value {
        Given::Map(_) => Item::Table(table(value)),
        Given::Text(_) | Given::Number(_) | Given::Null | Given::Flag(_) | Given::List(_) => Item::Value(inline(value)),
    }
}

/// A table with a heading; lists of tables in it have headings as well.
fn table(value: &Given) -> Table {
    let mut made = Table::new();
    let Given::Map(members) = value else { return made };
    for (name, value) in members {
        let below = match value {
            Given::List(list) if list.iter().any(|entry| matches!(entry, Given::Map(_))) => {
                Item::ArrayOfTables(list.iter().map(table).collect())
            }
            Given::Text(_) | Given::Number(_) | Given::Null | Given::Flag(_) | Given::List(_) | Given::Map(_) => {
                item(value)
            }
        };
        made.insert(name, below);
    }
    made
}

fn inline(value: &Given) -> Value {
    match value {
        Given::Text(text) => text.as_str().into(),
        Given::Number(number) => number.parse().unwrap_or_else(|_| number.as_str().into()),
        Given::Null => "".into(),
        Given::Flag(flag) => (*flag).into(),
        Given::List(list) => Value::Array(list.iter().map(inline).collect::<Array>()),
        Given::Map(map) => {
            Value::InlineTable(map.iter().map(|(name, value)| (name.as_str(), inline(value))).collect::<InlineTable>())
        }
    }
}

pub(crate) fn to_json(item: &Item) -> serde_json::Value {
    match item {
        Item::None => serde_json::Value::Null,
        Item::Value(value) => value_to_json(value),
        Item::Table(table) => table_to_json(table),
        Item::ArrayOfTables(list) => list.iter().map(|table| table_to_json(table)).collect(),
    }
}

fn table_to_json(table: &dyn TableLike) -> serde_json::Value {
    table.iter().map(|(name, item)| (name.to_owned(), to_json(item))).collect()
}

fn value_to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.value().as_str().into(),
        Value::Integer(number) => (*number.value()).into(),
        Value::Float(number) => (*number.value()).into(),
        Value::Boolean(flag) => (*flag.value()).into(),
        Value::Datetime(time) => time.value().to_string().into(),
        Value::Array(list) => list.iter().map(value_to_json).collect(),
        Value::InlineTable(table) => table_to_json(table),
    }
}
