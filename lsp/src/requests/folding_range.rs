//! Folds: what stands on several lines and can be shown as its first.

use super::{Refusal, program};
use crate::convert::Converter;
use crate::tree;
use crate::workspace::Workspace;
use lsp_types::{FoldingRange, FoldingRangeParams};
use millstream_base::Span;
use millstream_base::span::SourceFile;
use millstream_syntax::ast::{ItemKind, Program};
use std::collections::BTreeSet;

/// The lines from the first to the last of a span.
pub struct Fold {
    pub span: Span,
    pub kind: FoldKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoldKind {
    /// A node of the tree.
    Node,
    /// Comments on successive lines.
    Comment,
    /// Successive `use`s.
    Uses,
}

pub fn answer(
    workspace: &mut Workspace,
    params: FoldingRangeParams,
) -> Result<Option<Vec<FoldingRange>>, Refusal> {
    let program = program(workspace, &params.text_document.uri)?;
    let file = program.analysis.files.file(program.analysis.main);
    let converter = Converter::new(workspace, &program);
    let folds = program.tree(program.analysis.main).map(|tree| folds(file, tree)).unwrap_or_default();
    Ok(Some(folds.iter().map(|fold| converter.folding_range(fold)).collect()))
}

/// One for each line that begins one, the longest.
fn folds(file: &SourceFile, program: &Program) -> Vec<Fold> {
    let mut begun = BTreeSet::new();
    let mut folds = vec![];
    let nodes =
        tree::spans(program).into_iter().skip(1).map(|span| (up_to_close(file, span), FoldKind::Node));
    for (span, kind) in uses(program).into_iter().chain(comments(file, program)).chain(nodes) {
        let line = file.line_of(span.start as usize);
        if line < file.line_of(span.end as usize) && begun.insert(line) {
            folds.push(Fold { span, kind });
        }
    }
    folds.sort_by_key(|fold| fold.span.start);
    folds
}

/// A last line that only closes what the first one opened stays to be seen.
fn up_to_close(file: &SourceFile, span: Span) -> Span {
    let last = file.line_range(file.line_of(span.end as usize));
    let on_last = file.text.get(last.start..span.end as usize).unwrap_or("");
    let only_closes = on_last.trim_start().chars().all(|c| matches!(c, '}' | ']' | ')'));
    match only_closes && last.start > span.start as usize {
        true => Span::new(span.file, span.start as usize, last.start - 1),
        false => span,
    }
}

/// The longest stretches of `use`s with nothing else between.
fn uses(program: &Program) -> Vec<(Span, FoldKind)> {
    let is_use = |kind: &ItemKind| matches!(kind, ItemKind::Use(_));
    let stretches = program.items.chunk_by(|a, b| is_use(&a.kind) && is_use(&b.kind));
    let stretches = stretches.filter(|stretch| is_use(&stretch[0].kind));
    stretches.map(|stretch| (stretch[0].span.to(stretch[stretch.len() - 1].span), FoldKind::Uses)).collect()
}

/// The longest stretches of lines with nothing but a comment.
fn comments(file: &SourceFile, program: &Program) -> Vec<(Span, FoldKind)> {
    let is_comment = |line: &usize| file.text[file.line_range(*line)].trim_start().starts_with("--");
    let lines: Vec<usize> = (0..file.n_lines()).filter(is_comment).collect();
    let stretches = lines.chunk_by(|a, b| a + 1 == *b);
    let span = |stretch: &[usize]| {
        let (first, last) = (file.line_range(stretch[0]), file.line_range(stretch[stretch.len() - 1]));
        Span::new(program.span.file, first.start, last.end)
    };
    stretches.map(|stretch| (span(stretch), FoldKind::Comment)).collect()
}
