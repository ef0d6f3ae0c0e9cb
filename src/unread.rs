//! Why the text of a program cannot be had, and what to name instead.

use crate::command_line::nearest_file;
use crate::program::{plain, show};
use crate::{WRONG_PROGRAM, WRONG_USAGE};
use millstream_base::span::longer_than_programs;
use millstream_base::{Diagnostic, SourceMap, Span, codes};
use std::path::{Path, PathBuf};

/// What is in the way.
#[derive(Debug)]
pub enum Unread {
    Closed(std::io::Error),
    Folder,
    /// By the ending of its name.
    Data,
    TooLong,
    /// The first byte that is none of UTF-8, and its line.
    NotText {
        line: usize,
        byte: u8,
    },
    /// Standard input, from which the entries of a session come.
    Entries,
}

/// A program that cannot be read, in words that name it.
pub struct Refused {
    pub files: SourceMap,
    pub fault: Diagnostic,
    pub code: u8,
}

impl Refused {
    pub fn tell(&self) -> u8 {
        show(&self.files, std::slice::from_ref(&self.fault));
        self.code
    }
}

impl Unread {
    pub fn why(&self) -> String {
        match self {
            Unread::Closed(error) => plain(error),
            Unread::Folder => "it is a folder".into(),
            Unread::Data => "it is data, and no program".into(),
            Unread::TooLong => format!("it is {}", longer_than_programs()),
            Unread::NotText { line, byte } => {
                format!("it is not UTF-8 text: line {line} holds the byte 0x{byte:02x}")
            }
            Unread::Entries => "the entries of the session come from there".into(),
        }
    }

    /// Where the program was to be named, the command line was wrong.
    pub fn code(&self) -> u8 {
        match self {
            Unread::NotText { .. } => WRONG_PROGRAM,
            _ => WRONG_USAGE,
        }
    }

    /// `span`: where the program is named.
    pub fn fault(&self, span: Span, path: &Path) -> Diagnostic {
        let named =
            if path == Path::new("-") { "standard input".into() } else { format!("`{}`", path.display()) };
        let fault = Diagnostic::new(codes::E0970, span, format!("cannot read {named}: {}", self.why()));
        let fault = fault.label("named here");
        let instead = match self {
            Unread::Closed(_) => nearest(path),
            Unread::Folder => programs_in(path).into_iter().next(),
            _ => None,
        };
        if let Some(instead) = instead.as_deref().and_then(Path::to_str) {
            return fault.fix(format!("did you mean `{instead}`?"), span, instead);
        }
        fault.help(match self {
            Unread::Closed(_) => {
                "name a file that is there; `millstream new NAME` makes a program to begin with"
            }
            Unread::Folder => "name a program in it: a file that ends in `.stream`",
            Unread::Data => "`millstream infer` declares a source that reads it, to begin a program with",
            Unread::TooLong => {
                "name a program; a program reads data by a source, such as `from file(\"data.ndjson\")`"
            }
            Unread::NotText { .. } => "save the program as UTF-8",
            Unread::Entries => "name a file",
        })
    }
}

/// The program that is called nearly so, or that a name without its end means.
fn nearest(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let there = programs_in(path.parent()?);
    let names: Vec<&str> = there.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let whole = format!("{name}.stream");
    let near = names.contains(&whole.as_str()).then_some(whole.as_str());
    let near = near.or_else(|| nearest_file(name, names.iter().copied()))?;
    Some(path.with_file_name(near))
}

/// The programs that stand in a folder.
fn programs_in(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_program = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "stream");
    let mut programs: Vec<PathBuf> = entries.filter(is_program).collect();
    programs.sort();
    programs
}
