//! No question about any program of the repository, whole or cut off, panics or is answered with a place outside of it.

use millstream_base::{FileId, Span};
use millstream_core::SourceText;
use millstream_lsp::analysis::{self, Analysis};
use millstream_syntax::lexer;
use std::path::{Path, PathBuf};

/// Programs of examples and those in the pages of the suite.
fn programs() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut programs = vec![];
    for path in files(&root.join("examples"), "stream") {
        programs.push(std::fs::read_to_string(path).expect("an example"));
    }
    for path in files(&root.join("tests/suite"), "md") {
        let page = std::fs::read_to_string(path).expect("a page");
        let blocks = page.split("```stream\n").skip(1);
        programs.extend(blocks.filter_map(|block| Some(block.split_once("```")?.0.to_string())));
    }
    assert!(programs.len() > 100);
    programs
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn no_files(_: &str, _: &str) -> Result<SourceText, String> {
    Err("no files".to_string())
}

/// Every question at an offset; those about the file as a whole are asked at its end only.
fn ask(analysis: &Analysis, offset: usize) {
    let file = analysis.main;
    let mut spans: Vec<Span> = vec![];
    spans.extend(analysis::hover(analysis, file, offset).map(|hover| hover.span));
    spans.extend(analysis::definition(analysis, file, offset));
    spans.extend(analysis::references(analysis, file, offset, true));
    spans.extend(analysis::prepare_rename(analysis, file, offset).ok().map(|(span, _)| span));
    if let Some(station) = analysis::station(analysis, file, offset) {
        let links =
            [analysis::feeds(analysis, station.name_span), analysis::readers(analysis, station.name_span)];
        spans.extend(links.iter().flatten().flat_map(|link| link.places.iter().copied()));
    }
    analysis::signature_help(analysis, file, offset);
    check(analysis, &spans);
}

fn ask_whole(analysis: &Analysis) {
    let (file, text) = (analysis.main, analysis.text());
    let symbols = analysis::document_symbols(analysis, file);
    let spans: Vec<Span> = symbols.iter().flat_map(|s| [s.span, s.name_span]).collect();
    check(analysis, &spans);
    for token in analysis::semantic_tokens(analysis, file) {
        assert!(text.get(token.range.clone()).is_some(), "{token:?}");
    }
    for hint in analysis::inlay_hints(analysis, file, 0..text.len()) {
        assert!(text.is_char_boundary(hint.offset), "{hint:?}");
    }
}

fn ask_completion(text: &str, offset: usize) {
    let found = analysis::completion("main.stream", text, offset, &mut no_files);
    assert!(text.get(found.replace.clone()).is_some(), "{:?} in {text}", found.replace);
}

fn check(analysis: &Analysis, spans: &[Span]) {
    for span in spans {
        assert_eq!(span.file, FileId(0));
        assert!(analysis.text().get(span.range()).is_some(), "{span:?} in {}", analysis.text());
    }
}

/// Where tokens begin and end.
fn edges(text: &str) -> Vec<usize> {
    let tokens = lexer::lex(FileId(0), text).tokens;
    tokens.iter().flat_map(|t| [t.start as usize, t.end as usize]).collect()
}

/// One of so many programs: in a debug build all take minutes. `MILLSTREAM_CASES=full` takes more of them.
fn some(every: usize) -> Vec<String> {
    let is_full = std::env::var("MILLSTREAM_CASES").is_ok_and(|cases| cases == "full");
    let every = if is_full { every / 10 } else { every };
    programs().into_iter().enumerate().filter(|(n, _)| n % every == 0).map(|(_, program)| program).collect()
}

#[test]
fn every_place_of_whole_programs() {
    for text in some(20) {
        let analysis = Analysis::new("main.stream", text.as_str(), &mut no_files);
        ask_whole(&analysis);
        for offset in edges(&text) {
            ask(&analysis, offset);
        }
    }
}

#[test]
fn programs_that_are_cut_off() {
    for text in some(60) {
        for edge in edges(&text).into_iter().step_by(5) {
            let cut = text.get(..edge).unwrap_or_default();
            let analysis = Analysis::new("main.stream", cut, &mut no_files);
            ask_whole(&analysis);
            ask(&analysis, edge);
            ask_completion(cut, edge);
            ask_completion(&text, edge);
        }
    }
}

#[test]
fn offsets_inside_of_characters_and_behind_the_end() {
    let text = "--- Größe: 10 €\nparam größe: int = 1\nstream ä = from ö where \"é\" == ü";
    let analysis = Analysis::new("main.stream", text, &mut no_files);
    ask_whole(&analysis);
    for offset in 0..text.len() + 3 {
        ask(&analysis, offset);
        ask_completion(text, offset);
    }
}
