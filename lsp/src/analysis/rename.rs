//! Another name for what is under the cursor, in all files of the program. The outcome is analyzed before it is
//! proposed: a name that would make the program wrong, or mean something else somewhere, is refused.

use super::Analysis;
use super::definition::{definitions_together, references};
use millstream_base::diagnostic::Edit;
use millstream_base::{Diagnostic, FileId, Severity, Span};
use millstream_core::SourceText;
use millstream_core::facts::{Definition, DefinitionKind, Facts, Target};
use millstream_syntax::token::needs_backticks;
use std::collections::{BTreeMap, BTreeSet};

/// Names that a pattern does not take as they are.
const NOT_IN_PATTERNS: &[&str] = &["by", "all", "once", "overlapping", "within"];

/// The name under the cursor, if it can be another; else why not.
pub fn prepare_rename(analysis: &Analysis, file: FileId, offset: usize) -> Result<(Span, String), String> {
    let facts = &analysis.compilation.facts;
    if let Some(found) = facts.uses_at(file, offset).next() {
        return match &found.target {
            Target::Defined(span) => match facts.definition(*span) {
                Some(definition) => Ok((found.span, definition.name.to_string())),
                None => Err("what this name stands for is not defined in the program".to_string()),
            },
            Target::File(_) => Err("a file is renamed where files are".to_string()),
            Target::Given(given, name) => Err(format!("the {} `{name}` is not the program's", given.word())),
        };
    }
    match facts.definition_at(file, offset) {
        Some(definition) if definition.kind == DefinitionKind::Test => {
            Err("the name of a test is text, which nothing refers to".to_string())
        }
        Some(definition) => Ok((definition.span, definition.name.to_string())),
        None => Err("there is no name here".to_string()),
    }
}

/// The edits that give what is under the cursor another name.
pub fn rename(analysis: &Analysis, file: FileId, offset: usize, new_name: &str) -> Result<Vec<Edit>, String> {
    prepare_rename(analysis, file, offset)?;
    let new_name = new_name.trim().trim_matches('`');
    if new_name.is_empty() || new_name.contains(['`', '\n', '\r']) {
        return Err("a name is a word, or any text of a line in backticks".to_string());
    }
    let facts = &analysis.compilation.facts;
    let defined = definitions_together(analysis, file, offset);
    let definitions: Vec<&Definition> = defined.iter().filter_map(|span| facts.definition(*span)).collect();
    let in_patterns = NOT_IN_PATTERNS.contains(&new_name);
    let written = match needs_backticks(new_name) || in_patterns {
        true => format!("`{new_name}`"),
        false => new_name.to_string(),
    };
    let mut edits: Vec<Edit> = references(analysis, file, offset, false)
        .into_iter()
        .map(|span| Edit { span, text: written.clone() })
        .collect();
    for definition in definitions {
        edits.extend(definition_edits(analysis, definition, &written));
    }
    if let Some(place) = unread(analysis, &edits) {
        let place = analysis.files.place(place);
        return Err(format!(
            "what stands at {place} may name it too, and cannot be read: mend its item first"
        ));
    }
    match check(analysis, &edits) {
        Ok(()) => Ok(edits),
        Err(reason) => Err(refusal(analysis, new_name, &reason)),
    }
}

/// A place in an item that cannot be read where a name stands as it is written where it is known, and nothing is known
/// of it.
fn unread(analysis: &Analysis, edits: &[Edit]) -> Option<Span> {
    let facts = &analysis.compilation.facts;
    let is_of_reading =
        |found: &&Diagnostic| found.severity != Severity::Warning && found.code.name() < "E02";
    let broken = analysis.diagnostics().iter().filter(is_of_reading).filter_map(|found| {
        let place = found.primary.span;
        Some(analysis.item_at(place.file, place.start as usize)?.span)
    });
    let names: BTreeSet<&str> =
        edits.iter().map(|edit| analysis.files.text(edit.span)).filter(|n| !n.is_empty()).collect();
    let is_known = |place: Span| {
        edits.iter().any(|edit| edit.span == place)
            || facts.uses.iter().any(|found| found.span == place)
            || facts.definitions.iter().any(|definition| definition.span == place)
    };
    broken.into_iter().find_map(|item| {
        let text = analysis.files.text(item);
        names_in(text).find_map(|(at, name)| {
            let start = item.start as usize + at;
            let place = Span::new(item.file, start, start + name.len());
            (names.contains(name) && !is_known(place)).then_some(place)
        })
    })
}

/// The words of a text, and where they begin.
fn names_in(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '`');
    text.split(move |c| !is_part(c)).map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// Why a name cannot be taken, with what is called so.
fn refusal(analysis: &Analysis, new_name: &str, reason: &str) -> String {
    match analysis.compilation.facts.definitions.iter().find(|d| &*d.name == new_name) {
        Some(taken) => {
            let place = analysis.files.place(taken.span);
            format!("`{new_name}` is taken by a {} ({place}): {reason}", taken.kind.word())
        }
        None => reason.to_string(),
    }
}

/// A definition under its new name; what depends on the old one outside of the program keeps it.
fn definition_edits(analysis: &Analysis, definition: &Definition, written: &str) -> Vec<Edit> {
    let span = definition.span;
    let is_value = analysis.files.text(span).trim_matches('`') != &*definition.name
        || definition.kind == DefinitionKind::Column && ends_value(&analysis.compilation.facts, span);
    if is_value {
        // A column that is called as its value is from here on called otherwise.
        return vec![Edit { span: span.at_end(), text: format!(" as {written}") }];
    }
    let mut edits = vec![Edit { span, text: written.to_string() }];
    let program = &analysis.compilation.program;
    let is_read = || {
        let sources = program.inputs.iter().flatten().filter(|input| input.source().is_some());
        sources.flat_map(|input| input.columns_defined()).any(|(_, defined)| *defined == span)
    };
    if let Some(field) = analysis.field_named(span).filter(|f| f.input_name.is_none() && is_read()) {
        let text = format!(" from {:?}", definition.name);
        edits.push(Edit { span: field.ty.span.at_end(), text });
    }
    edits
}

/// Whether a name is the last of a value, as in `j.card` of a json, and stands for nothing that the program defines.
fn ends_value(facts: &Facts, name: Span) -> bool {
    facts.types.iter().any(|(value, _)| (value.file, value.end) == (name.file, name.end))
}

/// Whether the program with these edits is as right as it was, and each name in it stands for what it stood for.
fn check(analysis: &Analysis, edits: &[Edit]) -> Result<(), String> {
    let texts: BTreeMap<FileId, String> =
        analysis.files.files().map(|(file, source)| (file, applied(file, &source.text, edits))).collect();
    let parsed = &analysis.compilation.files.parsed;
    let main = analysis.files.file(analysis.main);
    let mut load = |user: &str, path: &str| {
        let user = parsed.iter().find(|parsed| analysis.files.file(parsed.file).name == user);
        let mut uses = user.into_iter().flat_map(|user| &user.uses);
        let is_it = |text: &str| text.trim_matches('"') == path;
        let used = uses.find(|used| is_it(analysis.files.text(used.path)));
        let file = used.map(|used| used.file).ok_or("it could not be read before")?;
        let name = analysis.files.file(file).name.clone();
        Ok(SourceText { name, text: texts.get(&file).cloned().unwrap_or_default() })
    };
    let text = texts.get(&analysis.main).cloned().unwrap_or_default();
    let after = Analysis::new(&main.name, text, &mut load);
    let errors = |of: &Analysis| -> Vec<Diagnostic> {
        of.diagnostics().iter().filter(|d| d.severity != Severity::Warning).cloned().collect()
    };
    let (before, now) = (errors(analysis), errors(&after));
    if now.len() > before.len() {
        let known = |d: &&Diagnostic| !before.iter().any(|b| b.headline == d.headline);
        let new = now.iter().find(known).or(now.last());
        return Err(new.map_or("the program would be wrong".to_string(), |new| new.headline.clone()));
    }
    let (was, is) = (shape(&analysis.compilation.facts), shape(&after.compilation.facts));
    if was == is {
        return Ok(());
    }
    let other = was.iter().zip(&is).position(|(was, is)| was != is).unwrap_or(was.len().min(is.len()));
    let place = after.compilation.facts.uses.get(other).map(|found| after.files.place(found.span));
    let place = place.map_or("somewhere".to_string(), |place| format!("at {place}"));
    Err(format!("{place} it would stand for something else"))
}

/// Which definition each use stands for, by their numbers.
fn shape(facts: &Facts) -> Vec<Option<usize>> {
    let number = |target: &Target| match target {
        Target::Defined(span) => facts.definitions.iter().position(|d| d.span == *span),
        Target::File(_) | Target::Given(..) => None,
    };
    facts.uses.iter().map(|found| number(&found.target)).collect()
}

/// A file's text after its edits.
fn applied(file: FileId, text: &str, edits: &[Edit]) -> String {
    let mut own: Vec<&Edit> = edits.iter().filter(|edit| edit.span.file == file).collect();
    own.sort_by_key(|edit| edit.span.start);
    let (mut out, mut end) = (String::with_capacity(text.len()), 0);
    for edit in own {
        out += text.get(end..edit.span.start as usize).unwrap_or_default();
        out += &edit.text;
        end = edit.span.end as usize;
    }
    out + text.get(end..).unwrap_or_default()
}
