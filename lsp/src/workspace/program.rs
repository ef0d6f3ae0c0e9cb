//! One program: a file and what it uses, as the compiler sees them.

use super::disk::read;
use crate::address;
use crate::analysis::Analysis;
use crate::documents::Documents;
use crate::line_index::LineIndex;
use millstream_base::span::SourceFile;
use millstream_base::{Diagnostic, FileId, codes};
use millstream_core::SourceText;
use millstream_syntax::ast;
use std::collections::BTreeSet;
use std::sync::Arc;

pub struct Program {
    pub analysis: Analysis,
    /// The files that it names, found or not.
    pub reads: BTreeSet<String>,
    /// Of its files, by their numbers.
    lines: Vec<LineIndex>,
}

impl Program {
    /// Used files that are open count as they stand in the editor, others as they are on the disk.
    pub fn new(name: &str, text: Arc<str>, documents: &Documents) -> Program {
        let mut reads = BTreeSet::new();
        let mut load = |user: &str, path: &str| {
            let found = load(user, path, documents);
            reads.extend(address::used(user, path));
            found
        };
        let analysis = Analysis::new(name, text, &mut load);
        let lines = analysis.files.files().map(|(_, file)| LineIndex::new(&file.text)).collect();
        Program { analysis, reads, lines }
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

    /// The syntax tree of a file.
    pub fn tree(&self, file: FileId) -> Option<&ast::Program> {
        self.analysis.compilation.files.file(file).map(|parsed| &parsed.program)
    }
}

/// The file that `use` means by a path.
pub fn load(user: &str, path: &str, documents: &Documents) -> Result<SourceText, String> {
    let name = address::used(user, path).ok_or("save this file first: it has no folder yet")?;
    match documents.get(&name) {
        Some(document) => Ok(SourceText { text: document.text.to_string(), name }),
        None => read(&name).map(|text| SourceText { text, name }),
    }
}
