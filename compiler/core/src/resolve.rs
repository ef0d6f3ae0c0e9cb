//! From syntax trees to [`Names`]: which names there are, that each is defined once, that nothing goes
//! round in a circle, and what the declared types, parameters and functions are.

pub(crate) mod aggregates;
pub(crate) mod collect;
pub(crate) mod cycles;
pub mod files;
pub(crate) mod functions;
pub mod library;
pub(crate) mod params;
pub(crate) mod rows;
pub mod signature;
pub(crate) mod types;

pub use files::{Files, Loader, ParsedFile, SourceText, parse_files, parse_files_around, parse_together};
pub use library::Library;

use crate::errors;
use crate::names::Names;
use millstream_base::Diagnostics;
use std::collections::BTreeMap;

/// Values given to parameters from outside, by name.
pub type GivenValues = BTreeMap<String, String>;

/// Makes the name tables of a program. What is wrong is reported and left out.
pub fn resolve<'a>(
    files: &'a Files,
    library: &'a Library,
    given: &GivenValues,
    diagnostics: &mut Diagnostics,
) -> Names<'a> {
    let mut names = Names::default();
    let mut faults = Diagnostics::default();
    let found = collect::collect(files, &mut names, &mut faults);
    library.check_uses(files, &names.facts, &mut faults);
    types::resolve_types(&found.types, &mut names, &mut faults);
    let bodies = functions::declare_functions(&found.functions, library, &mut names, &mut faults);
    params::resolve_params(&found.params, given, &mut names, &mut faults);
    functions::check_bodies(&bodies, &mut names, &mut faults);
    aggregates::resolve_aggregates(&found.aggregates, library, &mut names, &mut faults);
    rows::resolve_rows(&mut names, &mut faults);
    cycles::order_queries(&mut names, &mut faults);
    let start = files.parsed.first().map(|p| p.program.span.at_start()).unwrap_or_default();
    diagnostics.extend(faults.into_sorted().into_iter().map(|fault| match fault.primary.span.file {
        // No reader has the library's text in front of them.
        library::LIBRARY_FILE => errors::names::library_wrong(start, &fault.headline),
        _ => fault,
    }));
    names
}
