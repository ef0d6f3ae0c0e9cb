//! What people write who come from other languages, and what becomes of it: each fix that is offered leads on to a
//! program that is right, or closer to it, and what has no fix is explained. To be read as somebody who wrote it.

use millstream_base::Severity;
use millstream_base::diagnostic::{Diagnostic, Edit, Fix};
use millstream_core::SourceText;
use millstream_lsp::analysis::Analysis;
use std::fmt::Write;

#[path = "../../tests/fuzz/src/bounded.rs"]
mod bounded;
#[path = "../../tests/fuzz/src/draw.rs"]
mod draw;

/// What all of them stand below.
const DECLARED: &str = r#"source payments: {
  id: int, card: string, amount: decimal(2), n: int, f: float, city: string?, tags: list<string>, at: timestamp
}
  from file("p.ndjson") format json
  time at disorder 10s
source trades: { symbol: string, price: decimal(2), qty: int, ts: timestamp }
  from file("t.ndjson") format json
  time ts
table shops: { id: int, name: string }
  key id
  from file("s.csv") format csv

"#;

/// Fixes that are taken one after the other.
const STEPS: usize = 6;

fn errors(text: &str) -> Vec<Diagnostic> {
    let mut load = |_: &str, name: &str| Ok(SourceText { name: name.to_string(), text: String::new() });
    let analysis = Analysis::new("any.stream", text, &mut load);
    let all = analysis.diagnostics().iter();
    all.filter(|found| found.severity != Severity::Warning).cloned().collect()
}

fn taken(text: &str, fix: &Fix) -> String {
    let mut edits: Vec<Edit> = fix.edits.clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.to_string();
    for edit in edits {
        text.replace_range(edit.span.range(), &edit.text);
    }
    text
}

/// The text when the first fixes of what is found have been taken, and what is wrong with it still.
fn settled(mut text: String) -> (String, Vec<Diagnostic>) {
    for _ in 0..STEPS {
        let found = errors(&text);
        let Some(fix) = found.iter().find_map(|of| of.fixes.first()) else { return (text, found) };
        text = taken(&text, fix);
    }
    let found = errors(&text);
    (text, found)
}

/// What was written below the declarations.
fn own(text: &str) -> &str {
    text.strip_prefix(DECLARED).unwrap_or(text).trim_end()
}

fn said(found: &[Diagnostic]) -> String {
    found.iter().map(|of| format!("    {}: {}\n", of.code, of.headline)).collect()
}

/// What is said of a snippet and what its fixes lead to; what is wrong with that goes to `faults`.
fn answered(snippet: &str, faults: &mut String) -> String {
    let text = format!("{DECLARED}{snippet}");
    let before = errors(&text);
    let mut shown = snippet.to_string();
    for found in &before {
        let _ = writeln!(shown, "-- {}: {}", found.code, found.headline);
        for note in &found.notes {
            let _ = writeln!(shown, "   note: {note}");
        }
        for help in &found.helps {
            let _ = writeln!(shown, "   help: {help}");
        }
        for fix in &found.fixes {
            let once = taken(&text, fix);
            let is_same = |new: &&Diagnostic| new.code == found.code && new.headline == found.headline;
            let count = |all: &[Diagnostic]| all.iter().filter(is_same).count();
            let is_again =
                |new: &&Diagnostic| is_same(new) && new.primary.span.start <= found.primary.span.start;
            let after = errors(&once);
            let (at_last, left) = settled(once.clone());
            let _ = writeln!(shown, "   fix: {}\n{}", fix.title, own(&once));
            if own(&at_last) != own(&once) {
                let _ = writeln!(shown, "   and then\n{}", own(&at_last));
            }
            let _ = write!(shown, "{}", said(&left));
            let stays = after.iter().any(|new| is_again(&new)) && count(&after) >= count(&before);
            if stays || left.len() >= before.len() {
                let what = format!("{}: {}", found.code, fix.title);
                let _ = writeln!(faults, "{snippet}  {what}\n{}\n{}", own(&at_last), said(&left));
            }
        }
    }
    let is_told =
        before.iter().any(|of| !(of.fixes.is_empty() && of.helps.is_empty() && of.notes.is_empty()));
    if !is_told && !before.is_empty() {
        let _ = writeln!(faults, "{snippet}  is not explained\n{}", said(&before));
    }
    shown
}

fn answers(name: &str, snippets: &str) {
    let mut faults = String::new();
    let shown: Vec<String> = snippets.split("####\n").map(|snippet| answered(snippet, &mut faults)).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "habits" }, {
        insta::assert_snapshot!(name, shown.join("####\n"));
    });
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn of_sql() {
    answers("sql", include_str!("habits/sql.stream"));
}

#[test]
fn of_ksqldb_and_flink() {
    answers("ksqldb_and_flink", include_str!("habits/ksqldb_and_flink.stream"));
}

#[test]
fn of_siddhi_and_esper() {
    answers("siddhi_and_esper", include_str!("habits/siddhi_and_esper.stream"));
}

#[test]
fn of_programming_languages() {
    answers("programming", include_str!("habits/programming.stream"));
}

/// The same of programs: how many fixes were taken, and those after which no less is wrong that counts.
fn lead_on(programs: &[String], counts: impl Fn(&Diagnostic) -> bool) -> (usize, String) {
    let (mut n_taken, mut faults) = (0, String::new());
    let number = |found: &[Diagnostic]| found.iter().filter(|of| counts(of)).count();
    for text in programs {
        let before = errors(text);
        let fixed = before.iter().filter(|of| counts(of));
        for (found, fix) in fixed.flat_map(|of| of.fixes.iter().map(move |fix| (of, fix))) {
            let (at_last, left) = settled(taken(text, fix));
            n_taken += 1;
            if number(&left) >= number(&before) {
                let _ = writeln!(faults, "{}: {}\n{at_last}\n{}", found.code, fix.title, said(&left));
            }
        }
    }
    (n_taken, faults)
}

fn texts(files: Vec<Vec<u8>>) -> impl Iterator<Item = String> {
    files.into_iter().map(|file| String::from_utf8(file).expect("text"))
}

#[test]
fn fixes_of_all_pages_lead_on() {
    let programs: Vec<String> = texts(bounded::blocks(&["compiler/base/codes"])).collect();
    let (n_taken, faults) = lead_on(&programs, |_| true);
    assert!(faults.is_empty(), "{faults}");
    assert!(n_taken > 50, "{n_taken} fixes");
}

/// They name streams that nothing declares: what is counted is how they are written.
#[test]
fn fixes_of_broken_programs_lead_on() {
    let files = texts(bounded::files(&["compiler/syntax/tests/corpus/broken"], "stream"));
    let programs: Vec<String> =
        files.flat_map(|file| file.split("####\n").map(str::to_string).collect::<Vec<_>>()).collect();
    let (n_taken, faults) = lead_on(&programs, |of| of.code.name() < "E02");
    assert!(faults.is_empty(), "{faults}");
    assert!(n_taken > 30, "{n_taken} fixes");
}
