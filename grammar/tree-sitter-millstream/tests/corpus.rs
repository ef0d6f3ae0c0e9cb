//! The trees of `test/corpus`, to be read: what each construct becomes. The files are in the format of the
//! command `tree-sitter test`, whose `--update` fills in trees.

use std::fmt::Write;
use std::path::Path;
use tree_sitter::{Node, Parser};

const RULE: &str = "================================================================================\n";
const LINE: &str = "\n--------------------------------------------------------------------------------\n";

/// The tree as the corpus writes it: an indented line for each node with a name, without fields.
fn show(node: Node, depth: usize, shown: &mut String) {
    let _ = write!(shown, "\n{}({}", "  ".repeat(depth), node.kind());
    let mut cursor = node.walk();
    node.named_children(&mut cursor).for_each(|child| show(child, depth + 1, shown));
    shown.push(')');
}

#[test]
fn programs_have_the_trees_of_the_corpus() {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_millstream::LANGUAGE.into())
        .expect("a grammar of this library's version");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/corpus");
    let mut n_tests = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a file");
        let parts: Vec<&str> = text.split(RULE).skip(1).collect();
        for test in parts.chunks(2) {
            let [title, body] = test else { panic!("{} ends in a title", entry.path().display()) };
            let (program, expected) = body.split_once(LINE).expect("a line under the program");
            let program = program.strip_prefix('\n').unwrap_or(program);
            let tree = parser.parse(program, None).expect("it was not told to stop");
            n_tests += 1;
            if title.ends_with(":error\n") {
                assert!(tree.root_node().has_error(), "{title}");
                continue;
            }
            let mut shown = String::new();
            show(tree.root_node(), 0, &mut shown);
            assert_eq!(shown.trim(), expected.trim(), "{title}");
        }
    }
    assert!(n_tests > 30, "only {n_tests} tests were found");
}
