//! The examples' own tests pass, and each has some.

mod support;

use std::path::Path;
use support::{Folder, programs_below};

#[test]
fn the_tests_of_all_examples_pass() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let told = Folder::new().run(&format!("test {examples} --thorough")).code(0).stdout;
    // The queries of Nexmark are held by tests/nexmark.rs.
    let is_benchmark = |program: &Path| program.starts_with(format!("{examples}/nexmark"));
    for program in programs_below(Path::new(examples)).iter().filter(|p| !is_benchmark(p)) {
        let name = program.display().to_string();
        assert!(told.contains(&format!("{name}\n  ok")), "{name} has no test:\n{told}");
    }
}

#[test]
fn examples_are_written_in_the_standard_layout() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    for program in programs_below(Path::new(examples)) {
        Folder::new().run(&format!("fmt --check {}", program.display())).code(0);
    }
}
