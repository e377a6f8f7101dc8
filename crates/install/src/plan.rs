//! What a file would be with something of ours in it or without it. Nothing here touches a file that is not ours.

use crate::edit::{Edit, Format, Given, apply, is_our_hook, path, strip};
use crate::files::{self, Found};
use crate::record::{self, Kept, Layer, Part};
use crate::refusal::{Outcome, Refusal};
use crate::{json, toml};
use agenttrust_hooks::Client;
use serde_json::Value;
use similar::TextDiff;
use std::path::{Path, PathBuf};

/// What is to be in which file.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub client: Client,
    pub part: Part,
    pub file: PathBuf,
    pub format: Format,
}

/// A file that would change.
#[derive(Clone, Debug)]
pub struct Change {
    found: Found,
    after: Option<Vec<u8>>,
    place: PathBuf,
    then: Then,
    folders: Vec<PathBuf>,
    before: Option<Kept>,
    exact: bool,
}

/// What is remembered of it afterwards.
#[derive(Clone, Debug)]
enum Then {
    Keep(Kept),
    Forget,
}

/// The file, and what was remembered of it.
pub(crate) struct Scene {
    spot: Spot,
    found: Found,
    kept: Option<Kept>,
    place: PathBuf,
    /// What the file was before us; where somebody changed it since, what it would be without all that is ours.
    pub base: Option<String>,
    /// The file without what looks like this part of ours, whoever put it there.
    loosened: Option<String>,
}

impl Spot {
    /// What the file says, for whoever looks for a setting in it.
    pub(crate) fn read(format: Format, text: &str) -> Outcome<Value> {
        match format {
            Format::Json => json::read(text),
            Format::Toml => toml::read(text).map(|document| toml::to_json(document.as_item())),
            Format::Whole => Ok(Value::Null),
        }
    }
}

/// Looks at the file. `loose` are edits that may have been made by hand before us.
pub(crate) fn look(records: &Path, spot: Spot, loose: impl Fn(&str) -> Outcome<String>) -> Outcome<Scene> {
    let found = files::find(&spot.file)?;
    let place = record::place(records, spot.client, &spot.file);
    let kept = record::load(&place);
    let about = |refusal: Refusal| refusal.about(&found.path);
    let loosened =
        found.bytes.as_deref().map(|bytes| record::text(bytes).and_then(&loose)).transpose().map_err(about)?;
    let base = match (&kept, &found.bytes) {
        (Some(kept), Some(_)) if kept.is_as_left(found.bytes.as_deref()) => {
            kept.record.existed.then(|| kept.base_text().map(str::to_owned)).transpose().map_err(about)?
        }
        (Some(kept), Some(bytes)) => {
            let text = record::text(bytes).and_then(|text| kept.without(spot.client, text, None));
            let text = text.and_then(|text| loose(&text)).map_err(about)?;
            (kept.record.existed || !is_nothing(spot.format, &text)).then_some(text)
        }
        (None, Some(_)) => loosened.clone().filter(|text| spot.format != Format::Whole || !text.is_empty()),
        (_, None) => None,
    };
    Ok(Scene { spot, found, kept, place, base, loosened })
}

impl Scene {
    /// The file as it is now.
    pub(crate) fn text(&self) -> Outcome<&str> {
        self.found.bytes.as_deref().map_or(Ok(""), record::text)
    }

    /// The change that puts these edits there; nothing if they are there already.
    pub(crate) fn install(self, edits: Vec<Edit>) -> Outcome<Option<Change>> {
        let path = self.found.path.clone();
        self.plan_install(edits).map_err(|refusal| refusal.about(&path))
    }

    fn plan_install(self, edits: Vec<Edit>) -> Outcome<Option<Change>> {
        let (format, client) = (self.spot.format, self.spot.client);
        if self.found.bytes.is_some() && is_in_place(client, format, self.text()?, &edits)? {
            return Ok(None);
        }
        let others = self.kept.iter().flat_map(|kept| &kept.record.layers).filter(|layer| layer.part != self.spot.part);
        let mut layers: Vec<Layer> = others.cloned().collect();
        layers.push(Layer { part: self.spot.part, edits });
        layers.sort_by_key(|layer| layer.part);
        let mut kept = Kept::new(client, &self.found.path, format, self.base.map(String::into_bytes));
        if let Some(before) = &self.kept {
            kept.record.folders.splice(0..0, before.record.folders.iter().cloned());
        }
        kept.record.layers = layers;
        let text = kept.text()?;
        let mine = kept.record.layers.iter().find(|layer| layer.part == self.spot.part);
        if !is_in_place(client, format, &text, mine.map(|layer| layer.edits.as_slice()).unwrap_or_default())? {
            return Err(Refusal::unreadable("what was put in could not be found again"));
        }
        kept.record.after = record::digest(text.as_bytes());
        Ok(Some(Change {
            found: self.found,
            after: Some(text.into_bytes()),
            place: self.place,
            then: Then::Keep(kept),
            folders: Vec::new(),
            before: self.kept,
            exact: true,
        }))
    }

    /// The change that takes our part out; nothing if there is none.
    pub(crate) fn uninstall(self) -> Outcome<Option<Change>> {
        let path = self.found.path.clone();
        self.plan_uninstall().map_err(|refusal| refusal.about(&path))
    }

    fn plan_uninstall(self) -> Outcome<Option<Change>> {
        let Some(bytes) = self.found.bytes.as_deref() else {
            record::forget(&self.place);
            return Ok(None);
        };
        let text = record::text(bytes)?;
        let (client, part) = (self.spot.client, self.spot.part);
        let kept = self.kept.clone().filter(|kept| kept.record.layers.iter().any(|layer| layer.part == part));
        let Some(mut kept) = kept else {
            let after = self.loosened.clone().unwrap_or_default();
            return Ok((after != text).then(|| self.by_looks(after)));
        };
        let exact = kept.is_as_left(Some(bytes));
        let stripped = if exact { None } else { Some(kept.without(client, text, Some(part))?) };
        kept.record.layers.retain(|layer| layer.part != part);
        let is_last = kept.record.layers.is_empty();
        let folders = if is_last { kept.record.folders.clone() } else { Vec::new() };
        let after = match &stripped {
            Some(stripped) => stripped.clone(),
            None => kept.text()?,
        };
        if is_last {
            let is_empty = !kept.record.existed && is_nothing(self.spot.format, &after);
            let mut change = self.change(after, Then::Forget, folders, exact);
            if is_empty {
                change.after = None;
            }
            return Ok(Some(change));
        }
        if stripped.is_some() {
            self.rebase(&mut kept);
        }
        kept.record.after = record::digest(after.as_bytes());
        Ok(Some(self.change(after, Then::Keep(kept), folders, exact)))
    }

    /// A part that was put in by hand goes by what it looks like; what else is remembered of the file stays.
    fn by_looks(self, after: String) -> Change {
        let is_gone = self.spot.format == Format::Whole && after.is_empty();
        let then = match self.kept.clone() {
            Some(mut kept) => {
                self.rebase(&mut kept);
                kept.record.after = record::digest(after.as_bytes());
                Then::Keep(kept)
            }
            None => Then::Forget,
        };
        let mut change = self.change(after, then, Vec::new(), false);
        if is_gone {
            change.after = None;
        }
        change
    }

    /// From now on the file goes back to what it is without us.
    fn rebase(&self, kept: &mut Kept) {
        kept.record.existed = self.base.is_some();
        kept.base = self.base.clone().unwrap_or_default().into_bytes();
    }

    fn change(self, after: String, then: Then, folders: Vec<PathBuf>, exact: bool) -> Change {
        let after = Some(after.into_bytes());
        Change { found: self.found, after, place: self.place, then, folders, before: self.kept, exact }
    }
}

impl Change {
    /// The file that changes.
    pub fn path(&self) -> &Path {
        &self.found.path
    }

    /// Whether the file ends up to the byte as it was before us; not so where somebody changed it in the meantime.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether there is no file afterwards.
    pub fn removes(&self) -> bool {
        self.after.is_none()
    }

    /// Where a copy is kept: of the file before us, or of what somebody made of a file that goes away.
    pub fn copy(&self) -> Option<PathBuf> {
        match &self.then {
            Then::Keep(kept) => kept.record.existed.then(|| record::backup(&self.place)),
            Then::Forget => (self.removes() && !self.exact).then(|| self.place.with_extension("removed")),
        }
    }

    /// The difference, line by line.
    pub fn diff(&self) -> String {
        let text = |bytes: Option<&Vec<u8>>| String::from_utf8_lossy(bytes.map_or(&[], Vec::as_slice)).into_owned();
        let (before, after) = (text(self.found.bytes.as_ref()), text(self.after.as_ref()));
        let path = self.found.path.display().to_string();
        let name = |there: bool| if there { path.as_str() } else { "/dev/null" };
        let diff = TextDiff::from_lines(&before, &after);
        diff.unified_diff().header(name(self.found.bytes.is_some()), name(self.after.is_some())).to_string()
    }

    /// Makes the change, if the file still is what was shown.
    ///
    /// # Errors
    /// `config_changed`, `config_not_writable`, `file_failed`.
    pub fn carry_out(&self) -> Outcome<()> {
        // First what to go back to: a change that nobody remembers could not be taken back.
        if let Then::Keep(kept) = &self.then {
            record::save(&self.place, kept)?;
        }
        if let (Then::Forget, Some(copy), Some(bytes)) = (&self.then, self.copy(), &self.found.bytes) {
            files::keep(&copy, bytes)?;
        }
        let done = match &self.after {
            Some(bytes) => files::replace(&self.found, bytes),
            None => files::remove(&self.found, &self.folders),
        };
        match (&done, &self.then, &self.before) {
            (Ok(()), Then::Forget, _) | (Err(_), Then::Keep(_), None) => record::forget(&self.place),
            (Err(_), _, Some(before)) => record::save(&self.place, before)?,
            (Ok(()), Then::Keep(_), _) | (Err(_), Then::Forget, None) => {}
        }
        done
    }
}

/// Whether there is nothing in a file.
fn is_nothing(format: Format, text: &str) -> bool {
    match format {
        // What a file of ours has beside its hooks is the number of its form.
        Format::Json => json::read(text).is_ok_and(|value| value.as_object().is_some_and(|object| object.is_empty())),
        Format::Toml | Format::Whole => text.trim().is_empty(),
    }
}

/// Whether the text has what these edits put there, and no other hook of ours.
fn is_in_place(client: Client, format: Format, text: &str, edits: &[Edit]) -> Outcome<bool> {
    if let [Edit::Whole(whole)] = edits {
        return Ok(whole == text);
    }
    let value = Spot::read(format, text)?;
    let at = |path: &[String]| path.iter().try_fold(&value, |at, name| at.get(name));
    let all = edits.iter().all(|edit| match edit {
        Edit::Append { path, value } => {
            at(path).and_then(Value::as_array).is_some_and(|list| list.contains(&value.to_json()))
        }
        Edit::Set { path, value } => at(path) == Some(&value.to_json()),
        Edit::Remove { path } => at(path).is_none(),
        Edit::Whole(_) => false,
    });
    let appended = edits.iter().filter(|edit| matches!(edit, Edit::Append { .. })).count();
    Ok(all && (appended == 0 || ours(client, &value) == appended))
}

/// How many hooks of ours there are.
pub(crate) fn ours(client: Client, settings: &Value) -> usize {
    let lists = settings.get("hooks").and_then(Value::as_object).into_iter().flat_map(|hooks| hooks.values());
    let entries = lists.filter_map(Value::as_array).flatten();
    let hooks = entries.flat_map(|entry| match entry.get("hooks").and_then(Value::as_array) {
        Some(inner) => inner.iter().collect(),
        None => vec![entry],
    });
    hooks.filter(|hook| is_our_hook(hook, client)).count()
}

/// Takes hooks of ours out of a text, however they got there.
pub(crate) fn loose(client: Client, format: Format, text: &str) -> Outcome<String> {
    if format != Format::Whole && ours(client, &Spot::read(format, text)?) == 0 {
        return Ok(text.to_owned());
    }
    // The name of the event does not matter: our hooks are looked for in all of them.
    let any = [Edit::Append { path: path(["hooks", "any"]), value: Given::Null }];
    strip(client, format, text, &any, None)
}

/// The edits alone, as a file of their own.
pub(crate) fn alone(format: Format, edits: &[Edit]) -> Outcome<String> {
    apply(format, "", edits)
}
