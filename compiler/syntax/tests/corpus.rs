//! The corpus of programs.
use millstream_base::{Diagnostics, FileId};

#[test]
fn valid_programs_parse_without_a_word() {
    let mut bad = vec![];
    let mut paths: Vec<_> =
        std::fs::read_dir("tests/corpus/valid").unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut diagnostics = Diagnostics::default();
        millstream_syntax::parse(FileId(0), &text, &mut diagnostics);
        for d in diagnostics.into_sorted() {
            let (s, e) = (d.primary.span.start as usize, text.len().min(d.primary.span.start as usize + 40));
            bad.push(format!(
                "{}: {} {:?} {} {:?}",
                path.display(),
                d.code,
                d.headline,
                text.get(s..e).unwrap_or(""),
                d.notes
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The trees of the valid programs, to be read: what each construct means.
#[test]
fn valid_programs_give_the_intended_trees() {
    let mut paths: Vec<_> =
        std::fs::read_dir("tests/corpus/valid").unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut diagnostics = Diagnostics::default();
        let program = millstream_syntax::parse(FileId(0), &text, &mut diagnostics);
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        let shown = millstream_syntax::dump::dump(&program, millstream_syntax::dump::Spans::Hidden);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "corpus/trees" }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}
