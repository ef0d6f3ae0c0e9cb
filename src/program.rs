//! Reads programs and what they use, and compiles them: the steps that commands share.

use crate::cli::Bindings;
use crate::command_line::said;
use crate::unread::{Refused, Unread};
use crate::{WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::span::LONGEST_PROGRAM;
use millstream_base::{Diagnostic, Diagnostics, FileId, Severity, SourceMap, Span, codes, render};
use millstream_core::{
    Compilation, CompileOptions, GivenValues, Library, Overrides, SourceText, compile, flow_of_whole_rows,
};
use millstream_ir::flow::Flow;
use millstream_runtime::format;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A program's text, and where its relative paths start.
pub struct Program {
    pub files: SourceMap,
    pub root: FileId,
    pub base: PathBuf,
    is_standard_input: bool,
}

/// A problem that has no place in a program: told in one line.
pub struct Problem {
    pub message: String,
    pub code: u8,
}

impl Problem {
    pub fn tell(&self) -> u8 {
        terminal::err(format_args!("error: {}\n", self.message));
        self.code
    }
}

impl Program {
    /// Reads the program that stands behind a command; `-` is standard input.
    pub fn read(command: &str, path: &Path) -> Result<Program, Box<Refused>> {
        let is_standard_input = path == Path::new("-");
        let name = if is_standard_input { "standard input".into() } else { path.display().to_string() };
        let mut files = SourceMap::default();
        let text = match read_text(path) {
            Ok(text) => text,
            Err(unread) => {
                let said = said(&[command, &path.display().to_string()], &mut files);
                let fault = unread.fault(said[1].span, path);
                return Err(Box::new(Refused { files, fault, code: unread.code() }));
            }
        };
        let root = files.add(name, text);
        let base = path.parent().map_or(PathBuf::new(), Path::to_path_buf);
        Ok(Program { files, root, base, is_standard_input })
    }

    pub fn text(&self) -> &str {
        &self.files.file(self.root).text
    }

    /// Compiles it and shows nothing; errors are among the diagnostics.
    pub fn compile(self, bindings: &Bindings) -> Compiled {
        self.compile_after(bindings, false, true)
    }

    /// As [`Program::compile`], where nothing outside is opened: it matters neither which variables are set
    /// nor what connectors are told.
    pub fn compile_to_test(self, set: &[(String, String)]) -> Compiled {
        let bindings = Bindings { set: set.to_vec(), ..Bindings::default() };
        self.compile_after(&bindings, false, false)
    }

    /// As [`Program::compile`], where what has been read of standard input cannot be read again.
    pub fn compile_to_run(self, bindings: &Bindings) -> Compiled {
        let is_read = self.is_standard_input;
        self.compile_after(bindings, is_read, true)
    }

    fn compile_after(
        mut self,
        bindings: &Bindings,
        standard_input_is_read: bool,
        opens_connectors: bool,
    ) -> Compiled {
        let mut own = Diagnostics::default();
        let library = Library::new(millstream_stdlib::catalog(), &mut own);
        debug_assert!(own.is_empty(), "the standard library parses");
        let options = CompileOptions {
            standard_input_is_read,
            environment: opens_connectors.then_some(&variable),
            ..options(bindings, &self.base)
        };
        let compilation = compile(&mut self.files, self.root, &mut load, &library, &options);
        Compiled { files: self.files, root: self.root, compilation }
    }
}

/// A program after all phases, with the files that it is made of.
pub struct Compiled {
    pub files: SourceMap,
    root: FileId,
    pub compilation: Compilation,
}

impl Compiled {
    /// The dataflow of a right program, as a run has it that goes on from what another has left.
    pub fn flow_after(&self, has_whole_rows: bool) -> Option<Cow<'_, Flow>> {
        let flow = self.compilation.flow.as_ref()?;
        Some(match has_whole_rows {
            true => Cow::Owned(flow_of_whole_rows(&self.compilation.program)),
            false => Cow::Borrowed(flow),
        })
    }

    /// None if nothing is wrong.
    pub fn wrong(&self) -> Option<u8> {
        match self.compilation.has_errors() {
            true if self.compilation.command_line_is_wrong() => Some(WRONG_USAGE),
            true => Some(WRONG_PROGRAM),
            false => None,
        }
    }

    /// What is said of a program that is right and has no rows to tell of.
    pub fn without_rows(&self) -> Option<Diagnostic> {
        let place = Span::new(self.root, 0, 0);
        let headline = "the program declares no source, table or stream";
        let fault = Diagnostic::new(codes::E0971, place, headline)
            .label("nothing to show")
            .help("declare a source: `source clicks: { user: string } from file(\"clicks.ndjson\") format json`")
            .help("`millstream infer FILE` writes the declarations for a file of data, `millstream new NAME` a whole program");
        self.compilation.program.inputs.is_empty().then_some(fault)
    }
}

/// What bindings and the environment say of a program whose relative paths start in a folder.
pub fn options(bindings: &Bindings, folder: &Path) -> CompileOptions<'static> {
    CompileOptions {
        params: from_environment(),
        overrides: overrides(bindings),
        folder: absolute(folder),
        standard_input_is_read: false,
        only_at: None,
        environment: Some(&variable),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads a file that `use` names, relative to the file that uses it.
pub fn load(user: &str, path: &str) -> Result<SourceText, String> {
    let full = Path::new(user).parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
    let name = full.display().to_string();
    read_text(&full)
        .map(|text| SourceText { text, name: name.clone() })
        .map_err(|unread| format!("cannot read {name}: {}", unread.why()))
}

/// The values of the variables `MILLSTREAM_NAME`.
fn from_environment() -> GivenValues {
    let named = |(name, value): (String, String)| {
        let name = name.strip_prefix("MILLSTREAM_")?.to_lowercase();
        Some((name, value))
    };
    std::env::vars().filter_map(named).collect()
}

/// Paths on the command line are relative to where it was typed, not to the program.
fn overrides(bindings: &Bindings) -> Overrides {
    let from_here = |(name, path): &(String, String)| {
        let path = if path == "-" { path.clone() } else { absolute(Path::new(path)).display().to_string() };
        (name.clone(), path)
    };
    let all =
        |list: &[(String, String)]| -> BTreeMap<String, String> { list.iter().map(from_here).collect() };
    let params = bindings.set.iter().cloned().collect();
    Overrides { params, sources: all(&bindings.source), sinks: all(&bindings.sink) }
}

/// From the root, where the present folder is known.
fn absolute(path: &Path) -> PathBuf {
    std::env::current_dir().map_or_else(|_| path.to_path_buf(), |here| here.join(path))
}

/// The text of a program; `-` is standard input.
pub fn read_text(path: &Path) -> Result<String, Unread> {
    let unread = |error| if path.is_dir() { Unread::Folder } else { Unread::Closed(error) };
    let input: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(unread)?),
    };
    if path.to_str().is_some_and(|path| format::of_path(path).is_some()) {
        return Err(Unread::Data);
    }
    let mut bytes = vec![];
    input.take(LONGEST_PROGRAM + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LONGEST_PROGRAM {
        return Err(Unread::TooLong);
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        Unread::NotText { line, byte: e.as_bytes()[at] }
    })
}

/// An operating system's message without its number, else what we say ourselves.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    if error.raw_os_error().is_none() {
        return text;
    }
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Shows what was found on standard error.
pub fn show(files: &SourceMap, diagnostics: &[Diagnostic]) {
    terminal::err(render::full(files, diagnostics, terminal::color(), terminal::stderr_width()));
}

pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity != Severity::Warning)
}
