//! The standard layout, for a file or for the items that are selected.
//!
//! The layout is that of the whole file. It is given as small edits, item by item and gap by gap, so that the
//! cursor and what is folded stay where they are.

use super::{Refusal, program};
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{DocumentFormattingParams, DocumentRangeFormattingParams, TextEdit, Uri};
use millstream_base::{Diagnostics, Span};
use millstream_syntax::ast;

pub fn whole(
    workspace: &mut Workspace,
    params: DocumentFormattingParams,
) -> Result<Option<Vec<TextEdit>>, Refusal> {
    format(workspace, &params.text_document.uri, |_, tree| tree.span)
}

/// The items that a selection touches, each as a whole.
pub fn range(
    workspace: &mut Workspace,
    params: DocumentRangeFormattingParams,
) -> Result<Option<Vec<TextEdit>>, Refusal> {
    format(workspace, &params.text_document.uri, |converter, tree| {
        converter.span(tree.span.file, params.range)
    })
}

/// A program with errors has no layout; what is wrong with it has been published.
fn format(
    workspace: &mut Workspace,
    address: &Uri,
    selection: impl FnOnce(&Converter, &ast::Program) -> Span,
) -> Result<Option<Vec<TextEdit>>, Refusal> {
    let program = program(workspace, address)?;
    let converter = Converter::new(workspace, &program);
    let Some(tree) = program.tree(program.analysis.main) else { return Ok(None) };
    let edits = edits(program.analysis.text(), tree, selection(&converter, tree));
    Ok(edits.map(|edits| edits.into_iter().map(|(span, text)| converter.text_edit(span, text)).collect()))
}

/// What lays out the items that touch the selection, and the gaps between them.
fn edits(text: &str, tree: &ast::Program, selection: Span) -> Option<Vec<(Span, String)>> {
    let file = tree.span.file;
    let formatted = millstream_syntax::format(file, text).ok()?;
    let new_tree = millstream_syntax::parse(file, &formatted, &mut Diagnostics::default());
    let (old, new) = (parts(tree), parts(&new_tree));
    // The layout moves no item.
    debug_assert_eq!(old.len(), new.len());
    let pairs = old.into_iter().zip(new);
    let selected = pairs.filter(|(old, _)| old.start <= selection.end && selection.start <= old.end);
    let pieces = selected.map(|(old, new)| (old, text.get(old.range()), formatted.get(new.range())));
    let changed = pieces.filter(|(_, old, new)| old != new);
    Some(changed.filter_map(|(span, old, new)| Some(trimmed(span, old?, new?))).collect())
}

/// Gap, item, gap, item, …, gap: all of the text.
fn parts(tree: &ast::Program) -> Vec<Span> {
    let file = tree.span.file;
    let mut parts = vec![];
    let mut at = tree.span.start as usize;
    for item in &tree.items {
        parts.push(Span::new(file, at, item.span.start as usize));
        parts.push(item.span);
        at = item.span.end as usize;
    }
    parts.push(Span::new(file, at, tree.span.end as usize));
    parts
}

/// The replacement of `old`, which stands at `span`, without what is the same at both ends.
fn trimmed(span: Span, old: &str, new: &str) -> (Span, String) {
    let same = |(a, b): &(char, char)| a == b;
    let before: usize = old.chars().zip(new.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (old, new) = (&old[before..], &new[before..]);
    let behind: usize =
        old.chars().rev().zip(new.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let start = span.start as usize + before;
    let replaced = Span::new(span.file, start, start + old.len() - behind);
    (replaced, new[..new.len() - behind].to_string())
}
