//! What may be written under the cursor: words of the language as the grammar allows them, names as the checker
//! would know them there. The program need not be right, nor in a file.

mod candidates;
mod snippets;

use super::{Analysis, is_part_of, signature, words};
use candidates::Candidates;
use millstream_base::Span;
use millstream_core::Loader;
use millstream_core::types::TypeKind;
use millstream_syntax::cursor::{self, Inside, PLACEHOLDER, TextKind};
use std::ops::Range;

#[derive(Clone, PartialEq, Debug)]
pub struct Completions {
    /// What is replaced by the one that is chosen.
    pub replace: Range<usize>,
    /// The likeliest first.
    pub items: Vec<Completion>,
    /// Where a path is written: what may stand there is known to who knows the disk.
    pub path: Option<Path>,
}

/// A path that is being written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The folder in which the next part of it lies, as it is written, with its last slash; empty if none is.
    pub folder: String,
    /// What is typed of that part.
    typed: String,
    /// Whether that of a program, and else of data.
    pub is_of_program: bool,
    /// What has to be written behind it.
    quote_behind: &'static str,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    pub label: String,
    pub kind: CompletionKind,
    /// A few words beside the label: a type, a signature.
    pub detail: String,
    /// As Markdown.
    pub documentation: Option<String>,
    pub insert: Insert,
    rank: Rank,
}

/// What is written for a completion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Insert {
    Text(String),
    /// With places to fill in: `${1:name}`, and `$0` where the cursor ends.
    Snippet(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompletionKind {
    Word,
    Column,
    Field,
    /// Of a pattern or a list, a parameter of a function.
    Variable,
    Alias,
    Param,
    Function,
    Aggregate,
    Source,
    Table,
    Stream,
    Type,
    Connector,
    Format,
    Option,
    /// One of some words or texts.
    Choice,
    Unit,
    Module,
    File,
    Folder,
}

/// How likely one is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    /// It has the type that is asked for.
    Fits,
    Near,
    Word,
    Far,
}

impl Completions {
    /// Adds what lies in the folder of the path that is being written: names, and whether each is a folder.
    pub fn add_paths(&mut self, names: impl IntoIterator<Item = (String, bool)>) {
        let Some(path) = &self.path else { return };
        for (name, is_folder) in names.into_iter().filter(|(name, _)| is_part_of(&path.typed, name)) {
            let written = format!("{}{name}", path.folder);
            // A folder goes on, and nothing is written that would have to be escaped.
            let (kind, label, insert) = match is_folder {
                _ if written.contains(['"', '\\']) => continue,
                true => (CompletionKind::Folder, format!("{written}/"), format!("{written}/")),
                false => (CompletionKind::File, written.clone(), written + path.quote_behind),
            };
            let (detail, documentation, insert) = (String::new(), None, Insert::Text(insert));
            self.items.push(Completion { label, kind, detail, documentation, insert, rank: Rank::Near });
        }
    }

    /// In a text its quotes stay where they are; one that is missing behind it is written.
    fn inside_quotes(mut self, is_closed: bool) -> Completions {
        self.replace = self.replace.start + 1..self.replace.end - usize::from(is_closed);
        for item in &mut self.items {
            if let Insert::Text(text) = &mut item.insert {
                let rest = text.strip_prefix('"').unwrap_or(text);
                let rest = if is_closed { rest.strip_suffix('"').unwrap_or(rest) } else { rest };
                *text = rest.to_string();
                item.label = item.label.trim_matches('"').to_string();
            }
        }
        if let Some(path) = &mut self.path {
            path.quote_behind = if is_closed { "" } else { "\"" };
        }
        self
    }
}

/// The path that stands in a text, up to the cursor.
fn path(typed: &str, kind: TextKind) -> Option<Path> {
    let is_of_program = match kind {
        TextKind::Program => true,
        TextKind::Data => false,
        TextKind::Zone | TextKind::Other => return None,
    };
    let written = typed.strip_prefix('"')?;
    let (folder, typed) = written.split_at(written.rfind('/').map_or(0, |slash| slash + 1));
    Some(Path { folder: folder.to_string(), typed: typed.to_string(), is_of_program, quote_behind: "" })
}

/// What may stand at an offset of a program's text. `name` is what the main file is called, whose `use`d files are
/// asked of `load`.
pub fn completion(name: &str, text: &str, offset: usize, load: &mut Loader) -> Completions {
    let cursor = cursor::at(text, offset);
    let typed = text.get(cursor.word.start..offset.max(cursor.word.start)).unwrap_or_default();
    let mut found = Candidates::new(typed);
    let mut path = None;
    match cursor.inside {
        Inside::Comment => {}
        Inside::Number => {
            if cursor.takes_duration {
                found.units(typed);
            }
        }
        Inside::Timestamp => {
            if cursor.takes_timestamp {
                found.timestamps();
            }
        }
        Inside::Text if is_zone(text, offset, cursor.text) => found.zones(),
        Inside::Text if cursor.text != TextKind::Other => path = self::path(typed, cursor.text),
        Inside::Text => {
            if let Some(mended) = &cursor.mended {
                found.texts(&Analysis::at(cursor.word.start, name, mended, load), gap_span(&cursor.word));
            }
        }
        Inside::Code => {
            if let Some(mended) = &cursor.mended {
                let analysis = Analysis::at(cursor.word.start, name, mended, load);
                found.names(&analysis, gap_span(&cursor.word), &cursor);
            }
            if cursor.quantity.is_some() && cursor.takes_duration {
                found.durations();
            }
            let before = text.get(..cursor.word.start).unwrap_or_default();
            if names_encoding(before) {
                found.encodings();
            }
            let in_first_column = before.is_empty() || before.ends_with('\n');
            for word in &cursor.words {
                found.word(word, cursor.begins_item, in_first_column);
            }
        }
    }
    let word = text.get(cursor.word.clone()).unwrap_or_default();
    let is_quoted = cursor.inside == Inside::Text && word.starts_with('"');
    let is_closed = word.len() > 1 && word.ends_with('"');
    let found = Completions { replace: cursor.word, items: found.into_sorted(), path };
    if is_quoted { found.inside_quotes(is_closed) } else { found }
}

/// Whether a text names a time zone: by its place, or as an argument that is called so.
fn is_zone(text: &str, offset: usize, kind: TextKind) -> bool {
    kind == TextKind::Zone
        || kind == TextKind::Other && signature::library_param(text, offset) == Some("zone")
}

/// Whether how a time is written comes next: `at: timestamp as`.
fn names_encoding(before: &str) -> bool {
    let ty = before.trim_end().strip_suffix("as").filter(|_| before.ends_with(char::is_whitespace));
    ty.is_some_and(|ty| ty.trim_end().trim_end_matches('?').ends_with("timestamp"))
}

/// Where the name stands that is asked for.
fn gap_span(word: &Range<usize>) -> Span {
    Span::new(Default::default(), word.start, word.start + PLACEHOLDER.len())
}

/// Whether a value of one type may stand where another is asked for.
fn fits(ty: &TypeKind, expected: &TypeKind) -> bool {
    use TypeKind::*;
    match (ty, expected) {
        (Int, Float | Decimal(_)) | (Decimal(_), Decimal(_)) => true,
        (String | OneOf(_), String | OneOf(_)) => true,
        (ty, expected) => ty == expected,
    }
}

/// What is told of a word of the language.
fn word_help(word: &str) -> String {
    words::help(word).unwrap_or_default().to_string()
}
