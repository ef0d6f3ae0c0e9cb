//! What can be wrong with data that declarations are inferred from: one constructor per code.

use millstream_base::codes;
use millstream_base::{Diagnostic, Span};
use millstream_runtime::format;

pub fn no_format(span: Span, path: &str) -> Diagnostic {
    let headline = format!("`{path}` is neither JSON lines nor lines of fields");
    Diagnostic::new(codes::E0960, span, headline)
        .label("of what format?")
        .note("the name ends in none of .ndjson, .jsonl, .json, .csv and .tsv, and the first line has no fields")
        .help("give the file the ending of its format, such as `.csv`; write other formats as one of these first")
}

/// A JSON array where one object a line is read.
pub fn array(span: Span, path: &str) -> Diagnostic {
    let lines = path.strip_suffix(".json").unwrap_or(path);
    Diagnostic::new(codes::E0961, span, format!("`{path}` is one array, and no lines of objects"))
        .label("no row in it")
        .note("JSON is read as one object a line")
        .help(format!("write its elements as lines: `jq -c '.[]' {path} > {lines}.ndjson`"))
}

/// `unreadable`: the number of the first record that cannot be read, and why.
pub fn no_rows(span: Span, path: &str, unreadable: Option<(u64, String)>) -> Diagnostic {
    let Some((number, why)) = unreadable else {
        return Diagnostic::new(codes::E0961, span, format!("`{path}` has no rows"))
            .label("no row in it")
            .help("name a file with some rows, as types are told from them");
    };
    let fault = Diagnostic::new(codes::E0961, span, format!("no row of `{path}` can be read"))
        .label("no row in it")
        .note(format!("record {number}: {why}"));
    match () {
        () if why.contains("inside an object") => {
            fault.help(format!("write each object on a line of its own: `jq -c . {path}`"))
        }
        () if why.contains("fields, found") => fault
            .help("give each record as many fields as the first, which names them; a delimiter in a field stands in quotes"),
        () if format::of_path(path).is_some() => fault.help("mend the record, or leave it out"),
        () => fault.help("give the file the ending of its format: .ndjson, .csv or .tsv"),
    }
}
