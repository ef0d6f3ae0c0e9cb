//! Formatting keeps meaning and comments of any program, and changes nothing when done again.

use millstream_base::{Diagnostic, Diagnostics, FileId};
use millstream_syntax::ast::Program;
use millstream_syntax::lexer::lex;

/// Programs, or declarations, in which functions may lack a body.
struct Kind {
    format: fn(FileId, &str) -> Result<String, Vec<Diagnostic>>,
    parse: fn(FileId, &str, &mut Diagnostics) -> Program,
}

const PROGRAMS: Kind = Kind { format: millstream_syntax::format, parse: millstream_syntax::parse };
const DECLARATIONS: Kind =
    Kind { format: millstream_syntax::format_declarations, parse: millstream_syntax::parse_declarations };

pub fn property(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    if !is_kept(text, &PROGRAMS) {
        is_kept(text, &DECLARATIONS);
    }
}

/// False if the text has errors, and so is not formatted.
fn is_kept(text: &str, kind: &Kind) -> bool {
    let mut found = Diagnostics::default();
    (kind.parse)(FileId(0), text, &mut found);
    let Ok(formatted) = (kind.format)(FileId(0), text) else {
        assert!(found.has_errors(), "not formatted, although there is no error");
        return false;
    };
    assert!(!found.has_errors(), "formatted in spite of errors");
    assert_eq!(tree(text, kind), tree(&formatted, kind), "the meaning changed:\n{formatted}");
    assert_eq!(comments(text), comments(&formatted), "comments changed:\n{formatted}");
    match (kind.format)(FileId(0), &formatted) {
        Ok(again) => assert_eq!(formatted, again, "formatting again changes it"),
        Err(found) => panic!("no longer a program: {:?}\n{formatted}", found.first()),
    }
    true
}

/// The syntax tree without places.
fn tree(text: &str, kind: &Kind) -> String {
    let program = (kind.parse)(FileId(0), text, &mut Diagnostics::default());
    let debug = format!("{:?}", program.items);
    // A span is shown as `file:start..end`.
    let is_span = |word: &str| {
        word.strip_prefix("0:").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    };
    debug.split([' ', ',', ')', '}', '(']).filter(|word| !is_span(word)).collect::<Vec<_>>().join(" ")
}

fn comments(text: &str) -> Vec<String> {
    let comments = lex(FileId(0), text).comments;
    comments.iter().map(|c| text[c.start as usize..c.end as usize].trim_end().to_string()).collect()
}
