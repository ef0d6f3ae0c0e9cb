//! The pages that explain diagnostics are true: what stands under "Wrong" raises exactly the page's code,
//! what stands under "Right" raises nothing.

use millstream_base::{Code, SourceMap, codes};
use millstream_core::{CompileOptions, Library, SourceText, compile};

/// Codes of what only happens while a program runs, or with files and values from outside of it.
const NOT_BY_TEXT_ALONE: &[&str] = &["E0214", "E07", "E08", "E09", "B"];

/// Pages whose examples need joins or tables, which this version rejects with a code of its own.
const NOT_YET: &[&str] = &["E0208", "E0650"];

#[test]
fn pages_are_true() {
    let mut diagnostics = millstream_base::Diagnostics::default();
    let library = Library::new(millstream_stdlib::catalog(), &mut diagnostics);
    let mut faults = vec![];
    let left_out = || NOT_BY_TEXT_ALONE.iter().chain(NOT_YET);
    let compiled = codes::all().filter(|code| !left_out().any(|p| code.name().starts_with(p)));
    for code in compiled {
        let page = code.info().page;
        let wrong = block(page, "## Wrong");
        let right = block(page, "## Right");
        if let Some(text) = wrong {
            let found = codes_of(&library, text);
            if found.is_empty() || found.iter().any(|c| *c != code) {
                faults.push(format!("{code} {}: Wrong raises {found:?}", code.slug()));
            }
        }
        if let Some(text) = right {
            let found = codes_of(&library, text);
            if !found.is_empty() {
                faults.push(format!("{code} {}: Right raises {found:?}", code.slug()));
            }
        }
        if wrong.is_some() != right.is_some() {
            faults.push(format!("{code}: one of the two examples is missing"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The program in the first `stream` block below a heading.
fn block<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let (_, below) = page.split_once(heading)?;
    let (_, text) = below.split_once("```stream\n")?;
    text.split_once("```").map(|(text, _)| text)
}

fn codes_of(library: &Library, text: &str) -> Vec<Code> {
    let mut sources = SourceMap::default();
    let main = sources.add("program.stream", text);
    // The only file that there is.
    let mut load = |_: &str, path: &str| match path {
        "program.stream" => Ok(SourceText { name: path.to_string(), text: text.to_string() }),
        _ => Err("no such file".to_string()),
    };
    let compilation = compile(&mut sources, main, &mut load, library, &CompileOptions::default());
    compilation.diagnostics.iter().map(|d| d.code).collect()
}
