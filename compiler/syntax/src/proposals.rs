//! Fixes are tried before they are proposed: behind one that is taken the text does not fail at the same place in
//! the same way. One that stays within what its author said is [`Safety::Safe`] only if what it writes fits there.

use crate::cut::Tokens;
use crate::recover;
use millstream_base::diagnostic::{Edit, Fix, Safety};
use millstream_base::{Diagnostic, FileId, Severity};
use std::ops::Range;

/// So much text is read again, in bytes; fixes for which more would have to be are not proposed.
const MOST_READ: usize = 256 << 10;

/// Reads a text and says what is wrong with it.
pub type Reader = fn(FileId, &str) -> Vec<Diagnostic>;

/// What is found in a program, with fixes that mend it.
pub fn of_program(tokens: Tokens, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if findings.iter().all(|found| found.fixes.is_empty()) {
        return findings;
    }
    let items: Vec<usize> = recover::items(&tokens).map(|start| start as usize).collect();
    // A fix may move the border to the item above.
    let around = |place: Range<usize>| {
        let (above, behind) =
            (items.partition_point(|s| *s <= place.start), items.partition_point(|s| *s <= place.end));
        let start = above.checked_sub(2).and_then(|i| items.get(i)).copied().unwrap_or(0);
        start..items.get(behind).copied().unwrap_or(tokens.text.len())
    };
    tried(tokens.text, around, crate::findings_of_program, findings)
}

/// The same of a text that is read as a whole.
pub fn of_whole(text: &str, reader: Reader, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    tried(text, |_| 0..text.len(), reader, findings)
}

fn tried(
    text: &str,
    around: impl Fn(Range<usize>) -> Range<usize>,
    reader: Reader,
    mut findings: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let mut n_read = 0;
    for i in 0..findings.len() {
        let fixes = findings.get_mut(i).map(|found| std::mem::take(&mut found.fixes)).unwrap_or_default();
        let Some(found) = findings.get(i) else { continue };
        let mut kept = vec![];
        for fix in fixes {
            let Some(trial) = Trial::new(found, &fix) else { continue };
            let window = around(trial.hull.clone());
            n_read += window.len();
            if n_read > MOST_READ {
                continue;
            }
            let Some(outcome) = trial.outcome(text, &window) else { continue };
            let after = reader(found.primary.span.file, &outcome);
            let [place, changed] = [&trial.hull, &trial.changed].map(|part| trial.after(part, window.start));
            let is_again = |new: &Diagnostic| {
                let start = new.primary.span.start as usize;
                let begins_there = start == place.start || changed.contains(&start);
                new.code == found.code
                    && (begins_there || new.headline == found.headline && touches(new, &place))
            };
            if after.iter().any(is_again) {
                continue;
            }
            let is_new = |new: &&Diagnostic| {
                let is_known = |old: &Diagnostic| old.code == new.code && old.headline == new.headline;
                new.severity != Severity::Warning && !findings.iter().any(is_known)
            };
            let fits = !after.iter().filter(is_new).any(|new| touches(new, &place));
            kept.push(Fix { safety: if fits { fix.safety } else { Safety::Unsafe }, ..fix });
        }
        if let Some(found) = findings.get_mut(i) {
            found.fixes = kept;
        }
    }
    findings
}

/// A fix that is tried.
struct Trial {
    /// In order.
    edits: Vec<Edit>,
    /// From the first place that is changed to the last.
    changed: Range<usize>,
    /// That and the place of what is found.
    hull: Range<usize>,
}

impl Trial {
    fn new(found: &Diagnostic, fix: &Fix) -> Option<Trial> {
        let mut edits = fix.edits.clone();
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let changed = edits.first()?.span.range().start..edits.last()?.span.range().end;
        let place = found.primary.span.range();
        Some(Trial { edits, hull: changed.start.min(place.start)..changed.end.max(place.end), changed })
    }

    /// What becomes of a part of the text that the edits lie in.
    fn outcome(&self, text: &str, window: &Range<usize>) -> Option<String> {
        let mut outcome = String::new();
        let mut at = window.start;
        for Edit { span, text: new } in &self.edits {
            outcome += text.get(at..span.start as usize)?;
            outcome += new;
            at = span.end as usize;
        }
        outcome += text.get(at..window.end)?;
        Some(outcome)
    }

    /// Where a part of the text that holds all edits is in the outcome.
    fn after(&self, part: &Range<usize>, window: usize) -> Range<usize> {
        let added: usize = self.edits.iter().map(|edit| edit.text.len()).sum();
        let removed: usize = self.edits.iter().map(|edit| edit.span.range().len()).sum();
        let start = part.start.saturating_sub(window);
        start..(start + part.len() + added).saturating_sub(removed)
    }
}

fn touches(found: &Diagnostic, place: &Range<usize>) -> bool {
    let span = found.primary.span.range();
    span.start <= place.end && place.start <= span.end
}
