//! What is said on the command line, as a file that diagnostics point into.

use crate::program::plain;
use millstream_base::{Diagnostic, FileId, SourceMap, Span, codes, did_you_mean};
use std::path::Path;

/// A word of the command line, with its place.
#[derive(Clone, Debug)]
pub struct Said {
    pub text: String,
    pub span: Span,
}

/// A file that is named there cannot be written.
pub fn cannot_create(span: Span, path: &Path, error: &std::io::Error) -> Diagnostic {
    let headline = format!("cannot write `{}`: {}", path.display(), plain(error));
    let fault = Diagnostic::new(codes::E0907, span, headline).label("named here");
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        Some(folder) => fault.help(format!("make the folder `{}` first", folder.display())),
        None if path.is_dir() => fault.help("name a file in this folder"),
        None => fault,
    }
}

/// The file that was most likely meant by the name of one that is not there; that both end in `.csv` makes no two
/// names alike.
pub fn nearest_file<'a>(name: &str, there: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_like =
        |other: &&str| stem(other) == stem(name) || did_you_mean(stem(name), [stem(other)]).is_some();
    did_you_mean(name, there.filter(is_like))
}

fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

/// A word as a shell reads it.
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_string(), |quoted| quoted.into_owned())
}

/// A path as a shell reads it, and a command takes it for no option.
pub fn quoted_path(path: &str) -> String {
    quoted(&if path.starts_with('-') { format!("./{path}") } else { path.to_string() })
}

/// Adds the words to the files as one line; each with its place in it.
pub fn said(words: &[&str], files: &mut SourceMap) -> Vec<Said> {
    let file = files.add("command line", words.join(" "));
    placed(words, file)
}

fn placed(words: &[&str], file: FileId) -> Vec<Said> {
    let mut start = 0;
    let place = |word: &&str| {
        let span = Span::new(file, start, start + word.len());
        start = span.end as usize + 1;
        Said { text: word.to_string(), span }
    };
    words.iter().map(place).collect()
}
