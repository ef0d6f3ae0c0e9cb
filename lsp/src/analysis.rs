//! What a program is asked while it is written: pure functions over byte offsets, one file per question.
//!
//! [`Analysis`] is one program as the compiler sees it; whatever is asked of it is read from there. Its text need
//! not be in a file: a line that is typed at a prompt is a program as well.

mod completion;
pub mod declarations;
mod definition;
mod hierarchy;
mod hints;
mod hover;
mod items;
pub mod library;
mod rename;
mod signature;
mod symbols;
mod tokens;
pub mod words;

pub use completion::{Completion, CompletionKind, Completions, Insert, completion};
pub use definition::{Highlight, definition, highlights, library_definition, references};
pub use hierarchy::{Link, Station, feeds, readers, station};
pub use hints::{HintKind, InlayHint, inlay_hints};
pub use hover::{Hover, hover};
pub use rename::{prepare_rename, rename};
pub use signature::{Signature, SignatureHelp, signature_help};
pub use symbols::{Symbol, document_symbols, workspace_symbols};
pub use tokens::{SemanticKind, SemanticToken, semantic_tokens};

use millstream_base::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use millstream_core::explain::{Account, account};
use millstream_core::hir::InputId;
use millstream_core::{Assembled, Compilation, CompileOptions, Library, Loader, assemble, check};
use std::sync::{Arc, LazyLock, OnceLock};

/// The standard library, parsed once.
static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let mut faults = Diagnostics::default();
    let library = Library::new(millstream_stdlib::catalog(), &mut faults);
    debug_assert!(faults.is_empty(), "the standard library parses");
    library
});

/// One program: a main file, those that it uses, and what the compiler makes of them.
pub struct Analysis {
    pub files: SourceMap,
    pub main: FileId,
    /// As far as it shows what is wrong.
    pub compilation: Compilation,
    /// The rest, of a program in which nothing is, when it is asked for.
    assembled: OnceLock<Option<Assembled>>,
}

impl Analysis {
    /// `name` is what messages call the main file. Each file that a program uses is asked of `load`, which may
    /// know a text that is newer than that on disk.
    pub fn new(name: &str, text: impl Into<Arc<str>>, load: &mut Loader) -> Analysis {
        Analysis::with(name, text, load, &CompileOptions::default())
    }

    /// As much of it as questions about one place need.
    fn at(place: usize, name: &str, text: &str, load: &mut Loader) -> Analysis {
        let options = CompileOptions { only_at: Some(place), ..CompileOptions::default() };
        Analysis::with(name, text, load, &options)
    }

    fn with(name: &str, text: impl Into<Arc<str>>, load: &mut Loader, options: &CompileOptions) -> Analysis {
        let mut files = SourceMap::default();
        let main = files.add(name, text);
        let compilation = check(&mut files, main, load, &LIBRARY, options);
        Analysis { files, main, compilation, assembled: OnceLock::new() }
    }

    /// What is wrong with the program, in all of its files, by place.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.compilation.diagnostics
    }

    /// The source, table or stream whose name stands at a place.
    pub fn input_named(&self, name: Span) -> Option<InputId> {
        let item = self.item_named(name)?;
        let name = &item.kind.name()?.text;
        self.compilation.program.find(name)
    }

    /// What is said of a stream.
    pub fn account(&self, stream: InputId) -> Option<Account> {
        let program = &self.compilation.program;
        let is_right = !self.compilation.has_errors();
        let assembled = self.assembled.get_or_init(|| is_right.then(|| assemble(program, &program.sinks)));
        account(program, assembled.as_ref().map(|assembled| &assembled.flow), stream)
    }

    pub fn text(&self) -> &str {
        &self.files.file(self.main).text
    }
}

/// Whether the letters of one stand in the other, in their order.
fn is_part_of(typed: &str, label: &str) -> bool {
    let mut letters = label.chars().flat_map(char::to_lowercase);
    typed.chars().flat_map(char::to_lowercase).all(|wanted| letters.any(|letter| letter == wanted))
}
