//! What the program says of a query, clause by clause, as those show it who tell what became of its rows.

use millstream_base::{SourceMap, Span};
use millstream_core::hir::Query;
use millstream_runtime::why::condition;
use millstream_syntax::lexer::lex;
use millstream_syntax::token::TokenKind;

/// What stands at a place, on one line and without comments.
pub fn written(files: &SourceMap, span: Span) -> String {
    let comments = lex(span.file, files.text(span)).comments;
    let mut at = span.start;
    let mut parts = vec![];
    for comment in comments {
        parts.push(Span { start: at, end: span.start + comment.start, ..span });
        at = span.start + comment.end;
    }
    parts.push(Span { start: at.min(span.end), ..span });
    let parts = parts.into_iter().map(|part| condition::written(files, part));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The `group by` that belongs to a clause and stands in front of it.
pub fn group_of(files: &SourceMap, query: &Query, clause: usize) -> Option<Span> {
    let end = query.clauses.get(clause)?.span.start;
    let before = clause.checked_sub(1).and_then(|before| query.clauses.get(before));
    let start = before.map_or(query.span.start, |before| before.span.end);
    let gap = Span { start, end: end.max(start), ..query.span };
    let tokens = lex(gap.file, files.text(gap)).tokens;
    let group = tokens.iter().find(|token| token.kind == TokenKind::Group)?;
    Some(Span { start: start + group.start, ..gap })
}
