//! The properties of the fuzz targets `parse` and `format`, on the corpus and mutants of it.

#[path = "../../../tests/fuzz/src/bounded.rs"]
mod bounded;
#[path = "../../../tests/fuzz/src/draw.rs"]
mod draw;
#[path = "../../../tests/fuzz/src/findings.rs"]
mod findings;
#[path = "../../../tests/fuzz/src/format.rs"]
mod format;
#[path = "../../../tests/fuzz/src/parse.rs"]
mod parse;

const WORDS: &str = "stream.dict";

fn programs() -> Vec<Vec<u8>> {
    let corpus = "compiler/syntax/tests/corpus";
    let folders = [&format!("{corpus}/valid"), &format!("{corpus}/broken"), "stdlib/decls", "examples"];
    bounded::files(&folders, "stream")
}

#[test]
fn any_text_parses() {
    bounded::run(&programs(), &bounded::words(WORDS), 300, parse::property);
}

#[test]
fn any_program_keeps_its_meaning_when_formatted() {
    bounded::run(&programs(), &bounded::words(WORDS), 300, format::property);
}

#[test]
fn the_dictionary_knows_every_word_of_the_language() {
    let words = bounded::words(WORDS);
    for word in millstream_syntax::token::RESERVED.iter().chain(millstream_syntax::token::CONTEXTUAL) {
        assert!(words.iter().any(|known| known == word.as_bytes()), "add \"{word}\" to {WORDS}");
    }
}
