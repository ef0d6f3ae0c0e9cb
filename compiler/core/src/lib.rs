//! The middle of the compiler: from text to a dataflow, without input or output of its own.
//!
//! [`compile`] is the list of phases; each has a type that prints: [`hir`], [`plan`], then
//! `millstream_ir::flow`. Files, parameters, the standard library and the environment come in as values.

pub mod check;
mod clauses;
pub mod connectors;
pub mod errors;
pub mod explain;
pub mod facts;
pub mod hir;
pub mod lower;
pub mod names;
pub mod opt;
pub mod physical;
pub mod plan;
mod program;
pub mod resolve;
pub mod scope;
pub mod session;

pub use connectors::Environment;
pub use facts::{Facts, LazyFacts};
pub use millstream_ir::text::pattern::time_zone_names;
pub use millstream_ir::types;
pub use opt::Trace;
pub use plan::Plan;
pub use program::Overrides;
pub use resolve::rows::encodings;
pub use resolve::{Files, GivenValues, Library, Loader, SourceText};

use connectors::Options;
use millstream_base::{Diagnostic, Diagnostics, FileId, Severity, SourceMap};
use millstream_ir::flow::Flow;
use program::CommandLine;
use std::path::PathBuf;

/// What comes from outside of the program's text.
#[derive(Default)]
pub struct CompileOptions<'o> {
    /// Values of parameters from the environment, by name; one need not be a parameter of the program.
    pub params: GivenValues,
    /// What the command line says.
    pub overrides: Overrides,
    /// Where the program's relative paths start, absolute if such paths can be given as well.
    pub folder: PathBuf,
    /// Whether the program has been read from standard input and is to be run, so that no source can
    /// read it.
    pub standard_input_is_read: bool,
    /// Only what is needed to answer questions about this place of the program's first file.
    pub only_at: Option<usize>,
    /// For `env("NAME")`; without it every variable counts as set.
    pub environment: Environment<'o>,
}

/// What became of a program. Without errors there is a plan and a flow.
pub struct Compilation {
    /// As they were parsed.
    pub files: Files,
    pub program: hir::Program,
    /// What was found out about places in the text.
    pub facts: LazyFacts,
    /// As written.
    pub plan: Plan,
    pub optimized: Plan,
    /// Which rule changed what.
    pub trace: Trace,
    /// None if the program has errors.
    pub flow: Option<Flow>,
    /// The command line as a file, if it says anything.
    pub command_line: Option<FileId>,
    /// By place, each once.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compilation {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity != Severity::Warning)
    }

    /// Whether something is wrong with the command line, and so perhaps nothing with the program.
    pub fn command_line_is_wrong(&self) -> bool {
        let in_it = |d: &Diagnostic| Some(d.primary.span.file) == self.command_line;
        self.diagnostics.iter().any(|d| d.severity != Severity::Warning && in_it(d))
    }
}

/// Compiles the program in `main`. Files that it uses are asked of `load` and added to `sources`.
pub fn compile(
    sources: &mut SourceMap,
    main: FileId,
    load: &mut Loader,
    library: &Library,
    options: &CompileOptions,
) -> Compilation {
    let mut compilation = check(sources, main, load, library, options);
    if !compilation.has_errors() {
        let assembled = assemble(&compilation.program, &compilation.program.sinks);
        compilation.plan = assembled.plan;
        compilation.optimized = assembled.optimized;
        compilation.trace = assembled.trace;
        compilation.flow = Some(assembled.flow);
    }
    compilation
}

/// The phases up to the typed tree, which find all that is wrong with a program.
pub fn check(
    sources: &mut SourceMap,
    main: FileId,
    load: &mut Loader,
    library: &Library,
    options: &CompileOptions,
) -> Compilation {
    let mut diagnostics = Diagnostics::default();
    let files = match options.only_at {
        Some(place) => resolve::parse_files_around(place, sources, main, load, &mut diagnostics),
        None => resolve::parse_files(sources, main, load, &mut diagnostics),
    };
    compile_files(sources, (files, main), library, options, diagnostics)
}

/// The phases behind the parser.
fn compile_files(
    sources: &mut SourceMap,
    (files, main): (resolve::Files, FileId),
    library: &Library,
    options: &CompileOptions,
    mut diagnostics: Diagnostics,
) -> Compilation {
    let command_line = CommandLine::new(&options.overrides, sources);
    let mut given = options.params.clone();
    given.extend(options.overrides.params.clone());
    let mut names = resolve::resolve(&files, library, &given, &mut diagnostics);
    if let Some(place) = options.only_at {
        let around = files.file(main).and_then(|parsed| parsed.program.item_at(place));
        resolve::cycles::keep_needed(&mut names, main, around);
    }
    let connectors = Options::new(library, options.environment, &mut diagnostics);
    let program = program::check_program(&names, &connectors, &command_line, main, &mut diagnostics);
    program::check_shared_files(&program, &command_line, options, &mut diagnostics);
    let facts = names.facts.into_facts();
    Compilation {
        files,
        program,
        facts,
        plan: Plan::default(),
        optimized: Plan::default(),
        trace: Trace::default(),
        flow: None,
        command_line: command_line.file,
        diagnostics: diagnostics.into_sorted(),
    }
}

/// The later phases, for some sinks of a checked program.
pub struct Assembled {
    pub plan: Plan,
    pub optimized: Plan,
    pub trace: Trace,
    pub flow: Flow,
}

/// From the typed tree to the dataflow that feeds these sinks: those of the program, or others, such as
/// those with which a test observes streams.
pub fn assemble(program: &hir::Program, sinks: &[hir::Sink]) -> Assembled {
    let plan = lower::lower(program, sinks, false);
    let mut optimized = plan.clone();
    let trace = opt::optimize(&mut optimized);
    let flow = physical::assign(&optimized);
    debug_assert_eq!(flow.verify(), Vec::<String>::new(), "\n{flow}");
    Assembled { plan, optimized, trace, flow }
}

/// The dataflow of a program in which operators keep rows with all columns that anybody reads of their input: for runs
/// that go on from checkpoints of builds that had no other.
pub fn flow_of_whole_rows(program: &hir::Program) -> Flow {
    let mut plan = lower::lower(program, &program.sinks, true);
    opt::optimize(&mut plan);
    let mut flow = physical::assign(&plan);
    // A state was that of one stream, by which its number is known.
    flow.nodes.iter_mut().for_each(|node| node.shared_with.clear());
    flow
}
