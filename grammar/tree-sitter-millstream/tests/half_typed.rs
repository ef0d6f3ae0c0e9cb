//! While a line is typed, the other items of a program keep their trees, and so their colors and folds.

use millstream_base::FileId;
use millstream_syntax::lexer;
use std::path::Path;
use tree_sitter::{Node, Parser, Tree};

fn parse(text: &str) -> Tree {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_millstream::LANGUAGE.into())
        .expect("a grammar of this library's version");
    parser.parse(text, None).expect("it was not told to stop")
}

/// Items without an error, each as its text.
fn items<'t>(tree: &Tree, text: &'t str) -> Vec<&'t str> {
    let root = tree.root_node();
    let mut cursor = root.walk();
    let whole = |node: &Node| node.kind().ends_with("_item") && !node.has_error();
    root.named_children(&mut cursor).filter(whole).map(|node| &text[node.byte_range()]).collect()
}

/// A line cut behind each of its tokens: what people do while they type.
#[test]
fn half_typed_programs_keep_their_other_items() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compiler/syntax/tests/corpus/valid");
    let (mut others, mut kept) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a file");
        let tree = parse(&text);
        let original = items(&tree, &text);
        for token in lexer::lex(FileId(0), &text).tokens {
            let end = token.end as usize;
            let line_end = text[end..].find('\n').map_or(text.len(), |n| end + n);
            let cut = format!("{}{}", &text[..end], &text[line_end..]);
            let cut_tree = parse(&cut);
            let left = items(&cut_tree, &cut);
            let edited = |item: &&str| {
                let start = item.as_ptr() as usize - text.as_ptr() as usize;
                (start..=start + item.len()).contains(&end)
            };
            for item in original.iter().filter(|item| !edited(item)) {
                others += 1;
                kept += usize::from(left.contains(item));
            }
        }
    }
    let share = 100.0 * kept as f64 / others as f64;
    println!("{share:.2} % of {others} other items are kept");
    assert!(share > 90.0, "{share:.2} %");
}
