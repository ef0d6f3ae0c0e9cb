//! Any text becomes tokens, a tree and findings that lie in it.

use super::findings;
use millstream_base::{Diagnostic, Diagnostics, FileId};
use millstream_syntax::ast::Program;
use millstream_syntax::dump::{self, Spans};
use millstream_syntax::entry;
use millstream_syntax::lexer::{self, Lexed};
use millstream_syntax::{parse, parse_declarations, parse_expression, parse_query, tokens};

const FILE: FileId = FileId(0);

pub fn property(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    cutting(text);
    let (program, found) = parsed(text);
    findings::check(text, &found);
    // Of the lexer, of the parser, which says when it stops, and of stray doc comments.
    assert!(found.len() <= 3 * lexer::MAX_FINDINGS + 1, "{} findings", found.len());
    assert_eq!(parsed(text).1, found, "a second look finds something else");
    tree(text, &program, &found);
    parse_declarations(FILE, text, &mut Diagnostics::default());
    let mut found = Diagnostics::default();
    let expression = parse_expression(FILE, text, &mut found);
    findings::check(text, &found.into_sorted());
    dump::dump_expr(&expression, Spans::Shown);
    entry(text);
}

/// Text that is typed in a session.
fn entry(text: &str) {
    let mut found = Diagnostics::default();
    entry::parse_entry(FILE, text, &mut found);
    findings::check(text, &found.into_sorted());
    let mut found = Diagnostics::default();
    parse_query(FILE, text, &mut found);
    findings::check(text, &found.into_sorted());
    let is_over = entry::ending(text) == entry::Ending::Closed;
    assert!(entry::is_complete(text) || !is_over, "what nothing can mend is waited for");
    entry::continues(text);
}

fn parsed(text: &str) -> (Program, Vec<Diagnostic>) {
    let mut found = Diagnostics::default();
    let program = parse(FILE, text, &mut found);
    (program, found.into_sorted())
}

/// Tokens and comments follow one another, and what lies between them is blank or was reported.
fn cutting(text: &str) {
    let Lexed { tokens: cut, comments, bad, diagnostics, .. } = lexer::lex(FILE, text);
    let pieces = cut.iter().map(|token| (token.start, token.end));
    let mut pieces: Vec<(u32, u32)> = pieces.chain(comments.iter().map(|c| (c.start, c.end))).collect();
    pieces.sort();
    let mut before = 0;
    for (start, end) in pieces.into_iter().chain([(text.len() as u32, text.len() as u32)]) {
        assert!(before <= start && start <= end, "{start}..{end} overlaps what ends at {before}");
        let gap = text.get(before as usize..start as usize);
        let blank =
            gap.is_some_and(|gap| gap.trim_matches([' ', '\t', '\r', '\n', '\u{c}', '\u{feff}']).is_empty());
        assert!(blank || !diagnostics.is_empty() || !bad.is_empty(), "lost without a word: {gap:?}");
        assert!(text.get(start as usize..end as usize).is_some(), "{start}..{end} cuts a character");
        before = end;
    }
    let shown = tokens(FILE, text, &mut Diagnostics::default());
    assert!(shown.lines().count() >= cut.len());
}

/// Items lie in the text, one after the other; nothing is left out without a finding.
fn tree(text: &str, program: &Program, found: &[Diagnostic]) {
    let mut before = 0;
    for item in &program.items {
        assert!(findings::lies_in(item.span, text), "{:?} is no place of the text", item.span);
        assert!(before <= item.span.start, "an item at {:?} overlaps the one before", item.span);
        before = item.span.end;
    }
    let shown = dump::dump(program, Spans::Hidden);
    dump::dump(program, Spans::Shown);
    // The text could hold the word itself, in quotes.
    assert!(!found.is_empty() || text.contains("error") || !shown.contains("(error"), "{shown}");
}
