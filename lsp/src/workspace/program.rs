//! One program: an open file and what it uses, as the compiler sees them.

use crate::address;
use crate::analysis::Analysis;
use crate::documents::{Document, Documents};
use crate::line_index::LineIndex;
use millstream_base::span::SourceFile;
use millstream_base::{Diagnostic, Diagnostics, FileId, codes};
use millstream_core::SourceText;
use millstream_syntax::ast;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io::Read;

pub struct Program {
    pub analysis: Analysis,
    /// The files that it names, found or not.
    pub reads: BTreeSet<String>,
    /// Of its files, by their numbers.
    lines: Vec<LineIndex>,
    tree: OnceCell<ast::Program>,
}

impl Program {
    /// Files that are open count as they stand in the editor, others as they are on the disk.
    pub fn new(name: &str, document: &Document, documents: &Documents) -> Program {
        let mut reads = BTreeSet::new();
        let mut load = |user: &str, path: &str| {
            let name = address::used(user, path).ok_or("save this file first: it has no folder yet")?;
            reads.insert(name.clone());
            match documents.get(&name) {
                Some(document) => Ok(SourceText { text: document.text.to_string(), name }),
                None => read(&name).map(|text| SourceText { text, name }),
            }
        };
        let analysis = Analysis::new(name, document.text.clone(), &mut load);
        let lines = analysis.files.files().map(|(_, file)| LineIndex::new(&file.text)).collect();
        Program { analysis, reads, lines, tree: OnceCell::new() }
    }

    /// The number of the file of this name, if it is one of the program's.
    pub fn file(&self, name: &str) -> Option<FileId> {
        self.analysis.files.files().find(|(_, file)| file.name == name).map(|(id, _)| id)
    }

    /// A file with its lines; none for the standard library's.
    pub fn text(&self, file: FileId) -> Option<(&SourceFile, &LineIndex)> {
        let lines = self.lines.get(file.0 as usize)?;
        Some((self.analysis.files.file(file), lines))
    }

    /// What is wrong with one of its files. Parameters get their values when a program is run.
    pub fn diagnostics_in(&self, name: &str) -> impl Iterator<Item = &Diagnostic> {
        let file = self.file(name);
        let is_in_file = move |d: &&Diagnostic| Some(d.primary.span.file) == file;
        self.analysis.diagnostics().iter().filter(is_in_file).filter(|d| d.code != codes::E0213)
    }

    /// The syntax tree of the open file.
    pub fn tree(&self) -> &ast::Program {
        self.tree.get_or_init(|| {
            let text = self.analysis.text();
            millstream_syntax::parse(self.analysis.main, text, &mut Diagnostics::default())
        })
    }
}

/// More than any program: what is longer is data, or has no end.
const LONGEST: u64 = 64 << 20;

fn read(name: &str) -> Result<String, String> {
    let unreadable = |error: std::io::Error| {
        let text = error.to_string();
        format!("cannot read {name}: {}", text.split(" (os error").next().unwrap_or(&text).to_lowercase())
    };
    let mut text = String::new();
    let file = std::fs::File::open(name).map_err(unreadable)?;
    file.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}
