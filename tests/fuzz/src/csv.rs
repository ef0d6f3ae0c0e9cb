//! Any bytes read as CSV give rows and unreadable records, however they are cut into blocks.
//!
//! The first byte chooses the fields and how the file is written, the second the cuts.

use super::rows::{self, Record};
use millstream_ir::value::Value;
use std::collections::BTreeSet;

const MAX_LINE: usize = 400;

pub fn property(data: &[u8]) {
    let [choice, cuts, input @ ..] = data else { return };
    let text = |text: &str| Value::string(text);
    let (format, options) = match choice / 6 % 4 {
        0 => ("csv", vec![]),
        1 => ("csv", vec![("delimiter", text(";")), ("header", Value::Bool(false))]),
        2 => ("tsv", vec![("quote", text("'"))]),
        _ => ("csv", vec![("quote", text(""))]),
    };
    let spec = rows::source(format, *choice, &options);
    let cuts = rows::cuts(*cuts, input);
    let has_header = !options.iter().any(|(name, _)| *name == "header");
    let n_again = if has_header { n_lines_again(input) } else { 0 };
    let (records, batches) = rows::read(&spec, MAX_LINE, n_again, input, &[]);
    assert_eq!(rows::read(&spec, MAX_LINE, n_again, input, &cuts).0, records, "cut at {cuts:?}");
    // Without quotes some texts cannot be written.
    if !options.contains(&("quote", text(""))) {
        let written: Vec<Record> = records.into_iter().filter(Result::is_ok).collect();
        let back = rows::read_back(&spec, &batches, |_| true);
        assert_eq!(back, written, "what is written does not read back");
    }
}

/// How many lines stood there before: a header that stands there again is passed over.
fn n_lines_again(input: &[u8]) -> usize {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut known = BTreeSet::new();
    input.split(|byte| b"\r\n".contains(byte)).filter(|line| !line.is_empty() && !known.insert(*line)).count()
}
