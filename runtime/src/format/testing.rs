//! What the tests of the formats share.

use super::Encoder;
use super::json_encode::JsonEncoder;
use super::{Decoded, DecodedRows, Decoder, PADDING};
use millstream_base::Span;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::flow::{Column, ConnectorSpec, Encoding, FieldSpec, FormatSpec, Schema, SourceSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The decoder of a source whose specification is in order.
pub fn decoder(spec: &SourceSpec, max_line: usize) -> Box<dyn Decoder> {
    super::decoder(spec, max_line).expect("a known format")
}

pub fn field(name: &str, ty: Type) -> FieldSpec {
    FieldSpec { name: name.into(), input: name.into(), ty, encoding: Encoding::Plain, default: None }
}

/// A source of JSON lines that reads all of these fields.
pub fn source(fields: &[FieldSpec]) -> SourceSpec {
    SourceSpec {
        ordinal: 0,
        connector: ConnectorSpec { name: "file".into(), options: BTreeMap::new(), span: Span::default() },
        format: Some(FormatSpec { name: "json".into(), options: BTreeMap::new(), span: Span::default() }),
        fields: fields.into(),
        columns: (0..fields.len()).collect(),
        time: None,
        key: vec![],
        load: None,
    }
}

/// The same as CSV, with options of its format.
pub fn csv_source(fields: &[FieldSpec], options: &[(&str, Value)]) -> SourceSpec {
    let options = options.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect();
    let format = FormatSpec { name: "csv".into(), options, span: Span::default() };
    SourceSpec { format: Some(format), ..source(fields) }
}

/// The batches of an input that comes in one piece.
pub fn batches(decoder: &mut dyn Decoder, input: &[u8]) -> Vec<Batch> {
    let mut block = input.to_vec();
    block.resize(input.len() + PADDING, 0);
    let mut decoded = Decoded::default();
    decoder.decode(&Arc::new(block), 0..input.len(), &mut decoded);
    decoded.batches.into_iter().map(batch).collect()
}

fn batch(rows: DecodedRows) -> Batch {
    let columns = rows.columns.into_iter().map(Arc::new).collect();
    Batch { columns, n_rows: rows.n_rows, origin: Origin::default(), late: vec![] }
}

/// The columns of the rows that a source decodes.
pub fn schema(spec: &SourceSpec) -> Schema {
    let column = |c: &usize| {
        let field = &spec.fields[*c];
        Column { name: field.name.clone(), ty: field.ty.clone(), hidden: false }
    };
    Schema::append_only(spec.columns.iter().map(column).collect(), 0)
}

/// Feeds `input` to the decoder as a reader does that gets it in pieces cut at these places, and has a copy
/// of it decode every second piece. Each row as JSON, each unreadable record as `number: reason`, in the order of records.
pub fn run(decoder: &mut dyn Decoder, input: &[u8], cuts: &[usize], spec: &SourceSpec) -> Vec<String> {
    let mut encoder = JsonEncoder::new(&schema(spec));
    let mut records: BTreeMap<u64, String> = BTreeMap::new();
    let mut before = 0;
    let mut pending: Vec<u8> = vec![];
    let mut start = 0;
    let mut copy = None;
    let mut copy_is_next = false;
    for end in cuts.iter().copied().chain([input.len()]) {
        pending.extend_from_slice(&input[start..end]);
        start = end;
        let whole = decoder.whole(&pending, end == input.len());
        let rest = pending.split_off(whole);
        // Rows must not depend on what stands before or after the range.
        let mut block = b"\"\\".to_vec();
        block.append(&mut pending);
        block.resize(2 + whole + PADDING, b'"');
        let mut decoded = Decoded::default();
        copy = copy.or_else(|| decoder.copy());
        match &mut copy {
            Some(copy) if copy_is_next => copy.decode(&Arc::new(block), 2..2 + whole, &mut decoded),
            _ => decoder.decode(&Arc::new(block), 2..2 + whole, &mut decoded),
        }
        copy_is_next = !copy_is_next;
        pending = rest;
        for batch in decoded.batches {
            let n_rows = batch.n_rows;
            assert!(batch.columns.iter().all(|c| c.len() == n_rows));
            let number =
                |row: usize| batch.offsets.as_ref().map_or(batch.first + row as u64, |o| o[row] as u64);
            let numbers: Vec<u64> = (0..n_rows).map(number).collect();
            let rows = self::batch(batch);
            let mut text = vec![];
            encoder.encode(&rows, &mut text);
            let text = String::from_utf8(text).expect("the encoder writes UTF-8");
            assert_eq!(text.lines().count(), n_rows);
            for (line, number) in text.lines().zip(numbers) {
                assert_eq!(records.insert(before + number, line.into()), None, "record {number} twice");
            }
        }
        for unreadable in decoded.unreadable {
            let number = before + unreadable.record;
            let text = format!("{number}: {}", unreadable.reason);
            assert_eq!(records.insert(number, text), None, "record {number} twice");
        }
        before += decoded.n_records;
    }
    assert_eq!(records.len() as u64, before, "every record is a row or unreadable");
    records.into_values().collect()
}

/// How many cases a property is tried on: ten times as many with `MILLSTREAM_CASES=full`.
pub fn cases(n: u64) -> u64 {
    if std::env::var("MILLSTREAM_CASES").is_ok_and(|v| v == "full") { n * 10 } else { n }
}

/// Random choices that a seed determines.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 32) as usize) % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}
