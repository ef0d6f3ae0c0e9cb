//! Where what is under the cursor is defined, and where else it is used.

use super::Analysis;
use super::library::{self, Place};
use millstream_base::{FileId, Span};
use millstream_core::facts::Target;
use std::collections::BTreeSet;

/// The places where the name under the cursor is defined; of another file its beginning.
pub fn definition(analysis: &Analysis, file: FileId, offset: usize) -> Vec<Span> {
    let uses = analysis.compilation.facts.uses_at(file, offset);
    let places = uses.filter_map(|found| match &found.target {
        Target::Defined(span) => Some(*span),
        Target::File(file) => Some(Span::new(*file, 0, 0)),
        Target::Given(..) => None,
    });
    let mut places: Vec<Span> = places.collect();
    if places.is_empty() {
        places.extend(analysis.compilation.facts.definition_at(file, offset).map(|d| d.span));
    }
    places
}

/// Where the standard library declares what is under the cursor: several places if several functions are called so.
pub fn library_definition(analysis: &Analysis, file: FileId, offset: usize) -> Vec<Place> {
    let uses = analysis.compilation.facts.uses_at(file, offset);
    let given = uses.filter_map(|found| match &found.target {
        Target::Given(given, name) => Some(library::places(*given, name)),
        Target::Defined(_) | Target::File(_) => None,
    });
    given.flatten().collect()
}

/// A place of a file that names what is under the cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Highlight {
    pub span: Span,
    pub is_definition: bool,
}

/// The places in its own file where what is under the cursor is named.
pub fn highlights(analysis: &Analysis, file: FileId, offset: usize) -> Vec<Highlight> {
    let facts = &analysis.compilation.facts;
    let named = references(analysis, file, offset, true).into_iter().filter(|span| span.file == file);
    named.map(|span| Highlight { span, is_definition: facts.definition(span).is_some() }).collect()
}

/// All places where what is under the cursor is named, in order; with those where it is defined, if asked for.
pub fn references(analysis: &Analysis, file: FileId, offset: usize, with_definition: bool) -> Vec<Span> {
    let facts = &analysis.compilation.facts;
    let given = facts.uses_at(file, offset).find_map(|found| match &found.target {
        given @ (Target::Given(..) | Target::File(_)) => Some(given.clone()),
        Target::Defined(_) => None,
    });
    if let Some(given) = given {
        return facts.uses.iter().filter(|found| found.target == given).map(|found| found.span).collect();
    }
    let defined = definitions_together(analysis, file, offset);
    let used = facts.uses.iter().filter(|found| match &found.target {
        Target::Defined(span) => defined.contains(span) && !defined.contains(&found.span),
        _ => false,
    });
    let mut places: BTreeSet<Span> = used.map(|found| found.span).collect();
    if with_definition {
        places.extend(defined);
    }
    places.into_iter().collect()
}

/// The definitions that share a name under the cursor, and those that share one with these: the key of a pattern
/// names a column of each of its streams.
pub(super) fn definitions_together(analysis: &Analysis, file: FileId, offset: usize) -> BTreeSet<Span> {
    let facts = &analysis.compilation.facts;
    let mut together: BTreeSet<Span> = definition(analysis, file, offset).into_iter().collect();
    loop {
        let known = together.len();
        for same_place in facts.uses.chunk_by(|a, b| a.span == b.span).filter(|uses| uses.len() > 1) {
            let places: Vec<Span> = same_place
                .iter()
                .filter_map(|found| match &found.target {
                    Target::Defined(span) => Some(*span),
                    _ => None,
                })
                .collect();
            if places.iter().any(|place| together.contains(place)) {
                together.extend(places);
            }
        }
        if together.len() == known {
            return together;
        }
    }
}
