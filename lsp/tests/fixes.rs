//! What becomes of a program when one of the fixes that are proposed is taken, in the programs of the repository,
//! those of the reference of codes, and random changes of them.

use millstream_base::diagnostic::{Diagnostic, Edit, Fix, Safety};
use millstream_base::{Severity, codes};
use millstream_lsp::analysis::Analysis;
use std::ops::Range;

#[path = "../../tests/fuzz/src/bounded.rs"]
mod bounded;
#[path = "../../tests/fuzz/src/draw.rs"]
mod draw;

/// Fixes of one program that are tried.
const TRIED: usize = 12;

fn found(text: &str) -> Vec<Diagnostic> {
    let analysis = Analysis::new("any.stream", text, &mut |_, _| Err("there are no files".to_string()));
    analysis.diagnostics().to_vec()
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_string();
    for edit in edits.iter().rev() {
        text.replace_range(edit.span.range(), &edit.text);
    }
    text
}

/// What edits make of a part of the text that they lie in.
fn outcome_of(part: &Range<u32>, edits: &[Edit]) -> Range<u32> {
    let grown = |edit: &Edit| i64::from(edit.text.len() as u32) - i64::from(edit.span.end - edit.span.start);
    part.start..(i64::from(part.end) + edits.iter().map(grown).sum::<i64>()) as u32
}

fn in_order(fix: &Fix) -> Vec<Edit> {
    let mut edits = fix.edits.clone();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    edits
}

fn said(of: &Diagnostic) -> String {
    format!("{} at {:?}: {}", of.code, of.primary.span.range(), of.headline)
}

fn touches(of: &Diagnostic, part: &Range<u32>) -> bool {
    of.primary.span.start <= part.end && part.start <= of.primary.span.end
}

/// Whether it is about how the program is written: what else is wrong, or lacks a body, shows when that is mended.
fn is_of_reading(of: &Diagnostic) -> bool {
    of.code.name() < "E02" && of.code != codes::E0105
}

fn property(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let before = found(text);
    let fixes = before.iter().flat_map(|of| of.fixes.iter().map(move |fix| (of, fix)));
    for (of, fix) in fixes.take(TRIED) {
        let edits = in_order(fix);
        let changed = edits[0].span.start..edits[edits.len() - 1].span.end;
        let place = of.primary.span.start.min(changed.start)..of.primary.span.end.max(changed.end);
        let [place_after, changed_after] = [&place, &changed].map(|part| outcome_of(part, &edits));
        let outcome = edited(text, &edits);
        let after = found(&outcome);
        let told = |why: String| {
            let after: String = after.iter().map(|of| format!("  {}\n", said(of))).collect();
            format!("{why}\n{}: {}\n{text}\nbecomes\n{outcome}\n{after}", said(of), fix.title)
        };

        let is_again = |new: &&Diagnostic| {
            let start = new.primary.span.start;
            let begins_there = start == place_after.start || changed_after.contains(&start);
            let is_same = begins_there || new.headline == of.headline && touches(new, &place_after);
            new.code == of.code && is_same
        };
        let n_before = before.iter().filter(|other| other.code == of.code && touches(other, &place)).count();
        let n_after = after.iter().filter(is_again).count();
        assert!(n_after < n_before, "{}", told("it is found again".into()));

        let is_known =
            |new: &Diagnostic| before.iter().any(|old| old.code == new.code && old.headline == new.headline);
        let was_read = !before.iter().any(is_of_reading);
        let is_new_error = |new: &&Diagnostic| new.severity != Severity::Warning && !is_known(new);
        for new in after.iter().filter(|new| fix.safety == Safety::Safe && is_new_error(new)) {
            let is_fault_of_fix = is_of_reading(new) && touches(new, &place_after);
            assert!(!is_fault_of_fix && !was_read, "{}", told(format!("a safe fix makes {}", said(new))));
        }
    }
}

#[test]
fn what_is_mended_is_not_found_again() {
    let corpus = "compiler/syntax/tests/corpus";
    let folders = [&format!("{corpus}/valid"), &format!("{corpus}/broken"), "examples"];
    let mut programs = bounded::files(&folders, "stream");
    programs.extend(bounded::blocks(&["compiler/base/codes", "docs/reference"]));
    let signs = ["`", "\"", "'", "f\"", ".00", ".", "é", "😀", "{", "}", "\n"];
    let signs = signs.map(|sign| sign.as_bytes().to_vec());
    let words = [&bounded::words("stream.dict")[..], &signs].concat();
    bounded::run(&programs, &words, 400, property);
}

#[test]
fn what_stands_for_null_stands_for_all_that_binds_less() {
    for written in ["if a > 1 then null else a", "a > 1", "a is null or b", "not b", "a in [1, 2]", "a + 1"] {
        let program = format!(
            "source s: {{ a: int?, b: bool?, at: timestamp }} from file(\"s.ndjson\") format json time at\n\
             fn f(a: int?, b: bool?) -> {} = {written}\n",
            if written.starts_with("if") || written.contains('+') { "int" } else { "bool" }
        );
        assert!(found(&program).iter().any(|of| of.code == codes::E0302), "{program}");
        property(program.as_bytes());
    }
}
