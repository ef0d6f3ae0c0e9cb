//! What is checked in is what the grammar generates. `README.md` tells how to generate it.

use std::path::{Path, PathBuf};
use std::process::Command;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).expect("a file of this folder")
}

/// Not with `assert_eq`, which would print megabytes.
#[track_caller]
fn assert_same(name: &str, generated: &str) {
    let checked_in = read(name);
    let differing = checked_in.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(checked_in == generated, "{name} is stale, from line {:?}", differing.map(|i| i + 1));
}

#[test]
fn the_parser_is_what_the_grammar_generates() {
    let version = Some((0, 1, 0));
    let (name, parser) = tree_sitter_generate::generate_parser_for_grammar(
        &read("src/grammar.json"),
        version,
        Default::default(),
        &mut vec![],
    )
    .expect("a grammar without conflicts");
    assert_eq!(name, "millstream");
    assert_same("src/parser.c", &parser);
}

/// Where there is node, which evaluates the grammar.
#[test]
fn the_grammar_as_data_is_what_its_program_says() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("skipped: there is no node");
        return;
    }
    let json = tree_sitter_generate::load_grammar_file(&file("grammar.js"), Some("node"))
        .expect("grammar.js can be evaluated");
    assert_same("src/grammar.json", &json);
}
