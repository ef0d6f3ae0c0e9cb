//! The examples on the pages of this crate's codes: the wrong one raises its code and no other, the
//! right one raises nothing.

use crate::helper::compile_with;
use millstream_base::codes;
use millstream_core::Overrides;

/// Where the mistake is not in the program's text.
const OUTSIDE: &[&str] = &["E0617", "E0926"];

#[test]
fn examples_of_pages_raise_what_they_say() {
    let mut faults = String::new();
    for code in codes::all().filter(|c| is_ours(c.name())) {
        let programs: Vec<&str> = code.info().page.split("```stream\n").skip(1).collect();
        for (program, wanted) in programs.iter().zip([vec![code.name()], vec![]]) {
            let text = program.split("\n```").next().unwrap_or_default();
            let (_, compilation) = compile_with(text, Overrides::default());
            let mut found: Vec<&str> = compilation.diagnostics.iter().map(|d| d.code.name()).collect();
            found.dedup();
            let outside = OUTSIDE.contains(&code.name()) && found.is_empty();
            if found != wanted && !outside {
                faults += &format!("{code}: found {found:?} in\n{text}\n\n");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

fn is_ours(code: &str) -> bool {
    let ranges = ["E023", "E024", "E04", "E060", "E061", "E092"];
    ranges.iter().any(|range| code.starts_with(range))
}
