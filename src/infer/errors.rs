//! What can be wrong with data that declarations are inferred from: one constructor per code.

use crate::command_line::nearest_file;
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

/// A program in the place of the data that it reads.
pub fn program(span: Span, path: &str) -> Diagnostic {
    Diagnostic::new(codes::E0961, span, format!("`{path}` is a program, and no data"))
        .label("no row in it")
        .help("name a file that a source of it is to read, such as `payments.ndjson`")
}

/// What is wrong with a file that the command line names: no program says where its path starts.
pub fn in_words_of_command_line(mut fault: Diagnostic, path: &str) -> Diagnostic {
    if fault.code != codes::E0902 {
        return fault;
    }
    fault.notes.clear();
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let entries = std::fs::read_dir(if folder.is_empty() { "." } else { folder });
    let there = entries.into_iter().flatten().flatten().filter(|entry| entry.path().is_file());
    let there: Vec<String> = there.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    match nearest_file(name, there.iter().map(String::as_str)) {
        Some(near) => {
            let near = format!("{}{near}", &path[..path.len() - name.len()]);
            let span = fault.primary.span;
            fault.fix(format!("did you mean `{near}`?"), span, near.clone())
        }
        None => fault.help("name a file of data that is there"),
    }
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
