//! Reads programs and what they use, and compiles them: the steps that commands share.

use crate::cli::Bindings;
use crate::{WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::{Diagnostic, Diagnostics, FileId, Severity, SourceMap, render};
use millstream_core::{Compilation, CompileOptions, GivenValues, Library, Overrides, SourceText, compile};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A program's text, and where its relative paths start.
pub struct Program {
    pub files: SourceMap,
    pub root: FileId,
    pub base: PathBuf,
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
    /// Reads a program; `-` is standard input.
    pub fn read(path: &Path) -> Result<Program, Problem> {
        let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
        let text = read_text(path, &name)?;
        let mut files = SourceMap::default();
        let root = files.add(name, text);
        let base = path.parent().map_or(PathBuf::new(), Path::to_path_buf);
        Ok(Program { files, root, base })
    }

    pub fn text(&self) -> &str {
        &self.files.file(self.root).text
    }

    /// Compiles it and shows nothing; errors are among the diagnostics.
    pub fn compile(mut self, bindings: &Bindings) -> Compiled {
        let mut own = Diagnostics::default();
        let library = Library::new(millstream_stdlib::catalog(), &mut own);
        debug_assert!(own.is_empty(), "the standard library parses");
        let environment = |name: &str| std::env::var(name).ok();
        let options = CompileOptions {
            params: from_environment(),
            overrides: overrides(bindings),
            environment: Some(&environment),
        };
        let compilation = compile(&mut self.files, self.root, &mut load, &library, &options);
        Compiled { files: self.files, compilation }
    }
}

/// A program after all phases, with the files that it is made of.
pub struct Compiled {
    pub files: SourceMap,
    pub compilation: Compilation,
}

impl Compiled {
    /// None if nothing is wrong.
    pub fn wrong(&self) -> Option<u8> {
        match self.compilation.has_errors() {
            true if self.compilation.command_line_is_wrong() => Some(WRONG_USAGE),
            true => Some(WRONG_PROGRAM),
            false => None,
        }
    }
}

/// Reads a file that `use` names, relative to the file that uses it.
fn load(user: &str, path: &str) -> Result<SourceText, String> {
    let full = Path::new(user).parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
    let name = full.display().to_string();
    read_text(&full, &name).map(|text| SourceText { name, text }).map_err(|problem| problem.message)
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
    let absolute = |(name, path): &(String, String)| {
        let is_stream = path == "-";
        let full = std::env::current_dir().map(|here| here.join(path)).ok().filter(|_| !is_stream);
        (name.clone(), full.map_or_else(|| path.clone(), |p| p.display().to_string()))
    };
    let all = |list: &[(String, String)]| -> BTreeMap<String, String> { list.iter().map(absolute).collect() };
    let params = bindings.set.iter().cloned().collect();
    Overrides { params, sources: all(&bindings.source), sinks: all(&bindings.sink) }
}

/// More than any program: what is longer is data, or has no end, as `/dev/zero`.
const LONGEST: u64 = 64 << 20;

fn read_text(path: &Path, name: &str) -> Result<String, Problem> {
    let unreadable = |e: std::io::Error| {
        let what = if path.is_dir() { "it is a folder".to_string() } else { plain(&e) };
        Problem { message: format!("cannot read {name}: {what}"), code: WRONG_USAGE }
    };
    let input: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(unreadable)?),
    };
    let mut bytes = vec![];
    input.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        let message = format!("cannot read {name}: it is longer than {} MiB", LONGEST >> 20);
        return Err(Problem { message, code: WRONG_USAGE });
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        let message =
            format!("{name} is not UTF-8 text: line {line} holds the byte 0x{:02x}", e.as_bytes()[at]);
        Problem { message, code: WRONG_PROGRAM }
    })
}

/// An operating system's message without its number.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Shows what was found on standard error.
pub fn show(files: &SourceMap, diagnostics: &[Diagnostic]) {
    terminal::err(render::full(files, diagnostics, terminal::color()));
}

pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity != Severity::Warning)
}
