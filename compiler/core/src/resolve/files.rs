//! The files of a program: the one that the user named and those that it `use`s.

use crate::errors::names as errors;
use millstream_base::{Diagnostics, FileId, SourceMap, Span};
use millstream_syntax::ast;
use std::collections::BTreeMap;

/// The parsed files of a program; the first is the one that the user named.
#[derive(Debug, Default)]
pub struct Files {
    pub parsed: Vec<ParsedFile>,
    /// Those that see each other's names without `use`: in a session, what was typed one after the other.
    pub together: Vec<FileId>,
}

#[derive(Debug)]
pub struct ParsedFile {
    pub file: FileId,
    pub program: ast::Program,
    /// The files that its `use` items name, as far as they could be read.
    pub uses: Vec<UsedFile>,
}

#[derive(Debug)]
pub struct UsedFile {
    pub file: FileId,
    /// Where the `use` stands, and the path in it.
    pub span: Span,
    pub path: Span,
    pub names: Option<Vec<ast::Name>>,
}

/// A file as a loader gives it.
pub struct SourceText {
    /// What messages call it. Two files of one name are one file.
    pub name: String,
    pub text: String,
}

/// Finds the file that `use` names: from the name of the using file and the path as written there.
/// An error says why it could not be read.
pub type Loader<'l> = dyn FnMut(&str, &str) -> Result<SourceText, String> + 'l;

/// Parses a program and every file that it uses.
pub fn parse_files(
    sources: &mut SourceMap,
    main: FileId,
    load: &mut Loader,
    diagnostics: &mut Diagnostics,
) -> Files {
    parse_with_used(sources, main, load, diagnostics, millstream_syntax::parse)
}

/// As much of a program as questions about one place need, and every file that it uses.
pub fn parse_files_around(
    place: usize,
    sources: &mut SourceMap,
    main: FileId,
    load: &mut Loader,
    diagnostics: &mut Diagnostics,
) -> Files {
    parse_with_used(sources, main, load, diagnostics, |file, text, diagnostics| {
        millstream_syntax::parse_around(file, text, place, diagnostics)
    })
}

fn parse_with_used(
    sources: &mut SourceMap,
    main: FileId,
    load: &mut Loader,
    diagnostics: &mut Diagnostics,
    parse: impl FnOnce(FileId, &str, &mut Diagnostics) -> ast::Program,
) -> Files {
    let mut reading =
        Reading { sources, load, diagnostics, files: Files::default(), by_name: BTreeMap::new() };
    let main_file = reading.sources.file(main);
    reading.by_name.insert(main_file.name.clone(), main);
    let program = parse(main, &main_file.text, reading.diagnostics);
    let used = reading.take(main, program);
    reading.read_all(used);
    let Reading { files, diagnostics, .. } = reading;
    report_cycles(&files, diagnostics);
    files
}

/// Parses files that see each other's names, and every file that they use; `last` is parsed already.
pub fn parse_together(
    sources: &mut SourceMap,
    files: &[FileId],
    last: (FileId, ast::Program),
    load: &mut Loader,
    diagnostics: &mut Diagnostics,
) -> Files {
    let mut reading =
        Reading { sources, load, diagnostics, files: Files::default(), by_name: BTreeMap::new() };
    let (file, program) = last;
    let mut used = vec![];
    for file in files {
        used.extend(reading.read(*file));
    }
    used.extend(reading.take(file, program));
    reading.read_all(used);
    let Reading { files: parsed, diagnostics, .. } = reading;
    report_cycles(&parsed, diagnostics);
    Files { together: files.iter().copied().chain([file]).collect(), ..parsed }
}

struct Reading<'r, 'l> {
    sources: &'r mut SourceMap,
    load: &'r mut Loader<'l>,
    diagnostics: &'r mut Diagnostics,
    files: Files,
    by_name: BTreeMap<String, FileId>,
}

impl Reading<'_, '_> {
    /// Parses files and those that they use.
    fn read_all(&mut self, mut waiting: Vec<FileId>) {
        waiting.reverse();
        while let Some(file) = waiting.pop() {
            let new = self.read(file);
            waiting.extend(new.into_iter().rev());
        }
    }

    /// Parses a file and returns those that it uses and nobody used before.
    fn read(&mut self, file: FileId) -> Vec<FileId> {
        let text = self.sources.file(file).text.clone();
        let program = millstream_syntax::parse(file, &text, self.diagnostics);
        self.take(file, program)
    }

    /// Takes a parsed file and returns those that it uses and nobody used before.
    fn take(&mut self, file: FileId, program: ast::Program) -> Vec<FileId> {
        let using = self.sources.file(file).name.clone();
        let mut new = vec![];
        let mut uses = vec![];
        for item in &program.items {
            let ast::ItemKind::Use(ast::Use { target: ast::UseTarget::File(path), names }) = &item.kind
            else {
                continue;
            };
            match (self.load)(&using, &path.value) {
                Ok(found) => {
                    let used = *self.by_name.entry(found.name.clone()).or_insert_with(|| {
                        let id = self.sources.add(found.name, found.text);
                        new.push(id);
                        id
                    });
                    uses.push(UsedFile {
                        file: used,
                        span: item.span,
                        path: path.span,
                        names: names.clone(),
                    });
                }
                Err(reason) => self.diagnostics.push(errors::unreadable_file(path.span, &reason)),
            }
        }
        self.files.parsed.push(ParsedFile { file, program, uses });
        new
    }
}

impl Files {
    pub fn file(&self, file: FileId) -> Option<&ParsedFile> {
        self.parsed.iter().find(|p| p.file == file)
    }
}

/// Reports each `use` that closes a circle of files.
fn report_cycles(files: &Files, diagnostics: &mut Diagnostics) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Open,
        Done,
    }
    let mut states: BTreeMap<FileId, State> = BTreeMap::new();
    for start in &files.parsed {
        if states.contains_key(&start.file) {
            continue;
        }
        states.insert(start.file, State::Open);
        let mut stack = vec![(start.file, 0)];
        while let Some((file, next)) = stack.pop() {
            let Some(used) = files.file(file).and_then(|p| p.uses.get(next)) else {
                states.insert(file, State::Done);
                continue;
            };
            stack.push((file, next + 1));
            match states.get(&used.file) {
                None => {
                    states.insert(used.file, State::Open);
                    stack.push((used.file, 0));
                }
                Some(State::Open) => {
                    diagnostics.push(errors::file_cycle(used.span));
                }
                Some(State::Done) => {}
            }
        }
    }
}
