//! What sessions remember of what was typed in them.

use super::prompt::Typing;
use crate::program::plain;
use crate::terminal;
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where programs keep what they remember of the user (the XDG base directory specification).
pub fn place() -> Option<PathBuf> {
    let told = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = told.or_else(|| Some(std::env::home_dir()?.join(".local/state")))?;
    Some(folder.join("millstream/history"))
}

/// Takes over what earlier sessions have kept. What is no text in it is put aside, which is told.
pub fn load(editor: &mut Editor<Typing, FileHistory>, path: &Path) {
    let Err(error) = editor.load_history(path) else { return };
    let told = match error {
        // There is none before the first session.
        ReadlineError::Io(error) if error.kind() == ErrorKind::NotFound => return,
        ReadlineError::Io(error) if error.kind() == ErrorKind::InvalidData => match put_aside(path) {
            Ok((n, aside)) => {
                let again = editor.clear_history().and_then(|()| editor.load_history(path));
                let lines = if n == 1 { "a line that is no text is" } else { "lines that are no text are" };
                again.map(|()| format!("{lines} left out; all of it stands in {}", aside.display()))
            }
            Err(error) => Err(ReadlineError::Io(error)),
        },
        error => Err(error),
    };
    let told = told.unwrap_or_else(|error| match error {
        ReadlineError::Io(error) => format!("it cannot be read: {}", plain(&error)),
        error => format!("it cannot be read: {error}"),
    });
    terminal::err(format_args!("warning: of the history {}: {told}\n", path.display()));
}

/// Leaves what can be read. How many lines cannot, and where all of them are kept.
fn put_aside(path: &Path) -> io::Result<(usize, PathBuf)> {
    let all = std::fs::read(path)?;
    let (readable, others): (Vec<&[u8]>, Vec<&[u8]>) =
        all.split_inclusive(|byte| *byte == b'\n').partition(|line| std::str::from_utf8(line).is_ok());
    let aside = path.with_extension("damaged");
    std::fs::rename(path, &aside)?;
    std::fs::write(path, readable.concat())?;
    Ok((others.len(), aside))
}

/// Keeps an entry, at once, as other sessions may keep theirs. What cannot be kept can be typed again.
pub fn remember(editor: &mut Editor<Typing, FileHistory>, entry: &str, path: Option<&Path>) {
    let is_new = editor.add_history_entry(entry).unwrap_or(false);
    if let Some(path) = path.filter(|_| is_new) {
        let folder = path.parent().map(std::fs::create_dir_all);
        if folder.is_some_and(|made| made.is_ok()) {
            let _ = editor.append_history(path);
        }
    }
}
