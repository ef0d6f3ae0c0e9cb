//! What can go wrong with a program's surroundings: one constructor per code, E09xx.

mod state;

use crate::connector::{is_standard_output, text_option};
use crate::contents::Count;
use crate::format::FormatError;
use crate::operator::{Failure, Place};
use crate::report::{bytes, thousands};
use millstream_base::Span;
use millstream_base::codes;
use millstream_base::diagnostic::Diagnostic;
use millstream_ir::flow::{ConnectorSpec, Node};
use std::cmp::Reverse;
use std::fmt;
use std::io;
use std::path::Path;

pub use state::*;

const WHERE_PATHS_START: &str = "a relative path in a program starts at the program's folder, \
     one of `--source` or `--sink` at the present one";

/// A connector that checks but that this build does not carry out. `replacement`: the arguments that
/// put a file in its place.
pub fn connector_not_in_this_build(spec: &ConnectorSpec, replacement: &str) -> Diagnostic {
    Diagnostic::new(codes::E0901, spec.span, format!("this build has no connector `{}`", spec.name))
        .label("not in this build")
        .help(format!("put a file in its place on the command line: `{replacement}=FILE`"))
}

pub fn cannot_open(spec: &ConnectorSpec, path: &Path, error: &io::Error) -> Diagnostic {
    let headline = format!("cannot read `{}`: {}", path.display(), plain(error));
    Diagnostic::new(codes::E0902, spec.span, headline).label("named here").note(WHERE_PATHS_START)
}

pub fn no_file_matches(spec: &ConnectorSpec, pattern: &Path) -> Diagnostic {
    Diagnostic::new(codes::E0903, spec.span, format!("no file matches `{}`", pattern.display()))
        .label("named here")
        .note(WHERE_PATHS_START)
}

pub fn bad_glob(spec: &ConnectorSpec, pattern: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::E0904, spec.span, format!("`{pattern}` is not a file pattern: {reason}"))
        .label("this pattern")
        .help("`*` is any text, `?` one character, `[ab]` one of these, `**` any folders")
}

pub fn is_a_directory(spec: &ConnectorSpec, path: &Path) -> Diagnostic {
    let named = text_option(spec, "path").trim_end_matches('/');
    let proposal = format!("to read the files in it, write `{named}/*`");
    Diagnostic::new(codes::E0905, spec.span, format!("`{}` is a folder", path.display()))
        .label("a file is expected")
        .help(proposal)
}

pub fn cannot_follow_packed(spec: &ConnectorSpec, path: &Path) -> Diagnostic {
    Diagnostic::new(codes::E0906, spec.span, format!("cannot follow the packed file `{}`", path.display()))
        .label("`follow` asked for here")
        .help("leave `follow` out, or follow the unpacked file")
}

pub fn cannot_create(spec: &ConnectorSpec, path: &Path, error: &io::Error) -> Diagnostic {
    let headline = format!("cannot write `{}`: {}", path.display(), plain(error));
    Diagnostic::new(codes::E0907, spec.span, headline).label("named here")
}

/// Writing would destroy what the run reads.
pub fn writes_what_is_read(spec: &ConnectorSpec, path: &Path) -> Diagnostic {
    Diagnostic::new(
        codes::E0907,
        spec.span,
        format!("cannot write `{}`: this program reads it", path.display()),
    )
    .label("is an input as well")
    .help("write to another file, and put it in the place of this one when the run has ended")
}

/// Reading stopped in the middle.
pub fn read_failed(spec: &ConnectorSpec, name: &str, error: &io::Error) -> Diagnostic {
    let headline = format!("reading `{name}` failed: {}", plain(error));
    Diagnostic::new(codes::E0908, spec.span, headline).label("this source")
}

/// Of a table that is loaded no record can be read.
pub fn nothing_readable(spec: &ConnectorSpec, reason: &str) -> Diagnostic {
    let headline = format!("no record of `{}` can be read: {reason}", text_option(spec, "path"));
    Diagnostic::new(codes::E0908, spec.span, headline).label("this source")
}

/// Writing stopped in the middle.
pub fn write_failed(spec: &ConnectorSpec, error: &io::Error) -> Diagnostic {
    let name = match text_option(spec, "path") {
        _ if is_standard_output(spec) => "standard output".to_string(),
        "" => format!("`{}`", spec.name),
        path => format!("`{path}`"),
    };
    let headline = format!("writing to {name} failed: {}", plain(error));
    Diagnostic::new(codes::E0909, spec.span, headline).label("this sink")
}

/// A format or an option that this build does not know.
pub fn format(error: FormatError) -> Diagnostic {
    Diagnostic::new(codes::E0920, error.span, error.message).label("this format")
}

/// A row failed and the program says `on error fail`.
pub fn row_failed(node: Span, name: &str, failure: &Failure) -> Diagnostic {
    let Failure { row, reason, place, .. } = failure;
    let fault = match place {
        Place::Program(span) => {
            Diagnostic::new(codes::E0801, *span, format!("a row of `{name}` failed: {reason}"))
                .label("fails this row")
                .note(format!("the row: {row}"))
        }
        Place::Input(place) => {
            let text: String = serde_json::from_str(row).unwrap_or_else(|_| row.clone());
            Diagnostic::new(codes::E0801, node, format!("a row of `{name}` cannot be read: {reason}"))
                .label("reads this row")
                .note(format!("{place}: {text}"))
        }
    };
    fault.note("the program says `on error fail`")
}

/// What an operator holds.
pub struct Held<'a> {
    pub by: &'a Node,
    pub bytes: usize,
    pub amount: Option<Count>,
}

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", bytes(self.bytes as u64))?;
        self.amount.as_ref().map_or(Ok(()), |amount| write!(f, ", {}: {}", amount.what, thousands(amount.n)))
    }
}

/// The operators hold more than the run may take. `parts`: what each holds.
pub fn state_too_large(mut parts: Vec<Held>, limit: u64) -> Diagnostic {
    parts.retain(|part| part.bytes > 0);
    parts.sort_by_key(|part| Reverse(part.bytes));
    let total: usize = parts.iter().map(|part| part.bytes).sum();
    let headline = format!("the state takes {}, and the run may take {}", bytes(total as u64), bytes(limit));
    let most = parts.first();
    let span = most.map_or(Span::default(), |most| most.by.span);
    let label = most.map_or(String::new(), |most| format!("`{}` holds {most}", most.by.name));
    let others = parts.iter().skip(1).take(5);
    let others = others.map(|part| format!("`{}` holds {part}", part.by.name));
    others
        .fold(Diagnostic::new(codes::E0820, span, headline).label(label), Diagnostic::note)
        .help("fewer keys, shorter windows or `expire` hold less; `--memory` says how much the run may take")
        .help("with `--state` in a folder, what can leave memory goes there: the end of `explain` says what that is")
}

/// What memory has no room for cannot be written to a file in this folder.
pub fn state_not_spilled(of: &Node, folder: &Path, error: &io::Error) -> Diagnostic {
    let headline = format!("cannot spill state to `{}`: {}", folder.display(), plain(error));
    Diagnostic::new(codes::E0802, of.span, headline)
        .label(format!("state of `{}`, which takes more than `--memory` says", of.name))
        .help("make room there, name another folder with `--state`, or say more with `--memory`")
}

/// What was written to a file because memory had no room for it cannot be read again.
pub fn spilled_state_unreadable(of: &Node, error: &io::Error) -> Diagnostic {
    let headline = format!("cannot read state again that was spilled: {}", plain(error));
    Diagnostic::new(codes::E0802, of.span, headline)
        .label(format!("state of `{}`", of.name))
        .note("a run with the same `--state` goes on from the last checkpoint")
}

/// An operating system's message without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
