//! Any bytes read as JSON lines give rows and unreadable records, however they are cut into blocks.
//!
//! The first byte chooses the fields, the second the cuts.

use super::rows::{self, Record};
use millstream_ir::flow::SourceSpec;
use millstream_ir::value::Value;

const MAX_LINE: usize = 400;

pub fn property(data: &[u8]) {
    let [choice, cuts, input @ ..] = data else { return };
    let spec = rows::source("json", *choice, &[]);
    let cuts = rows::cuts(*cuts, input);
    let (records, batches) = rows::read(&spec, MAX_LINE, 0, input, &[]);
    assert_eq!(rows::read(&spec, MAX_LINE, 0, input, &cuts).0, records, "cut at {cuts:?}");
    assert_eq!(alone(&spec, input), records, "what a line is depends on those before it");
    let written: Vec<Record> =
        records.into_iter().filter(|record| record.as_ref().is_ok_and(|row| has_json(row))).collect();
    let back = rows::read_back(&spec, &batches, has_json);
    assert_eq!(back, written, "what is written does not read back");
}

/// Each line read by a decoder that has seen no other.
fn alone(spec: &SourceSpec, input: &[u8]) -> Vec<Record> {
    let mut records = vec![];
    for (i, line) in input.split(|byte| *byte == b'\n').enumerate() {
        // Only at the beginning of an input is a byte-order mark no text.
        let line = if i == 0 { line.to_vec() } else { [b"\n", line].concat() };
        records.extend(rows::read(spec, MAX_LINE, 0, &line, &[]).0);
    }
    records
}

/// JSON cannot say NaN or infinity.
fn has_json(row: &[Value]) -> bool {
    row.iter().all(|value| match value {
        Value::Float(x) => x.is_finite(),
        Value::List(values) | Value::Record(values) => has_json(values),
        _ => true,
    })
}
