//! The property of the fuzz target `check`, on the programs of the repository and mutants of them.

#[path = "fuzz/src/bounded.rs"]
mod bounded;
#[path = "fuzz/src/check.rs"]
mod check;
#[path = "fuzz/src/draw.rs"]
mod draw;
#[path = "fuzz/src/findings.rs"]
mod findings;

#[test]
fn any_text_compiles() {
    let corpus = "compiler/syntax/tests/corpus";
    let folders = [&format!("{corpus}/valid"), &format!("{corpus}/broken"), "examples"];
    let mut programs = bounded::files(&folders, "stream");
    programs.extend(bounded::blocks(&[
        "compiler/base/codes",
        "tests/suite/data",
        "tests/suite/queries",
        "tests/suite/time",
        "tests/suite/types",
    ]));
    bounded::run(&programs, &bounded::words("stream.dict"), 1000, check::property);
}
