//! Outlines of files, and items by name.

use crate::helper::{payments, program_with};
use millstream_lsp::analysis::{Symbol, document_symbols, workspace_symbols};

fn shown(symbols: &[Symbol], depth: usize) -> String {
    let line = |s: &Symbol| {
        let indent = "  ".repeat(depth);
        format!("{indent}{} {} {}\n{}", s.kind.word(), s.name, s.detail, shown(&s.children, depth + 1))
    };
    symbols.iter().map(line).collect()
}

#[test]
fn the_outline_of_a_file() {
    let at = payments(
        "$0param least: int = 1
fn double(x: int) -> int = 2 * x
aggregate last_of(x: int) -> int? { state n: int? = null add n = x result n }
table cards: { id: string } key id from file(\"c\") format csv
stream a = match by card x: payments then y: payments within 1h select card, x.amount + y.amount as sum
sink out from a to stdout
test \"nothing\" { expect a empty }
stream broken = from payments where",
    );
    insta::assert_snapshot!(shown(&document_symbols(&at.analysis, at.file), 0));
}

#[test]
fn items_of_all_files_by_some_letters() {
    let shared = ("shared.stream", "type Click = { user: string }\nfn clip(x: string) -> string = x\n");
    let at = program_with(
        "use \"shared.stream\"\nfn other(x: int) -> int = x\nfn click_rate(x: int) -> int = x$0",
        &[shared],
    );
    insta::assert_snapshot!(shown(&workspace_symbols(&at.analysis, "cli"), 0));
}
