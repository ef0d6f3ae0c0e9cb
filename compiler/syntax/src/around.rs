//! A program of which only as much is read as questions about one place of it need: what is behind the heads of other
//! streams, other sinks and other tests are most of a long program, and say nothing at that place.

use crate::cut::Tokens;
use crate::recover;
use crate::report;
use crate::token::{Token, TokenKind};
use crate::{Input, ast, lexer, read_program};
use millstream_base::{Diagnostics, FileId, Span};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// As [`crate::parse`]; but of streams to which the names in the item around `place` do not lead the head alone, and of
/// sinks and tests that around `place`.
pub fn parse_around(file: FileId, text: &str, place: usize, diagnostics: &mut Diagnostics) -> ast::Program {
    let mut lexed = lexer::lex(file, text);
    lexed.tokens = needed_at(Input { file, text, lexed: &lexed }, place);
    let (items, findings) = read_program(Input { file, text, lexed: &lexed });
    diagnostics.extend(findings);
    ast::Program { items, span: Span::new(file, 0, text.len()) }
}

/// The tokens without those that nothing asks for.
fn needed_at(input: Input, place: usize) -> Vec<Token> {
    let tokens = report::tokens(&input);
    let items = recover::pieces_of_program(&tokens);
    let starts = |item: &Range<usize>| tokens.all.get(item.start).is_some_and(|t| t.start as usize <= place);
    let around = items.partition_point(starts).checked_sub(1);
    let needed = needed_items(&tokens, &items, around);
    let kept = items.iter().enumerate().flat_map(|(number, item)| match kind(&tokens, item) {
        _ if needed.contains(&number) => item.clone(),
        Some(TokenKind::Stream) => head(&tokens, item),
        Some(TokenKind::Sink | TokenKind::Test) => item.start..item.start,
        _ => item.clone(),
    });
    kept.filter_map(|i| tokens.all.get(i).copied()).collect()
}

/// The numbers of an item and of those to which its names lead.
fn needed_items(tokens: &Tokens, items: &[Range<usize>], around: Option<usize>) -> HashSet<usize> {
    let named = items.iter().enumerate().filter_map(|(number, item)| {
        let is_read = matches!(kind(tokens, item), Some(TokenKind::Stream | TokenKind::Table));
        is_read.then(|| Some((name(tokens, tokens.all.get(item.start + 1)?), number)))?
    });
    let named: HashMap<&str, usize> = named.collect();
    let mut needed = HashSet::new();
    let mut waiting: Vec<usize> = around.into_iter().collect();
    while let Some(number) = waiting.pop() {
        if needed.insert(number)
            && let Some(item) = items.get(number).and_then(|item| tokens.all.get(item.clone()))
        {
            let names = item.iter().filter(|token| token.kind.is_name());
            waiting.extend(names.filter_map(|token| named.get(name(tokens, token)).copied()));
        }
    }
    needed
}

/// A stream up to its first clause.
fn head(tokens: &Tokens, item: &Range<usize>) -> Range<usize> {
    let mut depth = 0_usize;
    for i in item.clone().skip(1) {
        let Some(token) = tokens.all.get(i) else { break };
        if depth == 0 && tokens.starts_clause(i, depth) {
            return item.start..i;
        }
        if token.kind.opens() {
            depth += 1;
        } else if token.kind.closes() {
            depth = depth.saturating_sub(1);
        }
    }
    item.clone()
}

fn kind(tokens: &Tokens, item: &Range<usize>) -> Option<TokenKind> {
    tokens.all.get(item.start).map(|token| token.kind)
}

fn name<'t>(tokens: &Tokens<'t>, token: &Token) -> &'t str {
    token.text(tokens.text).trim_matches('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "
source s: { n: int }
  from file(\"s.ndjson\")
stream far = from s where n > 1 select n
stream near = from s where n > 2
stream here = from near
  where n > 3 select n
  window tumbling 1h group by n select n
sink out from far to stdout
test \"t\" { given s [] expect far empty }
";

    /// The program as the place of this text needs it.
    fn needed(place: &str) -> String {
        let lexed = lexer::lex(FileId::default(), PROGRAM);
        let at = PROGRAM.find(place).expect("it is there");
        let tokens = needed_at(Input { file: FileId::default(), text: PROGRAM, lexed: &lexed }, at);
        let written = tokens.iter().map(|token| token.text(PROGRAM)).collect::<Vec<_>>();
        written.join(" ").replace(" stream", "\nstream").replace(" sink", "\nsink").replace(" test", "\ntest")
    }

    #[test]
    fn streams_that_are_not_read_have_their_head_alone() {
        insta::assert_snapshot!(needed("select n\n  window"));
    }

    #[test]
    fn a_sink_needs_what_it_writes() {
        insta::assert_snapshot!(needed("to stdout"));
    }

    #[test]
    fn a_test_needs_what_it_expects() {
        insta::assert_snapshot!(needed("expect far"));
    }

    #[test]
    fn items_are_where_they_stand() {
        let mut found = Diagnostics::default();
        let at = PROGRAM.find("select n\n  window").expect("it is there");
        let [whole, needed] = [
            crate::parse(FileId::default(), PROGRAM, &mut found),
            parse_around(FileId::default(), PROGRAM, at, &mut found),
        ];
        let here = |program: &ast::Program| {
            program.items.iter().find(|item| item.kind.name().is_some_and(|n| n.text == "here")).cloned()
        };
        assert_eq!(here(&whole), here(&needed));
    }
}
