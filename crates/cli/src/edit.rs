//! Editing a call at the terminal: field by field, or as JSON in the person's editor.

use crate::failure::{Exit, Failure, Outcome};
use crate::prompt::ARMED;
use crate::tty::Tty;
use crate::wrap::wrap;
use agenttrust_device::approver::display::{Care, Folds, Text};
use agenttrust_device::approver::edit::{Edit, Field, FieldKind};
use agenttrust_protocol::json::{Numbers, parse};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The largest text an editor may hand back; a signed message holds less.
const MAX_TEXT: u64 = 1 << 20;

/// Asks how to edit, and edits; `None` if the person changed their mind. `json` are the arguments so far, and what
/// comes back are those to go on with: an editor may hand back anything.
///
/// # Errors
/// `interrupted`, `no_terminal`, or what keeps the editor from running.
pub fn edit(tty: &Tty, json: &str, folder: &Path) -> Outcome<Option<String>> {
    let editor = editor();
    let question = match &editor {
        Some(editor) => format!("Edit [f]ield by field, or as [j]son in {editor}? [b]ack "),
        None => "Edit [f]ield by field? [b]ack ".to_owned(),
    };
    match (tty.choose(&question, if editor.is_some() { "fjb" } else { "fb" }, ARMED)?, editor) {
        ('f', _) => fields(tty, json).map(Some),
        ('j', Some(editor)) => in_editor(&editor, json, folder).map(Some),
        _ => Ok(None),
    }
}

/// The person's editor.
fn editor() -> Option<String> {
    let named =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()));
    let is_there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    named.or_else(|| ["nano", "vi"].into_iter().find(|program| is_there(program)).map(str::to_owned))
}

fn fields(tty: &Tty, json: &str) -> Outcome<String> {
    let Some(object) = parse(json.as_bytes(), Numbers::Any).ok().and_then(|value| value.as_object().cloned()) else {
        // What an editor left behind: whoever looks at it next says what is wrong with it.
        return Ok(json.to_owned());
    };
    tty.show("Enter keeps a value; \"\" makes a text empty.\n");
    let mut edit = Edit::new(&object);
    for field in edit.fields() {
        while let Some(value) = ask_field(tty, &field)? {
            match edit.set(&field.path, &value) {
                Ok(()) => break,
                Err(bad) => tty.show(&format!("  {bad}\n")),
            }
        }
    }
    Ok(edit.to_json())
}

/// What is typed into one field; `None` to keep it.
fn ask_field(tty: &Tty, field: &Field) -> Outcome<Option<String>> {
    let kind = match field.kind {
        FieldKind::Text => "text",
        FieldKind::Number => "number",
        FieldKind::Bool => "true or false",
        FieldKind::Json => "JSON",
    };
    let path = one_line(&field.path);
    let value = one_line(&field.value);
    for line in wrap(&format!("  {path} ({kind}): {value}"), tty.columns()) {
        tty.show(&format!("{line}\n"));
    }
    let line = tty.line("    new: ")?;
    Ok(match line.as_str() {
        "" => None,
        "\"\"" if field.kind == FieldKind::Text => Some(String::new()),
        typed => Some(typed.to_owned()),
    })
}

fn one_line(text: &str) -> String {
    Text::line(text, Care::Name).shown(Folds::Open).join(" ")
}

/// The person's editor on a file that only they can read; whatever is in it afterwards.
fn in_editor(editor: &str, json: &str, folder: &Path) -> Outcome<String> {
    let failed = |error: std::io::Error| Failure::io(folder, &error);
    let mut file = tempfile::Builder::new().prefix("edit-").suffix(".json").tempfile_in(folder).map_err(failed)?;
    file.write_all(json.as_bytes()).map_err(failed)?;
    let mut words = editor.split_whitespace();
    let tty = || std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").map(Stdio::from).map_err(failed);
    let mut command = Command::new(words.next().unwrap_or("vi"));
    command.args(words).arg(file.path()).stdin(tty()?).stdout(tty()?).stderr(tty()?);
    let status = command.status().map_err(|error| {
        Failure::own(
            "editor_failed",
            Exit::Failed,
            format!("{editor}: {error}"),
            "Set EDITOR to an editor that is installed.",
        )
    })?;
    if !status.success() {
        return Err(Failure::own(
            "editor_failed",
            Exit::Failed,
            format!("{editor} ended with an error."),
            "Nothing was changed.",
        ));
    }
    // Some editors write a new file in the old one's place.
    let mut file = std::fs::File::open(file.path()).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut text = String::new();
    file.take(MAX_TEXT).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
